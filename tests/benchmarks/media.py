"""What the media engine costs, beside stock aiortc, a bare C loop and chromium.

Everything is measured in one run and in CPU time. A row's value is the median of the
repetitions; `out/bench.json` holds the table, `out/bench.svg` the cost against the
number of participants.
"""

import argparse
import datetime
import importlib.metadata
import json
import platform
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from bots.models import CAMERA_MEDIUM
from tests.benchmarks import media_floor
from tests.benchmarks.media_browser import browser_row
from tests.benchmarks.media_chart import Curve, draw
from tests.benchmarks.media_engine import (
    Cost,
    engine_row,
    join_row,
    measured,
    measured_beside,
)
from tests.benchmarks.media_shapes import LISTENER, PARTICIPANT, ROWS, TAB, Link, Row
from tests.benchmarks.media_stock import stock_row
from tests.benchmarks.media_table import Figure, as_json, as_markdown, median
from tests.support.needs import find_program

OUTPUT = Path("out")
STREAM_UNIT = "CPU ms/s"
CURVES = (
    ("listener", LISTENER, (10, 50, 100, 200)),
    ("camera participant", PARTICIPANT, (10, 25, 50)),
)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the tables and write the files."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks media")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", default="", help="names, with commas; default all")
    parser.add_argument("--quick", action="store_true", help="our engine alone")
    options = parser.parse_args(arguments or [])
    names = set(filter(None, options.rows.split(",")))
    rows = [row for row in ROWS if not names or row.name in names]
    print(f"{_machine()}\n")
    figures = _figures(rows, options.repeats, is_quick=options.quick)
    print(as_markdown(figures))
    if options.quick or names:
        return 0
    OUTPUT.mkdir(exist_ok=True)
    text = json.dumps([as_json(figure) for figure in figures], indent=1)
    (OUTPUT / "bench.json").write_text(text + "\n")
    print(f"\n{_browser(options.repeats)}")
    print(f"\n{_two_engines(options.repeats)}")
    curves = [_curve(*each) for each in CURVES]
    (OUTPUT / "bench.svg").write_text(draw(curves))
    for curve in curves:
        told = ", ".join(f"{x}: {y:.2f}" for x, y in curve.points)
        print(f"\nCPU ms/s of one {curve.name}, by their number: {told}.")
    return 0


def _figures(rows: list[Row], repeats: int, *, is_quick: bool) -> list[Figure]:
    """Measure every row; the repetitions go round, so that a busy minute hits all."""
    ours: dict[str, list[Cost]] = defaultdict(list)
    stock: dict[str, list[Cost]] = defaultdict(list)
    joins: list[Cost] = []
    floors: dict[str, list[float]] = defaultdict(list)
    why = "not asked for (--quick)" if is_quick else ""
    participant = next((row for row in rows if row.name == "camera_participant"), None)
    for _ in range(repeats):
        for row in rows:
            ours[row.name].append(measured(engine_row, row))
            if not is_quick:
                stock[row.name].append(measured(stock_row, row))
        if participant is not None:
            joins.append(measured(join_row, replace(participant, count=8)))
        if not is_quick:
            why = _floor(floors) or why
    floor = {name: median(values) for name, values in floors.items()}
    figures = []
    for row in rows:
        costs = [cost.cpu_ms_per_s for cost in ours[row.name]]
        stocks = [cost.cpu_ms_per_s for cost in stock[row.name]]
        figures.append(
            Figure(
                name=row.name,
                value=median(costs),
                unit=STREAM_UNIT,
                stock_aiortc=median(stocks) if stocks else None,
                floor=floor.get(row.name),
                spread=(min(costs), max(costs)),
                why=why,
            )
        )
    if participant is not None:
        figures += _set_up(
            joins, ours["camera_participant"], stock["camera_participant"]
        )
    return figures


