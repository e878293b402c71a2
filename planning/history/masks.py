"""Stretches that say nothing of demand are taken out of a history. Pure.

Our own load tests (`own_tests`) and times at which no meeting could be created: what
was measured then is no demand, and a gap is honest where a correction would be a guess.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from bots.errors import ConfigError
from planning.history.csv import gaps_of
from planning.peaks import History

Value = TypeVar("Value")
Span = tuple[float, float]
"""Beginning and end in Unix time."""


def masked(history: History, spans: Sequence[Span], why: str) -> History:
    """Return the history without the bins that `spans` touch, and a note of how much.

    `why` begins the note. Raises ConfigError when nothing would be left.
    """
    step = history.step_s
    keep = [
        not any(start < time_s + step and end > time_s for start, end in spans)
        for time_s in history.times_s
    ]
    taken = len(keep) - sum(keep)
    if not taken:
        return history
    if not any(keep):
        raise ConfigError(
            f"{history.source} holds nothing besides what is taken out ({why}): name "
            "another file, or fewer stretches"
        )
    pairs = zip(history.participants, keep, strict=True)
    highest = max(value for value, kept in pairs if not kept)
    note = (
        f"{why} were taken out: {taken * step / 3600:.1f} hours of "
        f"{len(keep) * step / 3600:.0f}, in which up to {highest} participants were "
        "present"
    )
    times = _kept(history.times_s, keep)

    def column(values: tuple[int | None, ...] | None) -> tuple[int | None, ...] | None:
        return None if values is None else _kept(values, keep)

    return replace(
        history,
        times_s=times,
        participants=_kept(history.participants, keep),
        meetings=column(history.meetings),
        cameras=column(history.cameras),
        voice=column(history.voice),
        listeners=column(history.listeners),
        largest_meeting=column(history.largest_meeting),
        limit_hits=column(history.limit_hits),
        gaps=gaps_of(times, step, history.utc_offset_s),
        notes=(*history.notes, note),
    )


def span_of(text: str) -> Span:
    """Return the stretch `FROM/TO`, ISO 8601 with zone; raises ConfigError."""
    begins, _, ends = text.partition("/")
    try:
        first, last = datetime.fromisoformat(begins), datetime.fromisoformat(ends)
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is no stretch such as "
            "2026-11-02T08:00+01:00/2026-11-02T10:30+01:00"
        ) from error
    if first.tzinfo is None or last.tzinfo is None or last <= first:
        raise ConfigError(f"{text!r}: both times need a zone, and the end comes later")
    return first.timestamp(), last.timestamp()


def _kept(values: tuple[Value, ...], keep: list[bool]) -> tuple[Value, ...]:
    return tuple(value for value, kept in zip(values, keep, strict=True) if kept)
