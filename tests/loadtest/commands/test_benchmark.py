"""`bbbload benchmark` up to the load and after it; the load itself: integration/."""

import re
import stat
from pathlib import Path

import pytest

from bots.errors import ConfigError
from loadtest.benchmark import Ladder
from loadtest.cli import run_command
from loadtest.commands.benchmark import (
    Progress,
    is_stand_in,
    plan_of,
    time_left,
)
from loadtest.commands.climbing import step_line
from loadtest.commands.heads import END_MARGIN_S
from loadtest.commands.outputs import whole_file
from loadtest.ladder_plan import LadderPlan
from loadtest.machine import free_port
from loadtest.models import Slo
from loadtest.profiles import SMALL_PROFILES
from tests.support.runs import (
    CLASSES,
    Generator,
    SyntheticNode,
    synthetic_point,
    synthetic_run,
)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A loopback address where nothing listens, with a secret, in an empty home."""
    monkeypatch.setenv("BBB_SECRET", "0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return f"http://127.0.0.1:{free_port()}/bigbluebutton/"


def test_a_plan_has_the_caps_and_the_time_that_its_ladder_can_need():
    ladder = Ladder(SMALL_PROFILES, LadderPlan(steps=5, step_duration_s=12.0))

    plan = plan_of(ladder, slo=Slo(), seed=7)

    assert plan.caps.participants == ladder.plan.max_participants
    assert plan.duration_s > ladder.longest_s
    assert plan.caps.duration_s >= plan.duration_s
    assert (plan.seed, plan.ladder) == (7, ladder.plan)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--profile", "lectures"], "no meeting profile 'lectures'"),
        (["--max-participants", "7", "--sizes", "small"], "one meeting of 8 (talks)"),
        (["--step-duration", "1s"], "too short to judge"),
        (["--time", "100s"], "no step of 30 s fits into the 10 s that are left"),
        (["--time", "400h"], "400 h are more than a benchmark may take"),
        (["--until", "25:00"], "'25:00' is no time of day"),
        (["--max-rate", "50kbit"], "more traffic than --max-rate 50kbit"),
        (["-o", "no/such/folder/capacity.json"], "cannot be written"),
        (["--card", "no/card.json"], "(no such file or directory): name another file"),
        (["--mix", "h.csv", "--profile", "talks"], "as --profile talks does: give one"),
        (["--secret-file", "no-such-secret"], "no-such-secret"),
    ],
)
def test_what_can_not_be_is_one_sentence_and_exit_code_2(
    nowhere, arguments, words, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)

    code = run_command(["benchmark", nowhere, *arguments])

    told = capsys.readouterr().err.strip()
    assert code == 2
    assert words in told
    assert len(told.splitlines()) == 1
    assert list(tmp_path.glob("**/*.json*")) == []


def test_a_host_off_the_allow_list_is_refused(capsys):
    code = run_command(["benchmark", "https://bbb.example.org/bigbluebutton/"])

    assert code == 7
    assert "bbb.example.org is not on the allow-list" in capsys.readouterr().err


def test_a_node_that_does_not_answer_is_told_and_leaves_no_file(
    nowhere, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)

    code = run_command(["benchmark", nowhere, "--sizes", "small", "--steps", "1"])

    assert code == 8
    assert "Traceback" not in capsys.readouterr().err
    assert list(tmp_path.glob("**/*capacity*")) == []


def test_what_will_be_loaded_at_most_is_said_before_anything_is_sent(
    nowhere, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    asked = ["--sizes", "small", "--steps", "2", "--repeats", "3", "--time", "10m"]

    code = run_command(["benchmark", nowhere, *asked, "--max-rate", "3Mbit"])

    told = capsys.readouterr().err
    assert code == 8
    assert "3 climbs of talks, classes, groups, at most 2 steps each" in told
    assert "lasts at most 8 min" in told
    assert "generator: " in told
    traffic = re.search(r"traffic at the top: ([\d.]+) Mbit/s .*, ([\d.]+) from", told)
    assert traffic is not None
    assert 1 < max(map(float, traffic.groups())) <= 3


def test_the_stricter_of_two_limits_of_time_counts(monkeypatch):
    monkeypatch.setattr("loadtest.commands.benchmark.left_until", lambda until: 500.0)

    assert time_left(None, None) is None
    assert time_left(7_200, None) == 7_200 - END_MARGIN_S
    assert time_left(7_200, "05:30") == 500
    assert time_left(300, "05:30") == 300 - END_MARGIN_S


def test_a_result_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "capacity.json"
    path.write_text("before")

    with pytest.raises(ZeroDivisionError), whole_file(str(path)):
        raise ZeroDivisionError
    assert path.read_text() == "before"
    with whole_file(str(path)) as write:
        write("after")

    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_result_file(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"), whole_file(str(tmp_path)):
        pass


def test_standard_output_is_a_result_file(capsys):
    with whole_file("-") as write:
        write("text")

    assert capsys.readouterr().out == "text"


def test_a_result_file_may_be_read_by_others_as_any_file(tmp_path):
    path = tmp_path / "capacity.json"

    with whole_file(str(path)) as write:
        write("text")

    assert stat.S_IMODE(path.stat().st_mode) & 0o400


def test_only_a_loopback_node_that_says_so_is_a_stand_in(nowhere):
    assert not is_stand_in(nowhere + "api")
    assert not is_stand_in("https://bbb.example.org/bigbluebutton/api")


def test_progress_tells_each_step_and_its_judgement(capsys):
    progress = Progress(Slo())
    for record in synthetic_run(steps=((CLASSES, 6), (CLASSES, 24))):
        progress.receive(record)

    told = capsys.readouterr().err.splitlines()

    assert told[0] == "step 1: classes, 6 participants in 1 meeting"
    assert told[1].startswith("  kept the SLO, node CPU 2")
    assert told[2] == "step 2: classes, 24 participants in 4 meetings"
    assert told[3].startswith("  broke it: cpu, node CPU 8")
    assert len(told) == 4


def test_a_step_of_a_weak_generator_is_told_as_not_judged():
    weak = synthetic_point(SyntheticNode(), CLASSES, 6, generator=Generator(lag_s=1))

    assert step_line(weak, Slo()).startswith("not judged: a bot engine's loop was 1.00")
