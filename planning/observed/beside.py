"""A benchmark's bots beside a history's people, at the people's mix. Pure.

    ratio = CPU of bots ÷ CPU of people, both without their base

The bots' CPU is what the benchmark's costs say of the people's busy mix. People with
voice count as microphones, `listeners` as listen-only; all with audio receive one
stream. How many cameras people received is `streams` less these, where the SFU counted
them. Otherwise all meetings of a time are taken as alike, with pages of five cameras,
which is an assumption: it is named, with the ratio at half and at twice as many.

Outside 0.8 to 1.25 planning should use the dearer of the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from loadtest.costs import REGRESSORS, fit_costs
from loadtest.models import Capacity, Cost
from planning.observed.fit import BOOTSTRAPS, COVERAGE, NodeFit
from planning.observed.models import AGREE, Beside, Dearer
from planning.peaks import Interval
from planning.sampling import log_normal

Floats = NDArray[np.float64]

CAMERA_PAGE = 5
"""BBB's default: so many of the others' cameras does a viewer see at once."""
CORES_ALIKE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mix:
    """A mix in the benchmark's terms, the cameras received apart."""

    fixed: tuple[float, ...]
    """By REGRESSORS, without base and with no `video_out`."""
    video_out: float
    counted: bool


def set_beside(fits: Sequence[NodeFit], capacity: Capacity, *, seed: int = 0) -> Beside:
    """Return the ratio over all nodes together, with its interval and its meaning.

    Raises ConfigError when the benchmark has no costs, or the history no meetings and
    no streams to reckon with.
    """
    if not capacity.costs:
        raise ConfigError(
            f"run {capacity.run} has no costs to set beside ({capacity.cost_note}): "
            "measure it again with --node-metrics"
        )
    rng = np.random.default_rng(seed)
    values, draws = _bots(capacity, rng)
    mixes = [_mix_of(fit) for fit in fits]
    people = sum(fit.result.load_cores.mid for fit in fits)
    if people <= 0:
        raise ConfigError(
            "people cost these nodes no CPU that could be told from idling: read a "
            "busier time, or check that both series are of one node"
        )
    people_draws = sum((_people(fit, rng) for fit in fits), np.zeros(BOOTSTRAPS))
    fixed = np.sum([mix.fixed for mix in mixes], axis=0)
    video_out = sum(mix.video_out for mix in mixes)

    def ratio_at(cameras: float) -> float:
        return float((fixed @ values + cameras * values[-1]) / people)

    bots_draws = draws @ fixed + video_out * draws[:, -1]
    ratios = bots_draws / np.maximum(people_draws, 1e-9)
    low, high = np.quantile(ratios, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    ratio = Interval(
        low=min(float(low), ratio_at(video_out)),
        mid=ratio_at(video_out),
        high=max(float(high), ratio_at(video_out)),
        coverage=COVERAGE,
    )
    counted = all(mix.counted for mix in mixes)
    return Beside(
        run=capacity.run,
        ratio=ratio,
        dearer=dearer_of(ratio.mid),
        streams="counted" if counted else "assumed",
        ratio_half_streams=None if counted else ratio_at(video_out / 2),
        ratio_double_streams=None if counted else ratio_at(video_out * 2),
        notes=_notes(fits, capacity),
    )


def dearer_of(ratio: float) -> Dearer:
    """Return whose cost is the dearer one beyond doubt of size, "" between the two.

    >>> dearer_of(0.7), dearer_of(1.0), dearer_of(1.3)
    ('people', '', 'bots')
    """
    least, most = AGREE
    return "people" if ratio < least else "bots" if ratio > most else ""


def at_dearer_cost(capacity: Capacity, found: Beside) -> Capacity:
    """Return the capacity that is to be planned with.

    Where people are dearer, capacities shrink and costs without base grow by the ratio;
    their outer ends by the ratio's. That is exact where CPU is the limit and cautious
    where something else is. The steps, measured with bots, are left out then.
    Otherwise the benchmark stands as it is.
    """
    if found.dearer != "people":
        return capacity
    ratio = found.ratio
    low, mid, high = max(ratio.low, 1e-6), ratio.mid, min(ratio.high, 1.0)
    return replace(
        capacity,
        profiles=tuple(
            replace(
                one,
                capacity=_times(one.capacity, mid),
                at_least=_times(one.at_least, low),
                low=_times(one.low, low),
                high=_times(one.high, high),
                points=(),
                verdicts=(),
                meeting_cost=one.meeting_cost and _dearer(one.meeting_cost, ratio),
            )
            for one in capacity.profiles
        ),
        costs=tuple(
            cost if cost.name == "base" else _dearer(cost, ratio)
            for cost in capacity.costs
        ),
        cost_points=(),
        cost_note=(
            f"costs of bots over {mid:.2f}: real people were dearer in production"
        ),
        reasons=(
            *capacity.reasons,
            f"at the cost of real people: bots used {mid:.2f} of their CPU",
        ),
    )


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _dearer(cost: Cost, ratio: Interval) -> Cost:
    return replace(
        cost,
        value=cost.value / ratio.mid,
        low=cost.low / max(ratio.mid, min(ratio.high, 1.0)),
        high=cost.high / max(ratio.low, 1e-6),
    )


def _bots(capacity: Capacity, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the benchmark's costs without base, and draws of them.

    Costs of one fit err against each other, so they are drawn together from its steps;
    where a file has no steps each is drawn alone, which widens the interval.
    """
    costs = {cost.name: cost for cost in capacity.costs}
    names = REGRESSORS[1:]
    values = np.array([costs[name].value if name in costs else 0.0 for name in names])
    points = [point for found in capacity.profiles for point in found.points]
    again = fit_costs([*points, *capacity.cost_points], bootstraps=BOOTSTRAPS)
    if again.draws:
        middle = np.array([cost.value for cost in again.costs])
        draws = np.array(again.draws) - middle
        return values, np.maximum(values + draws[:, 1:], 0.0)
    alone = np.zeros((BOOTSTRAPS, len(names)))
    for index, name in enumerate(names):
        if name in costs:
            one = costs[name]
            stated = Interval(
                low=one.low,
                mid=one.value,
                high=one.high,
                coverage=capacity.cost_coverage,
            )
            alone[:, index] = log_normal(stated, rng, BOOTSTRAPS)
    return values, alone


def _people(fit: NodeFit, rng: np.random.Generator) -> Floats:
    """Return draws of what a node's busy mix cost, in an order of chance."""
    busy = dict(fit.result.busy)
    mix = np.array([0.0, *(busy[name] for name in fit.names[1:])])
    return np.asarray(rng.permutation(np.array(fit.draws) @ mix), dtype=float)


def _mix_of(fit: NodeFit) -> _Mix:
    busy = dict(fit.result.busy)
    people, cameras = busy["participants"], busy.get("cameras", 0.0)
    voice = busy.get("voice", 0.0)
    audio_out = voice + busy.get("listeners", 0.0)
    fixed = (people, voice, audio_out, cameras, 0.0)
    if "streams" in busy:
        video_out = max(0.0, busy["streams"] - audio_out)
        return _Mix(fixed=fixed, video_out=video_out, counted=True)
    meetings = busy.get("meetings", 0.0)
    if cameras and not meetings:
        raise ConfigError(
            f"node {fit.result.node} has neither bbb_meetings nor mediasoup_consumers: "
            "how many cameras its people received can't be said"
        )
    each = cameras / max(meetings, 1.0)
    share = cameras / max(people, 1.0)
    seen = min(max(0.0, each - min(share, 1.0)), float(CAMERA_PAGE))
    return _Mix(fixed=fixed, video_out=people * seen, counted=not cameras)


def _notes(fits: Sequence[NodeFit], capacity: Capacity) -> tuple[str, ...]:
    notes = []
    if capacity.stand_in:
        notes.append(
            "the benchmark is of bbbload's stand-in node, which says nothing about "
            "BigBlueButton"
        )
    others = sorted(
        {
            f"{fit.result.cores:g}"
            for fit in fits
            if fit.result.cores is not None
            and capacity.node_cores is not None
            and abs(fit.result.cores - capacity.node_cores) > CORES_ALIKE
        }
    )
    if others:
        notes.append(
            f"the benchmark's node has {capacity.node_cores:g} cores, those observed "
            f"{', '.join(others)}: another server type's cores are worth another amount"
        )
    if capacity.validity != "valid":
        notes.append(f"the benchmark is {capacity.validity}")
    return tuple(notes)
