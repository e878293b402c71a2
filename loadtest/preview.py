"""What a run will do, said before anything is sent. Pure.

From the course of a load (`occupancy`, or the steps of a plan) to its totals: time,
people, streams, traffic, what the generator needs and what this machine lacks of it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bots.errors import ConfigError
from loadtest.durations import format_duration
from loadtest.expected import expected_of
from loadtest.generator import Needs, needs_of, shortfalls, traffic_of
from loadtest.machine import Machine
from loadtest.occupancy import Load
from loadtest.rates import format_rate
from loadtest.stages import RunPlan
from loadtest.streams import Streams
from loadtest.summary import counted

DRAWING_WIDTH: Final = 64
DRAWING_HEIGHT: Final = 8
BLOCKS: Final = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The totals of a run to come."""

    duration_s: float
    course: tuple[Load, ...]
    """The load from each change on, in order; the last one ends with `duration_s`."""
    is_bound: bool
    """The course is the most that can be: a benchmark stops where the SLO breaks."""
    meetings: int
    """Made in all."""
    peak: Streams
    """Of the moment with the most streams."""
    peak_participants: int
    peak_meetings: int
    sent_bytes: float
    """By the generator, IP packets of media, everybody speaking: the most."""
    received_bytes: float
    needs: Needs
    machine: Machine
    shortfalls: tuple[str, ...]
    """Why this machine is too small; empty where it is large enough."""


def preview_of(
    course: Sequence[Load],
    *,
    duration_s: float,
    meetings: int,
    machine: Machine,
    is_bound: bool = False,
) -> Preview:
    """Return the totals of a course on this machine."""
    ends = [load.elapsed_s for load in course[1:]] + [duration_s]
    sent = received = 0.0
    for load, ends_s in zip(course, ends, strict=True):
        lasts_s = max(0.0, ends_s - load.elapsed_s)
        sent_bps, received_bps = traffic_of(load.streams)
        sent += sent_bps * lasts_s / 8
        received += received_bps * lasts_s / 8
    most = max(course, key=lambda load: load.streams.both_ways)
    needs = needs_of(_dearest(course))
    return Preview(
        duration_s=duration_s,
        course=tuple(course),
        is_bound=is_bound,
        meetings=meetings,
        peak=most.streams,
        peak_participants=max(load.participants for load in course),
        peak_meetings=max(load.meetings for load in course),
        sent_bytes=sent,
        received_bytes=received,
        needs=needs,
        machine=machine,
        shortfalls=shortfalls(needs, machine),
    )


def preview_of_plan(plan: RunPlan, machine: Machine) -> Preview:
    """Return the preview of any plan; a benchmark's is the most that it can load."""
    expected = expected_of(plan)
    return preview_of(
        expected.changes,
        duration_s=expected.ends_s,
        meetings=expected.meetings,
        machine=machine,
        is_bound=not expected.is_exact,
    )


def over_caps(preview: Preview, plan: RunPlan) -> tuple[str, ...]:
    """Return one sentence for each cap of a scenario's file that its run exceeds."""
    caps = plan.caps
    participants, streams = preview.peak_participants, preview.peak.both_ways
    found = (
        ("participants", participants, caps.participants, f"{participants}"),
        ("streams", streams, caps.streams, f"{streams}"),
        (
            "duration",
            plan.duration_s,
            caps.duration_s,
            f'"{format_duration(math.ceil(plan.duration_s))}"',
        ),
    )
    return tuple(
        f"a run would be refused by its cap on {name}: write {name} = {needed} under "
        f"[limits], or give --max-{name} to the run"
        for name, value, cap, needed in found
        if value > cap
    )


def check_rate(preview: Preview, most_bps: float) -> None:
    """Raise ConfigError when the traffic one way may exceed a rate."""
    top_bps = max(preview.needs.sent_bps, preview.needs.received_bps)
    if top_bps > most_bps:
        fitting = int(preview.peak_participants * most_bps / top_bps)
        raise ConfigError(
            f"{format_rate(top_bps)} one way at the top are more than --max-rate "
            f"{format_rate(most_bps)}: about {fitting} of the "
            f"{preview.peak_participants} participants fit"
        )


