"""Stretches that say nothing of demand."""

import pytest

from bots.errors import ConfigError
from loadtest.cli import run_command
from planning.history.csv import read_csv
from planning.history.masks import masked, span_of
from tests.support.histories import hourly_history

STRETCH = "2025-01-08T08:00+00:00/2025-01-08T10:30+00:00"


def test_bins_that_a_stretch_touches_become_a_gap_that_is_told():
    history = hourly_history(1, lambda week: 100.0)

    rest = masked(history, [span_of(STRETCH)], "times without new meetings")

    assert len(rest.times_s) == len(history.times_s) - 3
    assert [gap.duration_s for gap in rest.gaps] == [3 * 3600]
    assert rest.notes[0].startswith("times without new meetings were taken out: 3.0 h")


def test_taking_out_everything_is_refused():
    with pytest.raises(ConfigError, match="nothing besides"):
        masked(hourly_history(1, lambda week: 9.0), [(0, 4e9)], "all")


@pytest.mark.parametrize(
    "text", ["yesterday", "2025-01-08/2025-01-07", "a/b", STRETCH[:16]]
)
def test_a_stretch_that_is_none_is_one_sentence(text):
    with pytest.raises(ConfigError):
        span_of(text)


def test_the_command_line_takes_closed_stretches(tmp_path):
    theirs, ours = tmp_path / "t.csv", tmp_path / "h.csv"
    theirs.write_text(
        "time,users\n2025-01-08T07:00Z,5\n2025-01-08T09:00Z,0\n2025-01-08T11:00Z,6\n"
    )

    run_command(["history", "csv", str(theirs), "--closed", STRETCH, "-o", str(ours)])

    history = read_csv(ours)
    assert history.participants == (5, 6)
    assert "times without new meetings" in history.notes[0]
