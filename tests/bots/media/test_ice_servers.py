"""BBB's `stuns` answer read as ICE servers."""

import doctest

import pytest

from bots.media import ice_servers
from bots.models import IceServer


def _servers(*urls: str) -> tuple[IceServer, ...]:
    return tuple(IceServer(url=url, username="u", credential="p") for url in urls)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("turn:host", ("host", 3478, "udp")),
        ("turn:host:99?transport=tcp", ("host", 99, "tcp")),
        ("turns:host", ("host", 5349, "tls")),
        ("turns:host:443?transport=tcp", ("host", 443, "tls")),
        ("TURN:host?transport=UDP", ("host", 3478, "udp")),
        ("turn:[::1]:99", ("::1", 99, "udp")),
        ("turn:[2001:db8::1]", ("2001:db8::1", 3478, "udp")),
        ("turn:192.0.2.1", ("192.0.2.1", 3478, "udp")),
    ],
)
def test_a_turn_url_names_host_port_and_carrier(url, expected):
    (turn,) = ice_servers.turn_servers(_servers(url))

    assert (turn.host, turn.port, turn.carrier) == expected
    assert (turn.username, turn.credential) == ("u", "p")
    assert "p" not in repr(turn).replace("port", "").replace("udp", "").replace(
        "tcp", ""
    )


@pytest.mark.parametrize(
    "url",
    ["stun:host", "http://host", "turns:host?transport=udp", "turn:h?transport=x"],
)
def test_what_is_no_turn_server_of_ours_is_left_out(url):
    assert ice_servers.turn_servers(_servers(url)) == ()


def test_relays_are_preferred_as_browsers_do():
    turns = ice_servers.turn_servers(
        _servers("turns:c", "turn:b?transport=tcp", "turn:a", "turns:d")
    )

    assert [turn.host for turn in turns] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        (["stun:host"], ("host", 3478)),
        (["turn:t", "stun:[::1]:99", "stun:other"], ("::1", 99)),
        (["turn:t"], None),
        ([], None),
    ],
)
def test_the_first_stun_server_is_asked(urls, expected):
    assert ice_servers.stun_server(_servers(*urls)) == expected


def test_a_stun_server_beyond_the_allow_list_is_not_asked():
    beyond = IceServer(url="stun:elsewhere", is_allowed=False)

    assert ice_servers.stun_server((beyond, *_servers("stun:host"))) == ("host", 3478)


def test_the_examples_hold():
    assert doctest.testmod(ice_servers).failed == 0
