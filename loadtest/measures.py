"""A run, digested -> one number per measure, and what it was measured on. Pure.

A run of an experiment holds one load; where it also holds a step of the profile
`storm`, in which everybody joins at once, joins are taken from the storm and all that
goes on (CPU, loss, freezes, memory, traffic) from the step that was held. Percentiles
are those of samples, as `loadtest.aggregate` made them; nothing is averaged over runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bots.errors import ConfigError
from loadtest.comparison import ComparedRun, Measure, RunSide
from loadtest.models import Capacity, LoadPoint, MeetingProfile
from loadtest.results import RunResult, TimelineBin

STORM: Final = "storm"
"""Name of the profile whose step is a join storm."""
CPU: Final = "cpu per participant"
CAPACITY: Final = "capacity"

MEASURES: Final = (
    Measure(name=CAPACITY, unit="participants", is_higher_worse=False),
    Measure(name=CPU, unit="s/min"),
    Measure(name="join time p95", unit="s"),
    Measure(name="first camera p95", unit="s"),
    Measure(name="audio loss p95", is_share=True, smallest_effect=0.005),
    Measure(name="frozen p95", is_share=True, smallest_effect=0.005),
    Measure(name="join time p50", unit="s", is_gated=False),
    Measure(name="first audio p95", unit="s", is_gated=False),
    Measure(
        name="video loss p95", is_share=True, smallest_effect=0.005, is_gated=False
    ),
    Measure(name="refused", is_share=True, smallest_effect=0.005, is_gated=False),
    Measure(name="memory", unit="bytes", is_gated=False),
    Measure(name="traffic per participant", unit="bit/s", is_gated=False),
)
"""The first six are gated by default. Lost audio is never sent again, so that loss on
the way shows there; lost video is, and what is not repaired in time is frozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMeasures:
    """What one run measured, as one number per measure."""

    run: str
    values: Mapping[str, float | None]
    invalid: str = ""
    """Why the run is void (the generator was not fit), "" for a valid one."""
    host: str = ""
    """Needed only where two hosts changed sides."""


def measures_of(
    point: LoadPoint,
    capacity: float | None = None,
    *,
    storm: LoadPoint | None = None,
    memory_bytes: float | None = None,
) -> dict[str, float | None]:
    """Return the measures of a run that held one load, under the names of MEASURES.

    `storm` is the step in which everybody joined at once, where there was one.
    """
    joins = storm or point

    def p95(found_in: LoadPoint, name: str) -> float | None:
        found = getattr(found_in, name)
        return None if found is None else float(found.p95)

    used = point.node_cpu_s_per_s
    is_held = point.present > 0
    return {
        CAPACITY: capacity,
        CPU: 60 * used / point.present if used is not None and is_held else None,
        "join time p95": p95(joins, "join_time_s"),
        "join time p50": joins.join_time_s.p50 if joins.join_time_s else None,
        "first audio p95": p95(joins, "first_audio_s"),
        "first camera p95": p95(joins, "first_camera_s"),
        "audio loss p95": p95(point, "audio_loss"),
        "video loss p95": p95(point, "video_loss"),
        "frozen p95": p95(point, "frozen"),
        "refused": None if joins.join_success is None else 1 - joins.join_success,
        "memory": memory_bytes,
        "traffic per participant": (
            point.received_bps / point.present if is_held else None
        ),
    }


def samples_of(point: LoadPoint, *, storm: LoadPoint | None = None) -> dict[str, int]:
    """Return what each measure of a run is of: joins, streams, scrapes of the node."""
    joins = storm or point

    def count(found_in: LoadPoint, name: str) -> int:
        found = getattr(found_in, name)
        return 0 if found is None else int(found.count)

    return {
        CPU: point.node_samples,
        "join time p95": count(joins, "join_time_s"),
        "join time p50": count(joins, "join_time_s"),
        "first audio p95": count(joins, "first_audio_s"),
        "first camera p95": count(joins, "first_camera_s"),
        "audio loss p95": count(point, "audio_loss"),
        "video loss p95": count(point, "video_loss"),
        "frozen p95": count(point, "frozen"),
        "refused": point.joins,
        "memory": point.node_samples,
    }


def compared_run(
    result: RunResult, *, side: RunSide, where: str, version: str = ""
) -> ComparedRun:
    """Return a run that held one load as one line of an experiment.

    `where` names its file for the ConfigError that a run of several loads raises;
    `version` stands where the server hides its own.
    """
    held = [point for point in result.points if point.profile != STORM]
    storms = [point for point in result.points if point.profile == STORM]
    if len(held) > 1:
        raise ConfigError(
            f"{where} holds {len(held)} loads one after the other: compare runs of one "
            "load (`bbbload run`), or the capacity.json of a benchmark"
        )
    header = result.header
    invalid = "" if result.validity == "valid" else "; ".join(result.reasons)
    if result.validity != "valid":
        invalid = invalid or result.validity
    elif not held:
        invalid = "its load was not held long enough to be judged"
    values: dict[str, float | None] = {}
    samples: dict[str, int] = {}
    if held:
        point = held[0]
        storm = storms[0] if storms else None
        samples = samples_of(point, storm=storm)
        values = measures_of(
            point,
            storm=storm,
            memory_bytes=_memory(result, point),
        ) | _cpu_by_group(result, point)
    return ComparedRun(
        run=header.run,
        side=side,
        host=header.target,
        version=version or header.bbb_version,
        started_at=header.started_at,
        seed=header.seed,
        tool_version=header.tool_version,
        stand_in=header.stand_in,
        load=_load(result),
        facts=_facts(result),
        values=_known(values),
        samples=tuple((name, count) for name, count in samples.items() if count),
        invalid=invalid,
    )


