"""Two histories of one service -> one, with their disagreement stated. Pure.

The rule: the first source leads, its values stay as they are. Where it has no sample
the second fills in, multiplied by the median ratio of the two over the bins both know
and in which the first has at least a tenth of its highest value. The standard
deviation of the logarithm of that ratio is kept as `disagreement_ratio`; the forecast
is widened by it, since neither source is known to be right.
"""

import math
from dataclasses import replace
from statistics import median, pstdev

from bots.errors import ConfigError
from planning.history.csv import gaps_of
from planning.peaks import History

FEWEST_SHARED = 50
BUSY_SHARE = 0.1
SIGN_OF_TROUBLE = 1.25
"""A median ratio beyond this (or its inverse) is said to be trouble."""


def reconciled(first: History, second: History) -> History:
    """Return `first` with its gaps filled from `second`.

    Raises ConfigError when bins differ in length or hardly any are shared.
    """
    if first.step_s != second.step_s:
        raise ConfigError(
            f"{first.source} has a value every {first.step_s} s and {second.source} "
            f"every {second.step_s} s: they cannot be put together"
        )
    others = dict(zip(second.times_s, second.participants, strict=True))
    busy = BUSY_SHARE * max(first.participants)
    ratios = [
        value / others[time_s]
        for time_s, value in zip(first.times_s, first.participants, strict=True)
        if value >= max(busy, 1.0) and others.get(time_s, 0) > 0
    ]
    if len(ratios) < FEWEST_SHARED:
        raise ConfigError(
            f"{first.source} and {second.source} share {len(ratios)} busy bins; to "
            f"put them together takes {FEWEST_SHARED}: are they of one service and "
            "in one time zone?"
        )
    scale = median(ratios)
    spread = pstdev(math.log(ratio) for ratio in ratios)
    own = dict(zip(first.times_s, first.participants, strict=True))
    filled = {t: round(v * scale) for t, v in others.items() if t not in own}
    merged = dict(sorted({**filled, **own}.items()))
    times = tuple(merged)
    note = (
        f"{first.source} leads; {len(filled)} of {len(merged)} bins come from "
        f"{second.source} × {scale:.3f}, the median ratio of {len(ratios)} busy bins "
        f"both know; they differ by {spread:.1%} (standard deviation of the "
        "logarithm), by which the forecast is wider"
    )
    trouble = (
        (f"{first.source} says {scale:.2f} times what {second.source} says",)
        if not 1 / SIGN_OF_TROUBLE <= scale <= SIGN_OF_TROUBLE
        else ()
    )
    return replace(
        first,
        source=f"{first.source} and {second.source}",
        times_s=times,
        participants=tuple(merged.values()),
        meetings=_aligned(first.meetings, first, times),
        cameras=_aligned(first.cameras, first, times),
        voice=_aligned(first.voice, first, times),
        listeners=_aligned(first.listeners, first, times),
        largest_meeting=_aligned(first.largest_meeting, first, times),
        limit_hits=_aligned(first.limit_hits, first, times),
        gaps=gaps_of(times, first.step_s, first.utc_offset_s),
        samples=first.samples + len(filled),
        notes=(*first.notes, *second.notes, note, *trouble),
        meeting_sizes=first.meeting_sizes or second.meeting_sizes,
        disagreement_ratio=math.hypot(first.disagreement_ratio, spread),
    )


def _aligned(
    values: tuple[int | None, ...] | None, first: History, times: tuple[int, ...]
) -> tuple[int | None, ...] | None:
    if values is None:
        return None
    known = dict(zip(first.times_s, values, strict=True))
    return tuple(known.get(time_s) for time_s in times)
