"""The two TOML files of an experiment -> what to compare, under which load. Pure.

    # baseline.toml                                # candidate.toml
    target = "school-1"                            target = "school-1"
    version = "3.0.12"                             version = "3.0.19"
    switch = "ssh root@school-1 bbb-to {version}"  switch = "ssh root@school-1 bbb-to …"

    [load]                   # the same on both sides, so only here
    size = 20
    cameras = 4
    capacity = 80            # participants, or a capacity.json: 60 % of it is held
    hold = "5m"
    storm = "1m"             # after everybody joined at once; "0" leaves the storm out

    [experiment]
    runs = 10                # at most, a side
    eur_per_hour = 0.40

`switch` puts a version on its side's host; `{version}` in it is replaced by the version
wanted, so that the host can take either one. That decides the design:

    one target, both sides switch              one host
    two targets, both can take either version  two hosts, swapped
    two targets, the candidate's can           two hosts, compared
    two targets, else                          two hosts (no verdict)
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bots.errors import ConfigError
from loadtest.comparison import Design
from loadtest.durations import parse_duration
from loadtest.gates import DEFAULT_GATES, Gates, gates_of
from loadtest.models import Capacity, MeetingProfile
from loadtest.stages import HIGHEST_JOIN_RATE, LOWEST_JOIN_RATE
from loadtest.streams import check_profile
from loadtest.welch import RUNS_MIN

HELD_SHARE: Final = 0.6
"""Share of the baseline's capacity that a run holds: loaded, and below the knee."""
VERSION_MARK: Final = "{version}"
_SIDE_KEYS: Final = {
    "target",
    "version",
    "switch",
    "switch_takes",
    "node_metrics",
    "allow_host",
    "meetings_unseen",
    "secret_file",
}
_BASELINE_KEYS: Final = _SIDE_KEYS | {"load", "experiment", "gated", "measure"}
_PROFILE_KEYS: Final = ("size", "cameras", "microphones", "listeners", "moderators")
_LOAD_KEYS: Final = {
    *_PROFILE_KEYS,
    "capacity",
    "participants",
    "hold",
    "storm",
    "storm_rate",
    "join_rate",
}
_EXPERIMENT_KEYS: Final = {
    "runs",
    "same_version_runs",
    "seed",
    "ladder_steps",
    "ladder_step",
    "ladder_participants",
    "eur_per_hour",
    "eur_per_gb",
}

ReadCapacity = Callable[[str], Capacity]


@dataclass(frozen=True, slots=True, kw_only=True)
class SideSpec:
    """One side: a host, a version, and how the version gets there."""

    target: str
    version: str
    switch: str = ""
    switch_takes_s: float = 120.0
    """For the estimate only."""
    node_metrics: tuple[str, ...] = ()
    allow_host: str = ""
    secret_file: str = ""
    meetings_unseen: bool = False
    """Load it though it may hide other people's meetings."""

    @property
    def takes_either(self) -> bool:
        """Whether its host can be given either version."""
        return VERSION_MARK in self.switch


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSpec:
    """What every run holds."""

    profile: MeetingProfile
    participants: int
    hold_s: float = 300.0
    storm_s: float = 60.0
    """After the last of the storm joined; 0 leaves the storm out."""
    storm_rate: float = 20.0
    """Joins per second; BBB takes at most 50."""
    join_rate: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderSpec:
    """The capacity ladder at the end; 0 steps leave it out."""

    steps: int = 6
    step_s: float = 30.0
    participants: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSpec:
    """Everything that decides an experiment."""

    baseline: SideSpec
    candidate: SideSpec
    design: Design
    load: LoadSpec
    ladder: LadderSpec = LadderSpec()
    runs: int = 10
    same_version_runs: int = 5
    seed: int = 1
    eur_per_hour: float | None = None
    eur_per_gb: float | None = None
    gates: Gates = DEFAULT_GATES


