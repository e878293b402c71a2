"""The rows of the table, measured: repetition after repetition, then medians.

The repetitions go round all rows, so that a busy minute of the machine hits all alike.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from tests.benchmarks import media_floor
from tests.benchmarks.media_engine import Cost, engine_row, join_row, measured
from tests.benchmarks.media_forwarding import FORWARDED, forwarding_cost
from tests.benchmarks.media_shapes import (
    PYTHON_SUFFIX,
    ROWS,
    SPARSE,
    SPARSE_SUFFIX,
    STREAMS,
    stock_name,
)
from tests.benchmarks.media_stock import stock_row
from tests.benchmarks.media_table import Figure, median

STREAM_UNIT = "CPU ms/s"
JOINING = 8
"""Participants whose joins are measured."""
PARTICIPANT_NAME = "camera_participant"
LOST = "sessions were lost each time: the machine was too busy"


@dataclass(slots=True, kw_only=True)
class Samples:
    """What was measured so far, by the name of the row."""

    ours: dict[str, list[Cost]] = field(default_factory=lambda: defaultdict(list))
    stock: dict[str, list[Cost]] = field(default_factory=lambda: defaultdict(list))
    floor: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    joins: list[Cost] = field(default_factory=list)
    without_floor: str = ""
    """Why there is no floor."""

    def take(self, costs: list[Cost], measure: Callable[[], Cost]) -> None:
        """Add what is measured; nothing where sessions were lost on a busy machine."""
        with contextlib.suppress(EOFError):  # the process has said why and is gone
            costs.append(measure())


def measure_rows(
    names: set[str], rounds: Iterable[int], *, is_quick: bool
) -> list[Figure]:
    """Measure the named rows, all where none is named; `is_quick`: ours alone."""
    rows = [row for row in ROWS if not names or row.name in names]
    forwarded = [row for row in FORWARDED if not names or row.name in names]
    samples = Samples(without_floor="not asked for (--quick)" if is_quick else "")
    for _ in rounds:
        for row in rows:
            samples.take(samples.ours[row.name], partial(measured, engine_row, row))
            if row.stock_count and not is_quick:
                samples.take(samples.stock[row.name], partial(measured, stock_row, row))
            if row.name == PARTICIPANT_NAME:
                joining = replace(row, count=JOINING)
                samples.take(samples.joins, partial(measured, join_row, joining))
        for row in forwarded:
            samples.take(samples.ours[row.name], partial(forwarding_cost, row))
        if not is_quick and not samples.without_floor:
            samples.without_floor = add_floor(samples.floor)
    return figures_of(samples)


def figures_of(samples: Samples) -> list[Figure]:
    """Return the table's rows."""
    floors = {name: median(values) for name, values in samples.floor.items()}
    figures = []
    for name, costs in samples.ours.items():
        figure = _figure(name, costs, lambda cost: cost.cpu_ms_per_s, STREAM_UNIT)
        stocks = samples.stock[stock_name(name)]
        stock = _values(stocks, lambda cost: cost.cpu_ms_per_s)
        figures.append(
            replace(
                figure,
                stock_aiortc=median(stock) if stock else None,
                floor=floors.get(name.removesuffix(PYTHON_SUFFIX)),
                packets_per_core=_packets_per_core(costs, figure.value),
                why=figure.why or samples.without_floor,
            )
        )
    return figures + _set_up(samples)


def add_floor(floors: dict[str, list[float]]) -> str:
    """Measure the C loop once and add it to `floors`; return why not, or ""."""
    told: list[tuple[Cost, Cost]] = []
    for rate, streams in (
        (media_floor.STUDY_CAMERA, STREAMS),
        (media_floor.BBB_CAMERA, STREAMS),
        (media_floor.SPEECH, STREAMS),
        (media_floor.STUDY_CAMERA, SPARSE),
    ):
        each = media_floor.measure(rate, streams)
        if isinstance(each, str):
            return each
        told.append(each)
    (study_in, study_out), (camera_in, camera_out), (audio_in, audio_out), few = told
    # a whole participant's floor is the sum of its parts; a forwarded stream is sent
    participant = (
        audio_in.cpu_ms_per_s
        + audio_out.cpu_ms_per_s
        + camera_out.cpu_ms_per_s
        + 9 * camera_in.cpu_ms_per_s
    )
    for name, cpu_ms_per_s in (
        ("camera_in", study_in.cpu_ms_per_s),
        ("camera_in" + SPARSE_SUFFIX, few[0].cpu_ms_per_s),
        ("camera_out", study_out.cpu_ms_per_s),
        ("audio_in", audio_in.cpu_ms_per_s),
        ("audio_out", audio_out.cpu_ms_per_s),
        ("camera_participant", participant),
        ("camera_participant_bundled", participant),
        ("listener", audio_in.cpu_ms_per_s + camera_in.cpu_ms_per_s),
        ("camera_forwarded", camera_out.cpu_ms_per_s),
        ("audio_forwarded", audio_out.cpu_ms_per_s),
    ):
        floors[name].append(cpu_ms_per_s)
    return ""


def _set_up(samples: Samples) -> list[Figure]:
    """Return the figures of a join and of memory, where a participant was measured."""
    ours, stock = samples.ours[PARTICIPANT_NAME], samples.stock[PARTICIPANT_NAME]
    if not ours and not samples.joins:
        return []
    join = _figure(
        "join_camera_participant",
        samples.joins,
        lambda cost: cost.join_cpu_ms,
        "CPU ms a join",
    )
    memory = _figure(
        "memory_camera_participant", ours, lambda cost: cost.memory_mb, "MB"
    )
    joins = _values(stock, lambda cost: cost.join_cpu_ms)
    memories = _values(stock, lambda cost: cost.memory_mb)
    return [
        replace(join, stock_aiortc=median(joins) if joins else None, is_cpu=False),
        replace(
            memory, stock_aiortc=median(memories) if memories else None, is_cpu=False
        ),
    ]


def _figure(
    name: str,
    costs: list[Cost],
    value: Callable[[Cost], float | None],
    unit: str,
) -> Figure:
    values = _values(costs, value)
    if not values:
        return Figure(name=name, value=None, unit=unit, why=LOST)
    return Figure(
        name=name,
        value=median(values),
        unit=unit,
        spread=(min(values), max(values)),
        repeats=len(values),
        lane=costs[0].lane,
    )


def _packets_per_core(costs: list[Cost], cpu_ms_per_s: float | None) -> float | None:
    """Return the RTP packets a second that a core carries; None for an idle row."""
    if cpu_ms_per_s is None:
        return None
    packets = median(cost.packets_per_s for cost in costs)
    return 1000 * packets / cpu_ms_per_s if packets > 1 else None


def _values(
    costs: Iterable[Cost], value: Callable[[Cost], float | None]
) -> list[float]:
    return [found for found in map(value, costs) if found is not None]
