"""Scenarios as TOML files -> what to load, every mistake one sentence. Pure.

    name = "school morning"
    [mix.lesson]                  # personas: built in, [persona.NAME] here, or a file's
    presenter = 1
    student = 27
    [meeting.lesson]
    mix = "lesson"
    size = 28                     # or a distribution, or a histogram file
    [arrival]
    kind = "lecture"              # 80 % within two minutes
    [profile]
    kind = "step"
    participants = [280, 0, 280]
    over = "1m"
    hold = "40m"
    [[burst]]
    kind = "poll"
    at = "5m"

`loadtest/formats.md` documents every key. Files that a scenario names are read through
`read`, relative to the scenario's own folder.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, get_args

from bots.errors import ConfigError
from bots.models import BurstKind
from bots.persona_file import PersonaBook, book_of, read_personas
from bots.wire import Caps
from loadtest import profile_stages
from loadtest.mixes import check_mix
from loadtest.models import SeatGroup, Slo
from loadtest.scenario import (
    Arrival,
    ArrivalKind,
    BurstPlan,
    MeetingKind,
    Scenario,
    SizeShare,
    Stage,
    moves,
)
from loadtest.scenario_table import Table
from loadtest.size_shares import LARGEST, lognormal, read_histogram
from loadtest.watching import source_node

ReadFile = Callable[[str], str]
MOST_PARTICIPANTS: Final = 100_000
LONGEST_HISTORY_S: Final = 100 * 366 * 86_400.0
"""No history is longer: asking for more is asking for all of it."""
_TOP: Final = (
    *("name", "seed", "recording", "personas", "persona", "mix", "meeting"),
    *("arrival", "profile", "burst", "slo", "nodes", "limits"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioFile:
    """A scenario with all that its file says of how it is run and judged."""

    scenario: Scenario
    seed: int
    slo: Slo
    caps: Caps
    node_metrics: tuple[str, ...]


def read_scenario(text: str, source: str, read: ReadFile) -> ScenarioFile:
    """Return what a file asks for; raises ConfigError naming file and key."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as mistake:
        raise ConfigError(f"{source} is no TOML: {mistake}") from mistake
    top = Table(told, source)
    top.known(*_TOP)
    book = _book(top, read)
    arrival = _arrival(top.table("arrival"))
    stages = _stages(top.table("profile", needed=True), read)
    limits = top.table("limits")
    limits.known("participants", "streams", "duration")
    nodes = top.table("nodes")
    nodes.known("metrics")
    defaults = Caps()
    scenario = Scenario(
        name=top.text("name", source.rpartition("/")[2].removesuffix(".toml")),
        kinds=_kinds(top, book, read),
        stages=stages,
        arrival=arrival,
        bursts=tuple(_burst(table) for table in top.tables("burst")),
        is_recorded=top.flag("recording", False),
    )
    if max(stage.participants for stage in stages) < 1:
        raise ConfigError(f"{source}: [profile] nobody ever joins: give participants")
    if moves(scenario)[-1].ends_s < 1:
        raise ConfigError(f"{source}: [profile] lasts no second: give hold")
    return ScenarioFile(
        scenario=scenario,
        seed=top.whole("seed", 1, least=0, most=2**31),
        slo=_slo(top.table("slo")),
        caps=Caps(
            participants=limits.whole(
                "participants", defaults.participants, most=MOST_PARTICIPANTS
            ),
            streams=limits.whole("streams", defaults.streams, most=10_000_000),
            duration_s=limits.seconds("duration", defaults.duration_s),
        ),
        node_metrics=_sources(nodes),
    )


def _sources(nodes: Table) -> tuple[str, ...]:
    """Return where the nodes are watched: any address that `--node-metrics` takes."""
    addresses = nodes.texts("metrics")
    for address in addresses:
        try:
            source_node(address)
        except ConfigError as mistake:
            raise ConfigError(f"{nodes.where} metrics: {mistake}") from mistake
    return addresses


def mix_of(book: PersonaBook, name: str, where: str) -> tuple[SeatGroup, ...]:
    """Return a mix of a book as seats; raises ConfigError."""
    if name not in book.mixes:
        known = ", ".join(sorted(book.mixes)) or "none is there: write [mix.NAME]"
        raise ConfigError(f"{where} names no mix {name!r}: use one of {known}")
    mix = tuple(
        SeatGroup(persona=book.personas[persona], count=count)
        for persona, count in book.mixes[name]
    )
    try:
        check_mix(mix)
    except ConfigError as mistake:
        raise ConfigError(f"{where}, mix {name!r}: {mistake}") from mistake
    return mix


def _book(top: Table, read: ReadFile) -> PersonaBook:
    file = top.text("personas", "")
    base = read_personas(read(file), file) if file else None
    return book_of(top.values, top.where, base)


def _kinds(top: Table, book: PersonaBook, read: ReadFile) -> tuple[MeetingKind, ...]:
    found = []
    for name, table in top.named("meeting"):
        table.known("mix", "size", "share", "camera_page", "decode_every")
        mix = mix_of(book, table.text("mix", name), f"{table.where} mix")
        found.append(
            MeetingKind(
                name=name,
                mix=mix,
                sizes=_sizes(table, sum(group.count for group in mix), read),
                share=table.whole("share", 1, least=1, most=1_000),
                camera_page=table.whole("camera_page", 5, least=0, most=100),
                decode_every=table.whole("decode_every", 0, least=0, most=10**6),
            )
        )
    if not found:
        raise ConfigError(f"{top.where}: no meetings: write [meeting.NAME] with a mix")
    return tuple(found)


