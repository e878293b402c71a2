"""Which hosts a run may reach: the rule, without a network."""

import contextlib

import pytest

from bots.errors import ConfigError
from bots.reach import NodeNotAllowed, Reach, node_pattern

NODES = ("node1.example.org", "*.nodes.example.org", "2001:db8::1")


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("https://bbb.example.org/bigbluebutton/api/join", True),
        ("https://BBB.example.org:8443/bigbluebutton", True),
        ("wss://node1.example.org/graphql", True),
        ("https://a.nodes.example.org/", True),
        ("https://b.a.nodes.example.org/", True),
        ("https://[2001:db8::1]:443/", True),
        ("https://nodes.example.org/", False),
        ("https://evilnodes.example.org/", False),
        ("https://node1.example.org.evil.net/", False),
        ("https://node1.example.org@evil.net/", False),
        ("https://sub.node1.example.org/", False),
        ("https://bbb.example.org.evil.net/", False),
        ("http://127.0.0.1/bigbluebutton", False),
        ("http://localhost/", False),
        ("http://[::1]/", False),
        ("https://10.0.0.5/", False),
        ("/bigbluebutton/api/join", False),
        ("", False),
    ],
)
def test_a_remote_server_leads_to_itself_and_its_nodes_only(url, is_allowed):
    reach = Reach(target_host="bbb.example.org", nodes=NODES)
    refusal = pytest.raises(NodeNotAllowed, match=r"which is not .* nodes = \[")
    with contextlib.nullcontext() if is_allowed else refusal:
        reach.check(url)


def test_loopback_leads_to_loopback_but_not_away():
    reach = Reach(target_host="127.0.0.1")

    assert reach.allows("localhost")
    assert reach.allows("127.0.0.7")
    assert not reach.allows("bbb.example.org")


def test_loopback_is_not_reached_from_elsewhere_even_where_it_is_listed():
    assert not Reach(target_host="h.example", nodes=("127.0.0.1",)).allows("127.0.0.1")


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("Node1.Example.ORG", "node1.example.org"),
        (" *.Nodes.example.org. ", "*.nodes.example.org"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("10.0.0.5", "10.0.0.5"),
        ("node1", "node1"),
    ],
)
def test_a_node_has_one_spelling(text, pattern):
    assert node_pattern(text, "here") == pattern


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "*.org",
        "*.",
        "node*.example.org",
        "a.*.example.org",
        "https://h/",
        "h:1",
    ],
)
def test_what_is_no_host_is_refused_with_the_place_and_an_example(text):
    with pytest.raises(ConfigError, match=r"^here: .*nodes\.example\.org"):
        node_pattern(text, "here")
