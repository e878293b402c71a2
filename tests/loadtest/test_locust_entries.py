"""What Locust's statistics are given for each kind of report."""

import pytest

from loadtest.locust_entries import entries_of

JOIN = {
    "kind": "join",
    "outcome": "joined",
    "phases_s": {"api": 0.01, "audio": 0.2},
    "join_time_s": 0.25,
}
STREAM = {
    "kind": "stream",
    "direction": "in",
    "media": "audio",
    "bytes": 4_000,
    "expected": 50,
    "lost": 1,
    "jitter_s": 0.0004,
    "rtt_s": 0.002,
}


def told(report):
    return {
        (entry.kind, entry.name): (entry.value, str(entry.exception or ""))
        for entry in entries_of(report)
    }


def test_a_join_is_told_whole_and_by_phase_in_milliseconds():
    assert told(JOIN) == {
        ("join phase", "api (ms)"): (10.0, ""),
        ("join phase", "audio (ms)"): (200.0, ""),
        ("join", "join (ms)"): (250.0, ""),
    }


def test_a_refused_join_is_a_failure_with_its_code():
    report = JOIN | {"outcome": "refused", "code": "checksumError", "join_time_s": None}

    assert told(report)["join", "join (ms)"] == (
        pytest.approx(210.0),
        "refused checksumError",
    )


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            {"kind": "milestone", "media": "audio", "wait_s": 0.5, "outcome": "joined"},
            {("first packet", "audio (ms)"): (500.0, "")},
        ),
        (
            {
                "kind": "milestone",
                "media": "camera",
                "outcome": "timed out",
                "code": "f",
            },
            {("first frame", "camera (ms)"): (0.0, "timed out f")},
        ),
        (
            {"kind": "refusal", "what": "camera share", "outcome": "refused"},
            {("refusal", "camera share"): (0.0, "refused")},
        ),
        (
            {"kind": "leave", "outcome": "dropped", "code": "graphql 1011"},
            {("leave", "dropped"): (0.0, "dropped graphql 1011")},
        ),
        ({"kind": "leave", "outcome": "left"}, {}),
        ({"kind": "engine", "cpu_ratio": 0.1}, {}),
    ],
)
def test_everything_else_that_is_measured_is_told_too(report, expected):
    assert told(report) == expected


def test_media_is_told_in_units_that_locusts_integers_can_hold():
    assert told(STREAM) == {
        ("media", "audio in jitter (µs)"): (pytest.approx(400.0), ""),
        ("media", "audio in RTT (µs)"): (pytest.approx(2_000.0), ""),
        ("media", "audio in loss (0.01 %)"): (pytest.approx(200.0), ""),
    }


def test_late_packets_are_no_negative_loss_and_silence_is_no_measurement():
    assert told(STREAM | {"lost": -3})["media", "audio in loss (0.01 %)"][0] == 0
    assert told({"kind": "stream", "direction": "in", "media": "audio"}) == {}
