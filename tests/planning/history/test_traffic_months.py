"""A hoster's monthly traffic beside a history."""

import pytest

from bots.errors import ConfigError
from loadtest.cli import run_command
from planning.history.csv import write_csv
from planning.history.traffic_months import beside, parse_months
from planning.series import monthly_means
from tests.support.histories import hourly_history

HOSTER = "Month;In;Out\n01/2025;1 TB;2,5 TB\n2025-02;1 TB;2.500 GB\n2025-03;0;9 TiB\n"


def test_amounts_are_read_as_a_hoster_writes_them():
    months = parse_months(HOSTER.splitlines(), source="t.csv")

    assert months == {"2025-01": 2.5e12, "2025-02": 2.5e12, "2025-03": 9 * 1024.0**4}


def test_the_bitrate_of_a_participant_follows_and_an_odd_month_is_told():
    history = hourly_history(20, lambda week: 100.0)
    means = dict(monthly_means(history))
    sent = {month: 31 * 86_400 * mean * 1e6 / 8 for month, mean in means.items()}
    sent["2025-03"] *= 2

    rows = {row.month: row for row in beside(sent, history)}

    assert rows["2025-01"].out_bps == pytest.approx(1e6)
    assert rows["2025-03"].is_far
    assert not rows["2025-02"].is_far


def test_the_command_prints_the_months(tmp_path, capsys):
    history, traffic = tmp_path / "h.csv", tmp_path / "t.csv"
    history.write_text("".join(write_csv(hourly_history(20, lambda week: 100.0))))
    traffic.write_text(HOSTER)

    assert run_command(["history", "traffic", str(traffic), str(history)]) == 0

    said = capsys.readouterr().out
    assert "2025-01" in said
    assert "kbit/s" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "month and out"),
        ("month,out\n2025-13,1 TB\n", "is no month"),
        ("month,out\n2025-01,much\n", "is no amount"),
        ("month,out\n2025-01,1 TB\n1/2025,1 TB\n", "twice"),
    ],
)
def test_a_mistake_is_one_sentence(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_months(text.splitlines(), source="t.csv")
