"""The hosts of an experiment: switches that fail, versions that are not there."""

import sys

import pytest

from bots.errors import GuardRefusal, TargetUnusable
from loadtest.experiment import plan_runs
from loadtest.experiment_spec import parse_spec
from loadtest.hosts import Hosts, is_version


@pytest.fixture(autouse=True)
def secret(monkeypatch, tmp_path):
    monkeypatch.setenv("BBB_SECRET", "nobody-may-see-this")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def spec_with(switch, host="127.0.0.1:9"):
    side = f"target = 'http://{host}/bigbluebutton/'\nswitch = '''{switch}'''\n"
    return parse_spec(
        f"{side}version = '3.0.12'\n[load]\nsize = 2\nparticipants = 2",
        f"{side}version = '3.0.19'\n",
    )


@pytest.mark.parametrize(
    ("told", "wanted", "expected"),
    [
        ("3.0.12", "3.0.12", True),
        ("3.0.12", "3.0", True),
        ("3.0.12-beta.1", "3.0.12", True),
        ("3.0.12", "3.0.1", False),
        ("3.1", "3.0", False),
    ],
)
def test_a_version_is_told_from_one_that_only_begins_alike(told, wanted, expected):
    assert is_version(told, wanted) is expected


@pytest.mark.parametrize(
    ("switch", "sentence"),
    [
        (
            f'{sys.executable} -c "print(1); raise SystemExit({{version}}[:1] and 3)"',
            "ended with",
        ),
        ("no-such-program {version}", "FileNotFoundError"),
        ("'", "ValueError"),
    ],
)
def test_a_switch_that_fails_is_one_sentence(switch, sentence):
    spec = spec_with(switch)
    said = []
    hosts = Hosts(spec, said.append)

    with pytest.raises(TargetUnusable, match=sentence):
        hosts.prepare(plan_runs(spec)[0])

    assert said[0].startswith("  switching:")


def test_a_server_that_has_another_version_than_the_switch_promised_is_unusable():
    spec = spec_with("true {version}")
    hosts = Hosts(spec, lambda line: None)
    candidate = next(run for run in plan_runs(spec) if run.version == "candidate")

    hosts.check(candidate, "3.0.19")
    hosts.check(candidate, "")
    with pytest.raises(TargetUnusable, match=r"says it is BBB 3\.0\.12, not 3\.0\.19"):
        hosts.check(candidate, "3.0.12")


def test_a_host_off_the_allow_list_is_refused_before_anything_is_switched():
    with pytest.raises(GuardRefusal, match="not on the allow-list"):
        Hosts(spec_with("true {version}", host="192.0.2.7"), lambda line: None)


def test_an_unreachable_server_without_a_switch_is_unusable():
    text = "target = 'http://{}/bigbluebutton/'\nversion = '3.0'\n"
    spec = parse_spec(
        text.format("127.0.0.1:9") + "[load]\nsize = 2\nparticipants = 2",
        text.format("localhost:9"),
    )

    with pytest.raises(TargetUnusable):
        Hosts(spec, lambda line: None)