def parse_spec(
    baseline: str,
    candidate: str,
    *,
    names: tuple[str, str] = ("baseline.toml", "candidate.toml"),
    read_capacity: ReadCapacity | None = None,
) -> ExperimentSpec:
    """Return what the two texts ask for; raises ConfigError that names file and key."""
    first = _toml(baseline, names[0])
    second = _toml(candidate, names[1])
    _known(first, _BASELINE_KEYS, names[0])
    _known(second, _SIDE_KEYS, names[1], " (load and experiment are the baseline's)")
    sides = (_side(first, names[0]), _side(second, names[1]))
    where = f"{names[0]}: [load]"
    load = _load(_table(first, "load", names[0]), where, read_capacity)
    plan = _table(first, "experiment", names[0])
    where = f"{names[0]}: [experiment]"
    _known(plan, _EXPERIMENT_KEYS, where)
    defaults = ExperimentSpec(
        baseline=sides[0], candidate=sides[1], design=_design(*sides, names), load=load
    )
    asked = {"gated", "measure"} & first.keys()
    gates: dict[str, Any] = {key: first[key] for key in asked}
    ladder = LadderSpec(
        steps=_whole(plan, "ladder_steps", 6, where, least=0),
        step_s=_seconds(plan, "ladder_step", 30.0, where),
        participants=_whole(plan, "ladder_participants", 200, where, least=1),
    )
    spec = replace(
        defaults,
        ladder=ladder,
        runs=_whole(plan, "runs", defaults.runs, where, least=1),
        same_version_runs=_whole(
            plan, "same_version_runs", defaults.same_version_runs, where, least=0
        ),
        seed=_whole(plan, "seed", defaults.seed, where, least=0),
        eur_per_hour=_price(plan, "eur_per_hour", where),
        eur_per_gb=_price(plan, "eur_per_gb", where),
        gates=gates_of(gates, where=names[0]) if gates else DEFAULT_GATES,
    )
    return check_spec(spec)


def check_spec(spec: ExperimentSpec) -> ExperimentSpec:
    """Return the spec, or raise ConfigError for one that could never tell anything."""
    if spec.runs < RUNS_MIN:
        raise ConfigError(
            f"{spec.runs} runs a side can never give a verdict: give at least "
            f"{RUNS_MIN}"
        )
    if 0 < spec.same_version_runs < RUNS_MIN:
        raise ConfigError(
            f"{spec.same_version_runs} runs of the baseline against itself show "
            f"nothing: give same_version_runs = {RUNS_MIN} or more, or 0 to go without"
        )
    if spec.design == "two hosts, compared" and not spec.same_version_runs:
        raise ConfigError(
            "two hosts are compared by runs of the baseline on both: give "
            f"same_version_runs = {RUNS_MIN} or more"
        )
    return spec


def _design(baseline: SideSpec, candidate: SideSpec, names: tuple[str, str]) -> Design:
    if baseline.target != candidate.target:
        if not candidate.takes_either:
            return "two hosts"
        if not baseline.takes_either:
            return "two hosts, compared"
        return "two hosts, swapped"
    if not baseline.switch or not candidate.switch:
        raise ConfigError(
            f"{names[0]} and {names[1]} name one server, {baseline.target}, but no "
            "command that switches its version: give both a switch"
        )
    if baseline.version == candidate.version:
        raise ConfigError(
            f"{names[0]} and {names[1]} name one server and one version, "
            f"{baseline.version}: there is nothing to compare"
        )
    return "one host"


def _side(table: Mapping[str, Any], where: str) -> SideSpec:
    metrics = table.get("node_metrics", [])
    if not isinstance(metrics, list) or not all(isinstance(u, str) for u in metrics):
        raise ConfigError(f"{where}: node_metrics is a list of addresses in quotes")
    unseen = table.get("meetings_unseen", False)
    if not isinstance(unseen, bool):
        raise ConfigError(f"{where}: meetings_unseen is true or false")
    return SideSpec(
        target=_text(table, "target", where, needed=True),
        version=_text(table, "version", where, needed=True),
        switch=_text(table, "switch", where),
        switch_takes_s=_seconds(table, "switch_takes", 120.0, where),
        node_metrics=tuple(metrics),
        allow_host=_text(table, "allow_host", where),
        secret_file=_text(table, "secret_file", where),
        meetings_unseen=unseen,
    )


