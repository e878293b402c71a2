"""Whoever ends a run before it has begun: why there is none, and what stays on disk."""

import argparse
import json
import threading

import pytest

from bots.errors import BbbloadError, ConfigError
from bots.plain import to_plain
from bots.wire import Begun, Ended, Refused
from loadtest.control import Control
from tests.support.asynctest import scaled

BEGUN = Begun(
    server="here", host="127.0.0.1", bbb_version="3.0.19", stand_in=True, sighted=None
)
LIVEKIT = Refused(exit_code=8, message="the meeting's media go through livekit")


class OneEngine:
    """A runner in whose process one engine answers commands as it was told to."""

    target_user_count = 4

    def __init__(self, answers):
        self.answers = answers
        self.asked = threading.Event()
        self._listeners = {}

    def register_message(self, msg_type, listener):
        self._listeners[msg_type] = listener

    def send_message(self, msg_type, data=None, client_id=None):
        for answer in self.answers.get(msg_type, ()):
            said = {"what": type(answer).__name__.lower(), "plain": to_plain(answer)}
            message = argparse.Namespace(
                node_id=client_id, data={**said, "machine": "here", "pid": 1}
            )
            self._listeners["bbbload_engine"](environment=None, msg=message)
        if msg_type == "bbbload_begin":
            self.asked.set()


@pytest.fixture
def options(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return argparse.Namespace(
        **{"max_participants": 10, "max_streams": 100, "max_duration": "1h"},
        **{"allow_host": "", "secret_file": "", "beside_real_meetings": False},
        **{"withdraw_at_cpu": 0.0, "meetings_unseen": True, "run_plan": ""},
        **{"scenario": "", "personas": "", "mix": "", "clip": "", "seed": 0},
        **{"meeting_size": 2, "cameras": 1, "microphones": -1, "listeners": 0},
        **{"ice_transport_policy": "all", "run_time": 60.0, "node_metrics": ""},
        run_log=str(tmp_path / "run.jsonl"),
        status_file=str(tmp_path / "status.json"),
    )


def control_of(options, runner, *, is_master=False):
    environment = argparse.Namespace(
        runner=runner, parsed_options=options, host="http://127.0.0.1:9/bigbluebutton/"
    )
    return Control(environment, options, is_master=is_master)


def clients(*, running, missing):
    """Return Locust's workers by their state."""
    return argparse.Namespace(
        all=[*running, *missing],
        ready=[],
        spawning=[],
        running=running,
        missing=missing,
    )


@pytest.mark.parametrize(
    ("answer", "interrupted", "code", "words"),
    [
        (LIVEKIT, False, 8, "livekit"),
        (LIVEKIT, True, 8, "livekit"),
        (Ended(ended=0), False, 3, "its engines were ready"),
        (Ended(ended=0), True, 130, "interrupted before it"),
    ],
)
def test_a_run_that_is_ended_before_it_began_says_why_once_and_never_ends_with_0(
    answer, interrupted, code, words, options, tmp_path, caplog
):
    runner = OneEngine({"bbbload_end": (answer,)})
    control = control_of(options, runner)
    failures = []

    def start():
        try:
            control.start()
        except BbbloadError as failure:
            failures.append(failure)

    starting = threading.Thread(target=start)
    starting.start()
    assert runner.asked.wait(scaled(20))
    ended = control.finish(interrupted=interrupted)
    starting.join(scaled(20))

    assert not starting.is_alive()
    assert (ended, control.finish(interrupted=True)) == (code, code)
    assert json.loads((tmp_path / "status.json").read_text())["exit_code"] == code
    assert caplog.text.count(words) == 1
    assert failures == []
    assert not (tmp_path / "run.jsonl").exists()


def test_a_mistake_in_the_next_run_keeps_the_log_of_the_one_before(options, tmp_path):
    begun, ended = {"bbbload_begin": (BEGUN,)}, {"bbbload_end": (Ended(ended=0),)}
    control = control_of(options, OneEngine(begun | ended))
    control.start()
    control.finish(interrupted=False)
    options.meeting_size = 0

    with pytest.raises(ConfigError) as failure:
        control.start()
    control.fail(failure.value)

    assert control.exit_code == 2
    assert '"kind":"end"' in (tmp_path / "run.jsonl").read_text()


@pytest.mark.parametrize(
    ("are_missing", "code", "validity"),
    [(True, 3, "invalid"), (False, 130, "interrupted")],
)
def test_a_run_whose_workers_all_fell_silent_is_invalid_and_not_interrupted(
    are_missing, code, validity, options, tmp_path
):
    two = [argparse.Namespace(id=f"vm_{number}") for number in (1, 2)]
    runner = OneEngine(
        {"bbbload_begin": (BEGUN,), "bbbload_end": (Ended(ended=0),)},
    )
    runner.clients = clients(running=two, missing=[])
    control = control_of(options, runner, is_master=True)
    control.start()

    if are_missing:
        runner.clients = clients(running=[], missing=two)
    ended = control.finish(interrupted=True)

    assert ended == code
    last = (tmp_path / "run.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["validity"] == validity
    assert ("worker 2 fell silent" in last) == are_missing
