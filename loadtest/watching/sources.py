"""Addresses of sources, and how many participants a source sees.

http://NODE:9100/metrics                         any exporter's text
prometheus+http://SERVER:9090/?instance=NODE     what a Prometheus scraped of it
ssh://admin@NODE                                 its /proc, over the system's ssh
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bots.errors import ConfigError
from bots.redaction import redact
from loadtest.nodes import fetch_metrics, node_of
from loadtest.watching.exposition import read_text
from loadtest.watching.prometheus import SCHEME, PrometheusSource
from loadtest.watching.reading import Reading, Source
from loadtest.watching.ssh import SshSource


class HttpSource:
    """An exporter, asked for its text."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.node = node_of(address)

    def read(self, elapsed_s: Callable[[], float]) -> Reading:
        """Fetch once; the figures are of the moment of the answer."""
        asked_s = time.time()
        text = fetch_metrics(self.address)
        return read_text(text, elapsed_s(), asked_s, time.time())

    def close(self) -> None:
        """Hold nothing: each scrape is a request of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How many participants one source sees on its node."""

    address: str
    node: str
    participants: int | None
    """As an exporter counts them through an API; None where the source has none."""
    connections: int | None
    """Clients with an open GraphQL connection, whoever made their meeting; None where
    the source cannot tell. A client that comes back is counted twice for a while."""

    @property
    def count(self) -> int | None:
        """The best that the source knows of who is there, None where it knows none."""
        counts = [it for it in (self.participants, self.connections) if it is not None]
        return max(counts, default=None)


def open_source(address: str) -> Source:
    """Return the source that an address means; nothing is sent yet.

    Raises ConfigError for what is no address.
    """
    if address.startswith("ssh:"):
        return SshSource(address)
    if address.startswith(SCHEME):
        return PrometheusSource(address)
    if "://" not in address:
        raise ConfigError(
            f"{redact(address)!r} is no address of a source: write "
            "http://NODE:9100/metrics, ssh://NODE or "
            "prometheus+http://SERVER:9090/?instance=NODE"
        )
    return HttpSource(address)


def source_node(address: str) -> str:
    """Return the node that an address tells of; raises ConfigError for none."""
    return open_source(address).node


def count_participants(addresses: tuple[str, ...]) -> tuple[Seen, ...]:
    """Ask each source once how many participants it sees.

    Raises ConfigError for what is no address, TargetUnusable where none answers.
    """
    found = []
    for address in addresses:
        source = open_source(address)
        try:
            reading = source.read(time.monotonic)
        finally:
            source.close()
        found.append(
            Seen(
                address=address,
                node=source.node,
                participants=reading.participants,
                connections=reading.connections,
            )
        )
    return tuple(found)
