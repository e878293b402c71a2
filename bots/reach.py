"""Which hosts a run may reach: its target, and the nodes behind it. Pure.

A balancer (Scalelite, b3scale) sends a join on to a node, and a server's index says
where its GraphQL is. Wherever such an answer leads, the host must be the target's own,
or named by the operator: otherwise no socket is opened to it. Loopback is reached from
loopback only, so that no server can turn a generator against its own machine.

Media addresses are not judged here: they are numbers in an SDP and no names.
"""

import ipaddress
import re
from dataclasses import dataclass

from bots.addresses import host_of, is_loopback
from bots.errors import ClusterError, ConfigError
from bots.redaction import redact

CODE = "node not allowed"

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_BELOW = re.compile(rf"\*\.{_LABEL}(?:\.{_LABEL})+")


class NodeNotAllowed(ClusterError):
    """The server led us to a host that nobody allowed; nothing was sent there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The hosts that one run may reach."""

    target_host: str
    nodes: tuple[str, ...] = ()
    """Hosts, or `*.domain` for all below a domain, as `node_pattern` returns them."""

    def allows(self, host: str) -> bool:
        """Say whether `host` may be spoken to."""
        host = host.lower()
        if host == self.target_host:
            return True
        if is_loopback(host):
            return is_loopback(self.target_host)
        return any(_matches(host, pattern) for pattern in self.nodes)

    def check(self, url: str) -> None:
        """Raise NodeNotAllowed unless the host of `url` may be spoken to."""
        host = host_of(url)
        if not self.allows(host):
            shown = redact(host) or "no host"
            raise NodeNotAllowed(
                f"{self.target_host} leads to {shown}, which is not on the allow-list: "
                f'add nodes = ["{shown}"] to its entry in servers.toml if that is one '
                "of its nodes",
                code=CODE,
            )


def node_pattern(text: str, where: str) -> str:
    """Return a host or `*.domain` in one spelling; raise ConfigError for other things.

    `where` begins the error's sentence. A star for a whole top-level domain, or alone,
    is refused.
    """
    pattern = text.strip().strip("[]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(pattern))
    except ValueError:
        pass
    if _NAME.fullmatch(pattern) or _BELOW.fullmatch(pattern):
        return pattern
    raise ConfigError(
        f"{where}: {redact(text)!r} in nodes is no host and no domain with a star "
        'in front: write "node1.example.org" or "*.nodes.example.org"'
    )


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) >= len(pattern)
    return host == pattern
