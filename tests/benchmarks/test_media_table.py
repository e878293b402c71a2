"""The bench's figures as `out/bench.json` promises them."""

from tests.benchmarks.media_shapes import ROWS
from tests.benchmarks.media_table import Figure, as_json, as_markdown

MEASURED = Figure(
    name="camera_in", value=0.5, unit="CPU ms/s", stock_aiortc=25.0, floor=0.2
)
MEMORY = Figure(name="memory_camera_participant", value=1.0, unit="MB", is_cpu=False)


def test_ratios_say_how_much_cheaper_than_stock_and_dearer_than_the_floor():
    assert as_json(MEASURED) == {
        "name": "camera_in",
        "value": 0.5,
        "unit": "CPU ms/s",
        "stock_aiortc": 25.0,
        "ratio_to_stock": 50.0,
        "floor": 0.2,
        "ratio_to_floor": 2.5,
        "participants_per_core": 2000.0,
    }


def test_what_was_not_measured_is_null_and_says_why():
    row = as_json(MEMORY)

    assert row["stock_aiortc"] is row["ratio_to_stock"] is row["floor"] is None
    assert row["participants_per_core"] is None
    assert "not a share of a core" in row["why"]


def test_the_rows_bear_the_names_that_are_asked_for():
    assert [row.name for row in ROWS] == [
        "camera_in",
        "camera_out",
        "audio_in",
        "audio_out",
        "camera_participant",
        "listener",
        "idle_connection",
    ]


def test_the_table_for_people_has_a_line_a_row():
    lines = as_markdown([MEASURED, MEMORY]).splitlines()

    assert len(lines) == 4
    assert "| camera_in | 0.5 | – | CPU ms/s | 25 | 50 | 0.2 | 2.5 | 2000 |" in lines
