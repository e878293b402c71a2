"""Quote, window, export and a plan without history, as a user asks them."""

import itertools
import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from bots.errors import ConfigError
from loadtest.card_codec import encode_card
from loadtest.card_making import make_card
from loadtest.cli import run_command
from loadtest.codec import encode_capacity
from loadtest.guard import Ledger
from planning.codec import decode_plan, encode_plan
from planning.demand import parse_demand
from planning.export import NodeCapacity, multipliers, prometheus
from planning.offers import NodeCount
from planning.quote import parse_addition
from planning.window import there_all_day, windows
from tests.planning.test_capacities import measured, profile
from tests.planning.test_cli import FILES
from tests.support.histories import EXAMPLE, hourly_history

HOUR = timedelta(hours=1)
MONTHS = ("2027-01", "2027-02", "2027-03")
STATED = """
first = "2027-02"
source = "a timetable"
[[groups]]
name = "lessons"
meetings = 32
size = 28
people = 900
"""

CLOUD = """
[catalog]
date = 2020-12-01
source = "a test"
[[types]]
name = "cloud"
price = 60.0
per_hour = 0.10
cores = 16
nic_mbps = 1000
included_traffic_tb = 0.1
extra_traffic_per_tb = 10.0
[types.capacity]
participants = 200
low = 150
high = 240
source = "a test"
"""


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    assert run_command(["plan", *FILES, "--months", "3", "-o", str(path)]) == 0
    return path


