"""The verdict rule keeps its promises, on fewer experiments than `make bench` runs."""

import pytest

from tests.benchmarks.verdicts import CASES, Case, outcome_of

EXPERIMENTS = 200


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_rule_says_what_it_promises_as_often_as_it_promises(case: Case):
    outcome = outcome_of(case, EXPERIMENTS)

    assert outcome.keeps(allowed_errors=2.0), outcome
    if case.names_runs is not None:
        assert outcome.runs_named == pytest.approx(case.names_runs, rel=0.15)
