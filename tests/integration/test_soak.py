"""The soak in short: nobody is dropped and nothing grows in three minutes.

The rule is stated and applied in `tests/benchmarks/soak.py`; its hour is in RESULTS.md.
"""

import asyncio
import json
import sys

import pytest

from tests.benchmarks.soak import MIX, Footprint, growths
from tests.support.asynctest import scaled


@pytest.mark.slow
@pytest.mark.timeout(scaled(300))
def test_twenty_mixed_participants_stay_for_three_minutes_and_nothing_grows():
    async def play() -> tuple[bytes, bytes]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.soak"),
            *("--duration", "3m", "--json"),
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

    assert found["participants"] == sum(MIX.values()) == 20
    assert found["troubles"] == []
    assert found["outcomes"]["leave left"] == 20
    # All but the two lurkers hear.
    assert found["outcomes"]["first audio joined"] == 18
    assert found["packets_in"] > 0
    assert found["holds"], found["growths"]


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
    footprints = []
    for number in range(180):
        held = {
            "bots_memory_bytes": 120e6,
            "bots_tasks": 300.0,
            "bots_sockets": 180.0,
            "node_memory_bytes": 85e6,
            "node_sockets": 185.0,
        }
        held[quantity] += each * number + number % 2
        counts = {name: int(value) for name, value in held.items()}
        footprints.append(Footprint(elapsed_s=float(number), **counts))

    assert all(growth.is_noise for growth in growths(footprints)) == is_noise