def _set_up(joins: list[Cost], ours: list[Cost], stock: list[Cost]) -> list[Figure]:
    """Return the figures of a join and of memory."""
    spent = [cost.join_cpu_ms for cost in joins if cost.join_cpu_ms is not None]
    stocks = [cost.join_cpu_ms for cost in stock if cost.join_cpu_ms is not None]
    memory = [cost.memory_mb for cost in ours if cost.memory_mb is not None]
    return [
        Figure(
            name="join_camera_participant",
            value=median(spent),
            unit="CPU ms a join",
            stock_aiortc=median(stocks) if stocks else None,
            is_cpu=False,
            spread=(min(spent), max(spent)),
        ),
        Figure(
            name="memory_camera_participant",
            value=median(memory),
            unit="MB",
            is_cpu=False,
            spread=(min(memory), max(memory)),
        ),
    ]


def _floor(floors: dict[str, list[float]]) -> str:
    """Measure the C loop once and add it to `floors`; return why not, or ""."""
    study = media_floor.measure(media_floor.STUDY_CAMERA)
    camera = media_floor.measure(media_floor.BBB_CAMERA)
    speech = media_floor.measure(media_floor.SPEECH)
    for each in (study, camera, speech):
        if isinstance(each, str):
            return each
    assert not isinstance(study, str)
    assert not isinstance(camera, str)
    assert not isinstance(speech, str)
    (study_in, study_out), (camera_in, camera_out) = study, camera
    audio_in, audio_out = speech
    floors["camera_in"].append(study_in.cpu_ms_per_s)
    floors["camera_out"].append(study_out.cpu_ms_per_s)
    floors["audio_in"].append(audio_in.cpu_ms_per_s)
    floors["audio_out"].append(audio_out.cpu_ms_per_s)
    # a whole participant's floor is the sum of its parts
    floors["camera_participant"].append(
        audio_in.cpu_ms_per_s
        + audio_out.cpu_ms_per_s
        + camera_out.cpu_ms_per_s
        + 9 * camera_in.cpu_ms_per_s
    )
    floors["listener"].append(audio_in.cpu_ms_per_s + camera_in.cpu_ms_per_s)
    return ""


def _browser(repeats: int) -> str:
    """Return the second table: chromium and our engine with the streams of one tab."""
    row = Row(name="tab", links=TAB, count=20, stock_count=1, camera=CAMERA_MEDIUM)
    if find_program("chromium") is None:
        return "Chromium: not measured, since it is not installed."
    ours = median(measured(engine_row, row).cpu_ms_per_s for _ in range(repeats))
    one = median(
        measured(browser_row, replace(row, count=1)).cpu_ms_per_s
        for _ in range(repeats)
    )
    lines = [
        "Audio both ways, one camera out, four in (200 kbit/s each):\n",
        "| peer | CPU ms/s | × ours |",
        "| --- | ---: | ---: |",
        f"| our engine, a participant of twenty | {ours:.2f} | 1 |",
        f"| headless chromium, its first tab | {one:.0f} | {one / ours:.0f} |",
    ]
    return "\n".join(lines)


def _two_engines(repeats: int) -> str:
    """Return how much of one engine's load two engines carry, by CPU a participant."""
    row = Row(
        name="two", links=PARTICIPANT, count=12, stock_count=1, camera=CAMERA_MEDIUM
    )
    alone, beside = [], []
    for _ in range(repeats):
        alone.append(measured(engine_row, row).cpu_ms_per_s)
        both = measured_beside(engine_row, (row, row))
        beside.append(sum(cost.cpu_ms_per_s for cost in both) / 2)
    ratio = 2 * median(alone) / median(beside)
    return (
        f"Two engines side by side: {median(beside):.2f} CPU ms/s a camera "
        f"participant, alone {median(alone):.2f}; so two carry {ratio:.2f} times the "
        "load of one."
    )


def _curve(name: str, links: tuple[Link, ...], counts: tuple[int, ...]) -> Curve:
    points = []
    for count in counts:
        row = Row(
            name=name, links=links, count=count, stock_count=1, camera=CAMERA_MEDIUM
        )
        points.append((count, measured(engine_row, row).cpu_ms_per_s))
    return Curve(name=name, points=tuple(points))


def _machine() -> str:
    """Return machine, versions and date in a line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("aiortc", "aioice", "av", "pylibsrtp", "pyopenssl", "uvloop")
    )
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    return (
        f"{today}, {model}, Linux {platform.release()}, Python "
        f"{platform.python_version()}, {versions}."
    )


if __name__ == "__main__":
    main()
