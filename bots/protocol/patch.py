"""JSON patches of the GraphQL middleware (RFC 6902), applied and checked. Pure."""

from typing import Any

import jsonpatch

from bots.errors import ClusterError

LONGEST_PATCH = 100_000
"""Operations; a patch is sent only when it is under half the size of the data."""


class PatchMismatch(ClusterError):
    """A patch does not fit the data that it is said to change."""


def apply_patch(rows: list[Any], patch: object) -> list[Any]:
    """Return `rows` changed by `patch`, whose pointers start at the array of rows.

    `rows` is changed in place to spare a copy; after PatchMismatch its content is
    undefined and the subscription must be made anew.
    """
    if not isinstance(patch, list) or len(patch) > LONGEST_PATCH:
        raise PatchMismatch("a patch is no list of operations", code="patch")
    try:
        changed = jsonpatch.JsonPatch(patch).apply(rows, in_place=True)
    except (
        jsonpatch.JsonPatchException,
        jsonpatch.JsonPointerException,
        TypeError,
        KeyError,
        IndexError,
        ValueError,
        AttributeError,
    ) as mismatch:
        raise PatchMismatch(
            f"a patch of {len(patch)} operations does not fit its data: {mismatch}",
            code="patch",
        ) from mismatch
    if not isinstance(changed, list):
        raise PatchMismatch("a patch replaced the rows as a whole", code="patch")
    return changed
