"""The bench's figures as `out/bench.json` promises them, and its rows by name."""

import pytest

from tests.benchmarks.media_chart import Curve, Point, draw, told
from tests.benchmarks.media_engine import Cost
from tests.benchmarks.media_forwarding import FORWARDED
from tests.benchmarks.media_goals import GOALS, judged
from tests.benchmarks.media_rows import Samples, figures_of
from tests.benchmarks.media_shapes import BUNDLED, PARTICIPANT, ROWS
from tests.benchmarks.media_table import Figure, as_json, as_markdown

KEYS = (
    "name",
    "value",
    "unit",
    "stock_aiortc",
    "ratio_to_stock",
    "floor",
    "ratio_to_floor",
    "participants_per_core",
)
MEASURED = Figure(
    name="camera_in", value=0.5, unit="CPU ms/s", stock_aiortc=25.0, floor=0.2
)
MEMORY = Figure(name="memory_camera_participant", value=1.0, unit="MB", is_cpu=False)


def cost(cpu_ms_per_s: float, lane: str = "compiled") -> Cost:
    return Cost(
        cpu_ms_per_s=cpu_ms_per_s,
        packets_per_s=400.0,
        memory_mb=1.0,
        join_cpu_ms=30.0,
        lane=lane,
    )


def test_ratios_say_how_much_cheaper_than_stock_and_dearer_than_the_floor():
    row = as_json(MEASURED)

    assert tuple(row) == KEYS
    assert tuple(row.values()) == (
        *("camera_in", 0.5, "CPU ms/s"),
        *(25.0, 50.0, 0.2, 2.5, 2000.0),
    )


def test_what_was_not_measured_is_null_and_says_why():
    row = as_json(MEMORY)

    assert row["stock_aiortc"] is row["ratio_to_stock"] is row["floor"] is None
    assert row["participants_per_core"] is None
    assert "not a share of a core" in str(row["why"])


def test_the_rows_bear_the_names_that_are_asked_for():
    samples = Samples(joins=[cost(0.0)])
    for row in (*ROWS, *FORWARDED):
        samples.ours[row.name].append(cost(8.0))

    names = [figure.name for figure in figures_of(samples)]

    assert names == [
        "camera_in",
        "camera_out",
        "audio_in",
        "audio_out",
        "camera_participant",
        "camera_participant_bundled",
        "listener",
        "idle_connection",
        "camera_in_of_60",
        "camera_in_python",
        "camera_participant_python",
        "camera_forwarded",
        "audio_forwarded",
        "join_camera_participant",
        "memory_camera_participant",
    ]
    elsewhere = {"two_engines", "chromium_first_tab", "chromium_further_tab"}
    assert {goal.name for goal in GOALS} <= {*names, *elsewhere}


def test_a_row_is_the_median_with_least_most_lane_and_packets():
    samples = Samples()
    samples.ours["camera_in"] += [cost(9.0), cost(7.0), cost(8.0)]
    samples.ours["camera_in_python"] += [cost(10.0, "python")]
    samples.stock["camera_in"] += [cost(80.0, "")]
    samples.floor["camera_in"] += [4.0, 2.0]

    lane, python = map(as_json, figures_of(samples))

    assert (lane["value"], lane["least"], lane["most"], lane["repeats"]) == (8, 7, 9, 3)
    assert (lane["ratio_to_stock"], lane["floor"]) == (10.0, 3.0)
    assert lane["packets_per_core"] == 50_000
    assert (lane["lane"], python["lane"]) == ("compiled", "python")
    assert (python["ratio_to_stock"], python["floor"]) == (8.0, 3.0)


def test_a_row_whose_sessions_were_lost_each_time_is_null_and_says_so():
    samples = Samples()

    def breaks() -> Cost:
        raise EOFError

    samples.take(samples.ours["camera_in"], breaks)

    (row,) = map(as_json, figures_of(samples))

    assert tuple(row)[: len(KEYS)] == KEYS
    assert row["value"] is row["participants_per_core"] is None
    assert "too busy" in str(row["why"])


def test_the_table_for_people_has_a_line_a_row():
    lines = as_markdown([MEASURED, MEMORY]).splitlines()

    assert len(lines) == 4
    assert (
        "| camera_in | – | 0.5 | – | CPU ms/s | 25 | 50 | 0.2 | 2.5 | 2000 | – |"
        in (lines)
    )


def test_a_bundle_carries_the_streams_of_the_eleven_connections_on_two():
    apart = [stream for link in PARTICIPANT for stream in link]
    bundled = [stream for link in BUNDLED for stream in link]

    assert (len(PARTICIPANT), len(BUNDLED)) == (11, 2)
    for kind in ("audio", "video"):
        for way in ("sends", "receives"):
            counts = [
                sum(stream.kind == kind and getattr(stream, way) for stream in streams)
                for streams in (apart, bundled)
            ]
            assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("value", "verdict"), [(1.9, "reached"), (1.7, "missed"), (None, "not measured")]
)
def test_a_goal_is_reached_missed_or_not_measured(value, verdict):
    figure = Figure(name="two_engines", value=value, unit="× one", is_cpu=False)

    (line,) = [x for x in judged([figure]).splitlines() if "two_engines" in x]

    assert line.endswith(f"| {verdict} |")
    assert "≥ 1.8" in line


def test_the_chart_is_drawn_and_told_with_what_is_missing():
    curve = Curve(
        name="listener",
        points=(
            Point(count=10, cpu_ms_per_s=2.0),
            Point(count=100, cpu_ms_per_s=3.0),
            Point(count=200, cpu_ms_per_s=None, why="more than a core carries"),
        ),
    )

    text = draw([curve])

    assert "participants in one engine" in text
    assert len(text) < 40_000
    assert told(curve) == (
        "CPU ms/s of one listener, by their number: 10: 2.00, 100: 3.00; with 100 one "
        "costs 1.50 times what one of 10 costs. 200: more than a core carries."
    )
