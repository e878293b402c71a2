"""Demand as somebody states it: what its meetings are, send and see."""

import pytest

from planning.demand import parse_demand
from planning.traffic import DEFAULT_STREAMS


def stated(*groups: dict[str, object]):
    named = [{"name": f"group {i}", **group} for i, group in enumerate(groups)]
    return parse_demand(
        {"first": "2027-02", "source": "a timetable", "groups": named},
        source="demand.toml",
    )


@pytest.mark.parametrize(
    ("size", "cameras", "seen", "sent"),
    [
        (28, 0, 0.0, 0.0),
        # Two cameras: everybody sees both but those who send one of them.
        (28, 2, 2 * 27 / 28, 2 / 28),
        # All of ten, seen a page at a time.
        (10, 10, 5.0, 1.0),
        # More cameras than people are as many as people.
        (4, 9, 3.0, 1.0),
    ],
)
def test_cameras_of_a_group_are_seen_by_the_others(size, cameras, seen, sent):
    made = stated({"meetings": 32, "size": size, "cameras": cameras}).streams

    assert made.seen_cameras.mid == pytest.approx(seen)
    assert made.cameras_per_participant.mid == pytest.approx(sent)
    assert "demand.toml" in made.source


def test_a_group_without_cameras_has_the_usual_ones():
    quiet = {"meetings": 10, "size": 20}
    silent = {"meetings": 10, "size": 20, "cameras": 0}

    assert stated(quiet).streams == DEFAULT_STREAMS
    half = stated(quiet, silent).streams.seen_cameras.mid
    assert half == pytest.approx(DEFAULT_STREAMS.seen_cameras.mid / 2)


def test_meetings_are_as_large_as_stated():
    made = stated(
        {"meetings": 20, "size": {"low": 22, "mid": 26, "high": 29}},
        {"meetings": 2, "size": 80, "simultaneity": 0.5},
    )

    counts = dict(made.sizes)
    # Classes of up to 30, lectures around 80; three quarters of the lessons at once.
    assert max(counts, key=lambda edge: counts[edge]) == 30
    assert sum(counts.values()) == pytest.approx(20 * 0.75 + 1, rel=0.02)
    assert counts[90] > 0.5
    assert 5 not in counts
