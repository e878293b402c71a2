import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from reports import figures
from reports.document import Band, Bars, Chart, Limit, Line, Span, Whiskers

CHART = Chart(
    title="CPU <against> load",
    x_label="participants",
    y_label="node CPU",
    y_unit="ratio",
    marks=(
        Span(name="capacity, 90 % interval", start=24.0, end=31.0, color=0),
        Line(name="classes", x=(6, 12, 24), y=(0.2, None, 0.7), has_points=True),
        Limit(name="SLO: 80 %", value=0.8),
    ),
)


def texts(svg: str) -> list[str]:
    return [
        "".join(element.itertext())
        for element in ElementTree.fromstring(svg).iter()
        if element.tag == "text"
    ]


def test_equal_charts_give_equal_bytes():
    assert figures.svg(CHART, name="a") == figures.svg(CHART, name="a")


def test_axes_carry_units_and_the_legend_names_slo_and_interval():
    found = texts(figures.svg(CHART, name="a"))

    assert "node CPU (%)" in found
    assert "participants" in found
    assert "SLO: 80 %" in found
    assert "capacity, 90 % interval" in found


def test_a_drawing_reaches_nothing_outside_the_page():
    drawn = figures.svg(CHART, name="a")

    assert "http" not in drawn
    assert "<script" not in drawn
    assert "<style" not in drawn
    assert "&lt;against&gt;" in drawn


def test_ids_are_unique_over_the_charts_of_a_page():
    page = figures.svg(CHART, name="a") + figures.svg(CHART, name="b")

    ids = re.findall(r'\bid="([^"]+)"', page)

    assert len(ids) == len(set(ids))
    used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)
    assert {one or other for one, other in used} <= set(ids)


def test_a_gap_in_a_line_is_not_bridged():
    line = Line(name="x", x=(0, 1, 2, 3, 4), y=(1, 2, None, 3, 4))
    axes = figures.figure(Chart(title="", x_label="", y_label="", marks=(line,))).axes[
        0
    ]

    values = axes.lines[0].get_ydata()

    assert [value == value for value in values] == [True, True, False, True, True]


def test_a_value_between_two_gaps_is_still_seen():
    line = Line(name="x", x=(0, 1, 2), y=(None, 5, None))
    axes = figures.figure(Chart(title="", x_label="", y_label="", marks=(line,))).axes[
        0
    ]

    assert axes.lines[0].get_marker() == "o"


def test_charts_of_one_run_show_the_same_stretch_of_time():
    line = Line(name="late", x=(20.0, 25.0), y=(1, 2))
    chart = Chart(
        title="",
        x_label="",
        y_label="",
        x_kind="elapsed",
        x_range=(0.0, 30.0),
        marks=(line,),
    )

    assert figures.figure(chart).axes[0].get_xlim() == (0.0, 30.0)


def test_bars_are_stacked_in_order():
    bars = tuple(
        Bars(name=name, x=(0, 1), heights=heights)
        for name, heights in (("a", (1, 2)), ("b", (3, 4)))
    )
    axes = figures.figure(Chart(title="", x_label="", y_label="", marks=bars)).axes[0]

    bottoms = [patch.get_y() for patch in axes.containers[1]]

    assert bottoms == [1, 2]
    assert axes.get_ylim()[1] > 6


def test_values_are_drawn_in_the_unit_of_the_axis():
    chart = Chart(
        title="",
        x_label="",
        y_label="rate",
        y_unit="bps",
        marks=(
            Band(name="band", x=(0, 1), low=(1e6, 1e6), high=(3e6, 4e6)),
            Whiskers(name="", x=(0,), y=(2e6,), low=(1e6,), high=(3e6,)),
        ),
    )
    axes = figures.figure(chart).axes[0]

    assert axes.get_ylabel() == "rate (Mbit/s)"
    assert 4 <= axes.get_ylim()[1] < 5


@pytest.mark.parametrize("x_kind", ["number", "elapsed", "date"])
def test_a_chart_without_any_value_is_drawn_empty(x_kind):
    chart = Chart(
        title="empty",
        x_label="x",
        y_label="y",
        x_kind=x_kind,
        marks=(Line(name="a", x=(), y=()),),
    )

    assert "<svg" in figures.svg(chart, name="a")


def test_money_below_zero_stays_in_the_picture():
    chart = Chart(
        title="",
        x_label="",
        y_label="balance",
        y_unit="eur",
        marks=(Line(name="a", x=(0, 1), y=(500.0, -200.0)),),
    )

    assert figures.figure(chart).axes[0].get_ylim()[0] < -200


def test_time_is_written_in_minutes_and_months():
    elapsed = Chart(
        title="",
        x_label="",
        y_label="",
        x_kind="elapsed",
        marks=(Line(name="a", x=(0, 300), y=(1, 2)),),
    )
    dates = Chart(
        title="",
        x_label="",
        y_label="",
        x_kind="date",
        marks=(Line(name="a", x=(737425, 737790), y=(1, 2)),),
    )

    night = replace(elapsed, x_range=(0.0, 8 * 3600.0))

    assert {"1:00", " (min:s)"} <= set(texts(figures.svg(elapsed, name="a")))
    assert {"1:00", "7:00", " (h:min)"} <= set(texts(figures.svg(night, name="c")))
    assert any("2020" in text for text in texts(figures.svg(dates, name="b")))
