"""BBB's `stuns` answer as aioice's options; the path itself: `test_session.py`."""

import pytest

from bots.media.full_ice import server_options
from bots.models import IceServer


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        (["stun:host"], {"stun_server": ("host", 3478)}),
        (["stun:[::1]:99"], {"stun_server": ("::1", 99)}),
        (
            ["turn:host:99?transport=tcp", "turns:other"],
            {
                "turn_server": ("host", 99),
                "turn_username": "u",
                "turn_password": "p",
                "turn_ssl": False,
                "turn_transport": "tcp",
            },
        ),
        (
            ["turns:host"],
            {
                "turn_server": ("host", 5349),
                "turn_username": "u",
                "turn_password": "p",
                "turn_ssl": True,
                "turn_transport": "tcp",
            },
        ),
        (["http:host"], {}),
        ([], {}),
    ],
)
def test_ice_servers_become_the_options_of_aioice(urls, expected):
    servers = tuple(IceServer(url=u, username="u", credential="p") for u in urls)

    assert server_options(servers) == expected
