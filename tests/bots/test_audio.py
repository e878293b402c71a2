"""Which way of joining the audio is tried, and what is tried next.

The calls themselves are proven on real media in tests/integration/test_participant.py.
"""

import pytest

from bots.audio import Way, ways
from bots.protocol.dialect import ClientSettings

SERVER = Way(role="sendrecv", offerer="server")
CLIENT = Way(role="sendrecv", offerer="client")
PASSIVE = Way(role="passive-sendrecv", offerer="server")
PLAIN = Way(role="recv", offerer="server")


@pytest.mark.parametrize(
    ("mode", "settings", "expected"),
    [
        ("none", ClientSettings(), ()),
        ("microphone", ClientSettings(), (SERVER, CLIENT)),
        ("microphone", ClientSettings(is_transparent=False), (CLIENT, SERVER)),
        (
            "microphone",
            ClientSettings(is_transparent=False, full_audio_offering=False),
            (SERVER, CLIENT),
        ),
        ("listen only", ClientSettings(), (PASSIVE, PLAIN)),
        ("listen only", ClientSettings(is_transparent=False), (PLAIN, PASSIVE)),
        (
            "listen only",
            ClientSettings(is_transparent=False, listen_only_offering=True),
            (Way(role="recv", offerer="client"), PASSIVE),
        ),
    ],
)
def test_the_servers_settings_choose_the_way_and_the_other_is_the_fallback(
    mode, settings, expected
):
    assert ways(mode, settings) == expected
