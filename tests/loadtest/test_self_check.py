"""A run proves that its load was real, or says in one line what was not."""

import dataclasses

import pytest

from bots.models import EngineReport
from loadtest.aggregate import Aggregate
from loadtest.connections import Connections, connections_of
from loadtest.models import EndRecord
from loadtest.self_check import DROPPED_MAX, SelfCheckSums, missing_proofs
from loadtest.slo import judge
from tests.loadtest.test_packet_books import stream
from tests.support.runs import CLASSES, GROUPS, TALKS, Generator, synthetic_run

ONE_STEP = ((CLASSES, 12),)


def checked(records):
    """Return the self-check of a whole run."""
    aggregate, sums = Aggregate(), SelfCheckSums()
    for record in records:
        aggregate.add(record)
        sums.add(record)
    finished = [(point, judge(point)) for point in aggregate.points()]
    return {check.name: check for check in sums.result(finished).checks}, sums.result(
        finished
    )


def with_engines(records, **changes):
    """Give every engine report of a run these figures."""
    return [
        dataclasses.replace(record, **changes)
        if isinstance(record, EngineReport)
        else record
        for record in records
    ]


def fit_run(**changes):
    return synthetic_run(steps=ONE_STEP, step_duration_s=30.0, **changes)


def test_a_run_as_planned_has_every_proof():
    wanted = connections_of(CLASSES, 12)
    records = with_engines(
        fit_run(), sockets=wanted.sockets, transports=wanted.transports
    )

    checks, result = checked(records)

    assert missing_proofs(result) == ()
    assert checks["streams"].measured == pytest.approx(checks["streams"].expected)
    assert checks["connections"].measured == wanted.total
    assert all(check.reason == "" for check in checks.values())


def test_connections_that_were_never_opened_are_missed():
    wanted = connections_of(CLASSES, 12)
    records = with_engines(fit_run(), sockets=wanted.sockets, transports=0)

    _, result = checked(records)

    (reason,) = missing_proofs(result)
    assert reason == f"{wanted.sockets} of {wanted.total} connections were there"


@pytest.mark.parametrize(("share", "is_missed"), [(0.5, False), (2.0, True)])
def test_packets_that_our_own_sockets_lost_make_every_loss_doubtful(share, is_missed):
    records = fit_run()
    engines = [record for record in records if isinstance(record, EngineReport)]
    packets = sum(each.sent_packets + each.received_packets for each in engines)
    lost = int(share * DROPPED_MAX * packets / len(engines)) + is_missed

    _, result = checked(with_engines(records, dropped_packets=lost))

    assert bool(missing_proofs(result)) == is_missed
    assert all("our own sockets" in reason for reason in missing_proofs(result))


def test_a_slow_generator_is_named_beside_its_limit():
    slow = Generator(cpu_ratio=0.9, lag_s=0.4, late_share=0.2)

    checks, result = checked(fit_run(generator=slow))

    assert checks["engine CPU"].reason == "engine CPU: 0.9 cores (limit 0.65)"
    assert checks["loop lag"].reason == "loop lag: 0.4 s (limit 0.1)"
    assert "packets late" in checks["packets late"].reason
    # The steps are not judged for it; the run as a whole is not void twice.
    assert missing_proofs(result) == ()


@pytest.mark.parametrize(("is_met", "is_missed"), [(True, True), (False, False)])
def test_packets_that_nobody_accounts_for_are_ours_only_where_the_slo_held(
    is_met, is_missed
):
    """A viewer that knows of every second packet only, beside the run's own."""
    aggregate, sums = Aggregate(), SelfCheckSums()
    for record in fit_run():
        aggregate.add(record)
        sums.add(record)
    for second in range(30):
        sums.add(stream(float(second), 900, 28))
        sums.add(stream(float(second), 901, 14, source=900))
    (point,) = aggregate.points()
    step = (point, dataclasses.replace(judge(point), met=is_met, generator_fit=True))
    sums.judged(step)

    reasons = missing_proofs(sums.result([step]))

    assert any("camera packets" in reason for reason in reasons) == is_missed


@pytest.mark.parametrize(("mean_s", "is_late"), [(0.019, False), (0.041, True)])
def test_an_engine_that_always_wakes_late_makes_the_run_invalid(mean_s, is_late):
    _, result = checked(with_engines(fit_run(), lag_mean_s=mean_s))

    said = missing_proofs(result)
    assert bool(said) == is_late
    assert all("woke 41 ms late on average (limit 20 ms)" in each for each in said)


def test_a_run_without_a_step_claims_nothing():
    _, result = checked([EndRecord(elapsed_s=1.0, validity="valid")])

    assert missing_proofs(result) == ()
    assert not [check for check in result.checks if check.is_proof]


@pytest.mark.parametrize(
    ("profile", "wanted"),
    [
        # talks of 8: 1 camera, 2 microphones, 2 listeners, everybody sees the camera
        (TALKS, Connections(sockets=8 + 4 + 8, transports=4 + 1 + 7)),
        # groups of 3, all with microphone and camera
        (GROUPS, Connections(sockets=9, transports=3 + 3 + 6)),
    ],
)
def test_connections_are_exact_arithmetic(profile, wanted):
    assert connections_of(profile, profile.size) == wanted
    assert connections_of(profile, 3 * profile.size) == Connections(
        sockets=3 * wanted.sockets, transports=3 * wanted.transports
    )