def _sizes(table: Table, default: int, read: ReadFile) -> tuple[SizeShare, ...]:
    value = table.values.get("size", default)
    if not isinstance(value, dict):
        return (SizeShare(size=table.whole("size", default, least=1, most=LARGEST)),)
    size = table.table("size")
    if "histogram" in value:
        size.known("histogram")
        file = size.text("histogram")
        return read_histogram(read(file).splitlines(), file)
    if "median" in value:
        size.known("median", "spread", "least", "most")
        least = size.whole("least", 2, least=1, most=LARGEST)
        return lognormal(
            size.number("median", above=0.0, most=LARGEST),
            size.number("spread", 2.0, above=1.0, most=100.0),
            least=least,
            most=size.whole("most", 200, least=least, most=LARGEST),
        )
    shares = []
    for text in value:
        if not text.isdecimal() or not 1 <= int(text) <= LARGEST:
            raise ConfigError(
                f"{size.where}: {text!r} is no size: write 5 = 2, a size and its "
                "weight, or median, or histogram"
            )
        weight = size.number(text, above=0.0, most=1e9)
        shares.append(SizeShare(size=int(text), weight=weight))
    if not shares:
        raise ConfigError(f"{size.where} is empty: give a size")
    return tuple(sorted(shares, key=lambda share: share.size))


def _arrival(table: Table) -> Arrival:
    kind: ArrivalKind = table.choice("kind", get_args(ArrivalKind), "closed")
    own = {
        "closed": (),
        "open": ("stay",),
        "lecture": ("within", "early", "late"),
        "storm": ("rate",),
    }
    table.known("kind", *own[kind])
    defaults = Arrival()
    return Arrival(
        kind=kind,
        within_s=table.seconds("within", defaults.within_s),
        early_ratio=table.number("early", defaults.early_ratio, above=0.0, most=1.0),
        late_s=table.seconds("late", defaults.late_s, may_be_none=True),
        rate=table.number("rate", above=0.0, most=1_000.0) if kind == "storm" else 0.0,
        stay_s=table.seconds("stay") if kind == "open" else 0.0,
    )


def _stages(table: Table, read: ReadFile) -> tuple[Stage, ...]:
    kind = table.choice("kind", ("ramp", "step", "spike", "soak", "replay"), "ramp")
    if kind == "replay":
        return _replay(table, read)
    over_s = table.seconds("over", 30.0, may_be_none=True)
    if kind == "step":
        table.known("kind", "participants", "over", "hold")
        levels = table.wholes("participants", most=MOST_PARTICIPANTS)
        holds_s = table.durations("hold", len(levels))
        return profile_stages.step(levels, over_s=over_s, holds_s=holds_s)
    hold_s = table.seconds("hold")
    base = table.whole("participants", least=1, most=MOST_PARTICIPANTS)
    if kind == "spike":
        table.known(
            *("kind", "participants", "over", "hold"),
            *("top", "spike_over", "spike_hold"),
        )
        return profile_stages.spike(
            base,
            table.whole("top", least=base, most=MOST_PARTICIPANTS),
            spike_over_s=table.seconds("spike_over", 10.0),
            spike_hold_s=table.seconds("spike_hold"),
            over_s=over_s,
            hold_s=hold_s,
        )
    table.known("kind", "participants", "over", "hold")
    return profile_stages.ramp(base, over_s=over_s, hold_s=hold_s)


def _replay(table: Table, read: ReadFile) -> tuple[Stage, ...]:
    table.known("kind", "history", "from", "lasting", "length", "peak")
    file = table.text("history")
    since = table.values.get("from")
    if isinstance(since, str):
        try:
            since = datetime.fromisoformat(since)
        except ValueError:
            since = ""
    if since is not None and not isinstance(since, datetime):
        raise ConfigError(f"{table.where} from is no time: write 2024-10-07T00:00:00")
    lasting_s = table.seconds("lasting", 604_800.0)
    points = profile_stages.read_history(
        read(file).splitlines(),
        file,
        since=since,
        lasting=timedelta(seconds=min(lasting_s, LONGEST_HISTORY_S)),
    )
    peak = table.whole("peak", 0, least=0, most=MOST_PARTICIPANTS) or None
    try:
        return profile_stages.replay(
            points, length_s=table.seconds("length", 3_600.0), peak=peak
        )
    except ConfigError as mistake:
        raise ConfigError(f"{table.where} history {file}: {mistake}") from mistake


def _burst(table: Table) -> BurstPlan:
    table.known("kind", "at", "every", "lasts", "share")
    kind: BurstKind = table.choice("kind", get_args(BurstKind))
    every_s = table.seconds("every", 0.0, may_be_none=True)
    return BurstPlan(
        kind=kind,
        at_s=table.seconds("at", may_be_none=True),
        every_s=every_s or None,
        lasts_s=table.seconds("lasts", 10.0),
        share=table.number("share", 1.0, above=0.0, most=1.0),
    )


def _slo(table: Table) -> Slo:
    bounds = [name for name in Slo.__dataclass_fields__ if name != "name"]
    table.known("name", *bounds)
    if not table.values:
        return Slo()
    changes: Mapping[str, Any] = {
        name: None
        if table.values[name] == "none"
        else table.number(name, above=-1e-12, most=1e6)
        for name in bounds
        if name in table.values
    }
    return Slo(name=table.text("name", "bbbload-1 changed"), **changes)
