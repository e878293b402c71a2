"""The head of a run: what its traffic costs, as the catalogue knows it."""

from pathlib import Path

import pytest

from bots.errors import ConfigError
from loadtest.commands.heads import price_line
from loadtest.machine import Machine
from loadtest.occupancy import Load
from loadtest.preview import preview_of
from loadtest.streams import Streams

CATALOG = Path(__file__).parents[3] / "examples" / "catalog.toml"
MACHINE = Machine(
    cores=99.0,
    memory_bytes=None,
    descriptors=None,
    udp_ports=None,
    uplink_bps=None,
    conntrack_free=None,
)


def preview(hours):
    streams = Streams(participants=1_000, audio_out=1_000, video_out=5_000)
    course = (Load(elapsed_s=0.0, meetings=1, streams=streams),)
    return preview_of(
        course, duration_s=hours * 3_600.0, meetings=1, machine=MACHINE, is_bound=True
    )


def test_the_head_says_what_the_traffic_costs_on_each_type():
    line = price_line(str(CATALOG), preview(10.0))

    # 5,000 cameras and 1,000 voices for ten hours are 5.004 TB, 1.19 EUR each
    assert line.startswith("price of at most 5004.00 GB out of the server")
    assert "hourly 8 dedicated cores: 5.95 EUR" in line
    assert "rented 8 cores: 0.00 EUR" in line


def test_a_catalogue_that_is_none_ends_with_the_sentence_that_says_so(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text("types = 3")

    with pytest.raises(ConfigError, match=r"prices\.toml") as caught:
        price_line(str(path), preview(1.0))

    assert "\n" not in str(caught.value)
