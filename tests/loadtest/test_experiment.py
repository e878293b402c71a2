"""The plan of an experiment: order, seeds, designs, early stops; all data synthetic."""

from collections import Counter

import pytest

from loadtest.experiment import (
    TRIES,
    conclude,
    estimate,
    next_run,
    plan_runs,
    run_plan,
    run_seconds,
    settled_at,
)
from loadtest.measures import STORM
from tests.support.specs import SWITCH, make, simulate, spec_of

ONE_HOST = spec_of()


def holds(plan):
    return [run for run in plan if run.kind == "hold"]


def test_one_host_is_loaded_in_mirrored_blocks_after_a_warm_up_and_before_ladders():
    plan = plan_runs(ONE_HOST)

    letters = {"baseline": "A", "candidate": "B", "same version": "S"}
    order = "".join(letters[run.side] for run in holds(plan))
    assert order == "ABSSBAABSSBAABSBAABBAABBA"
    assert plan[0].kind == "warm-up"
    assert [(run.kind, run.side) for run in plan[-2:]] == [
        ("ladder", "baseline"),
        ("ladder", "candidate"),
    ]
    assert {run.host for run in plan} == {"baseline"}
    assert len({run.name for run in plan}) == len(plan)


def test_both_sides_have_the_same_seeds():
    seeds = {
        side: [run.seed for run in holds(plan_runs(ONE_HOST)) if run.side == side]
        for side in ("baseline", "candidate")
    }

    assert seeds["baseline"] == seeds["candidate"] == list(range(1, 11))


def test_two_hosts_begin_with_the_baseline_on_both():
    spec = spec_of(baseline="", other_host=True)

    plan = plan_runs(spec)

    assert spec.design == "two hosts, compared"
    first = holds(plan)[:10]
    assert {run.version for run in first} == {"baseline"}
    assert Counter(run.host for run in first) == {"baseline": 5, "candidate": 5}
    later = holds(plan)[10:]
    assert all(run.host == run.side for run in later)


def test_two_hosts_that_take_either_version_change_sides_half_way():
    spec = spec_of(other_host=True)

    plan = holds(plan_runs(spec))[10:]

    assert spec.design == "two hosts, swapped"
    for half, same in ((plan[:10], True), (plan[10:], False)):
        assert all((run.host == run.side) is same for run in half)
    assert Counter((run.side, run.host) for run in plan) == {
        (side, host): 5
        for side in ("baseline", "candidate")
        for host in ("baseline", "candidate")
    }


def test_two_hosts_without_a_switch_are_run_and_never_judged():
    spec = spec_of(baseline="", candidate="", other_host=True)

    found = conclude(simulate(spec, effect=1.5), spec)

    assert spec.design == "two hosts"
    assert found.verdict == "inconclusive"
    assert len(found.runs) == 22


@pytest.mark.parametrize(
    ("effect", "verdict"), [(1.0, "equal"), (1.3, "regressed"), (0.75, "better")]
)
def test_a_clear_case_stops_early_but_climbs_the_ladders(effect, verdict):
    made = simulate(ONE_HOST, effect=effect, noise=0.01)

    found = conclude(made, ONE_HOST)

    assert found.verdict == verdict
    assert len(made) < len(plan_runs(ONE_HOST))
    assert [each.kind for each in made[-2:]] == ["ladder", "ladder"]
    assert settled_at(plan_runs(ONE_HOST), made, ONE_HOST) is not None


def test_noise_takes_all_runs_and_names_how_many_are_needed():
    made = simulate(ONE_HOST, noise=0.08)

    found = conclude(made, ONE_HOST)

    assert len(made) == len(plan_runs(ONE_HOST))
    assert found.verdict == "inconclusive"
    assert found.runs_wanted is not None
    assert found.runs_wanted > 10


def test_stopping_early_does_not_make_regressions_out_of_nothing():
    spec = spec_of(experiment="ladder_steps = 0")

    verdicts = Counter(
        conclude(simulate(spec, noise=0.05, seed=seed), spec).verdict
        for seed in range(60)
    )

    assert verdicts["regressed"] + verdicts["better"] <= 3


def test_a_drifting_machine_is_no_verdict_thanks_to_the_order():
    spec = spec_of(experiment="ladder_steps = 0")

    # A third slower over the experiment's 26 runs.
    verdicts = Counter(
        conclude(simulate(spec, drift=1.3, seed=seed), spec).verdict
        for seed in range(10)
    )

    assert verdicts["regressed"] + verdicts["better"] == 0


