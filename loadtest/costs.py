"""What one participant and one stream cost a node, fitted over all steps of a run.

    CPU (cores) = base + participants·c₁ + audio_in·c₂ + audio_out·c₃
                       + video_in·c₄ + video_out·c₅,   every cost ≥ 0

A fit needs loads of different shapes. Where two regressors nearly move together, any
split of their cost fits equally well and no interval warns of it: such a design is
refused, by the condition number of its columns scaled to unit norm. Pure; chance comes
from a seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.crossing import usable_for_cpu
from loadtest.models import Cost, LoadPoint, MeetingProfile
from loadtest.streams import Streams, streams_of_meeting

REGRESSORS = (
    "base",
    "participant",
    "audio_in",
    "audio_out",
    "video_in",
    "video_out",
)
CONDITION_MAX = 1000.0
COVERAGE = 0.9
BOOTSTRAPS = 400
NOISE_SHARE_OF_LARGEST = 0.05
"""A step's noise is taken as proportional to its CPU plus this share of the largest."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostFit:
    """The costs of a node, or why there are none."""

    costs: tuple[Cost, ...]
    coverage: float
    condition_number: float | None
    note: str
    """Why there are no costs, or how their intervals came about."""
    draws: tuple[tuple[float, ...], ...] = ()
    """The bootstrapped costs, each in the order of REGRESSORS: a sum of costs has a
    narrower interval than the sum of theirs, since they err against each other."""


def fit_costs(
    points: Sequence[LoadPoint],
    *,
    seed: int = 0,
    coverage: float = COVERAGE,
    bootstraps: int = BOOTSTRAPS,
) -> CostFit:
    """Fit the costs over the steps of all profiles by weighted non-negative least
    squares, with residual-bootstrap intervals.

    Left out: steps without node CPU and saturated steps, whose CPU is that of the node
    and not of their load. What is resampled: the standardised residuals of the steps,
    since the design (which loads were run) is the experimenter's and not chance's.
    """
    used = [point for point in points if usable_for_cpu(point)]
    if not used:
        return _refused("no costs: the node's CPU was not watched", None, coverage)
    design = np.array([_row(point) for point in used])
    cpu = np.array([point.node_cpu_s_per_s for point in used], dtype=float)
    condition = condition_number(design)
    if not condition <= CONDITION_MAX:
        return _refused(_collinear(design, condition), condition, coverage)
    if len(used) <= len(REGRESSORS):
        note = (
            f"no costs: {len(used)} usable steps for {len(REGRESSORS)} costs; "
            "more steps are needed"
        )
        return _refused(note, condition, coverage)
    weights = 1 / (cpu + NOISE_SHARE_OF_LARGEST * cpu.max() + 1e-12)
    values = nonnegative_least_squares(design * weights[:, None], cpu * weights)
    draws = _bootstrap(design, cpu, weights, values, bootstraps, seed)
    low, high = np.quantile(draws, [(1 - coverage) / 2, (1 + coverage) / 2], axis=0)
    costs = tuple(
        Cost(
            name=name,
            value=float(value),
            unit="cores",
            low=float(min(bottom, value)),
            high=float(max(top, value)),
        )
        for name, value, bottom, top in zip(REGRESSORS, values, low, high, strict=True)
    )
    note = (
        f"intervals: bootstrap of the residuals of {len(used)} steps of one run, "
        f"{bootstraps} draws; they do not contain the difference between runs"
    )
    return CostFit(
        costs=costs,
        coverage=coverage,
        condition_number=condition,
        note=note,
        draws=tuple(tuple(float(value) for value in draw) for draw in draws),
    )


def meeting_cost(fit: CostFit, profile: MeetingProfile) -> Cost | None:
    """Return what one whole meeting of `profile` costs, without `base`.

    None without a fit. The interval has the fit's coverage.
    """
    if not fit.costs:
        return None
    counts = _counts(streams_of_meeting(profile))
    row = np.array([counts.get(name, 0.0) for name in REGRESSORS])
    value = float(row @ np.array([cost.value for cost in fit.costs]))
    sums = np.array(fit.draws) @ row
    edges = [(1 - fit.coverage) / 2, (1 + fit.coverage) / 2]
    low, high = np.quantile(sums, edges)
    return Cost(
        name=profile.name,
        value=value,
        unit="cores",
        low=min(float(low), value),
        high=max(float(high), value),
    )


def predict_cpu(costs: Sequence[Cost], mix: Mapping[str, float] | Streams) -> float:
    """Return the cores that a mix needs: base + Σ cost × count.

    `mix` maps regressor names (`participant`, `audio_in`, …) to counts; absent ones
    count as 0, unknown ones raise KeyError.
    """
    counts = _counts(mix) if isinstance(mix, Streams) else dict(mix)
    for name in counts:
        if name not in REGRESSORS:
            raise KeyError(name)
    counts["base"] = 1.0
    return sum(cost.value * counts.get(cost.name, 0.0) for cost in costs)


