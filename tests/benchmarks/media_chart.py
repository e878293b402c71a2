"""The cost of a participant against their number, as SVG text."""

import io
from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One kind of participant: (number in one engine, CPU ms per second of each)."""

    name: str
    points: tuple[tuple[int, float], ...]


def draw(curves: list[Curve]) -> str:
    """Return the chart."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for curve in curves:
        counts, costs = zip(*curve.points, strict=True)
        axes.plot(counts, costs, marker="o", label=curve.name)
    axes.set_xlabel("participants in one engine")
    axes.set_ylabel("CPU ms per second of one participant")
    axes.set_ylim(bottom=0)
    axes.legend()
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
