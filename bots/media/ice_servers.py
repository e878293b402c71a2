"""BBB's `stuns` answer read: which STUN server, and which TURN servers in which order.

Pure. URLs are those of RFC 7064 and RFC 7065: `stun:host`, `turn:host:3478`,
`turns:host:5349?transport=tcp`.
"""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs

from bots.models import IceServer

PLAIN_PORT = 3478
SECURE_PORT = 5349
NO_RELAY = "no relay candidate"
"""The code of an outcome: a relay was needed, and no TURN server gave one."""

Carrier = Literal["udp", "tcp", "tls"]
_PREFERENCE: tuple[Carrier, ...] = ("udp", "tcp", "tls")
"""As libwebrtc prefers relays (their type preferences are 2, 1 and 0)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnServer:
    """A TURN server that we can speak to."""

    host: str
    port: int
    carrier: Carrier
    username: str
    credential: str = field(repr=False)
    is_allowed: bool = True

    @property
    def shown(self) -> str:
        """The server in words, without its credentials."""
        return f"{self.host}:{self.port} over {self.carrier}"


def ice_host(server: IceServer) -> str:
    """Return the host that a server's URL names.

    >>> ice_host(IceServer(url="turns:turn.example.org:5349?transport=tcp"))
    'turn.example.org'
    """
    return _place(server.url.partition(":")[2].partition("?")[0], 0)[0]


def stun_server(servers: tuple[IceServer, ...]) -> tuple[str, int] | None:
    """Return host and port of the first STUN server we may ask; None without one.

    >>> stun_server((IceServer(url="stun:[::1]:99"),))
    ('::1', 99)
    """
    for server in servers:
        scheme, _, rest = server.url.partition(":")
        if scheme.lower() == "stun" and server.is_allowed:
            return _place(rest, PLAIN_PORT)
    return None


def turn_servers(servers: tuple[IceServer, ...]) -> tuple[TurnServer, ...]:
    """Return the TURN servers in the order a browser prefers them.

    BBB lists `turns:` first. DTLS to a TURN server (`turns:` over UDP) is spoken by
    nobody here, browsers included, and is left out; so is a scheme that is none.
    """
    found: list[TurnServer] = []
    for server in servers:
        scheme, _, rest = server.url.partition(":")
        place, _, query = rest.partition("?")
        is_secure = scheme.lower() == "turns"
        if scheme.lower() != "turn" and not is_secure:
            continue
        default = "tcp" if is_secure else "udp"
        told = parse_qs(query).get("transport", [default])[0].lower()
        carriers: dict[tuple[bool, str], Carrier] = {
            (False, "udp"): "udp",
            (False, "tcp"): "tcp",
            (True, "tcp"): "tls",
        }
        carrier = carriers.get((is_secure, told))
        if carrier is None:
            continue
        host, port = _place(place, SECURE_PORT if is_secure else PLAIN_PORT)
        found.append(
            TurnServer(
                host=host,
                port=port,
                carrier=carrier,
                username=server.username,
                credential=server.credential,
                is_allowed=server.is_allowed,
            )
        )
    return tuple(sorted(found, key=lambda turn: _PREFERENCE.index(turn.carrier)))


def _place(text: str, default_port: int) -> tuple[str, int]:
    """Return host and port of `host`, `host:port`, `[v6]` or `[v6]:port`."""
    host, _, port = text.rpartition(":") if text[-1:].isdigit() else (text, "", "")
    if not host or (host.startswith("[") and not host.endswith("]")):
        host, port = text, ""
    return host.strip("[]"), int(port) if port.isdigit() else default_port
