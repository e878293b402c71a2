"""Chart -> matplotlib `Figure`, and -> inline SVG; the only importer of matplotlib.

The object API only: no `pyplot`, no global state, no display. Equal charts give equal
bytes (no date, no random ids), so that a report can be compared and cached. Colours are
those of Okabe and Ito, told apart by the common colour-blindnesses; grey prints keep
them apart by lightness, dashes and points. Text stays text in the SVG: it can be
searched, is read aloud, and takes the page's own font and colour in dark mode.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from html import escape
from io import StringIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from reports import format as written
from reports.document import Band, Bars, Chart, Dots, Limit, Line, Span, Whiskers

INK = "#24292f"
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#8c6d31", INK)
LIMIT_COLOR = "#d55e00"
FAINT = "#c9ced4"
SPAN_COLOR = "#8b949e"
SIZE_INCHES = (5.6, 3.5)
"""Small on purpose: on a phone the drawing hardly shrinks, its text stays readable."""

NICE_STEPS = (1, 2, 2.5, 5, 10)
HOUR_S = 3_600
LONG_S = 1.5 * HOUR_S
"""From here on elapsed time is told in hours and minutes."""
LONG_STEPS_S = tuple(HOUR_S * hours for hours in (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48))

SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bbbload",
    "font.size": 10.5,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
}


SVG_SPACE = "http://www.w3.org/2000/svg"


def figure(chart: Chart) -> Figure:
    """Draw a chart; its title is left to the page that shows it."""
    with _own_settings():
        drawing = Figure(figsize=SIZE_INCHES, layout="constrained")
        axes = drawing.add_subplot()
        scale = written.scale(chart.y_unit, _reach(chart))
        _draw_marks(axes, chart, scale.divisor)
        _set_axes(axes, chart, scale)
        entries = len(axes.get_legend_handles_labels()[1])
        if entries:
            axes.legend(
                loc="lower left",
                bbox_to_anchor=(0.0, 1.0),
                ncols=2 if entries > 1 else 1,
                borderaxespad=0.2,
                handlelength=1.6,
                columnspacing=1.2,
            )
    return drawing


def svg(chart: Chart, *, name: str) -> str:
    """Return a chart as an SVG element to stand inside an HTML page.

    `name` begins every id in it: a page holds many charts, and ids must be unique.
    """
    with _own_settings():
        drawing = figure(chart)
        FigureCanvasSVG(drawing)
        text = StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        drawing.savefig(text, format="svg", transparent=True, metadata=nothing)
    return _inline(text.getvalue(), name=name, label=chart.title)


def picture(chart: Chart) -> str:
    """Return a chart as an SVG file that stands alone."""
    spaces = f'xmlns="{SVG_SPACE}" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return svg(chart, name="picture").replace("<svg", f"<svg {spaces}", 1) + "\n"


@contextmanager
def _own_settings() -> Iterator[None]:
    """Draw with our settings alone, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def _draw_marks(axes: Axes, chart: Chart, divisor: float) -> None:
    free = iter(PALETTE[:-1] * 9)
    stacked: dict[float, float] = {}
    for mark in chart.marks:
        if isinstance(mark, Limit):
            axes.axhline(
                mark.value / divisor,
                color=LIMIT_COLOR,
                linestyle=(0, (6, 3)),
                linewidth=1.5,
                label=mark.name,
            )
            continue
        if isinstance(mark, Span):
            axes.axvspan(
                mark.start,
                mark.end,
                color=SPAN_COLOR if mark.color is None else PALETTE[mark.color],
                alpha=0.16,
                linewidth=0,
                label=mark.name or None,
            )
            continue
        color = PALETTE[mark.color] if mark.color is not None else next(free)
        if isinstance(mark, Line):
            axes.plot(
                mark.x,
                _scaled(mark.y, divisor),
                color=color,
                linestyle=(0, (4, 2)) if mark.is_dashed else "-",
                marker="o" if mark.has_points or _has_lone_point(mark.y) else None,
                markersize=4.5 if mark.has_points else 2.5,
                label=mark.name or None,
            )
        elif isinstance(mark, Band):
            axes.fill_between(
                mark.x,
                _scaled(mark.low, divisor),
                _scaled(mark.high, divisor),
                color=color,
                alpha=0.22,
                linewidth=0,
                label=mark.name or None,
            )
        elif isinstance(mark, Dots):
            axes.plot(
                mark.x,
                _scaled(mark.y, divisor),
                color=color,
                linestyle="none",
                marker="o",
                markersize=6,
                alpha=0.75,
                label=mark.name or None,
            )
        elif isinstance(mark, Bars):
            _draw_bars(axes, mark, divisor, color, stacked)
        else:
            _draw_whiskers(axes, mark, divisor, color)


def _draw_bars(
    axes: Axes, mark: Bars, divisor: float, color: str, stacked: dict[float, float]
) -> None:
    heights = [height / divisor for height in mark.heights]
    bottoms = [stacked.get(x, 0.0) for x in mark.x]
    axes.bar(
        mark.x,
        heights,
        width=mark.width,
        bottom=bottoms,
        color=color,
        edgecolor="white",
        linewidth=0.6,
        label=mark.name or None,
    )
    for x, bottom, height in zip(mark.x, bottoms, heights, strict=True):
        stacked[x] = bottom + height