def _load(
    table: Mapping[str, Any], where: str, read_capacity: ReadCapacity | None
) -> LoadSpec:
    _known(table, _LOAD_KEYS, where)
    size = _whole(table, "size", 20, where, least=1)
    listeners = _whole(table, "listeners", 0, where, least=0)
    profile = check_profile(
        MeetingProfile(
            name="hold",
            size=size,
            cameras=_whole(table, "cameras", min(4, size), where, least=0),
            microphones=_whole(
                table, "microphones", max(0, size - listeners), where, least=0
            ),
            listeners=listeners,
            moderators=_whole(table, "moderators", 1, where, least=0),
        )
    )
    if ("capacity" in table) == ("participants" in table):
        raise ConfigError(
            f"{where} needs either capacity (of the baseline: `bbbload benchmark` "
            "finds it) or participants"
        )
    if "participants" in table:
        wanted = float(_whole(table, "participants", 0, where, least=1))
    else:
        wanted = HELD_SHARE * _capacity(table["capacity"], where, read_capacity)
    meetings = max(1, int(wanted // size))
    load = LoadSpec(profile=profile, participants=meetings * size)
    return replace(
        load,
        hold_s=_seconds(table, "hold", load.hold_s, where),
        storm_s=_seconds(table, "storm", load.storm_s, where, may_be_none=True),
        storm_rate=_rate(table, "storm_rate", load.storm_rate, where),
        join_rate=_rate(table, "join_rate", load.join_rate, where),
    )


def _capacity(value: Any, where: str, read_capacity: ReadCapacity | None) -> float:
    if isinstance(value, str) and read_capacity is not None:
        found = [
            each.capacity or each.at_least
            for each in read_capacity(value).profiles
            if each.capacity or each.at_least
        ]
        if not found:
            raise ConfigError(f"{where}: {value} holds no capacity")
        return min(each for each in found if each is not None)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ConfigError(
            f"{where} capacity is participants or a capacity.json, not {value!r}"
        )
    return float(value)


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is no TOML: {error}") from error


def _known(
    table: Mapping[str, Any],
    keys: set[str] | frozenset[str],
    where: str,
    more: str = "",
) -> None:
    unknown = sorted(set(table) - keys)
    if unknown:
        raise ConfigError(
            f"{where}: unknown key {unknown[0]!r}: known are "
            f"{', '.join(sorted(keys))}{more}"
        )


def _table(table: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{where}: {key} is no table: write [{key}]")
    return found


def _text(
    table: Mapping[str, Any], key: str, where: str, *, needed: bool = False
) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or (needed and not value.strip()):
        raise ConfigError(f"{where}: {key} is missing or is no text in quotes")
    return value


def _number(table: Mapping[str, Any], key: str, default: float, where: str) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{where} {key} is no number: {value!r}")
    return float(value)


def _rate(table: Mapping[str, Any], key: str, default: float, where: str) -> float:
    rate = _number(table, key, default, where)
    if not LOWEST_JOIN_RATE <= rate <= HIGHEST_JOIN_RATE:
        raise ConfigError(
            f"{where} {key} is {rate:g} a second: give {LOWEST_JOIN_RATE:g} to "
            f"{HIGHEST_JOIN_RATE:g}"
        )
    return rate


def _whole(
    table: Mapping[str, Any], key: str, default: int, where: str, *, least: int
) -> int:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{where}: {key} is a whole number from {least} on")
    return value


def _price(table: Mapping[str, Any], key: str, where: str) -> float | None:
    if key not in table:
        return None
    value = _number(table, key, 0.0, where)
    if value < 0:
        raise ConfigError(f"{where} {key} is {value:g}: give 0 or more")
    return value


def _seconds(
    table: Mapping[str, Any],
    key: str,
    default: float,
    where: str,
    *,
    may_be_none: bool = False,
) -> float:
    value = table.get(key, default)
    if may_be_none and value in (0, "0", "0s"):
        return 0.0
    try:
        return parse_duration(str(value))
    except ConfigError as error:
        raise ConfigError(f"{where} {key}: {error}") from error