def test_a_quote_tells_nodes_cost_runway_and_meeting_before_and_after(
    plan_file, capsys
):
    add = "pupils=900,classes=32,size=28,cameras=2,from=2021-02"

    assert run_command(["quote", str(plan_file), "--add", add, "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    before, after = found["before"], found["after"]
    assert before["month"] == "2021-02"
    assert 300 < after["peak"]["mid"] - before["peak"]["mid"] <= 900
    assert after["monthly_cost_eur"] > before["monthly_cost_eur"]
    assert after["runway_months"]["mid"] < before["runway_months"]["mid"]
    assert sum(n["count"] for n in after["nodes"]) > sum(
        n["count"] for n in before["nodes"]
    )
    assert before["largest_meeting"] == after["largest_meeting"] == 80


def test_cameras_of_an_addition_move_bytes_that_are_paid(tmp_path, capsys):
    catalog = tmp_path / "cloud.toml"
    catalog.write_text(CLOUD)
    plan = tmp_path / "plan.json"
    files = [*FILES[:2], "--catalog", str(catalog), "--budget", str(tmp_path / "b")]
    (tmp_path / "b").write_text(
        "balance = 7000.0\nbalance_on = 2020-12-31\n[recordings]\nhours = 40\n"
        "retention_months = 6\neur_per_tb_month = 1000.0\n"
    )
    assert run_command(["plan", *files, "--months", "2", "-o", str(plan)]) == 0
    capsys.readouterr()

    def quoted(cameras: int):
        add = f"classes=32,size=28,together=1,cameras={cameras}"
        assert run_command(["quote", str(plan), "--add", add, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    none, many = quoted(0), quoted(28)
    assert many["before"] == none["before"]
    assert many["after"]["traffic_bytes"] > 1.2 * none["after"]["traffic_bytes"]
    dearer = many["after"]["monthly_cost_eur"] - none["after"]["monthly_cost_eur"]
    more = many["after"]["traffic_bytes"] - none["after"]["traffic_bytes"]
    assert dearer == pytest.approx(more * 10e-12, rel=0.05)
    # Before the addition it is the plan, whose cloud nodes exist by the hour.
    told = json.loads(plan.read_text())
    (disk,) = told["budget_used"]["fixed_costs"]
    assert disk["name"] == "disk for recordings"
    assert disk["amount"]["mid"] == pytest.approx(120, rel=0.1)
    runway = many["before"]["runway_months"]["mid"]
    assert runway == pytest.approx(told["runway_months"]["mid"], rel=0.1)


def test_meetings_larger_than_every_node_are_said_as_they_were_asked(plan_file, capsys):
    assert run_command(["quote", str(plan_file), "--add", "classes=1,size=500"]) == 2

    told = capsys.readouterr().err
    assert "size=500" in told
    assert "up to 575 (15% more may come)" in told
    assert "280 (12 cores)" in told


def test_a_quote_with_a_larger_meeting_raises_the_largest(plan_file, capsys):
    assert (
        run_command(
            [
                "quote",
                str(plan_file),
                "--add",
                "classes=1,size=100,together=1",
                "--json",
            ]
        )
        == 0
    )

    assert json.loads(capsys.readouterr().out)["after"]["largest_meeting"] == 115


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("classes=3", "lacks size"),
        ("classes=3,size=x", "size=x"),
        ("classes=3,size=20,from=2030-01", "no month of the plan"),
        ("classes=3,size=20,colour=red", "colour=red"),
        ("classes=3,size=20,together=2", "no share"),
    ],
)
def test_a_malformed_addition_is_one_sentence(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_addition(text, MONTHS)


def test_a_plan_from_stated_demand_says_that_nobody_measured_it(tmp_path, capsys):
    stated = tmp_path / "demand.toml"
    stated.write_text(STATED)
    output = tmp_path / "plan.json"
    files = [str(part) for part in FILES if "history" not in str(part)]

    code = run_command(
        ["plan", "--demand", str(stated), *files, "--months", "2", "-o", str(output)]
    )

    made = json.loads(output.read_text())
    assert code == 0
    assert made["demand"] == "demand.toml"
    assert [month["month"] for month in made["months"]] == ["2027-02", "2027-03"]
    peak = made["months"][0]["peak"]
    # 32 × 28 × .75 in the middle, and never more than 900 people.
    assert 550 < peak["p50"] < 800
    assert peak["p99"] <= 900
    assert peak["p90"] / peak["p10"] > 1.5
    assert "nobody measured" in capsys.readouterr().err


def test_a_stated_lecture_that_fits_on_no_node_is_said_where_it_comes_from(
    tmp_path, capsys
):
    stated = tmp_path / "demand.toml"
    stated.write_text(STATED.replace("size = 28", "size = 500"))
    budget = tmp_path / "budget.toml"
    budget.write_text("balance = 7000.0\nbalance_on = 2027-01-31\n")
    files = ["--catalog", str(EXAMPLE / "catalog.toml"), "--budget", str(budget)]

    assert run_command(["plan", "--demand", str(stated), *files]) == 2

    told = capsys.readouterr().err
    assert "575 participants (the high end of what demand.toml states)" in told


def test_history_and_demand_together_are_refused(tmp_path, capsys):
    stated = tmp_path / "demand.toml"
    stated.write_text(STATED)

    assert run_command(["plan", *FILES, "--demand", str(stated)]) == 2
    assert "one of --history and --demand" in capsys.readouterr().err


@pytest.mark.parametrize("hole", ["first", "source", "groups"])
def test_a_demand_file_with_a_hole_is_refused(hole):
    data = {
        "first": "2027-02",
        "source": "x",
        "groups": [{"name": "a", "meetings": 2, "size": 10}],
    }
    del data[hole]

    with pytest.raises(ConfigError, match=hole):
        parse_demand(data, source="demand.toml")


def test_windows_at_night_are_free_and_those_of_the_peak_are_not():
    history = hourly_history(20, lambda week: 1000.0)

    found = windows(history, usable=140, nodes=9, nodes_out=3, hours=2, days=14)

    assert len(found) == 14 * 24 - 1
    calmest, worst = found[0], found[-1]
    assert calmest.risk < 0.01
    assert worst.risk > 0.9
    # Hour 10 of Monday is the week's peak in this history.
    assert worst.starts_at[11:13] in ("09", "10")


def test_draining_more_nodes_never_lowers_the_risk():
    history = hourly_history(20, lambda week: 500.0, noise=0.2)

    risks = [
        {
            one.starts_at: one.risk
            for one in windows(
                history, usable=140, nodes=8, nodes_out=out, hours=2, days=7
            )
        }
        for out in (1, 3, 5)
    ]

    for fewer, more in itertools.pairwise(risks):
        assert all(more[start] >= fewer[start] - 1e-9 for start in fewer)


def test_the_chance_of_a_window_is_that_of_student_s_t():
    # Twelve weeks of planted log-normal peaks: about one in twenty lies above room.
    hits = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        levels = 1000 * np.exp(0.3 * rng.standard_normal(13))
        history = hourly_history(12, lambda week, at=levels: at[week], noise=0.0)
        (peak,) = (
            one
            for one in windows(
                history, usable=1500 / 2, nodes=4, nodes_out=1, hours=1, days=7
            )
            if one.starts_at[8:10] == one.starts_at[8:10]
            and one.starts_at.endswith("10:00+00:00")
            and np.datetime64(one.starts_at[:10]).astype(int) % 7 == 4
        )
        hits.append(peak.risk)

    # P(1000 e^{.3 z} > 1500) = P(z > 1.35) = .088, a little more with few weeks.
    assert np.mean(hits) == pytest.approx(0.11, abs=0.05)


def test_too_few_nodes_to_drain_is_an_error():
    history = hourly_history(8, lambda week: 100.0)

    with pytest.raises(ConfigError, match="none to spare"):
        windows(history, usable=100, nodes=3, nodes_out=2, hours=2, days=7)


def test_our_own_load_test_closes_no_window(tmp_path, plan_file, capsys):
    night = datetime(2020, 12, 30, 2, tzinfo=UTC)
    busy = tmp_path / "history.csv"
    tested = [
        f"{line.split(',')[0]},900\n"
        if line[:4].isdigit()
        and night <= datetime.fromisoformat(line.split(",")[0]) < night + 2 * HOUR
        else line
        for line in (EXAMPLE / "history.csv").read_text().splitlines(keepends=True)
    ]
    busy.write_text("".join(tested))
    ledger = Ledger(tmp_path / "ledger.jsonl")
    host = "bbb.example.org"
    ledger.begin(run="r", server=host, target=host, started_at=night.isoformat())
    ended = night + 2 * HOUR - timedelta(minutes=10)
    ledger.end(run="r", ended_at=ended.isoformat(), peak_participants=900)

    def asked(*more: str) -> str:
        where = ["window", str(busy), str(plan_file), "--nodes", "7", "--json"]
        assert run_command([*where, *more]) == 0
        return capsys.readouterr().out

    masked = asked("--ledger", str(tmp_path / "ledger.jsonl"))
    assert json.loads(masked)["allowed"] > json.loads(asked())["allowed"]


def test_a_window_longer_than_the_days_looked_at_is_an_error(plan_file, capsys):
    asked = ["window", str(EXAMPLE / "history.csv"), str(plan_file)]

    assert run_command([*asked, "--for", "2d", "--within", "1d"]) == 2
    assert "--for 2d is longer than --within 1d" in capsys.readouterr().err
    assert run_command([*asked, "--nodes", "3", "--for", "2d"]) == 0
    said = capsys.readouterr().out
    assert "the calmest are:" in said
    assert re.search(r"2021-01-\d\dT.* to 2021-01-\d\dT\d\d:00  up to", said)


def test_nodes_by_the_hour_are_not_counted_on_at_night(plan_file, tmp_path, capsys):
    plan = decode_plan(plan_file.read_text(), where="plan.json")
    assert plan.catalog_used is not None
    first, second = plan.catalog_used.types
    hourly = replace(second, billing="hourly")
    nodes = (
        NodeCount(type=first.name, count=4),
        NodeCount(type=f"{first.name} (held)", count=3),
        NodeCount(type=second.name, count=5),
    )
    mixed = replace(
        plan,
        months=(replace(plan.months[0], nodes=nodes),),
        catalog_used=replace(plan.catalog_used, types=(first, hourly)),
    )

    assert there_all_day(mixed) == (NodeCount(type=first.name, count=7),)
    assert sum(node.count for node in there_all_day(plan)) == sum(
        node.count for node in plan.months[0].nodes
    )
    (tmp_path / "mixed.json").write_text(encode_plan(mixed))
    history = str(EXAMPLE / "history.csv")
    assert run_command(["window", history, str(tmp_path / "mixed.json")]) == 0
    assert "5 more nodes of the plan exist by the hour" in capsys.readouterr().err


def test_a_window_is_printed_with_its_room(plan_file, capsys):
    history = str(EXAMPLE / "history.csv")

    code = run_command(
        ["window", history, str(plan_file), "--nodes-out", "3", "--for", "2h"]
    )

    said = capsys.readouterr().out
    assert code == 0
    assert "room for" in said
    assert "risk 0.0" in said


def test_the_weakest_node_has_the_highest_multiplier():
    nodes = (
        NodeCapacity(name="old", participants=100, low=80, source="x"),
        NodeCapacity(name="new", participants=250, low=200, source="x"),
    )

    assert dict(multipliers(nodes)) == {"old": 2.5, "new": 1.0}


@pytest.mark.parametrize("target", ["scalelite", "b3scale", "prometheus"])
def test_every_export_names_every_type(target, plan_file, capsys):
    assert run_command(["export", target, str(plan_file)]) == 0

    said = capsys.readouterr().out
    for name in ("6", "12"):
        assert name in said


def test_promtool_accepts_the_alert_rules(tmp_path):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    rules = tmp_path / "rules.yml"
    rules.write_text(
        prometheus(
            (
                NodeCapacity(
                    name='it\'s a "node"', participants=180, low=1, source="o'a: b\nc"
                ),
            )
        )
    )

    checked = subprocess.run(
        [promtool, "check", "rules", str(rules)], capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "2 rules found" in checked.stdout


def test_a_measurement_of_the_stand_in_is_never_exported(tmp_path, capsys):
    path = tmp_path / "capacity.json"
    path.write_text(encode_capacity(measured(stand_in=True)))

    assert run_command(["export", "scalelite", str(path)]) == 2
    assert "stand-in" in capsys.readouterr().err
    path.write_text(encode_capacity(replace(measured(), stand_in=False)))
    assert run_command(["export", "scalelite", str(path)]) == 0
    assert "[capacity,1]" in capsys.readouterr().out


def test_node_cards_are_exported_and_their_weakest_decides_when_to_drain(
    tmp_path, capsys
):
    for name, cores, carried in (("old", 4.0, 110.0), ("new", 8.0, 220.0)):
        card = make_card(
            measured(node_cores=cores, profiles=(profile("talks", carried),))
        )
        (tmp_path / f"{name}.json").write_text(encode_card(card))
    cards = [str(tmp_path / "old.json"), str(tmp_path / "new.json")]

    assert run_command(["export", "scalelite", *cards]) == 0
    exported = capsys.readouterr().out
    history = str(EXAMPLE / "history.csv")
    rooms = []
    for given in ([cards[1]], cards):
        assert run_command(["window", history, *given, "--nodes", "12"]) == 0
        rooms.append(capsys.readouterr().out.splitlines()[0])

    assert "[old,2]" in exported
    assert "[new,1]" in exported
    assert "10 of 12 nodes left" in rooms[0]
    assert rooms[0] != rooms[1]
