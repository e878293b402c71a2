"""Our own load tests never count as demand."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np

from loadtest.cli import run_command
from loadtest.guard import Ledger
from planning.forecast import forecast
from planning.history.csv import parse_csv
from planning.history.own_tests import own_tests, without
from planning.series import weekly_peaks

START = datetime(2025, 1, 6, tzinfo=UTC)
EVENING = START + timedelta(weeks=39, days=2, hours=19)
BOTS = 400


def lines(*, with_bots: bool):
    rng = np.random.default_rng(7)
    yield "time,participants"
    for index in range(40 * 7 * 288):
        moment = START + timedelta(minutes=5 * index)
        day = index // 288
        if index % 288 == 0:
            level = 200 * np.exp(rng.normal(0, 0.1)) * (1.0 if day % 7 < 5 else 0.3)
        busy = 8 <= moment.hour < 18
        value = level if busy else 0.1 * level
        if with_bots and EVENING <= moment < EVENING + timedelta(hours=2):
            value += BOTS
        yield f"{moment.isoformat()},{round(value)}"


def ledger_of(path, server="bbb.example.org"):
    ledger = Ledger(path)
    ledger.begin(run="r1", server=server, target=server, started_at=EVENING.isoformat())
    ends = (EVENING + timedelta(hours=2)).isoformat()
    ledger.end(run="r1", ended_at=ends, peak_participants=BOTS)
    return path


def predicted(history):
    return forecast(
        weekly_peaks(history), horizon_weeks=12, rng=np.random.default_rng(1)
    )


def test_an_evening_of_400_bots_leaves_the_forecast_as_it_was(tmp_path):
    tests = own_tests(ledger_of(tmp_path / "ledger.jsonl"))
    tested = parse_csv(lines(with_bots=True), source="h.csv")
    calm = parse_csv(lines(with_bots=False), source="h.csv")

    masked = without(tested, tests)

    assert predicted(masked).weeks == predicted(calm).weeks
    assert predicted(masked).months == predicted(calm).months
    assert predicted(tested).weeks != predicted(calm).weeks
    assert "2.2 hours of 6720" in masked.notes[-1]
    assert "up to 4" in masked.notes[-1]


def test_backtest_takes_them_out_by_the_ledger_and_says_so(tmp_path, capsys):
    path = tmp_path / "h.csv"
    path.write_text("\n".join(lines(with_bots=True)))
    ledger = ledger_of(tmp_path / "ledger.jsonl")

    run_command(["backtest", str(path), "--json", "--ledger", str(ledger)])
    masked = capsys.readouterr()
    path.write_text("\n".join(lines(with_bots=False)))
    run_command(["backtest", str(path), "--json", "--ledger", str(ledger)])
    calm = capsys.readouterr()

    assert json.loads(masked.out) == json.loads(calm.out)
    assert "our own load tests were taken out" in masked.err


def test_runs_on_loopback_touched_no_service(tmp_path):
    path = ledger_of(tmp_path / "ledger.jsonl", server="127.0.0.1:8080")

    assert own_tests(path) == []
    assert len(own_tests(path, ["127.0.0.1:8080"])) == 1


def test_a_missing_ledger_has_no_runs(tmp_path):
    assert own_tests(tmp_path / "none") == []
