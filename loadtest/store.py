"""The store of an experiment's runs: JSON Lines that a repository can keep.

    runs.jsonl       one line a run, appended as soon as the run is over
    verdicts.jsonl   one line an experiment that came to its end

A job that is cut off loses the run it was in and nothing else: the next job with the
same store goes on. A last line that a kill left unfinished is left out and mended by
the next append. Experiments are told apart by what decides their runs: targets,
versions, load and seed. One that has its verdict is begun anew by the next job, unless
the verdict was inconclusive and more runs are asked for now.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from bots.errors import ConfigError
from bots.plain import Malformed, from_plain, to_plain
from loadtest.codec import check_schema
from loadtest.comparison import ComparedRun, Comparison, Experiment, OverallVerdict
from loadtest.experiment import Finished, Kind
from loadtest.experiment_spec import ExperimentSpec

STORED_RUN_SCHEMA: Final = "bbbload.stored-run"
STORED_VERDICT_SCHEMA: Final = "bbbload.stored-verdict"
VERSION: Final = 1
RUNS: Final = "runs.jsonl"
VERDICTS: Final = "verdicts.jsonl"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """One line of runs.jsonl."""

    experiment: str
    """`<key>-<n>`: the n-th experiment of what the key stands for."""
    name: str
    """Which run of its plan it is."""
    kind: Kind
    block: int
    run: ComparedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVerdict:
    """One line of verdicts.jsonl."""

    experiment: str
    ended_at: str
    baseline: str
    """Versions."""
    candidate: str
    verdict: OverallVerdict
    design: str
    runs: int
    """Planned a side."""
    reasons: tuple[str, ...] = ()
    measures: tuple[Comparison, ...] = ()


def key_of(spec: ExperimentSpec) -> str:
    """Return what tells experiments apart; how many runs are planned does not."""
    decisive = {
        "baseline": to_plain(spec.baseline),
        "candidate": to_plain(spec.candidate),
        "load": to_plain(spec.load),
        "ladder": to_plain(spec.ladder),
        "seed": spec.seed,
    }
    text = json.dumps(decisive, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def experiment_name(
    key: str,
    planned: int,
    runs: Iterable[StoredRun],
    verdicts: Iterable[StoredVerdict],
) -> str:
    """Return the experiment to go on with, or a new one. Pure."""
    over = {each.experiment: each for each in verdicts}
    known = [each.experiment for each in runs] + list(over)
    numbers = [_number_of(name, key) for name in known]
    latest = max((number for number in numbers if number is not None), default=0)
    if not latest:
        return f"{key}-1"
    verdict = over.get(f"{key}-{latest}")
    goes_on = verdict is None or (
        verdict.verdict == "inconclusive" and planned > verdict.runs
    )
    return f"{key}-{latest if goes_on else latest + 1}"


def finished_of(experiment: str, runs: Iterable[StoredRun]) -> tuple[Finished, ...]:
    """Return the runs of an experiment that were made, in order. Pure."""
    return tuple(
        Finished(name=each.name, kind=each.kind, block=each.block, run=each.run)
        for each in runs
        if each.experiment == experiment
    )


class Store:
    """A folder with both files; every line is on the disk when `add` returns."""

    def __init__(self, folder: Path) -> None:
        """Raise ConfigError for a folder that cannot be used."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(folder, error) from error
        if not os.access(folder, os.W_OK):
            raise ConfigError(f"{folder} cannot be written: name another --store")

    def runs(self) -> tuple[StoredRun, ...]:
        """Return every run; raises ConfigError for a damaged line."""
        return read_lines(self.folder / RUNS, StoredRun, STORED_RUN_SCHEMA)

    def verdicts(self) -> tuple[StoredVerdict, ...]:
        """Return every verdict; raises ConfigError for a damaged line."""
        path = self.folder / VERDICTS
        return read_lines(path, StoredVerdict, STORED_VERDICT_SCHEMA)

    def add(self, run: StoredRun) -> None:
        """Append a run."""
        _append(self.folder / RUNS, STORED_RUN_SCHEMA, to_plain(run))

    def conclude(self, verdict: StoredVerdict) -> None:
        """Append the verdict of an experiment that came to its end."""
        _append(self.folder / VERDICTS, STORED_VERDICT_SCHEMA, to_plain(verdict))


def stored_verdict(
    experiment: Experiment, *, name: str, ended_at: str, spec: ExperimentSpec
) -> StoredVerdict:
    """Return the line of an experiment that came to its end. Pure."""
    return StoredVerdict(
        experiment=name,
        ended_at=ended_at,
        baseline=spec.baseline.version,
        candidate=spec.candidate.version,
        verdict=experiment.verdict,
        design=experiment.design,
        runs=spec.runs,
        reasons=experiment.reasons,
        measures=experiment.measures,
    )


def read_lines(path: Path, kind: type[T], schema: str) -> tuple[T, ...]:
    """Read JSON Lines of one schema; a missing file has none, a torn end is skipped."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, error) from error
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{path} line {number}"
        if not line.strip():
            continue
        try:
            plain = json.loads(line)
        except ValueError as error:
            if number == text.count("\n") + 1:  # a kill cut it off
                continue
            raise ConfigError(f"{where} is no JSON: mend it or take it out") from error
        check_schema(plain, schema, where=where)
        try:
            found.append(from_plain(kind, plain))
        except Malformed as error:
            raise ConfigError(f"{where}: {error}") from error
    return tuple(found)


def _append(path: Path, schema: str, plain: Mapping[str, Any]) -> None:
    line = json.dumps(
        {"schema": schema, "version": VERSION, **plain}, separators=(",", ":")
    )
    try:
        with path.open("a+b") as file:
            _cut_torn_line(file)
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _unusable(path, error) from error


def _cut_torn_line(file: Any) -> None:
    """Take off a last line without its end, which no reader counts."""
    file.seek(0)
    whole = file.read()
    file.truncate(whole.rfind(b"\n") + 1)


def _number_of(experiment: str, key: str) -> int | None:
    head, _, number = experiment.rpartition("-")
    return int(number) if head == key and number.isdigit() else None


def _unusable(path: Path, error: Exception) -> ConfigError:
    reason = (getattr(error, "strerror", None) or "unusable").lower()
    return ConfigError(f"the store {path} cannot be used ({reason})")