def climbed_run(capacity: Capacity, *, side: RunSide, version: str = "") -> ComparedRun:
    """Return the run of a benchmark as a line of an experiment: its capacities.

    Several profiles have a measure each. An `at_least` is no capacity, and missing.
    """
    many = len(capacity.profiles) > 1
    found = {
        f"{CAPACITY}: {each.profile.name}" if many else CAPACITY: each.capacity
        for each in capacity.profiles
    }
    return ComparedRun(
        run=capacity.run,
        side=side,
        host=capacity.target,
        version=version or capacity.bbb_version,
        started_at=capacity.started_at,
        seed=capacity.seed,
        tool_version=capacity.tool_version,
        stand_in=capacity.stand_in,
        facts=_said(("BBB version", capacity.bbb_version), _cores(capacity.node_cores)),
        values=_known(found),
        invalid=(
            ""
            if capacity.validity == "valid"
            else "; ".join(capacity.reasons) or capacity.validity
        ),
    )


def measures_for(
    runs: Iterable[ComparedRun], known: Sequence[Measure] = MEASURES
) -> tuple[Measure, ...]:
    """Return the known measures, and one for each further name that the runs have.

    CPU of a group of processes is shown and not gated; a profile's capacity is judged
    as the capacity is.
    """
    names = {measure.name for measure in known}
    more = []
    for name in dict.fromkeys(name for run in runs for name, _ in run.values):
        if name in names:
            continue
        head = name.partition(":")[0]
        like = next((each for each in known if each.name == head), None)
        if like is None:
            more.append(Measure(name=name, is_gated=False))
        elif head == CAPACITY:
            more.append(replace(like, name=name))
        else:
            more.append(replace(like, name=name, is_gated=False))
    return (*known, *more)


def run_measures(run: ComparedRun) -> RunMeasures:
    """Return what the comparison needs of a run."""
    return RunMeasures(
        run=run.run, values=dict(run.values), invalid=run.invalid, host=run.host
    )


def _memory(result: RunResult, point: LoadPoint) -> float | None:
    """Return the largest memory in use while the load was held, over the nodes."""
    found = [
        sum(node.memory_bytes or 0 for node in each.nodes)
        for each in result.bins
        if _is_judged(each, point)
    ]
    return float(max(found)) if any(found) else None


def _is_judged(moment: TimelineBin, point: LoadPoint) -> bool:
    """Say whether a bin lies in the judged part, by its middle."""
    middle_s = (moment.starts_s + moment.ends_s) / 2
    return point.starts_s <= middle_s <= point.ends_s


def _cpu_by_group(result: RunResult, point: LoadPoint) -> dict[str, float | None]:
    """Return CPU seconds per participant-minute of each group of processes watched."""
    sums: dict[str, float] = {}
    bins = 0
    for each in result.bins:
        if not _is_judged(each, point):
            continue
        bins += bool(each.nodes)
        for node in each.nodes:
            for group, cores in node.cpu_cores:
                if group != "node":
                    sums[group] = sums.get(group, 0.0) + cores
    if not bins or point.present <= 0:
        return {}
    return {
        f"{CPU}: {group}": 60 * cores / bins / point.present
        for group, cores in sorted(sums.items())
    }


def _load(result: RunResult) -> str:
    """Return what was held, in words that are equal only for equal loads."""
    mixes = {profile.name: profile for profile in result.header.scenario}
    manner = "".join(f", {how}" for how in sorted(result.header.manner))
    steps = "; ".join(
        f"{step.participants} participants in {mix(mixes.get(step.profile))}"
        + (", all at once" if step.profile == STORM else "")
        for step in result.steps
    )
    return steps + manner if steps else ""


def mix(profile: MeetingProfile | None) -> str:
    """Return a mix of meetings in words, without its name."""
    if profile is None:
        return "unknown meetings"
    return (
        f"meetings of {profile.size} ({profile.cameras} cameras, "
        f"{profile.microphones} microphones, {profile.listeners} listeners)"
    )


def _facts(result: RunResult) -> tuple[tuple[str, str], ...]:
    cores = next((point.node_cores for point in result.points), None)
    path = result.paths[0] if result.paths else None
    return _said(
        ("BBB version", result.header.bbb_version),
        *result.header.facts,
        _cores(cores),
        ("media bridge", path.bridge if path else ""),
        ("audio", f"{path.audio_role}, {path.offerer} offers" if path else ""),
        ("media path", path.candidate_type if path else ""),
    )


def _cores(cores: float | None) -> tuple[str, str]:
    return "cores", "" if cores is None else f"{cores:g}"


def _said(*facts: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in facts if value.strip(", "))


def _known(values: Mapping[str, float | None]) -> tuple[tuple[str, float], ...]:
    return tuple((name, value) for name, value in values.items() if value is not None)
