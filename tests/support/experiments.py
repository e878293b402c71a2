"""SYNTHETIC experiments: compared runs with planted levels, and files of such runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from loadtest.codec import encode_record
from loadtest.comparison import ComparedRun, RunSide
from loadtest.measures import CPU
from loadtest.models import RunHeader
from tests.support.runs import CLASSES, Generator, SyntheticNode, synthetic_run


def compared(
    number: int,
    side: RunSide = "baseline",
    *,
    host: str = "one",
    values: dict[str, float] | None = None,
    at: int | None = None,
    **changes: object,
) -> ComparedRun:
    """Return one run; `at` is its place in time."""
    at = number if at is None else at
    plain = ComparedRun(
        run=f"{side[:1]}{number}",
        side=side,
        host=host,
        version="3.0.12",
        started_at=f"2026-11-23T{at // 60:02d}:{at % 60:02d}:00Z",
        seed=number,
        tool_version="0.1.0",
        load="12 participants",
        facts=(("kernel", "6.1"),),
        values=tuple((values or {CPU: 1.0}).items()),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def side_of(
    side: RunSide,
    count: int,
    level: float = 1.0,
    *,
    noise: float = 0.02,
    seed: int = 0,
    host: str = "one",
    name: str = CPU,
    **changes: object,
) -> list[ComparedRun]:
    """Return a side's runs with one measure at a level."""
    rng = np.random.default_rng((seed, len(side)))
    return [
        compared(
            number,
            side,
            host=host,
            at=2 * number + (side != "baseline"),
            values={name: level * float(np.exp(rng.normal(0, noise)))},
            **changes,
        )
        for number in range(count)
    ]


def write_runs(
    folder: Path,
    name: str,
    count: int,
    *,
    node: SyntheticNode | None = None,
    generator: Generator | None = None,
    host: str = "127.0.0.1:8000",
    size: int = 12,
    seed: int = 0,
) -> list[str]:
    """Write `count` run.jsonl files of a synthetic node and return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(count):
        records = synthetic_run(
            node=node,
            generator=generator,
            steps=((CLASSES, size),),
            seed=1000 * seed + number,
        )
        header = records[0]
        assert isinstance(header, RunHeader)
        header = replace(
            header,
            run=f"{name}{number}",
            seed=number,
            target=host,
            started_at=f"2026-11-23T{2 * number + seed % 2:02d}:00:00Z",
        )
        path = folder / f"{name}-{number}.jsonl"
        lines = [encode_record(record) for record in (header, *records[1:])]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        names.append(str(path))
    return names
