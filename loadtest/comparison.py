"""An experiment as data: measures, runs of two sides, verdicts. No behaviour."""

from dataclasses import dataclass
from typing import Literal

Design = Literal["one host", "two hosts, compared", "two hosts, swapped", "two hosts"]
"""How an experiment tells versions from machines: one host whose version is switched;
two hosts whose difference was measured with one version; two hosts that changed sides;
two hosts and nothing else, which can show nothing about the version."""
MeasureVerdict = Literal["regressed", "equal", "better", "inconclusive", "not compared"]
OverallVerdict = Literal["regressed", "equal", "better", "inconclusive", "invalid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Something that a run measures once, and what a change of it means."""

    name: str
    unit: str = ""
    is_higher_worse: bool = True
    is_share: bool = False
    """A share in 0..1 that may be 0: compared as a difference, not as a ratio."""
    smallest_effect: float = 0.05
    """Smallest change that matters: a ratio − 1, or a difference of shares."""
    is_gated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measure of two sides: every run, the effect, and the verdict."""

    measure: Measure
    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    """One value per valid run that has the measure."""
    estimate: float | None = None
    """Ratio of medians (candidate ÷ baseline), or difference of medians for a share."""
    low: float | None = None
    high: float | None = None
    coverage: float
    p: float | None = None
    """Two-sided, of Welch's test on logarithms (on the values for a share)."""
    p_adjusted: float | None = None
    """Holm's, over the gated measures; the measure's own where it is not gated."""
    p_permutation: float | None = None
    verdict: MeasureVerdict
    runs_wanted: int | None = None
    """Runs a side, in all, that should settle an inconclusive measure."""
    baseline_median: float | None = None
    candidate_median: float | None = None
    baseline_samples: int = 0
    candidate_samples: int = 0
    """What the runs' values are of, in all: joins, streams, scrapes. 0: unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonVerdict:
    """What an experiment says about the candidate."""

    verdict: OverallVerdict
    design: Design
    measures: tuple[Comparison, ...]
    reasons: tuple[str, ...] = ()
    runs_wanted: int | None = None
    """Runs a side, in all, for the gated measure that needs most of them."""


RunSide = Literal["baseline", "candidate", "same version"]
"""`same version`: a run of the baseline that the baseline is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One run of an experiment, as it is compared and stored: a number a measure."""

    run: str
    side: RunSide
    host: str
    """Name or host of the target."""
    version: str
    """BBB's version as the server says it, or as the operator named it."""
    started_at: str
    seed: int
    tool_version: str
    stand_in: bool = False
    load: str = ""
    """What was held, in words; runs of different loads are not compared. "" where a
    ladder was climbed."""
    facts: tuple[tuple[str, str], ...] = ()
    """What the watchers saw of the machine and its software."""
    values: tuple[tuple[str, float], ...] = ()
    """By the name of the measure, in SI units; those that the run has."""
    samples: tuple[tuple[str, int], ...] = ()
    """By the name of the measure: the joins, streams or scrapes its value is of."""
    invalid: str = ""
    """Why the run is void (the generator was not fit), "" for a valid one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that can be seen of both sides; several values are joined."""

    name: str
    baseline: str
    candidate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCheck:
    """An absolute limit on a measure, beside the median of the candidate's runs."""

    measure: Measure
    limit: float
    measured: float | None
    """None when no valid run has the measure."""
    runs: int = 0
    """Valid runs of the candidate that have it."""
    is_kept: bool
    fails: bool
    """Whether missing it fails the build; it warns otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Both sides of a comparison and what follows; the content of a comparison.json."""

    verdict: OverallVerdict
    design: Design
    measures: tuple[Comparison, ...]
    reasons: tuple[str, ...] = ()
    runs_wanted: int | None = None
    """Runs a side, in all, that should settle an inconclusive experiment."""
    runs: tuple[ComparedRun, ...] = ()
    limits: tuple[LimitCheck, ...] = ()
    differences: tuple[Difference, ...] = ()
    """What differs between the sides."""
    alike: tuple[Difference, ...] = ()
    """What was seen of both sides and is the same."""
    hosts: tuple[Comparison, ...] = ()
    """Two hosts with the baseline on both: the candidate's host against the other."""
    tool_version: str = ""
    started_at: str = ""
    """UTC; start of the first run."""
