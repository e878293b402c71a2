"""What people and their streams cost a node, fitted on its own history. Pure.

    CPU (cores) = base + participants·c₁ + voice·c₂ + cameras·c₃ [+ streams·c₄],  c ≥ 0

for the whole node and for each role, by weighted non-negative least squares over all
bins. Bins of a day err together (a lecture with polls, a backup), so the interval comes
from resampling whole days; percentiles of so few blocks are too narrow, which Student's
t for as many degrees of freedom makes good.

History is no experiment: nobody varied cameras without people. Where the parts of the
load moved together, any split fits equally well and no interval warns of it, so the
split is refused by the condition number; below its bound intervals widen. What the mix
as a whole costs stays known: every split that fits says the same of it. Nothing is said
of more than 1.2 times the largest load seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from loadtest.costs import condition_number, nonnegative_least_squares
from loadtest.models import Cost
from loadtest.student import student_quantile
from planning.observed.models import Asked, NodePast, ObservedNode, RoleCosts
from planning.peaks import Interval
from planning.series import DAY_S

Floats = NDArray[np.float64]

PARTS = ("participants", "voice", "cameras", "listeners", "streams")
COVERAGE = 0.9
CONDITION_MAX = 100.0
"""Of the columns scaled to unit norm. Belsley, Kuh and Welsch (Regression Diagnostics,
1980, chapter 3) call 30 strong and 100 severe. Below it the intervals widen as they
should: at 67 to 91, on 40 synthetic histories, they covered 85 to 97 %."""
REACH = 1.2
CPU_BOUND = 0.8
"""Share of the cores, as in the SLO `bbbload-1` (BBB FAQ)."""
BUSY_SHARE = 0.1
LEAST_DAYS = 5
"""With fewer, blocks are a tenth of the time instead of a day."""
SHORT_BLOCKS = 10
BOOTSTRAPS = 400
NOISE_SHARE = 0.05
"""A bin's noise is taken as proportional to its CPU plus this share of the largest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFit:
    """A node's result with what is needed to reckon on, which no file holds."""

    result: ObservedNode
    names: tuple[str, ...]
    """`base`, then the parts of the load that were seen."""
    values: tuple[float, ...]
    draws: tuple[tuple[float, ...], ...]
    """Costs of the whole node, each in the order of `names`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blocks:
    """The sums of products of each block, which a resampled fit is made of."""

    gram: Floats
    """(block, column, column)"""
    moment: Floats
    """(block, column, role)"""


def fit_node(past: NodePast, *, seed: int = 0, coverage: float = COVERAGE) -> NodeFit:
    """Fit one node's costs with intervals; costs that can't be split are left empty."""
    loads = {name: np.array(values) for name, values in past.loads}
    parts = tuple(name for name in PARTS if name in loads and loads[name].any())
    if "participants" not in parts:
        raise ConfigError(f"node {past.node} had no participants in that range")
    names = ("base", *parts)
    bins = len(past.times_s)
    design = np.column_stack([np.ones(bins), *(loads[name] for name in parts)])
    roles, cpu = _targets(past)
    weights = _weights(design, cpu[:, 0])
    blocks, block_note = _blocks(past)
    sums = _sums(design, cpu, weights, blocks)
    values = _solve(sums.gram.sum(axis=0), sums.moment.sum(axis=0))
    draws = _draws(sums, values, np.random.default_rng(seed), coverage)

    condition = condition_number(design)
    can_split = condition <= CONDITION_MAX
    busy = loads["participants"] >= np.quantile(loads["participants"], 1 - BUSY_SHARE)
    mix = np.array([0.0, *(float(loads[name][busy].mean()) for name in parts)])
    whole, each = values[:, 0], draws[:, :, 0]
    load_cores = _interval(float(mix @ whole), each @ mix, coverage)
    largest = tuple((name, float(loads[name].max())) for name in parts)
    at_bound, bound_note = _at_bound(past.cores, whole, each, mix, largest, coverage)
    notes = [*past.notes, block_note, bound_note]
    if not can_split:
        notes.append(_collinear(names, design, condition))
    notes += [
        f"there were no {name}: nothing is said of them"
        for name in ("voice", "cameras")
        if name not in parts
    ]
    if "streams" not in parts:
        notes.append(
            "streams were not counted (mediasoup_consumers of bbb-webrtc-sfu): the "
            "cost of a camera contains those who watched it"
        )
    result = ObservedNode(
        node=past.node,
        bins=bins,
        days=bins * past.step_s / DAY_S,
        cores=past.cores,
        largest=largest,
        busy=tuple(zip(parts, mix[1:].tolist(), strict=True))
        + tuple(
            (name, float(loads[name][busy].mean()))
            for name in ("meetings",)
            if name in loads
        ),
        busy_cores=float(cpu[busy, 0].mean()),
        base=_interval(float(whole[0]), each[:, 0], coverage),
        load_cores=load_cores,
        condition_number=condition if np.isfinite(condition) else None,
        roles=tuple(
            RoleCosts(
                role=role,
                cores=float(values[0, index] + mix @ values[:, index]),
                costs=_costs(names, values[:, index], draws[:, :, index], coverage)
                if can_split
                else (),
            )
            for index, role in enumerate(roles)
        ),
        at_bound=at_bound,
        notes=tuple(note for note in notes if note),
    )
    return NodeFit(
        result=result,
        names=names,
        values=tuple(whole.tolist()),
        draws=tuple(tuple(draw) for draw in each.tolist()),
    )


def cost_of_mix(
    fit: NodeFit, mix: Mapping[str, float], *, coverage: float = COVERAGE
) -> Asked:
    """Return the cores that a mix needs on this node; absent parts count as 0.

    Raises ConfigError beyond 1.2 × the largest seen of a part, for a part that was
    never seen, and where the history can't tell the parts apart.
    """
    node = fit.result
    largest = dict(node.largest)
    for name, count in mix.items():
        if name not in largest:
            raise ConfigError(
                f"node {node.node} has no {name!r} in its history; it has "
                + ", ".join(largest)
            )
        if not 0 <= count <= REACH * largest[name]:
            raise ConfigError(
                f"{count:g} {name} are beyond {REACH:g} times the {largest[name]:.0f} "
                f"that node {node.node} was seen with: its history does not say"
            )
    if not node.roles[0].costs:
        raise ConfigError(
            f"node {node.node} can't be asked for another mix than its own: "
            + next(note for note in node.notes if note.startswith("no costs"))
        )
    row = np.array([1.0, *(float(mix.get(name, 0.0)) for name in fit.names[1:])])
    value = float(row @ np.array(fit.values))
    return Asked(
        node=node.node,
        mix=tuple(mix.items()),
        cores=_interval(value, np.array(fit.draws) @ row, coverage),
    )


def _targets(past: NodePast) -> tuple[tuple[str, ...], Floats]:
    """Return the roles, `node` first, and their cores (bin, role).

    Recordings are worked on when the node is calm, hours after their meetings: their
    CPU is no cost of present people, so it is taken out where it is known.
    """
    columns = {name: np.array(values) for name, values in past.cpu}
    if "recording" in columns:
        columns["node"] = np.maximum(columns["node"] - columns.pop("recording"), 0.0)
    roles = ("node", *sorted(name for name in columns if name != "node"))
    return roles, np.column_stack([columns[name] for name in roles])


def _weights(design: Floats, cores: Floats) -> Floats:
    """Return the weight of each bin from a first fit: not from its own noise."""
    first = design @ nonnegative_least_squares(design, cores)
    weights: Floats = 1.0 / (first + NOISE_SHARE * max(float(first.max()), 1e-9))
    return weights


def _blocks(past: NodePast) -> tuple[NDArray[np.int64], str]:
    """Return the block of each bin: its day, or a stretch of a history too short."""
    times = np.array(past.times_s, dtype=np.int64)
    days: NDArray[np.int64] = np.unique(times // DAY_S, return_inverse=True)[1]
    count = int(days.max()) + 1
    if count >= LEAST_DAYS:
        return days, ""
    stretches: NDArray[np.int64] = np.arange(len(times)) * SHORT_BLOCKS // len(times)
    return stretches, (
        f"{count} days are too few to resample days: stretches of "
        f"{len(times) * past.step_s / SHORT_BLOCKS / 3600:.1f} hours were, which makes "
        "intervals too narrow; read at least 5 days"
    )


def _sums(
    design: Floats, cpu: Floats, weights: Floats, blocks: NDArray[np.int64]
) -> _Blocks:
    grams, moments = [], []
    for block in range(int(blocks.max()) + 1):
        rows = blocks == block
        part = design[rows] * weights[rows, None]
        grams.append(part.T @ part)
        moments.append(part.T @ (cpu[rows] * weights[rows, None]))
    return _Blocks(gram=np.array(grams), moment=np.array(moments))


def _solve(gram: Floats, moment: Floats) -> Floats:
    """Return the costs ≥ 0 (column, role) of normal equations.

    With gram = QΛQᵀ, ‖Λ^½Qᵀx − Λ^−½Qᵀb‖ differs from the residuals of all bins by a
    constant, so that a fit over a year is one of a handful of rows.
    """
    scale = np.sqrt(np.diag(gram))
    scale[scale == 0] = 1.0
    eigenvalues, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    kept = eigenvalues > 1e-12 * eigenvalues[-1]
    roots = np.sqrt(eigenvalues[kept])
    rows = roots[:, None] * vectors[:, kept].T
    aims = (vectors[:, kept].T @ (moment / scale[:, None])) / roots[:, None]
    solved = [nonnegative_least_squares(rows, aim) for aim in aims.T]
    return np.column_stack(solved) / scale[:, None]


def _draws(
    sums: _Blocks, values: Floats, rng: np.random.Generator, coverage: float
) -> Floats:
    """Return resampled costs (draw, column, role)."""
    blocks = len(sums.gram)
    drawn = np.empty((BOOTSTRAPS, *values.shape))
    for index in range(BOOTSTRAPS):
        times = np.bincount(rng.integers(blocks, size=blocks), minlength=blocks)
        gram = np.tensordot(times, sums.gram, axes=1)
        moment = np.tensordot(times, sums.moment, axes=1)
        drawn[index] = _solve(gram, moment)
    half = (1 + coverage) / 2
    wider = student_quantile(half, blocks - 1) / NormalDist().inv_cdf(half)
    wider *= (blocks / (blocks - 1)) ** 0.5
    return np.asarray(values + (drawn - values) * wider, dtype=float)


def _interval(value: float, draws: Floats, coverage: float) -> Interval:
    low, high = np.quantile(draws, [(1 - coverage) / 2, (1 + coverage) / 2])
    return Interval(
        low=max(0.0, min(float(low), value)),
        mid=value,
        high=max(float(high), value),
        coverage=coverage,
    )


def _costs(
    names: Sequence[str], values: Floats, draws: Floats, coverage: float
) -> tuple[Cost, ...]:
    costs = []
    for index, name in enumerate(names):
        found = _interval(float(values[index]), draws[:, index], coverage)
        costs.append(
            Cost(
                name=name, value=found.mid, unit="cores", low=found.low, high=found.high
            )
        )
    return tuple(costs)


def _at_bound(
    cores: float | None,
    values: Floats,
    draws: Floats,
    mix: Floats,
    largest: tuple[tuple[str, float], ...],
    coverage: float,
) -> tuple[Interval | None, str]:
    """Return the participants of this mix at the CPU bound, or why that is not said."""
    if cores is None:
        return None, "the node's cores are not known"
    people = float(mix[1])

    def carried(costs: Floats) -> Floats:
        free = np.maximum(CPU_BOUND * cores - costs[..., 0], 0.0)
        return np.asarray(people * free / np.maximum(costs @ mix, 1e-9), dtype=float)

    found = _interval(float(carried(values)), carried(draws), coverage)
    reach = REACH * dict(largest)["participants"]
    if found.mid > reach:
        return None, (
            f"{CPU_BOUND:.0%} CPU lie beyond {REACH:g} times the largest load seen: "
            f"the history does not say where; it was {reach / REACH:.0f} participants"
        )
    return Interval(
        low=found.low, mid=found.mid, high=min(found.high, reach), coverage=coverage
    ), ""


def _collinear(names: Sequence[str], design: Floats, condition: float) -> str:
    """Name the parts that moved together."""
    scaled = design / np.linalg.norm(design, axis=0)
    _, sizes, directions = np.linalg.svd(scaled, full_matrices=False)
    # The directions that the design hardly sees: their large parts move together.
    unseen = np.abs(directions[sizes * CONDITION_MAX < sizes[0]])
    together = [
        name
        for name, part in zip(names, unseen.max(axis=0), strict=True)
        if part > 0.3 * unseen.max()
    ]
    return (
        f"no costs of single parts: {', '.join(together)} moved together (condition "
        f"number {condition:.3g}, above {CONDITION_MAX:g}); what their mix costs is "
        "known, its split is not"
    )
