"""Addresses of sources, and a Prometheus' answers put on our clock."""

import pytest

from bots.errors import ConfigError, TargetUnusable
from loadtest.watching.exposition import GROUP_CPU
from loadtest.watching.node_watch import NodeWatch
from loadtest.watching.prometheus import (
    SCRAPE_ALIGNED_S,
    newest,
    places_of,
    query_of,
    reading_of,
)
from loadtest.watching.reading import ClockOffset
from loadtest.watching.sources import open_source, source_node
from loadtest.watching.ssh import read_ssh_address, ssh_command


@pytest.mark.parametrize(
    ("address", "node"),
    [
        ("http://n:9100/metrics", "n:9100"),
        ("ssh://admin@n", "n"),
        ("ssh://n:2222?config=/x&graphql_port=9000", "n:2222"),
        ("prometheus+https://p/prom/?instance=n1:9100", "n1:9100"),
    ],
)
def test_an_address_names_its_node(address, node):
    assert source_node(address) == node


@pytest.mark.parametrize(
    ("address", "mistake"),
    [
        ("n:9100", "no address of a source"),
        ("ssh://", "is none"),
        ("ssh://-oProxyCommand=x", "is none"),
        ("ssh://a b@n", "is none"),
        ("ssh://-lroot@n", "is none"),
        ("ssh://n/etc", "is none"),
        ("ssh://n?command=x", "is none"),
        ("ssh://n?graphql_port=0", "port number"),
        ("ssh://me:hunter2@n", "holds a password"),
        ("http://me:hunter2@n:9100/metrics", "n:9100 holds a user or a password"),
        ("prometheus+http://me:hunter2@p/?instance=n", "p holds a user or a password"),
        ("prometheus+http://[::1", "no address of a Prometheus"),
        ("prometheus+http://p:9090", "names no node"),
        ("prometheus+ftp://p?instance=n", "no address"),
        ("ftp://n", "no http address"),
    ],
)
def test_a_wrong_address_is_one_sentence_without_its_password(address, mistake):
    with pytest.raises(ConfigError, match=mistake) as refused:
        open_source(address)

    assert "hunter2" not in str(refused.value)


def test_ssh_asks_nobody_and_takes_no_strange_host():
    command = ssh_command(read_ssh_address("ssh://me@n:2222"))

    assert "BatchMode=yes" in command
    assert "StrictHostKeyChecking=yes" in command
    assert command[-3:-1] == ("--", "n")
    assert ("-p", "2222") == command[command.index("-p") : command.index("-p") + 2]


def test_a_node_without_ssh_is_told_once_and_then_left_alone():
    source = open_source("ssh://127.0.0.1:1?config=/dev/null")

    with pytest.raises(TargetUnusable, match=r"refused.*BatchMode"):
        source.read(lambda: 0.0)
    with pytest.raises(TargetUnusable, match="for a while"):
        source.read(lambda: 0.0)


def test_names_and_instances_of_a_query_are_matched_whole():
    query = query_of(("n1", "n.2:9100"))

    assert r'instance=~"n1(:[0-9]+)?|n\\.2:9100"' in query
    assert query.endswith("[3m]")


def series(name, at_s, value, **labels):
    metric = {"__name__": name, "instance": "n:9100", **labels}
    return {"metric": metric, "values": [[at_s - 15, "0"], [at_s, str(value)]]}


def test_samples_are_placed_on_our_clock_where_they_were_taken():
    told = newest(
        [
            series("node_cpu_seconds_total", 1000.0, 50, cpu="0", mode="idle"),
            series("node_cpu_seconds_total", 1000.0, 7, cpu="0", mode="user"),
            series("node_cpu_seconds_total", 940.0, 9, cpu="1", mode="user"),
            series("node_time_seconds", 1000.0, 1002.1),
            series("scrape_duration_seconds", 1000.0, 0.2),
            {"metric": {}, "values": []},
        ]
    )

    # The server's clock is 3 s ahead of ours.
    server = ClockOffset(offset_s=3.0, bound_s=0.01)
    places = places_of(told, 1004.0, 60.0, server, {})
    reading = reading_of(told, places, 60.0, server)

    assert reading.machine.elapsed_s == pytest.approx(53.0)
    # The series that ended a minute before is not added to the living ones.
    assert dict(reading.machine.cpu_s) == {"idle": 50.0, "user": 7.0}
    assert reading.clock.offset_s == pytest.approx(4.999)
    assert reading.clock.bound_s == pytest.approx(0.111)


def test_a_scrape_that_began_a_little_after_its_turn_is_within_the_clocks_bound():
    """Prometheus gives it the time of its turn; the two clocks go alike."""
    began_s, lasted_s = 1000.0 + SCRAPE_ALIGNED_S, 0.01
    told = newest(
        [
            series("node_time_seconds", 1000.0, began_s + lasted_s),
            series("scrape_duration_seconds", 1000.0, lasted_s),
        ]
    )
    server = ClockOffset(offset_s=0.0, bound_s=0.0)

    places = places_of(told, 1001.0, 60.0, server, {})
    clock = reading_of(told, places, 60.0, server).clock

    assert abs(clock.offset_s) <= clock.bound_s + 1e-6


def test_a_scrape_that_is_told_twice_is_no_newer_the_second_time():
    """A Prometheus is asked each second for what it scrapes every 15 s."""
    server = ClockOffset(offset_s=0.0, bound_s=0.01)
    watch, samples, places = NodeWatch("n"), [], {}
    for asked in range(31):
        scraped_s = 1000.0 + asked // 15 * 15
        told = newest(
            [
                series("node_cpu_seconds_total", scraped_s, asked // 15, mode="user"),
                series(GROUP_CPU, scraped_s, asked // 15 * 3, groupname="redis"),
            ]
        )
        # Our two clocks are read a little apart, each time a little more.
        now_elapsed_s = 60.0 + asked * 1.000002
        places = places_of(told, 1000.0 + asked, now_elapsed_s, server, places)
        readings = [reading_of(told, places, now_elapsed_s, server)]
        samples.append(watch.receive(readings))

    told = [sample for sample in samples if sample is not None]
    assert [round(sample.interval_s, 3) for sample in told] == [15.0, 15.0]
    cores = [sample.busiest_cores for sample in told]
    assert cores == pytest.approx([0.2, 0.2], rel=1e-4)
