"""Load points against an SLO: met or not, what broke, and whether we may judge at all.

`bbbload-1` is the SLO of everything printed without another one. Only its CPU line has
a public source (BBB FAQ: audio degrades from about 80 % CPU on); every other bound is
our assumption.

A verdict has two halves. The SLO's half speaks of the node. The generator's half says
whether the numbers describe the node or ourselves; where it says no, the step is
evidence for nothing. Pure.
"""

import math
from dataclasses import dataclass

from loadtest.models import Limit, LoadPoint, Percentiles, Slo, SloSource, SloVerdict

BBBLOAD_1 = Slo()

ENGINE_CPU_MAX = 0.65
"""Share of one core from which on an engine is late often enough to be heard."""
ENGINE_LAG_MAX_S = 0.1
"""Event-loop delay of five audio packets: more, and our own sending has gaps."""
LATE_PACKETS_MAX = 0.01
"""Share of packets sent more than 20 ms after their time."""
WARM_UP_LAG_SHARE = 0.1
"""Share of the join time's bound that our own delay may add to a join."""
PRESENT_MIN = 0.98
STREAMS_MIN = 0.9
"""Share of the load asked for that must have been there, for a step to be good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One bound of an SLO beside what a step measured for it."""

    limit: Limit
    measured: float | None
    """None when the step has no data for it."""
    bound: float
    is_minimum: bool
    unit: str
    source: SloSource

    @property
    def excess(self) -> float:
        """Measured ÷ bound, of the shortfall for a minimum; above 1 it is broken."""
        if self.measured is None:
            return 0.0
        measured, bound = self.measured, self.bound
        if self.is_minimum:
            measured, bound = 1 - measured, 1 - bound
        if measured <= bound:
            return min(1.0, measured / bound) if bound > 0 else 0.0
        return measured / bound if bound > 0 else math.inf


def judge(point: LoadPoint, slo: Slo = BBBLOAD_1) -> SloVerdict:
    """Judge one step: which bounds it broke, most exceeded first, and by whose fault.

    A milestone that never came counts as infinitely late. A bound without data is
    neither met nor broken but listed in `unjudged`.
    """
    bounds = bounds_of(point, slo)
    broken = sorted((b for b in bounds if b.excess > 1), key=lambda b: -b.excess)
    reasons = _generator_reasons(point, slo, is_good=not broken)
    return SloVerdict(
        met=not broken,
        broken=tuple(bound.limit for bound in broken),
        generator_fit=not reasons,
        generator_reasons=reasons,
        unjudged=tuple(bound.limit for bound in bounds if bound.measured is None),
    )


def bounds_of(point: LoadPoint, slo: Slo) -> tuple[Bound, ...]:
    """Return every bound that `slo` sets, beside what `point` measured for it."""
    rows: tuple[tuple[Limit, float | None, float | None, str], ...] = (
        ("join success", point.join_success, slo.join_success_min, ""),
        ("dropped", point.dropped, slo.dropped_max, ""),
        ("join time", _p95(point.join_time_s), slo.join_time_p95_max_s, "s"),
        ("first audio", _p95(point.first_audio_s), slo.first_audio_p95_max_s, "s"),
        ("first camera", _p95(point.first_camera_s), slo.first_camera_p95_max_s, "s"),
        ("audio loss", _p95(point.audio_loss), slo.audio_loss_p95_max, ""),
        ("video loss", _p95(point.video_loss), slo.video_loss_p95_max, ""),
        ("freezes", _p95(point.frozen), slo.frozen_p95_max, ""),
        ("cpu", point.node_cpu_ratio, slo.node_cpu_max, ""),
    )
    return tuple(
        Bound(
            limit=limit,
            measured=measured,
            bound=bound,
            is_minimum=limit == "join success",
            unit=unit,
            source=_source(limit, slo),
        )
        for limit, measured, bound, unit in rows
        if bound is not None
    )


def describe(slo: Slo) -> str:
    """Return the SLO in one line of plain text, with the source of its bounds."""
    percent = "{:.3g} %".format
    parts = [
        (slo.join_success_min, "joins ≥ {}", percent, 100),
        (slo.dropped_max, "dropped ≤ {}", percent, 100),
        (slo.join_time_p95_max_s, "join p95 ≤ {}", "{:g} s".format, 1),
        (slo.first_audio_p95_max_s, "first audio p95 ≤ {}", "{:g} s".format, 1),
        (slo.first_camera_p95_max_s, "first camera p95 ≤ {}", "{:g} s".format, 1),
        (slo.audio_loss_p95_max, "audio loss p95 ≤ {}", percent, 100),
        (slo.video_loss_p95_max, "video loss p95 ≤ {}", percent, 100),
        (slo.frozen_p95_max, "frozen p95 ≤ {}", percent, 100),
        (slo.node_cpu_max, "node CPU ≤ {}", percent, 100),
    ]
    said = ", ".join(
        text.format(number(bound * factor))
        for bound, text, number, factor in parts
        if bound is not None
    )
    origin = (
        "CPU: BBB FAQ, the others: our assumption"
        if slo == BBBLOAD_1
        else "the user's bounds"
    )
    return f"{slo.name}: {said} ({origin})"


def _source(limit: Limit, slo: Slo) -> SloSource:
    if slo != BBBLOAD_1:
        return "user"
    return "BBB FAQ" if limit == "cpu" else "our assumption"


def _p95(percentiles: Percentiles | None) -> float | None:
    return None if percentiles is None else percentiles.p95


def _generator_reasons(point: LoadPoint, slo: Slo, *, is_good: bool) -> tuple[str, ...]:
    reasons = []
    if point.engine_cpu_max == 0:
        reasons.append("no bot engine reported its state")
    if point.engine_cpu_max > ENGINE_CPU_MAX:
        reasons.append(
            f"a bot engine used {point.engine_cpu_max:.2f} of a core "
            f"(limit {ENGINE_CPU_MAX:g})"
        )
    if point.engine_lag_max_s > ENGINE_LAG_MAX_S:
        reasons.append(
            f"a bot engine's loop was {point.engine_lag_max_s:.2f} s late "
            f"(limit {ENGINE_LAG_MAX_S:g} s)"
        )
    join_bound_s = slo.join_time_p95_max_s
    if join_bound_s and point.warm_up_lag_max_s > WARM_UP_LAG_SHARE * join_bound_s:
        reasons.append(
            f"a bot engine's loop was {point.warm_up_lag_max_s:.2f} s late during the "
            f"joins (limit {WARM_UP_LAG_SHARE * join_bound_s:g} s)"
        )
    if point.late_packets > LATE_PACKETS_MAX * point.sent_packets:
        share = point.late_packets / max(point.sent_packets, 1)
        reasons.append(
            f"{share:.1%} of our packets left more than 20 ms late "
            f"(limit {LATE_PACKETS_MAX:.0%})"
        )
    if is_good:
        reasons += _missing_load(point)
    return tuple(reasons)


def _missing_load(point: LoadPoint) -> list[str]:
    """Say what of the load was not there: a step cannot be good with less of it.

    Where the SLO broke, missing load is a consequence and no second fault.
    """
    # Late joins lower the one mean; the leaving at the very end lowers the other.
    at_end = max(point.present, point.present_at_end or 0.0)
    if at_end < PRESENT_MIN * point.participants:
        return [
            f"{at_end:.1f} of {point.participants} participants were present "
            "although no join failed"
        ]
    if point.streams_seen < STREAMS_MIN * point.streams_expected:
        return [
            f"{point.streams_seen:.0f} of {point.streams_expected:.0f} streams were "
            "seen although the SLO held"
        ]
    return []
