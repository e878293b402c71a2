"""Scrapes: real text of node_exporter's shape, differences, gaps, and a real server."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bots.errors import ConfigError, TargetUnusable
from loadtest.nodes import (
    difference,
    fetch_metrics,
    node_of,
    parse_metrics,
    read_facts,
    read_scrape,
)


def text_of(*, user=10.0, idle=90.0, received=1000, sent=2000, stand_in="", extra=""):
    return f"""# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{{cpu="0",mode="idle"}} {idle}
node_cpu_seconds_total{{cpu="0",mode="user"}} {user}
node_cpu_seconds_total{{cpu="0",mode="guest"}} 5
node_cpu_seconds_total{{cpu="1",mode="idle"}} {idle}
node_cpu_seconds_total{{cpu="1",mode="system"}} 1e0
node_memory_MemTotal_bytes 8e+09
node_memory_MemAvailable_bytes 6e+09
node_network_receive_bytes_total{{device="eth0"}} {received}
node_network_receive_bytes_total{{device="lo"}} 999999
node_network_transmit_bytes_total{{device="eth0"}} {sent}
bbb_meetings_participants 17.0
{stand_in}
{extra}
"""


def test_a_scrape_is_read_by_mode_without_guest_time_and_loopback():
    scrape = read_scrape(text_of(), 5.0)

    assert dict(scrape.cpu_s) == {"idle": 180.0, "user": 10.0, "system": 1.0}
    assert scrape.processors == 2
    assert (scrape.memory_total_bytes, scrape.memory_used_bytes) == (
        8 * 10**9,
        2 * 10**9,
    )
    assert (scrape.received_bytes, scrape.sent_bytes) == (1000, 2000)
    assert scrape.participants == 17
    assert not scrape.is_stand_in


def test_the_stand_in_node_says_so():
    assert read_scrape(text_of(stand_in="bbbload_stand_in 1"), 0.0).is_stand_in


def test_two_scrapes_make_a_sample_of_differences():
    sample = difference(
        "n",
        read_scrape(text_of(), 5.0),
        read_scrape(text_of(user=11.5, idle=90.25, received=1500, sent=5000), 6.0),
    )

    assert sample.cpu_s == (("node", 1.5),)
    assert sample.interval_s == 1.0
    assert sample.cores == 2.0
    assert (sample.received_bytes, sample.sent_bytes) == (500, 3000)


def test_a_node_limited_to_a_share_has_that_share_as_cores():
    sample = difference(
        "n",
        read_scrape(text_of(), 0.0),
        read_scrape(text_of(user=10.2, idle=90.05), 1.0),
    )

    assert sample.cores == pytest.approx(0.3)


@pytest.mark.parametrize(
    "after",
    [
        text_of(user=0.1, idle=0.1),
        text_of(received=5),
        text_of(sent=5),
    ],
)
def test_a_restarted_node_gives_no_sample(after):
    assert difference("n", read_scrape(text_of(), 5), read_scrape(after, 6)) is None


def test_text_that_is_no_nodes_is_refused_with_the_fix():
    with pytest.raises(ConfigError, match="node_exporter"):
        read_scrape("<html>hello</html>\nup 1\n", 0.0)


def test_labels_may_hold_anything_in_quotes():
    metrics = parse_metrics('m{a="x\\"y,}z", b="2"} 3 1700000000000\nbroken{\nn NaN\n')

    assert metrics["m"] == [((("a", 'x\\"y,}z'), ("b", "2")), 3.0)]
    assert "broken" not in metrics


@pytest.mark.parametrize(
    "url", ["", "n:9100", "ftp://n/metrics", "http://:x/", "http://"]
)
def test_a_bad_metrics_address_is_refused(url):
    with pytest.raises(ConfigError, match="no http address"):
        node_of(url)


@pytest.fixture
def served():
    """Serve a text at a free port of loopback, or an error for every other path."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(text_of().encode())

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_metrics_are_fetched_over_http(served):
    assert read_scrape(fetch_metrics(f"{served}/metrics"), 0.0).processors == 2


def test_metrics_that_cannot_be_read_are_one_sentence(served):
    with pytest.raises(TargetUnusable, match=r"other.*--node-metrics"):
        fetch_metrics(f"{served}/other")
    with pytest.raises(TargetUnusable, match=r"refused"):
        fetch_metrics("http://127.0.0.1:1/metrics")


def test_a_scrape_tells_kernel_system_hardware_and_what_the_operator_adds():
    told = """
node_uname_info{machine="x86_64",release="6.1.0-18-amd64",sysname="Linux"} 1
node_os_info{id="ubuntu",pretty_name="Ubuntu 22.04.5 LTS"} 1
node_dmi_info{product_name="Standard PC",system_vendor="QEMU"} 1
node_cpu_info{cpu="0",model_name="AMD EPYC Processor"} 1
bbbload_fact{name="package bbb-html5",value="1:3.0.19"} 1
bbbload_fact{name="settings",value="9f2c"} 1
"""

    assert read_facts(text_of(extra=told)) == (
        ("kernel", "6.1.0-18-amd64"),
        ("system", "Ubuntu 22.04.5 LTS"),
        ("hardware", "QEMU Standard PC"),
        ("processor", "AMD EPYC Processor"),
        ("memory", "7.5 GiB"),
        ("package bbb-html5", "1:3.0.19"),
        ("settings", "9f2c"),
    )
    assert read_facts("") == ()