def _draw_whiskers(axes: Axes, mark: Whiskers, divisor: float, color: str) -> None:
    values = [value / divisor for value in mark.y]
    below = [y - low / divisor for y, low in zip(values, mark.low, strict=True)]
    above = [high / divisor - y for y, high in zip(values, mark.high, strict=True)]
    axes.errorbar(
        mark.x,
        values,
        yerr=[[max(0.0, part) for part in below], [max(0.0, part) for part in above]],
        fmt="o",
        color=color,
        markersize=6,
        capsize=5,
        label=mark.name or None,
    )


def _set_axes(axes: Axes, chart: Chart, scale: written.Scale) -> None:
    unit = f" ({scale.unit})" if scale.unit else ""
    axes.set_ylabel(chart.y_label + unit)
    axes.set_xlabel(chart.x_label)
    axes.yaxis.set_major_locator(
        MaxNLocator(nbins=6, steps=NICE_STEPS, integer=chart.y_unit == "")
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, chart)))
    low, high = axes.get_ylim()
    if chart.starts_at_zero:
        low = min(0.0, low if any(y < 0 for y in _values(chart)) else 0.0)
        # Bars reach the very top by themselves; a line at the edge is half cut off.
        highest = max(_values(chart), default=0.0) / scale.divisor
        axes.set_ylim(low, max(high, highest * 1.05, low + 1e-9) if highest else 1)
        if low < 0:
            axes.axhline(0, color=INK, linewidth=0.8)
    if chart.x_range is not None and chart.x_range[0] < chart.x_range[1]:
        axes.set_xlim(chart.x_range)
    if chart.x_names:
        places = [place for place, _ in chart.x_names]
        axes.set_xticks(places, [name for _, name in chart.x_names])
        longest = (max(map(len, name.split("\n"))) for _, name in chart.x_names)
        if sum(width + 2 for width in longest) > 66:
            axes.tick_params(axis="x", rotation=30, rotation_mode="xtick")
    elif chart.x_kind == "date":
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _day_tick(x, chart)))
    elif chart.x_kind == "elapsed":
        _set_clock(axes, chart.x_label)
    else:
        axes.xaxis.set_major_locator(
            MaxNLocator(nbins=8, steps=NICE_STEPS, integer=True)
        )
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: _tick(value, chart))
        )


def _values(chart: Chart) -> Iterator[float]:
    for mark in chart.marks:
        if isinstance(mark, Limit):
            yield mark.value
        elif isinstance(mark, Line):
            yield from (y for y in mark.y if y is not None)
        elif isinstance(mark, Band):
            yield from (y for y in (*mark.low, *mark.high) if y is not None)
        elif isinstance(mark, Dots):
            yield from mark.y
        elif isinstance(mark, Bars):
            yield from mark.heights
        elif isinstance(mark, Whiskers):
            yield from (*mark.low, *mark.high)


def _reach(chart: Chart) -> float:
    return max((abs(value) for value in _values(chart)), default=1.0)


def _scaled(values: tuple[float | None, ...], divisor: float) -> list[float]:
    return [float("nan") if value is None else value / divisor for value in values]


def _has_lone_point(values: tuple[float | None, ...]) -> bool:
    """Tell whether a value stands between gaps: a line alone would not show it."""
    padded = (None, *values, None)
    return any(
        padded[place] is not None
        and padded[place - 1] is None
        and padded[place + 1] is None
        for place in range(1, len(padded) - 1)
    )


def _tick(value: float, chart: Chart) -> str:
    text = written.number(round(value, 9), 4)
    return written.german(text) if chart.language == "de" else text


def _set_clock(axes: Axes, label: str) -> None:
    """Tell elapsed time in minutes and seconds, or of a long run in hours."""
    low, high = axes.get_xlim()
    if high < LONG_S:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 1.5, 3, 6, 10]))
        unit, smaller_s = "min:s", 1
    else:
        fitting = (step for step in LONG_STEPS_S if (high - low) / step <= 8)
        axes.xaxis.set_major_locator(MultipleLocator(next(fitting, high / 8)))
        unit, smaller_s = "h:min", 60
    axes.set_xlabel(f"{label} ({unit})")
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda elapsed_s, _: _clock_tick(elapsed_s / smaller_s))
    )


def _clock_tick(smaller: float) -> str:
    larger, left = divmod(round(smaller), 60)
    return f"{larger}:{left:02d}"


def _day_tick(ordinal: float, chart: Chart) -> str:
    if ordinal < 1:
        return ""
    shown = date.fromordinal(round(ordinal))
    is_german = chart.language == "de"
    names = written.GERMAN_MONTH_NAMES if is_german else written.MONTH_NAMES
    return f"{names[shown.month - 1]} {shown.year}"


def _inline(text: str, *, name: str, label: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Inside HTML the parser knows the namespaces; without them no URL is in the page.
    text = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'\b(xlink:)?href="#', f'href="#{name}-', text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-")
    # The page's own font, and no rule that would reach out of the drawing.
    text = re.sub(r" font-family: [^;\"]*;", "", text)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(
        r"<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>",
        rf'<svg role="img" aria-label="{escape(label)}" viewBox="\1">',
        text,
        count=1,
    )
    for color, variable in ((INK, "--ink"), (FAINT, "--faint")):
        text = text.replace(f": {color}", f": var({variable}, {color})")
    return text.strip()
