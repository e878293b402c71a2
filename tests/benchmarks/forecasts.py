"""Backtests of the forecast on simulated services whose truth is known.

`run()` gives the losses of model and baselines as shares of the rule's, and
`oracle_ratio()` those of an oracle that knows level and calendar of every week ahead.
The shares depend on the simulator: set the model's against the oracle's before
comparing them with anyone else's. Street sensors (`tests.benchmarks.streets`) and, if
they are installed, foreign libraries (`tests.benchmarks.foreign`) follow.
"""

import numpy as np
from numpy.typing import NDArray

from planning.backtest import origins_of, score_method
from planning.conformal import roll
from planning.metrics import pinball
from planning.peaks import QUANTILES
from planning.structure import regimes
from tests.benchmarks import foreign, streets
from tests.benchmarks.rows import HORIZON, METHODS, Row, table
from tests.support.simulator import Service, service

Floats = NDArray[np.float64]

SEEDS = 16
WANTED = {0.5: 0.31, 0.9: 0.32, 0.95: 0.30, 0.99: 0.25}
"""Loss of the model ÷ loss of the rule that is to be reached."""


def features_of(known: Service) -> Floats:
    """Return the calendar of the weeks and of a horizon after them."""
    rows = regimes(known.open_days)
    # Weeks after the last truth are never scored; their calendar does not matter.
    return np.vstack([rows, np.repeat(rows[-1:], HORIZON, axis=0)])


def run(seeds: range = range(SEEDS), *, with_calendar: bool = True) -> tuple[Row, ...]:
    """Backtest every forecaster on the services of `seeds`."""
    losses: dict[str, list[Floats]] = {name: [] for name in METHODS}
    hits: dict[str, list[Floats]] = {name: [] for name in METHODS}
    truths = 0
    for seed in seeds:
        known = service(seed)
        features = features_of(known) if with_calendar else None
        rolling = roll(np.log(known.peaks), HORIZON, features)
        for name in METHODS:
            origins = origins_of(known.peaks.size)
            scored = score_method(name, rolling, origins, HORIZON)
            losses[name].append(scored.pinball)
            hits[name].append(scored.hits)
        truths += int(scored.truths.sum())
    mean = {name: np.concatenate(losses[name]).mean(axis=0) for name in METHODS}
    return tuple(
        Row(
            name=name,
            truths=truths,
            pinball=tuple(mean[name].tolist()),
            ratio_to_rule=tuple((mean[name] / mean["rule"]).tolist()),
            coverage=tuple((np.concatenate(hits[name]).sum(axis=0) / truths).tolist()),
        )
        for name in METHODS
    )


def oracle_ratio(seeds: range = range(SEEDS)) -> tuple[float, ...]:
    """Return the loss of an oracle ÷ the rule's, by quantile.

    The oracle knows each week's level, and reads the effect of the calendar and the
    distribution of the noise off the very truths it is scored on, which flatters it; of
    the noise's present state it knows nothing, which costs it a little.
    """
    losses, rules = [], []
    for seed in seeds:
        known = service(seed)
        log_peaks = np.log(known.peaks)
        kinds, kind = np.unique(known.open_days, axis=0, return_inverse=True)
        left = log_peaks - known.expected
        origins = origins_of(log_peaks.size)
        rolling = roll(log_peaks, HORIZON)
        rules.append(score_method("rule", rolling, origins, HORIZON).pinball)
        centre = np.array([left[kind == index].mean() for index in range(len(kinds))])[
            kind
        ]
        rest = left - centre
        offsets = np.quantile(rest, QUANTILES)
        for origin in origins:
            ahead = slice(origin, min(origin + HORIZON, log_peaks.size))
            truth = np.exp(log_peaks[ahead])
            unit = np.median(np.exp(log_peaks[max(0, origin - 26) : origin]))
            said = (known.expected + centre)[ahead]
            losses.append(
                [
                    pinball(truth, np.exp(said + offset), q).mean() / unit
                    for q, offset in zip(QUANTILES, offsets, strict=True)
                ]
            )
    mean = np.array(losses).mean(axis=0) / np.concatenate(rules).mean(axis=0)
    return tuple(mean.tolist())


def main() -> int:
    """Print the tables; return 1 when the model does not beat a baseline."""
    rows = run()
    print(f"{SEEDS} services, {rows[0].truths} weekly truths, with their calendar\n")
    print(f"```text\n{table(rows)}")
    cells = " ".join(f"{value:6.3f}" for value in oracle_ratio())
    print(f"{'oracle':<15} {'÷ rule':>9} {cells}\n```\n\nWithout the calendar:\n")
    print(f"```text\n{table(run(with_calendar=False))}\n```")
    print("\n### Street sensors\n")
    streets_lost = streets.judge_streets()
    print("\n### Foreign libraries on simulated services\n")
    print(foreign.judged())
    model, *others = rows
    beaten = all(
        mine < theirs
        for other in others
        for mine, theirs in zip(model.pinball, other.pinball, strict=True)
    )
    return 0 if beaten and not streets_lost else 1
