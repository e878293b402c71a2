"""A run in a few lines for the terminal, from its load points."""

import math
from collections.abc import Iterator
from typing import Final

from loadtest.aggregate import Aggregate
from loadtest.codec import RunLog
from loadtest.models import (
    EndRecord,
    LoadPoint,
    Percentiles,
    SelfCheck,
    SloVerdict,
)
from loadtest.slo import judge
from loadtest.summary import counted

REPEAT: Final = (
    "An invalid run says nothing about the server: repeat it with less else running on "
    "this machine, with --engines auto, or from a stronger one"
)


def summarise(log: RunLog) -> Iterator[str]:
    """Yield the lines: what was loaded, what it got, whether it kept the SLO."""
    header, end = log.header, None
    aggregate = Aggregate()
    aggregate.add(header)
    for record in log:
        aggregate.add(record)
        if isinstance(record, EndRecord):
            end = record
    stand_in = " (bbbload's stand-in node: says nothing about BBB)"
    version = header.bbb_version or "of unknown version"
    yield f"Target {header.target}, BBB {version}{stand_in if header.stand_in else ''}"
    points = aggregate.points()
    for point in points:
        if len(points) > 1:
            yield f"Step {point.step + 1}, {point.profile}"
        yield from _point_lines(point)
        yield _verdict_line(header.slo.name, judge(point, header.slo))
    if end is not None and end.self_check is not None:
        yield from _check_line(end.self_check)
    if end is None:
        yield f"The run was cut off. {log.torn}".rstrip()
    else:
        reasons = "".join(f"; {reason}" for reason in end.reasons)
        yield f"Run {header.run}: {end.validity}{reasons}"
        if end.validity == "invalid":
            yield REPEAT


def _check_line(self_check: SelfCheck) -> Iterator[str]:
    proofs = [check for check in self_check.checks if check.is_proof]
    said = ", ".join(
        f"{check.name} {check.measured:.0f} of {check.expected:.0f}"
        for check in proofs
        if check.expected
    )
    if said:
        yield f"Check  {said}"


def _point_lines(point: LoadPoint) -> Iterator[str]:
    yield (
        f"Load   {point.participants} participants in "
        f"{counted(point.meetings, 'meeting')}, "
        f"{point.present:.1f} present on average"
    )
    yield (
        f"Joins  {point.joins} tried, {_share(point.join_success)} succeeded, "
        f"p95 {_seconds(point.join_time_s)}; first audio p95 "
        f"{_seconds(point.first_audio_s)}, first camera p95 "
        f"{_seconds(point.first_camera_s)}"
    )
    yield (
        f"Media  {point.streams_seen:.0f} of {point.streams_expected:.0f} streams, "
        f"{point.received_bps / 1e6:.2f} Mbit/s received, "
        f"{point.sent_bps / 1e6:.2f} sent; loss p95 audio {_ratio(point.audio_loss)}, "
        f"video {_ratio(point.video_loss)}; frozen p95 {_ratio(point.frozen)}"
    )
    cpu = "not watched"
    if point.node_cpu_ratio is not None:
        cores = f"{point.node_cores:g} core{'' if point.node_cores == 1 else 's'}"
        cpu = f"CPU {100 * point.node_cpu_ratio:.0f} % of {cores}"
    yield (
        f"Node   {cpu}; generator at most {100 * point.engine_cpu_max:.0f} % of a "
        f"core, {point.late_packets} of {point.sent_packets} packets late"
    )


def _verdict_line(name: str, verdict: SloVerdict) -> str:
    unjudged = (
        f" (not judged: {', '.join(verdict.unjudged)})" if verdict.unjudged else ""
    )
    if not verdict.generator_fit:
        return f"SLO    {name}: not judged, {'; '.join(verdict.generator_reasons)}"
    if verdict.met:
        return f"SLO    {name}: kept{unjudged}"
    return f"SLO    {name}: missed by {', '.join(verdict.broken)}{unjudged}"


def _seconds(found: Percentiles | None) -> str:
    if found is None:
        return "-"
    return "never" if math.isinf(found.p95) else f"{found.p95:.2f} s"


def _ratio(found: Percentiles | None) -> str:
    return "-" if found is None else f"{100 * found.p95:.2f} %"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
