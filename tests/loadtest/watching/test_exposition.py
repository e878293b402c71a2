"""Series by name -> readings: each exporter's, alone and all in one."""

import pytest

from bots.errors import ConfigError
from loadtest.watching.exposition import read_text

GROUPS = """
namedprocess_namegroup_num_procs{groupname="mediasoup-worker"} 4
namedprocess_namegroup_cpu_seconds_total{groupname="mediasoup-worker",mode="user"} 30
namedprocess_namegroup_cpu_seconds_total{groupname="mediasoup-worker",mode="system"} 10
namedprocess_namegroup_num_procs{groupname="gone"} 0
namedprocess_namegroup_cpu_seconds_total{groupname="gone",mode="user"} 7
"""
CONTAINERS = """
container_cpu_usage_seconds_total{cpu="total",id="/"} 900
container_cpu_usage_seconds_total{cpu="total",id="/system.slice"} 800
container_cpu_usage_seconds_total{cpu="total",id="/system.slice/freeswitch.service"} 70
container_cpu_usage_seconds_total{cpu="total",id="/docker/af1",name="bbb-web"} 9
"""
SFU = """
sfu_websockets 12
mediasoup_consumers{kind="video"} 40
mediasoup_consumers{kind="audio"} 9
process_cpu_seconds_total 5.5
"""


def reading(text):
    return read_text(text, 7.0, 100.0, 100.5)


def test_process_exporters_groups_are_counted_over_their_modes():
    processes = reading(GROUPS).processes

    found = [(p.name, p.cpu_s, p.processes) for p in processes.cpu]
    assert found == [("mediasoup-worker", 40.0, 4)]
    assert processes.is_whole
    assert processes.elapsed_s == 7.0


def test_cadvisors_slices_are_left_out_for_what_is_in_them():
    cpu = reading(CONTAINERS).processes.cpu

    assert {p.name: p.cpu_s for p in cpu} == {"freeswitch.service": 70, "bbb-web": 9}


def test_the_sfus_own_metrics_tell_of_its_process_and_its_streams():
    told = reading(SFU)

    assert [(p.name, p.cpu_s) for p in told.processes.cpu] == [("bbb-webrtc-sfu", 5.5)]
    assert not told.processes.is_whole
    assert dict(told.figures) == {"sfu_websockets": 12, "mediasoup_consumers": 49}


def test_a_process_in_several_exporters_of_one_address_counts_once():
    cpu = reading(GROUPS + CONTAINERS + SFU).processes.cpu

    assert [p.name for p in cpu] == ["mediasoup-worker"]


def test_the_middleware_counts_its_clients():
    told = reading("http_connection_active 3\nprocess_cpu_seconds_total 2\n")

    assert told.connections == 3
    assert [p.name for p in told.processes.cpu] == ["bbb-graphql-middleware"]


def test_the_clock_is_within_half_of_the_question():
    clock = reading("node_time_seconds 103.25\n").clock

    assert (clock.offset_s, clock.bound_s) == (3.0, 0.25)


def test_a_text_without_any_known_series_is_refused_with_the_fix():
    with pytest.raises(ConfigError, match="node_exporter"):
        reading("up 1\n<html>")
