"""JSON patches between two states of a root array, as the middleware sends them.

RFC 6902, the pointer starting at the array. Rows that carry a `userId` are followed by
it, so that a user who moves in the list costs one `move` (BBB: CustomJsonPatcher).
"""

from typing import Any

Operation = dict[str, Any]
Row = dict[str, Any]


def rows_patch(old: list[Row], new: list[Row]) -> list[Operation]:
    """Return operations that turn the rows `old` into `new`."""
    if _followable(old) and _followable(new):
        return _followed(old, new)
    return _list_patch(old, new, "")


def _followable(rows: list[Row]) -> bool:
    """Whether rows can be followed by user id: it must be there, and `__typename` must
    be the last selected field."""
    ids = [row.get("userId") for row in rows]
    return (
        None not in ids
        and len(set(ids)) == len(ids)
        and all(next(reversed(row)) == "__typename" for row in rows)
    )


def _followed(old: list[Row], new: list[Row]) -> list[Operation]:
    operations: list[Operation] = []
    wanted = {row["userId"] for row in new}
    current = list(old)
    for index in range(len(current) - 1, -1, -1):
        if current[index]["userId"] not in wanted:
            del current[index]
            operations.append({"op": "remove", "path": f"/{index}"})
    for index, row in enumerate(new):
        place = next(
            (
                position
                for position in range(index, len(current))
                if current[position]["userId"] == row["userId"]
            ),
            None,
        )
        if place is None:
            current.insert(index, row)
            operations.append({"op": "add", "path": f"/{index}", "value": row})
            continue
        if place != index:
            current.insert(index, current.pop(place))
            operations.append({"op": "move", "from": f"/{place}", "path": f"/{index}"})
        operations += _value_patch(current[index], row, f"/{index}")
    return operations


def _value_patch(old: Any, new: Any, path: str) -> list[Operation]:
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        return [
            operation
            for key in new
            for operation in _value_patch(old[key], new[key], f"{path}/{_token(key)}")
        ]
    if isinstance(old, list) and isinstance(new, list):
        return _list_patch(old, new, path)
    # 1 == True and 1 == 1.0 in Python, but not in JSON.
    if old == new and type(old) is type(new):
        return []
    return [{"op": "replace", "path": path, "value": new}]


def _list_patch(old: list[Any], new: list[Any], path: str) -> list[Operation]:
    common = min(len(old), len(new))
    operations = [
        operation
        for index in range(common)
        for operation in _value_patch(old[index], new[index], f"{path}/{index}")
    ]
    operations += [
        {"op": "remove", "path": f"{path}/{index}"}
        for index in range(len(old) - 1, common - 1, -1)
    ]
    operations += [
        {"op": "add", "path": f"{path}/{index}", "value": new[index]}
        for index in range(common, len(new))
    ]
    return operations


def _token(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