def test_two_hosts_of_which_one_changes_meanwhile_are_no_verdict():
    spec = spec_of(baseline="", other_host=True, experiment="ladder_steps = 0")

    made = []
    for at, run in enumerate(plan_runs(spec)):
        is_slow = run.side != "same version" and run.host == "baseline"
        made.append(make(run, spec, (1.3 if is_slow else 1.0) + at / 1e3, at=at))

    assert conclude(made, spec).verdict == "invalid"


def test_comparing_hosts_voids_hardly_any_steady_experiment():
    spec = spec_of(baseline="", other_host=True, experiment="ladder_steps = 0")

    verdicts = Counter(
        conclude(simulate(spec, second_host=1.15, noise=0.05, seed=seed), spec).verdict
        for seed in range(60)
    )

    assert verdicts["invalid"] <= 3
    assert verdicts["regressed"] + verdicts["better"] <= 3


@pytest.mark.parametrize("cut", [1, 4, 9, 15])
@pytest.mark.parametrize("effect", [1.0, 1.3])
def test_an_experiment_that_was_cut_off_goes_on_to_the_verdict_of_an_uncut_one(
    cut, effect
):
    whole = simulate(ONE_HOST, effect=effect)

    part = simulate(ONE_HOST, effect=effect, at_most=cut)
    rest = simulate(ONE_HOST, effect=effect, finished=part)

    assert rest == whole
    assert conclude(rest, ONE_HOST) == conclude(whole, ONE_HOST)


def test_a_void_run_is_made_anew_twice_and_then_left_out():
    plan = plan_runs(ONE_HOST)
    made = [make(plan[0], ONE_HOST, 1.0, at=0)]
    asked = []
    for at in range(1, TRIES + 2):
        run = next_run(plan, made, ONE_HOST)
        asked.append(run.name)
        made.append(make(run, ONE_HOST, 1.0, at=at, invalid="an engine was late"))

    assert asked == [plan[1].name] * TRIES + [plan[2].name]


def test_more_runs_go_on_where_fewer_ended():
    few = spec_of(experiment="runs = 6")
    more = spec_of(experiment="runs = 9")

    made = simulate(few, noise=0.08)
    rest = simulate(more, noise=0.08, finished=made)

    assert rest[: len(made)] == made
    counts = Counter(each.run.side for each in rest if each.kind == "hold")
    assert counts["baseline"] == counts["candidate"] == 9


def test_the_warm_up_is_discarded():
    made = simulate(ONE_HOST)

    assert made[0].kind == "warm-up"
    assert made[0].run not in conclude(made, ONE_HOST).runs


def test_an_estimate_counts_runs_hours_traffic_and_price():
    spec = spec_of(
        load="size = 3\nparticipants = 12\ncameras = 3\nhold = '10m'",
        experiment="eur_per_hour = 2.0\neur_per_gb = 1.0\nladder_steps = 0",
    )
    plan = plan_runs(spec)

    found = estimate(plan, spec)

    assert found.runs == len(plan) == 26
    seconds = sum(run_seconds(run, spec) for run in plan)
    assert found.hours > seconds / 3600
    # Twelve participants with three cameras a meeting: 12 up, 24 down, and audio.
    bps = 36 * 200e3 + 24 * 50e3
    assert found.gigabytes == pytest.approx(bps * 26 * 663.6 / 8e9)
    assert found.eur == pytest.approx(2 * found.hours + found.gigabytes)


def test_a_run_holds_its_load_and_then_everybody_joins_at_once():
    run = holds(plan_runs(ONE_HOST))[0]

    plan = run_plan(run, ONE_HOST)

    hold, storm = plan.steps
    assert (hold.participants, storm.participants) == (12, 12)
    assert storm.profile.name == STORM
    # A course makes a step's joins in half of its warm-up.
    assert 12 / (storm.warm_up_s / 2) == ONE_HOST.load.storm_rate
    assert plan.seed == run.seed
    assert plan.ladder is None


def test_the_ladder_climbs_the_same_mix_of_meetings():
    plan = run_plan(plan_runs(ONE_HOST)[-1], ONE_HOST)

    assert plan.ladder is not None
    assert plan.profiles == (ONE_HOST.load.profile,)


def test_a_switch_that_takes_either_version_is_needed_on_both_to_swap():
    assert spec_of(other_host=True, baseline=SWITCH).design == "two hosts, swapped"
    assert spec_of(other_host=True, candidate="").design == "two hosts"
