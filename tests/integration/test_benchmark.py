"""A whole benchmark: real participants, real media, a stand-in node, real files."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from loadtest.capacity import capacity_of_run
from loadtest.card_codec import decode_card
from loadtest.codec import encode_capacity, open_run, read_capacity
from loadtest.models import Capacity, RunHeader, StepRecord
from loadtest.nodes import fetch_metrics, parse_metrics
from loadtest.profiles import profiles_named
from loadtest.summary import exit_code_of
from tests.support.asynctest import scaled

BBBLOAD = (sys.executable, "-m", "loadtest")


ROOM = 4
"""People that the node lets in."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "BBB_SECRET": secrets.token_hex(20),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


@contextlib.contextmanager
def stand_in(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    process = subprocess.Popen(
        [*BBBLOAD, "node", "--port", "0", "--max-connections", str(ROOM)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(scaled(10))


@pytest.mark.slow
def test_a_benchmark_measures_a_node_and_leaves_what_it_promises(
    environment: dict[str, str], tmp_path: Path
):
    output, log = tmp_path / "capacity.json", tmp_path / "run.jsonl"
    card_file = tmp_path / "card.json"
    with stand_in(environment) as node:
        done = subprocess.run(
            [
                *(*BBBLOAD, "benchmark", node["api_url"]),
                *("--output", str(output), "--log", str(log), "--seed", "3"),
                *("--card", str(card_file), "--type", "six cores"),
                *("--profile", "groups", "--max-participants", "6"),
                *("--steps", "2", "--step-duration", "6s"),
            ],
            env=environment,
            capture_output=True,
            text=True,
            timeout=scaled(120),
        )
        metrics = parse_metrics(fetch_metrics(node["metrics_url"]))
    capacity = read_capacity(output)
    found = capacity.profiles[0]

    # How fit this machine is decides the verdict, not whether the files say the same.
    assert done.returncode == exit_code_of(capacity), done.stderr
    assert capacity.stand_in
    assert capacity.seed == 3
    assert found.profile.name == "groups"
    assert found.points
    if found.capacity is not None:  # else the generator was late, and is told so
        assert found.limit_met == "connection cap"
        assert found.capacity == ROOM
    assert all(point.node_cpu_ratio is not None for point in found.points)
    assert max(point.audio_out for point in found.points) > 0
    assert max(point.video_out for point in found.points) > 0
    assert "says nothing about BigBlueButton" in done.stderr
    assert "bbbload-1:" in done.stderr
    assert environment["BBB_SECRET"] not in done.stderr + log.read_text()
    assert environment["BBB_SECRET"] not in output.read_text()
    with open_run(log) as records:
        header = records.header
        steps = list(records)
    again = capacity_of_run(
        header, steps, profiles=profiles_named(("groups",), "small")
    )
    assert encode_capacity(again) == output.read_text()
    assert sum(isinstance(record, StepRecord) for record in steps) <= 2
    assert [value for _, value in metrics["bbb_meetings"]] == [0.0]
    check_card(card_file, header, capacity, environment["BBB_SECRET"])


def check_card(path: Path, header: RunHeader, found: Capacity, secret: str) -> None:
    """Check that a card holds the result, what was seen, and nobody's name."""
    text, page = path.read_text(), path.with_suffix(".html").read_text()
    card = decode_card(text, where="card.json")
    (told,), (measured,) = card.capacity.profiles, found.profiles
    assert told.capacity == measured.capacity
    assert [replace(point, node_busiest="", refusals=()) for point in told.points] == [
        replace(point, node_busiest="", refusals=()) for point in measured.points
    ]
    assert card.capacity.run == header.run
    assert card.type == "six cores"
    assert card.nodes == 1
    assert card.hardware.cores == found.node_cores
    assert card.hardware.memory_bytes
    assert "says nothing about BigBlueButton" in text
    assert "Node card of bbbload's stand-in node (not of BigBlueButton)" in unescape(
        page
    )
    for private in (secret, header.target, "127.0.0.1"):
        assert private not in text + page
