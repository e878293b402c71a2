"""Several climbs drawn together, against a planted truth."""

import numpy as np
import pytest

from loadtest.crossing import Crossing
from loadtest.knees import Knee
from loadtest.limits import Met
from loadtest.models import Limit, LimitMet
from loadtest.repeats import left_out, together

TRUTH = 20.0
OWN = 0.03
"""Half width of a climb's own 90 % interval, as a share."""


def found(
    value: float, limit: Limit = "cpu", met: LimitMet = "cpu", own: float = OWN
) -> Knee:
    return Knee(
        crossing=Crossing(value=value, low=value * (1 - own), high=value * (1 + own)),
        limit=limit,
        met=Met(limit=met, evidence=(f"{value:.0f}",)),
        by_law=True,
    )


def test_no_climb_has_no_knee_and_one_has_its_own():
    assert together([], seed=1) is None
    assert together([found(TRUTH)], seed=1) == found(TRUTH)


def test_climbs_that_are_not_in_the_interval_are_told():
    known = [found(19.0), None, found(20.0), found(11.0, "freezes", "path")]

    assert left_out(known) == [
        "1 of 4 climbs found no limit and are not in the interval",
        "1 of 4 climbs met another limit and are not in the interval",
    ]
    assert left_out([None, None]) == []
    assert left_out([found(19.0), found(20.0)]) == []


def test_the_same_climbs_and_seed_give_the_same_interval():
    knees = [found(19.0), found(20.0), found(21.5)]

    assert together(knees, seed=3) == together(knees, seed=3)


def test_climbs_that_agree_narrow_the_interval_and_others_widen_it():
    agreeing = together([found(19.9), found(20.0), found(20.1)], seed=1)
    apart = together([found(17.0), found(20.0), found(23.0)], seed=1)

    assert agreeing is not None
    assert apart is not None
    assert agreeing.spread < OWN < 0.08 < apart.spread


@pytest.mark.parametrize(
    ("climbs", "between"), [(2, 0.03), (3, 0.0), (3, 0.08), (6, 0.03), (6, 0.08)]
)
def test_the_interval_covers_the_truth_about_as_often_as_it_says(
    climbs: int, between: float
):
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(200):
        shares = rng.normal(1, between, climbs) * rng.normal(1, OWN / 1.645, climbs)
        whole = together([found(TRUTH * share) for share in shares], seed=trial)
        assert whole is not None
        hits += whole.crossing.low <= TRUTH <= whole.crossing.high

    # With two climbs nobody knows well how far a third would be.
    assert 0.77 <= hits / 200 <= 0.99


def test_a_climb_that_was_cut_short_does_not_blur_a_sharp_one():
    assert together([found(20.0), found(26.0, own=0.4)], seed=1) == found(20.0)


def test_a_blurred_climb_that_contradicts_a_sharp_one_widens_the_interval():
    whole = together([found(20.0), found(26.0, own=0.08)], seed=1)

    assert whole is not None
    assert whole.crossing.low < 20.0
    assert whole.crossing.high > 26.0


def test_climbs_that_met_another_limit_measured_something_else():
    knees = [found(20.0), found(8.0, "join time", "join rate"), found(21.0)]

    whole = together(knees, seed=1)

    assert whole is not None
    assert (whole.limit, whole.met.limit) == ("cpu", "cpu")
    assert whole.crossing.value == pytest.approx(20.5)
