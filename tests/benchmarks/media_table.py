"""The bench's figures: medians, ratios, `out/bench.json` and tables. Pure."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

Json = dict[str, float | int | str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table; lower is better. None is not measured: `why` says so."""

    name: str
    value: float | None
    unit: str
    stock_aiortc: float | None = None
    floor: float | None = None
    is_cpu: bool = True
    """CPU ms per second, of which a core has a thousand."""
    spread: tuple[float, float] | None = None
    """Least and most of the repetitions behind `value`."""
    lane: str = ""
    """What took the usual packets, `compiled` or `python`; "" where nothing did."""
    packets_per_core: float | None = None
    """RTP packets a second that a core would carry of it, in and out."""
    repeats: int = 0
    why: str = ""


def median(values: Iterable[float]) -> float:
    """Return the median of the repetitions."""
    return statistics.median(values)


def as_json(figure: Figure) -> Json:
    """Return the figure as `out/bench.json` holds it; None comes with a `why`."""
    value, stock, floor = figure.value, figure.stock_aiortc, figure.floor
    row: Json = {
        "name": figure.name,
        "value": _rounded(value),
        "unit": figure.unit,
        "stock_aiortc": _rounded(stock),
        "ratio_to_stock": _rounded(stock / value if stock and value else None),
        "floor": _rounded(floor),
        "ratio_to_floor": _rounded(value / floor if floor and value else None),
        "participants_per_core": _rounded(
            1000 / value if figure.is_cpu and value else None
        ),
    }
    if figure.why or None in row.values():
        row["why"] = figure.why or _why(figure)
    if figure.spread is not None:
        row["least"], row["most"] = map(_rounded, figure.spread)
        row["repeats"] = figure.repeats
    if figure.lane:
        row["lane"] = figure.lane
    if figure.packets_per_core is not None:
        row["packets_per_core"] = _rounded(figure.packets_per_core)
    return row


def as_markdown(figures: Iterable[Figure]) -> str:
    """Return the table for people."""
    lines = [
        "| name | lane | value | least–most | unit | stock aiortc | × stock | C floor "
        "| × floor | per core | packets/s per core |",
        "| --- | --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for figure in figures:
        row = as_json(figure)
        spread = "–"
        if figure.spread is not None:
            least, most = figure.spread
            spread = f"{least:.3g}–{most:.3g} of {figure.repeats}"
        cells = [
            figure.name,
            figure.lane or "–",
            _shown(row["value"]),
            spread,
            figure.unit,
            _shown(row["stock_aiortc"]),
            _shown(row["ratio_to_stock"]),
            _shown(row["floor"]),
            _shown(row["ratio_to_floor"]),
            _shown(row["participants_per_core"]),
            _thousands(figure.packets_per_core),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _why(figure: Figure) -> str:
    missing = []
    if figure.stock_aiortc is None:
        missing.append("stock aiortc was not measured for this row")
    if figure.floor is None:
        missing.append("a bare C loop has no counterpart of this row")
    if not figure.is_cpu:
        missing.append("not a share of a core")
    return "; ".join(missing)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _thousands(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _shown(value: float | str | None) -> str:
    return "–" if not isinstance(value, float) else f"{value:.4g}"