def participants_at(
    costs: Sequence[Cost], profile: MeetingProfile, cores: float
) -> float | None:
    """Return how many participants in meetings of `profile` need so many cores.

    None when a meeting costs nothing: then CPU is not its limit.
    """
    base = predict_cpu(costs, Streams())
    one = predict_cpu(costs, streams_of_meeting(profile)) - base
    if one <= 0:
        return None
    return max(0.0, cores - base) / one * profile.size


def condition_number(design: Floats) -> float:
    """Return the 2-norm condition number of the columns scaled to unit norm.

    Infinite when a column is zero or the columns are dependent.
    """
    norms = np.linalg.norm(design, axis=0)
    if design.shape[0] < design.shape[1] or not np.all(norms > 0):
        return float("inf")
    singular = np.linalg.svd(design / norms, compute_uv=False)
    smallest = float(singular[-1])
    largest = float(singular[0])
    return largest / smallest if smallest > 1e-12 * largest else float("inf")


def nonnegative_least_squares(design: Floats, target: Floats) -> Floats:
    """Return the x ≥ 0 that minimises ‖design·x − target‖₂.

    The active-set method of Lawson and Hanson, Solving Least Squares Problems, 1974,
    chapter 23; columns are scaled first. It ends after at most three times as many
    exchanges as there are columns.
    """
    scale = np.linalg.norm(design, axis=0)
    scale[scale == 0] = 1.0
    scaled = design / scale
    columns = scaled.shape[1]
    passive = np.zeros(columns, dtype=bool)
    solution = np.zeros(columns)
    tolerance = 1e-10 * max(1.0, float(np.abs(scaled.T @ target).max()))
    for _ in range(3 * columns):
        gradient = scaled.T @ (target - scaled @ solution)
        gradient[passive] = -np.inf
        if np.all(passive) or gradient.max() <= tolerance:
            break
        passive[int(gradient.argmax())] = True
        solution = _solve_passive(scaled, target, passive, solution)
    result: Floats = solution / scale
    return result


def _solve_passive(
    design: Floats, target: Floats, passive: npt.NDArray[np.bool_], start: Floats
) -> Floats:
    """Solve on the passive columns, moving columns out until all are positive."""
    solution = start
    for _ in range(design.shape[1]):
        trial = np.zeros_like(solution)
        trial[passive] = np.linalg.lstsq(design[:, passive], target, rcond=None)[0]
        negative = passive & (trial <= 0)
        if not negative.any():
            return trial
        gaps = solution[negative] - trial[negative]
        steps = np.divide(
            solution[negative], gaps, out=np.zeros_like(gaps), where=gaps > 0
        )
        solution = solution + float(steps.min()) * (trial - solution)
        passive &= solution > 1e-14
        solution = np.where(passive, solution, 0.0)
    return solution


def _bootstrap(
    design: Floats,
    cpu: Floats,
    weights: Floats,
    values: Floats,
    bootstraps: int,
    seed: int,
) -> Floats:
    rng = np.random.default_rng(seed)
    steps, columns = design.shape
    fitted = design @ values
    residuals = (cpu - fitted) * weights * np.sqrt(steps / (steps - columns))
    draws = np.empty((bootstraps, columns))
    for index in range(bootstraps):
        noise = rng.choice(residuals, size=steps) * rng.choice((-1.0, 1.0), size=steps)
        resampled = (fitted + noise / weights) * weights
        draws[index] = nonnegative_least_squares(design * weights[:, None], resampled)
    return draws


def _row(point: LoadPoint) -> tuple[float, ...]:
    return (
        1.0,
        point.present,
        point.audio_in,
        point.audio_out,
        point.video_in,
        point.video_out,
    )


def _counts(streams: Streams) -> dict[str, float]:
    return {
        "participant": float(streams.participants),
        "audio_in": float(streams.audio_in),
        "audio_out": float(streams.audio_out),
        "video_in": float(streams.video_in),
        "video_out": float(streams.video_out),
    }


def _collinear(design: Floats, condition: float) -> str:
    """Name the regressors that can't be told apart, with what to do."""
    absent = [
        name
        for name, column in zip(REGRESSORS, design.T, strict=True)
        if not np.any(column)
    ]
    if absent:
        return (
            f"no costs: no usable step had any {' or '.join(absent)}; "
            "run the three default profiles, with a generator that keeps up"
        )
    scaled = design / np.linalg.norm(design, axis=0)
    # The direction that the design hardly sees: its large parts move together.
    direction = np.abs(np.linalg.svd(scaled)[2][-1])
    together = [
        name
        for name, part in zip(REGRESSORS, direction, strict=True)
        if part > 0.3 * direction.max()
    ]
    return (
        f"no costs: the design's condition number is {condition:.3g}, above "
        f"{CONDITION_MAX:g}; {', '.join(together)} moved together: "
        "run meetings of more different shapes"
    )


def _refused(note: str, condition: float | None, coverage: float) -> CostFit:
    return CostFit(costs=(), coverage=coverage, condition_number=condition, note=note)
