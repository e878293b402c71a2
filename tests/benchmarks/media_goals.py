"""What the media engine is to reach, and whether it did. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tests.benchmarks.media_table import Figure, as_json

Measure = Literal["value", "ratio_to_stock", "ratio_to_floor", "participants_per_core"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A bound on one cell of the table."""

    name: str
    measure: Measure
    bound: float
    text: str
    is_at_most: bool = False


GOALS = (
    Goal(
        name="camera_in",
        measure="ratio_to_stock",
        bound=45,
        text="times cheaper than stock",
    ),
    Goal(
        name="camera_out",
        measure="ratio_to_stock",
        bound=60,
        text="times cheaper than stock",
    ),
    Goal(
        name="audio_in",
        measure="ratio_to_stock",
        bound=30,
        text="times cheaper than stock",
    ),
    Goal(
        name="audio_out",
        measure="ratio_to_stock",
        bound=40,
        text="times cheaper than stock",
    ),
    Goal(
        name="camera_participant",
        measure="participants_per_core",
        bound=150,
        text="on a core",
    ),
    Goal(
        name="camera_in_python",
        measure="ratio_to_floor",
        bound=3.2,
        text="times the floor",
        is_at_most=True,
    ),
    Goal(
        name="camera_in",
        measure="ratio_to_floor",
        bound=3.0,
        text="times the floor",
        is_at_most=True,
    ),
    Goal(
        name="join_camera_participant",
        measure="value",
        bound=35,
        text="CPU ms a join",
        is_at_most=True,
    ),
    Goal(
        name="memory_camera_participant",
        measure="value",
        bound=1.5,
        text="MB",
        is_at_most=True,
    ),
    Goal(
        name="two_engines",
        measure="value",
        bound=1.8,
        text="times the load of one engine",
    ),
    Goal(
        name="chromium_first_tab",
        measure="value",
        bound=60,
        text="times our participant",
    ),
    Goal(
        name="chromium_further_tab",
        measure="value",
        bound=60,
        text="times our participant",
    ),
)


def judged(figures: Iterable[Figure]) -> str:
    """Return a table of goals: reached, missed or not measured."""
    rows = {figure.name: as_json(figure) for figure in figures}
    lines = ["| name | goal | measured | |", "| --- | ---: | ---: | --- |"]
    for goal in GOALS:
        found = rows.get(goal.name, {}).get(goal.measure)
        sign = "≤" if goal.is_at_most else "≥"
        shown, verdict = "–", "not measured"
        if isinstance(found, float):
            is_met = found <= goal.bound if goal.is_at_most else found >= goal.bound
            shown, verdict = f"{found:.3g}", "reached" if is_met else "missed"
        lines.append(
            f"| {goal.name} | {sign} {goal.bound:g} {goal.text} | {shown} | {verdict} |"
        )
    return "\n".join(lines)