def check_engines(preview: Preview, engines: int) -> None:
    """Raise ConfigError when so many engines, a core each, are too few for the top."""
    needed = preview.needs.engines
    if needed > engines:
        raise ConfigError(
            f"{preview.needs.cores:.1f} cores are needed and --engines {engines} uses "
            f"no more than {engines}: give --engines {needed}, or auto"
        )


def lines_of(preview: Preview) -> list[str]:
    """Return the preview as text for people, the drawing first."""
    peak, needs, machine = preview.peak, preview.needs, preview.machine
    most = "at most " if preview.is_bound else ""
    video = peak.video_in + peak.screen_in, peak.video_out + peak.screen_out
    lines = [] if preview.is_bound else drawing_of(preview)
    lines += [
        f"lasts {most}{_span(preview.duration_s)}; {most}{preview.peak_participants} "
        f"participants in {counted(preview.peak_meetings, 'meeting')} at once, "
        f"{counted(preview.meetings, 'meeting')} made in all",
        f"streams at the top: {counted(peak.audio_in, 'microphone')} and {video[0]} "
        f"{'camera or screen' if video[0] == 1 else 'cameras and screens'} to the "
        f"server, {peak.audio_out} audio and {video[1]} video from it",
        f"traffic at the top: {needs.sent_bps / 1e6:.1f} Mbit/s to the server, "
        f"{needs.received_bps / 1e6:.1f} from it; in all {most}"
        f"{_volume(preview.sent_bytes + preview.received_bytes)}",
        f"generator: {needs.cores:.1f} of {machine.cores:.1f} cores, "
        f"{counted(needs.engines, 'engine')}, memory "
        f"{_of(needs.memory_bytes, machine.memory_bytes, 'B')}, "
        f"{_of(needs.descriptors, machine.descriptors)} open files an engine, "
        f"{_of(needs.udp_ports, machine.udp_ports)} UDP ports, uplink "
        f"{_uplink(machine.uplink_bps)}",
    ]
    return lines + [f"too small: {sentence}" for sentence in preview.shortfalls]


def drawing_of(preview: Preview, width: int = DRAWING_WIDTH) -> list[str]:
    """Return the participants over time as lines of text."""
    most = max(preview.peak_participants, 1)
    highs = _highs(preview.course, preview.duration_s, width)
    lines = []
    for row in range(DRAWING_HEIGHT - 1, -1, -1):
        cells = (
            BLOCKS[max(0, min(8, round(8 * (DRAWING_HEIGHT * high / most - row))))]
            for high in highs
        )
        label = f"{most}" if row == DRAWING_HEIGHT - 1 else ""
        lines.append(f"{label:>6} │{''.join(cells).rstrip()}")
    lines.append(f"{'0':>6} └{'─' * width}")
    lines.append(f"{'':8}0{_span(preview.duration_s):>{width - 1}}")
    return lines


def _highs(course: Sequence[Load], ends_s: float, width: int) -> list[int]:
    """Return the most participants in each of `width` equal parts of the time."""
    highs = [0] * width
    ends = [load.elapsed_s for load in course[1:]] + [ends_s]
    for load, until_s in zip(course, ends, strict=True):
        first = min(width - 1, int(width * load.elapsed_s / ends_s))
        last = min(width - 1, int(width * (until_s - 1e-9) / ends_s))
        for part in range(first, max(first, last) + 1):
            highs[part] = max(highs[part], load.participants)
    return highs


def _dearest(course: Iterable[Load]) -> Streams:
    """Return the load that needs the most of a generator."""
    return max((load.streams for load in course), key=lambda s: needs_of(s).cores)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _volume(size_bytes: float) -> str:
    if size_bytes < 1e8:
        return f"{size_bytes / 1e6:.1f} MB"
    return f"{size_bytes / 1e9:.2f} GB"


def _of(needed: float, there: float | None, unit: str = "") -> str:
    if unit:
        shown = f"{needed / 1e9:.1f}"
        return f"{shown} of {there / 1e9:.1f} GB" if there else f"{shown} GB"
    return f"{needed:.0f} of {there:.0f}" if there is not None else f"{needed:.0f}"


def _uplink(speed_bps: float | None) -> str:
    return "of unknown speed" if speed_bps is None else f"{speed_bps / 1e6:.0f} Mbit/s"
