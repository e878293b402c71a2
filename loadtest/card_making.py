"""A benchmark's result and its run's log -> a node card. Pure.

What describes the server type comes from what the watch of the node saw; what nobody
saw is not known and is never guessed. What stands in the card has passed the rules of
`loadtest.publishing`: words of makers, systems and packages that are listed here, and
sentences of our own.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, get_args

from bots.errors import ConfigError
from bots.models import JoinReport
from bots.plain import to_plain
from loadtest.card import Hardware, NodeCard, PeopleRatio, Software
from loadtest.costs import REGRESSORS
from loadtest.limits import CONNECTION_CODES, PORT_CODES, RATE_CODES
from loadtest.models import (
    Capacity,
    Limit,
    MeetingProfile,
    NodeSample,
    Record,
    RunHeader,
    Slo,
)
from loadtest.profiles import SMALL_PROFILES, contrast_of
from loadtest.publishing import (
    Rule,
    known_words,
    one_of,
    private_words,
    published,
    statement,
    version,
)
from loadtest.watching.roles import kind_of

HASH_DIGITS: Final = 12
TOLD_ELSEWHERE: Final = "the reason is in the benchmark's own report"
OWN_SLO: Final = "own bounds"
WORKERS: Final = "mediasoup workers"
ALIKE_RATIO: Final = 0.02
"""Memory of equal machines differs by what the kernel keeps for itself."""

SYSTEMS: Final = frozenset(
    "Ubuntu Debian GNU/Linux LTS AlmaLinux Rocky Linux bookworm bullseye trixie jammy "
    "noble focal bionic".split()
)
FLAVOURS: Final = frozenset(
    "generic amd64 arm64 x86_64 aarch64 cloud pve aws azure gcp kvm virtual lowlatency "
    "hwe oem rt realtime hardened".split()
)
MAKERS: Final = frozenset(
    "QEMU KVM Standard PC Q35 i440FX PIIX ICH9 Bochs Xen HVM domU VMware Inc. Inc "
    "Virtual Platform Machine VirtualBox innotek GmbH Oracle Corporation Microsoft "
    "OpenStack Foundation Nova Hetzner vServer DigitalOcean Droplet Vultr Linode "
    "Scaleway OVH netcup Amazon EC2 Google Compute Engine Dell PowerEdge HP HPE "
    "ProLiant Gen8 Gen9 Gen10 Gen11 Plus Hewlett-Packard Hewlett Packard Enterprise "
    "Lenovo ThinkSystem Supermicro Super Server Micro Computer Fujitsu PRIMERGY ASUS "
    "ASUSTeK COMPUTER INC. ASRock ASRockRack Rack Gigabyte Technology Co. Ltd. MSI "
    "Micro-Star International Intel AMD".split()
)
PROCESSORS: Final = frozenset(
    "Intel AMD ARM Xeon Gold Silver Bronze Platinum Core Pentium Celeron Atom i3 i5 i7 "
    "i9 CPU E3 E5 E7 D W EPYC EPYC-Milan EPYC-Rome EPYC-Genoa Ryzen Threadripper PRO "
    "Processor Opteron Ampere Altra Neoverse-N1 Neoverse-N2 Neoverse-V1 QEMU Virtual "
    "Common KVM processor Broadwell Haswell Skylake Cascadelake Icelake "
    "Sapphirerapids Skylake-Server IBRS Cascadelake-Server Icelake-Server".split()
)
PACKAGES: Final = frozenset(
    f"bbb-{name}"
    for name in "apps-akka config etherpad export-annotations freeswitch-core "
    "freeswitch-sounds fsesl-akka graphql-actions graphql-middleware graphql-server "
    "html5 learning-dashboard libreoffice-docker livekit mkclean pads playback "
    "playback-presentation record-core web webrtc-recorder webrtc-sfu".split()
) | {"bigbluebutton"}
SETTINGS: Final = frozenset(
    (
        WORKERS,
        "graphql max connections",
        "nginx worker connections",
        "open files",
        "max cameras per user",
        "max cameras per page",
        "max participants",
        "audio bridge",
        "camera bridge",
        "screen share bridge",
        "transparent listen only",
        "recording",
    )
)
"""Of `bbbload_fact{name="setting …"}`; values are numbers, on and off, or a bridge."""
_PACKAGE: Final = "package "
_SETTING: Final = "setting "
_VALUE: Final = re.compile(
    r"\d{1,7}|on|off|true|false|freeswitch|bbb-webrtc-sfu|livekit"
)
_PROCESS: Final = re.compile(r"(?P<name>.+) used (?P<cores>[\d.]+ cores of [\d.]+)")
_RUN: Final = re.compile(r"[0-9a-f]{4,8}")
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
    stolen_s: float = 0.0
    granted_s: float = 0.0
    has_steal: bool = False

    def add(self, record: Record) -> None:
        if isinstance(record, JoinReport):
            self.names |= {record.node, record.path.remote_address}
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
    _check_type(server_type, hosts)
    private = private_words(hosts)
    facts = _Facts(told, private)
    names = _public_names(capacity)
    return NodeCard(
        type=server_type,
        measured_on=_day(capacity.started_at),
        nodes=len(seen.nodes),
        hardware=_hardware(capacity, seen, facts),
        software=Software(
            system=facts.words("system", SYSTEMS),
            kernel=_kernel(facts.one("kernel")),
            packages=facts.under(_PACKAGE, PACKAGES, version),
        ),
        settings=_settings(seen, facts),
        scenarios=tuple(
            (names[found.profile.name], profile_hash(found.profile))
            for found in capacity.profiles
        ),
        capacity=_public(capacity, names),
        people=people,
    )


def profile_hash(profile: MeetingProfile) -> str:
    """Return the hash of what a profile loads, whatever it and its personas are called.

    SHA-256 of its JSON with sorted keys, of which the first 12 digits are kept.
    """
    plain = to_plain(replace(profile, name=""))
    for group in plain.get("mix", ()):
        group["persona"].pop("name", None)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


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
    cores = _alike(seen.cores) if seen.cores else capacity.node_cores
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
    told = dict(
        facts.under(
            _SETTING, SETTINGS, lambda text: text if _VALUE.fullmatch(text) else ""
        )
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


def _public_names(capacity: Capacity) -> dict[str, str]:
    """Return by profile the name it is published under: ours, or its hash."""
    ours = {profile.name for profile in SMALL_PROFILES}
    return {
        found.profile.name: (
            found.profile.name
            if found.profile.name in ours
            else f"mix-{profile_hash(found.profile)[:6]}"
        )
        for found in capacity.profiles
    }


def _public(capacity: Capacity, names: Mapping[str, str]) -> Capacity:
    contrasts = [contrast_of(profile) for profile in SMALL_PROFILES]
    lighter = {profile.name: profile.name for profile in contrasts if profile}
    profile_name = _renamed({**lighter, **names})
    known_slo = one_of((Slo().name, f"{Slo().name} changed"))
    rules: dict[str, Rule] = {
        "Capacity.run": lambda text: text if _RUN.fullmatch(text) else "",
        "Capacity.started_at": _day,
        "Capacity.tool_version": version,
        "Capacity.bbb_version": version,
        "Capacity.cost_note": statement,
        "Capacity.reasons": _reason,
        "Slo.name": lambda text: known_slo(text) or OWN_SLO,
        "MeetingProfile.name": profile_name,
        "LoadPoint.profile": profile_name,
        "LoadPoint.node_busiest": lambda text: kind_of(text).role if text else "",
        "LoadPoint.refusals": one_of((*CONNECTION_CODES, *PORT_CODES, *RATE_CODES)),
        "SloVerdict.generator_reasons": _reason,
        "SloVerdict.unjudged": one_of(get_args(Limit)),
        "Cost.name": lambda text: text if text in REGRESSORS else profile_name(text),
        "Cost.unit": one_of(("cores",)),
        "ProfileCapacity.invalid": _reason,
        "ProfileCapacity.evidence": _evidence,
    }
    return published(capacity, rules)


def _renamed(names: Mapping[str, str]) -> Rule:
    return lambda text: names.get(text, "")


def _reason(text: str) -> str:
    """Return a reason's known parts; a reason is never lost without a word."""
    return statement(text) or (TOLD_ELSEWHERE if text else "")


def _evidence(text: str) -> str:
    """Return what shows a limit; a process is told by its role alone."""
    used = _PROCESS.fullmatch(text)
    if used is None:
        return statement(text)
    return f"one process ({kind_of(used['name']).role}) used {used['cores']}"


def _day(text: str) -> str:
    """Return the day of an ISO 8601 time in UTC, "" for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.date().isoformat()


def _check_type(server_type: str, hosts: Iterable[str]) -> None:
    is_host = server_type.lower() in {host.lower() for host in hosts}
    if server_type and (
        is_host or _ADDRESS.search(server_type) or not _TYPE.fullmatch(server_type)
    ):
        raise ConfigError(
            f"--type {server_type!r} looks like a host or an address: a card is "
            "published, so name the server type, such as CCX33"
        )
