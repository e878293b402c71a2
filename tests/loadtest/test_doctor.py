"""What the doctor makes of findings: each mistake in its own line, with its fix."""

from dataclasses import replace

import pytest

from loadtest.doctor import Findings, Sight, examine, has_failed
from loadtest.machine import Machine
from loadtest.watching.reading import ClockOffset

DAY_S = 86_400.0
SOUND = Findings(
    url="https://bbb.example.org/bigbluebutton/api",
    is_https=True,
    tls_rest_s=60 * DAY_S,
    bbb_version="3.0.19",
    has_graphql=True,
    http_clock=ClockOffset(offset_s=0.2, bound_s=0.5),
    sights=(Sight(node="n:9100", has_roles=True, participants=0),),
    machine=Machine(
        cores=8,
        memory_bytes=2**34,
        descriptors=1_000_000,
        udp_ports=28_000,
        uplink_bps=1e9,
        conntrack_free=None,
    ),
)


def line_of(what, **changes):
    found = [it for it in examine(replace(SOUND, **changes)) if it.what == what]
    return found[0]


def test_a_sound_server_has_one_warning_for_what_reading_cannot_show():
    lines = examine(SOUND)

    assert [line.what for line in lines if line.state != "OK"] == ["media"]
    assert not has_failed(lines)


@pytest.mark.parametrize(
    ("what", "changes", "state", "text"),
    [
        ("certificate", {"tls_rest_s": 3 * DAY_S}, "WARN", "3 days"),
        ("certificate", {"tls_failure": "has expired"}, "FAIL", "expired"),
        ("certificate", {"tls_rest_s": None}, "FAIL", "no TLS"),
        ("certificate", {"is_https": False}, "WARN", "plain http"),
        ("API", {"api_failure": "no answer"}, "FAIL", "no answer"),
        ("version", {"bbb_version": ""}, "WARN", "hidden"),
        ("version", {"bbb_version": "", "stated_version": "3.0"}, "OK", "3.0"),
        (
            "version",
            {"bbb_version": "2.7.4", "has_graphql": False},
            "FAIL",
            "2.7.4",
        ),
        ("secret", {"secret_failure": "checksumError"}, "FAIL", "checksumError"),
        ("meetings", {"meetings_of_people": 2, "people": 9}, "WARN", "9 people"),
        ("meetings", {"runs_of_ours": ("ab12",)}, "WARN", "ab12"),
        ("recording", {"recorded_meetings": 1}, "WARN", "1 meetings"),
        (
            "clock",
            {"http_clock": ClockOffset(offset_s=-9.0, bound_s=0.5)},
            "WARN",
            "-9.000 s",
        ),
        ("clock", {"http_clock": None}, "WARN", "not told"),
        ("watching", {"sights": ()}, "WARN", "no source"),
        ("watching", {"sights": (Sight(node="n", failure="shut"),)}, "FAIL", "shut"),
        ("second source", {"sights": (Sight(node="n"),)}, "WARN", "guard"),
        (
            "files here",
            {"machine": replace(SOUND.machine, descriptors=1024)},
            "WARN",
            "1,024",
        ),
        (
            "uplink here",
            {"machine": replace(SOUND.machine, uplink_bps=None)},
            "WARN",
            "no speed",
        ),
    ],
)
def test_each_finding_has_its_state_and_its_fix(what, changes, state, text):
    line = line_of(what, **changes)

    assert (line.state, text in line.text) == (state, True)
    assert bool(line.fix) == (state != "OK")


def test_the_best_bounded_clock_is_told():
    near = ClockOffset(offset_s=0.001, bound_s=0.002)
    sights = (replace(SOUND.sights[0], clock=near),)

    assert line_of("clock", sights=sights).text.startswith("+0.001 s")


def test_without_an_api_nothing_is_said_of_its_secret():
    lines = examine(replace(SOUND, api_failure="refused"))

    assert not {"version", "secret", "meetings"} & {line.what for line in lines}
    assert has_failed(lines)
