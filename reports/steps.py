"""The table of a run's steps, as run and capacity reports print it."""

import math

from loadtest.models import LoadPoint, Percentiles, SloVerdict
from reports import format as written
from reports import wording
from reports.document import Column, Table


def steps_table(
    points: tuple[LoadPoint, ...],
    verdicts: tuple[SloVerdict, ...],
    *,
    slo_name: str,
    with_profile: bool,
) -> Table:
    """Tell what was measured at each step and whether it kept the SLO."""
    profile = (Column(title="profile"),) if with_profile else ()
    numbers = (
        "present",
        "joins ok",
        "dropped",
        "join",
        "audio",
        "camera",
        "lost audio",
        "lost video",
        "frozen",
        "CPU",
    )
    return Table(
        title=f"Steps, judged by {slo_name} on their last two thirds",
        columns=(
            *profile,
            *(Column(title=title, is_number=True) for title in numbers),
            Column(title="verdict"),
        ),
        rows=tuple(
            ((point.profile,) if with_profile else ()) + _row(point, verdict)
            for point, verdict in zip(points, verdicts, strict=True)
        ),
        note=(
            "Join, audio and camera: p95 of the time to join, to the first packet "
            "and to the first frame. Lost and frozen: p95 over participants. "
            "Joins, waits and drops are those of the whole step."
        ),
    )


def _row(point: LoadPoint, verdict: SloVerdict) -> tuple[str, ...]:
    return (
        f"{written.number(point.present)} of {point.participants}",
        written.percent(point.join_success, 3),
        written.percent(point.dropped),
        _wait(point.join_time_s),
        _wait(point.first_audio_s),
        _wait(point.first_camera_s),
        _share(point.audio_loss),
        _share(point.video_loss),
        _share(point.frozen),
        written.percent(point.node_cpu_ratio),
        _verdict(verdict),
    )


def _verdict(verdict: SloVerdict) -> str:
    broken = written.listing(tuple(wording.LIMITS[limit] for limit in verdict.broken))
    said = "kept" if verdict.met else f"broken: {broken}"
    if verdict.generator_fit:
        return said
    return f"no evidence, generator unfit: {'; '.join(verdict.generator_reasons)}"


def _wait(measured: Percentiles | None) -> str:
    if measured is None:
        return written.MISSING
    return "never" if math.isinf(measured.p95) else written.seconds(measured.p95)


def _share(measured: Percentiles | None) -> str:
    return written.percent(measured.p95 if measured else None)
