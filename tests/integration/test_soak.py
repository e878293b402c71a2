"""The soak in short: nobody is dropped and nothing grows in three minutes.

The rule is stated and applied in `tests/benchmarks/footprints.py`; the hour of
`tests/benchmarks/soak.py` is in RESULTS.md.
"""

import asyncio
import json
import sys

import pytest

from tests.benchmarks.footprints import Footprint, growths
from tests.benchmarks.soak import LIGHT_MIX, MIX, plans
from tests.support.asynctest import scaled


@pytest.mark.slow
@pytest.mark.timeout(scaled(300))
def test_twenty_mixed_participants_stay_for_three_minutes_and_nothing_grows():
    async def play() -> tuple[bytes, bytes]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.soak"),
            *("--duration", "3m", "--light", "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(scaled(270)):
                return await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    told, complaints = asyncio.run(play())
    assert told, complaints.decode()
    found = json.loads(told)

    if found["was_late"] and not found["holds"]:
        why = found["fitness"], found["troubles"]
        pytest.skip(f"this machine is too busy to judge a node: {why}")
    assert found["participants"] == sum(LIGHT_MIX.values()) == 20
    outcomes = found["outcomes"]
    assert outcomes["join joined"] == outcomes["leave left"] == 20, found["troubles"]
    # All but the two lurkers hear; all but them and the telephones see.
    assert outcomes["first audio joined"] == 18
    assert outcomes["first camera joined"] >= 20
    assert outcomes["first screen joined"] >= 10
    assert found["away"]["graphql socket"] >= 2
    assert found["packets_in"] > 0
    assert found["troubles"] == []
    assert found["holds"], found["growths"]


HELD = {
    "bots_memory_bytes": 120e6,
    "bots_tasks": 300.0,
    "bots_sockets": 180.0,
    "node_memory_bytes": 85e6,
    "node_sockets": 185.0,
}


def held(number: int, **more: float) -> Footprint:
    """Return footprint `number` of a steady soak, with `more` of some quantities."""
    counts = {
        name: int(value + more.get(name, 0.0) + number % 2)
        for name, value in HELD.items()
    }
    return Footprint(elapsed_s=float(number), **counts)


@pytest.mark.parametrize(
    ("quantity", "each", "is_noise"),
    [
        ("bots_tasks", 0.0, True),
        ("bots_tasks", 0.1, False),
        ("node_sockets", 0.1, False),
        ("bots_memory_bytes", 10_000.0, True),
        ("bots_memory_bytes", 300_000.0, False),
    ],
)
def test_a_planted_leak_is_seen_and_noise_is_not(quantity, each, is_noise):
    footprints = [held(number, **{quantity: each * number}) for number in range(180)]

    assert all(growth.is_noise for growth in growths(footprints)) == is_noise


@pytest.mark.parametrize("left_behind", [0, 1])
def test_who_is_away_most_of_the_last_third_hides_no_socket_left_behind(left_behind):
    footprints = []
    for number in range(180):
        flaps = number // 10
        is_away = number % 10 < (8 if number > 135 else 3)
        more = flaps * left_behind - 14 * is_away
        footprints.append(held(number, bots_sockets=more))

    grown = {g.name for g in growths(footprints) if not g.is_noise}

    assert grown == ({"bots sockets"} if left_behind else set())


@pytest.mark.parametrize("duration_s", [180.0, 3600.0])
@pytest.mark.parametrize("mix", [MIX, LIGHT_MIX])
def test_twenty_come_and_the_late_one_is_there_before_growth_is_judged(mix, duration_s):
    people = list(plans(mix, duration_s))

    assert [plan.number for plan in people] == list(range(20))
    assert {plan.persona for plan in people} == set(MIX)
    assert sum(plan.shares_screen for plan in people) == 1
    (flapping,) = [plan for plan in people if plan.habits.drops_every_s]
    assert flapping.persona == "flapping"
    (late,) = [plan for plan in people if plan.habits.join_delay_most_s]
    assert late.habits.join_delay_most_s <= 0.2 * duration_s
    assert late.habits.join_delay_least_s > 0
