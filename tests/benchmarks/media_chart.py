"""The cost of a participant against their number, as SVG text and as words."""

import io
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """So many participants in one engine."""

    count: int
    cpu_ms_per_s: float | None
    """Of one of them; None where it was not measured."""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One kind of participant."""

    name: str
    points: tuple[Point, ...]

    @property
    def measured(self) -> tuple[tuple[int, float], ...]:
        """Return number and cost where there is one."""
        return tuple(
            (point.count, point.cpu_ms_per_s)
            for point in self.points
            if point.cpu_ms_per_s is not None
        )


def draw(curves: list[Curve]) -> str:
    """Return the chart."""
    text = io.StringIO()
    # letters as letters: a chart of a few kilobytes, whose ids stay from run to run
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench"}):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for curve in curves:
            if curve.measured:
                counts, costs = zip(*curve.measured, strict=True)
                axes.plot(counts, costs, marker="o", label=curve.name)
        axes.set_xlabel("participants in one engine")
        axes.set_ylabel("CPU ms per second of one participant")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.legend()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def told(curve: Curve) -> str:
    """Return the curve in a sentence or two: the figures and how flat they are."""
    figures = ", ".join(f"{count}: {cost:.2f}" for count, cost in curve.measured)
    lines = [f"CPU ms/s of one {curve.name}, by their number: {figures or 'none'}"]
    if len(curve.measured) > 1:
        first, last = curve.measured[0], curve.measured[-1]
        lines[0] += (
            f"; with {last[0]} one costs {last[1] / first[1]:.2f} times what one of "
            f"{first[0]} costs"
        )
    lines += [f"{each.count}: {each.why}" for each in curve.points if each.why]
    return ". ".join(lines) + "."
