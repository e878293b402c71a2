"""A benchmark's result and its run's log -> a node card. Pure.

What describes the server type comes from what the watch of the node saw; what nobody
saw is not known and is never guessed. What stands in the card has passed the rules of
`loadtest.publishing`: words that `loadtest.card_words` lists, and sentences of our own.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bots.errors import ConfigError
from bots.models import JoinReport, MilestoneReport
from loadtest.card import Hardware, NodeCard, PeopleRatio, Software
from loadtest.card_words import (
    FLAVOURS,
    MAKERS,
    PACKAGES,
    PROCESSORS,
    SETTING_VALUE,
    SETTINGS,
    SYSTEMS,
    WORKERS,
)
from loadtest.models import Capacity, NodeSample, Record, RunHeader
from loadtest.public_capacity import day, profile_hash, public_capacity, public_names
from loadtest.publishing import Rule, known_words, private_words, version

ALIKE_RATIO: Final = 0.02
"""Memory of equal machines differs by what the kernel keeps for itself."""

BRIDGES: Final = {"camera": "camera bridge", "screen": "screen share bridge"}
TRANSPARENT: Final = "transparent listen only"
LISTENING: Final = {"passive-sendrecv": "on", "recv": "off"}
"""The role of who only listens tells that setting."""

_PACKAGE: Final = "package "
_SETTING: Final = "setting "
_TYPE: Final = re.compile(r"[\w .,+()/-]{1,60}")
_ADDRESS: Final = re.compile(r"\d+\.\d+\.\d+\.\d+|[\w-]+(?:\.[\w-]+)+\.[a-zA-Z]{2,}")


@dataclass(slots=True)
class _Seen:
    """What all samples and joins of a run say of its nodes."""

    names: set[str] = field(default_factory=set)
    nodes: set[str] = field(default_factory=set)
    cores: dict[str, float] = field(default_factory=dict)
    memory_bytes: dict[str, float] = field(default_factory=dict)
    nic_bps: dict[str, float] = field(default_factory=dict)
    workers: dict[str, float] = field(default_factory=dict)
    ways: dict[str, set[str]] = field(default_factory=dict)
    """By setting, what the media of participants went by."""
    stolen_s: float = 0.0
    granted_s: float = 0.0
    has_steal: bool = False

    def add(self, record: Record) -> None:
        if isinstance(record, JoinReport):
            self.names |= {record.node, record.path.remote_address}
            self._went("audio bridge", record.path.bridge)
            self._went(TRANSPARENT, LISTENING.get(record.path.audio_role, ""))
        if isinstance(record, MilestoneReport):
            self.names.add(record.path.remote_address)
            self._went(BRIDGES.get(record.media, ""), record.path.bridge)
        if not isinstance(record, NodeSample):
            return
        node = record.node
        self.nodes.add(node)
        self.cores[node] = record.cores
        if record.memory_total_bytes:
            self.memory_bytes[node] = float(record.memory_total_bytes)
        if record.nic_bps is not None:
            self.nic_bps[node] = record.nic_bps
        figures = dict(record.figures)
        if figures.get("mediasoup_workers"):
            self.workers[node] = figures["mediasoup_workers"]
        stolen = dict(record.cpu_s).get("steal")
        if stolen is not None:
            self.has_steal = True
            self.stolen_s += stolen
            self.granted_s += record.cores * record.interval_s

    def _went(self, setting: str, value: str) -> None:
        if setting and value:
            self.ways.setdefault(setting, set()).add(value)


def make_card(
    capacity: Capacity,
    *,
    server_type: str = "",
    header: RunHeader | None = None,
    records: Iterable[Record] = (),
    people: PeopleRatio | None = None,
) -> NodeCard:
    """Return the card of a benchmark; `header` and `records` are its run's, if kept.

    Raises ConfigError for a log of another run, and for a type that looks like a host.
    """
    if header is not None and header.run != capacity.run:
        raise ConfigError(
            f"the log is of run {header.run}, the capacity of run {capacity.run}: give "
            "the log that `bbbload benchmark --log` wrote beside it"
        )
    seen = _Seen()
    for record in records:
        seen.add(record)
    told = () if header is None else header.facts
    hosts = {capacity.target, header.target if header else "", *seen.nodes, *seen.names}
    check_type(server_type, hosts)
    private = private_words(hosts)
    facts = _Facts(told, private)
    names = public_names(capacity)
    return NodeCard(
        type=server_type,
        measured_on=day(capacity.started_at),
        nodes=len(seen.nodes),
        hardware=_hardware(capacity, seen, facts),
        software=Software(
            system=facts.words("system", SYSTEMS),
            kernel=_kernel(facts.one("kernel")),
            packages=facts.under(_PACKAGE, PACKAGES, version),
        ),
        settings=_settings(seen, facts),
        scenarios=tuple(
            (
                names[found.profile.name],
                profile_hash(found.profile, capacity.manner),
            )
            for found in capacity.profiles
        ),
        capacity=public_capacity(capacity, names),
        people=people,
    )


class _Facts:
    """What the nodes told of themselves; of several nodes, what all of them told."""

    def __init__(
        self, told: tuple[tuple[str, str], ...], private: frozenset[str]
    ) -> None:
        self._told = told
        self._private = private

    def one(self, name: str) -> str:
        """Return a fact by name, "" where none or where the nodes differ."""
        values = {
            value
            for told, value in self._told
            if told == name or told.endswith(f" {name}")
        }
        return values.pop() if len(values) == 1 else ""

    def words(self, name: str, known: frozenset[str]) -> str:
        """Return the words of a fact that are known."""
        return known_words(self.one(name), known, self._private)

    def under(
        self, prefix: str, known: frozenset[str], rule: Rule
    ) -> tuple[tuple[str, str], ...]:
        """Return (name, value) of the facts of a kind that may be published."""
        found = ((name, rule(self.one(prefix + name))) for name in sorted(known))
        return tuple((name, value) for name, value in found if value)


def _hardware(capacity: Capacity, seen: _Seen, facts: _Facts) -> Hardware:
    memory = _alike(seen.memory_bytes)
    # A node granted a share of a core shows a little more or less of it each second.
    cores = capacity.node_cores if len(seen.cores) < 2 else _alike(seen.cores)
    return Hardware(
        cores=cores,
        memory_bytes=None if memory is None else round(memory),
        nic_bps=_alike(seen.nic_bps),
        processor=facts.words("processor", PROCESSORS),
        maker=facts.words("hardware", MAKERS),
        steal_ratio=(
            seen.stolen_s / seen.granted_s
            if seen.has_steal and seen.granted_s
            else None
        ),
    )


def _settings(seen: _Seen, facts: _Facts) -> tuple[tuple[str, str], ...]:
    """Return what is known of the settings: told by the node, or seen by participants.

    Where participants went different ways, what they saw tells nothing.
    """
    told = {
        name: next(iter(values))
        for name, values in seen.ways.items()
        if len(values) == 1 and all(map(SETTING_VALUE.fullmatch, values))
    }
    told |= facts.under(
        _SETTING,
        SETTINGS,
        lambda text: text if SETTING_VALUE.fullmatch(text) else "",
    )
    workers = _alike(seen.workers)
    if workers is not None:
        told[WORKERS] = f"{workers:.0f}"
    return tuple(sorted(told.items()))


def _alike(by_node: Mapping[str, float]) -> float | None:
    """Return what all nodes have, within a little; None where they differ."""
    values = sorted(by_node.values())
    if not values or values[-1] - values[0] > ALIKE_RATIO * values[-1]:
        return None
    return values[len(values) // 2]


def _kernel(text: str) -> str:
    """Return a kernel's release without the local parts of its name."""
    first, *rest = text.split("-")
    if not version(first):
        return ""
    kept = [part for part in rest if part in FLAVOURS or re.fullmatch(r"\d{1,4}", part)]
    return "-".join((first, *kept))


def check_type(server_type: str, hosts: Iterable[str] = ()) -> None:
    """Raise ConfigError where a server type is or has a host's name, or looks so.

    A host is known by its whole name and by the first label of it.
    """
    names = {host.lower().partition(":")[0] for host in hosts}
    names |= {name.partition(".")[0] for name in names if re.search("[a-z]", name)}
    words = {server_type.lower(), *re.findall(r"[\w.-]+", server_type.lower())}
    if server_type and (
        words & (names - {""})
        or _ADDRESS.search(server_type)
        or not _TYPE.fullmatch(server_type)
    ):
        raise ConfigError(
            f"--type {server_type!r} looks like a host or an address: a card is "
            "published, so name the server type, such as CCX33"
        )
