"""What the media engine costs, beside stock aiortc, a bare C loop and chromium.

Everything is measured in one run and in CPU time. A row's value is the median of the
repetitions, and says what took the usual packets: the compiled lane or Python.
`out/bench.json` holds the table, `out/bench.svg` the cost against the number of
participants, `out/bench.md` all that is printed.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import time
from dataclasses import replace
from pathlib import Path

from bots.models import CAMERA_MEDIUM
from tests.benchmarks import media_cores
from tests.benchmarks.media_browser import Tabs, browser_row
from tests.benchmarks.media_budget import Budget
from tests.benchmarks.media_chart import Curve, Point, draw, told
from tests.benchmarks.media_engine import Cost, engine_row, measured
from tests.benchmarks.media_goals import judged
from tests.benchmarks.media_limits import Limit, limits
from tests.benchmarks.media_rows import measure_rows
from tests.benchmarks.media_shapes import LISTENER, PARTICIPANT, TAB, Link, Row
from tests.benchmarks.media_table import Figure, as_json, as_markdown, median
from tests.support.needs import find_program

OUTPUT = Path("out")
COUNTS = (10, 50, 100, 200)
CURVES = (("camera participant", PARTICIPANT), ("listener", LISTENER))
FULL_CORE_MS = 900.0
"""CPU ms per second that an engine can be given on a core of its own."""
LEAST_DELIVERED = 0.97
"""Share of the packets that must come, or the server end was the limit."""
PUBLISHERS_AT_HAND = 1800
ROWS_KEEP_S, BROWSER_KEEP_S, ENGINES_KEEP_S = 310.0, 260.0, 100.0
"""What the studies behind these take at least; they come in this order."""
SIDE_REPEATS = 2
"""Repetitions of the browser and of the engines at their limits, given the time."""
NOTES = """\
CPU ms/s is process CPU time per second of one, of which a core has 1,000; least–most is
over the repetitions, of which value, stock and floor are medians. `camera_in` and
`camera_out` carry 34 packets a second and 293 kbit/s, a participant's cameras BBB's 200
kbit/s. `camera_participant` is one audio connection both ways, one camera out and nine
in; `_bundled` has the same streams on two connections, as LiveKit carries them;
`_python` leaves the compiled lane out; `listener` hears and views one camera. The floor
of either is the sum of its parts'. `_forwarded` is what one copy of a stream costs the
stand-in node's process, with 150 viewers or listeners and their reports; its floor is a
C loop that sends as much. Each process carries as much as takes it some tenths of a
core: 300 streams or 30 camera participants of ours, one to eight of stock aiortc; with
60 streams (`_of_60`) a process sleeps and wakes between packets, which is dearer."""
CHART = "![CPU of one participant by their number](cost.svg)"
"""For whoever copies `out/bench.svg` beside the page that `out/bench.md` goes to."""
PARTS = ("rows", "browser", "engines", "chart")


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the tables and write the files."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks media")
    parser.add_argument("--repeats", type=int, default=3, help="of a row")
    parser.add_argument("--minutes", type=float, default=12.0, help="to be over in")
    parser.add_argument("--rows", default="", help="names, with commas; default all")
    parser.add_argument("--quick", action="store_true", help="our engine alone")
    parser.add_argument("--parts", default=",".join(PARTS), help="default all")
    options = parser.parse_args(arguments or [])
    names = set(filter(None, options.rows.split(",")))
    parts = options.parts.split(",")
    said: list[str] = []

    def say(text: str) -> None:
        print(f"{text}\n", flush=True)
        said.append(text)

    begun_s, budget = time.monotonic(), Budget(options.minutes)
    say(_machine())
    figures: list[Figure] = []
    if "rows" in parts:
        rounds = budget.rounds(options.repeats, keep_s=ROWS_KEEP_S)
        figures = measure_rows(names, rounds, is_quick=options.quick)
        say(as_markdown(figures))
        say(NOTES)
    if options.quick or names:
        return 0
    OUTPUT.mkdir(exist_ok=True)
    judgeable = list(figures)
    if figures:
        text = json.dumps([as_json(figure) for figure in figures], indent=1)
        (OUTPUT / "bench.json").write_text(text + "\n")
    if "browser" in parts:
        table, tabs = _browser(budget)
        say(table)
        judgeable += tabs
    if "engines" in parts:
        sentence, figure = _two_engines(budget)
        say(sentence)
        judgeable.append(figure)
    if "chart" in parts:
        curves = [_curve(*each) for each in CURVES]
        (OUTPUT / "bench.svg").write_text(draw(curves))
        said.append(CHART)
        for curve in curves:
            say(told(curve))
    if "rows" in parts:
        say(judged(judgeable))
    say(
        f"All in {(time.monotonic() - begun_s) / 60:.0f} minutes; load average at the "
        f"end {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores."
    )
    (OUTPUT / "bench.md").write_text("\n\n".join(said) + "\n")
    return 0


def _browser(budget: Budget) -> tuple[str, list[Figure]]:
    """Return the second table: chromium and our engine with the streams of one tab."""
    row = Row(name="tab", links=TAB, count=60, stock_count=0, camera=CAMERA_MEDIUM)
    if find_program("chromium") is None:
        why = "chromium is not installed"
        return f"Chromium: not measured, {why}.", []
    ours: list[float] = []
    tabs: list[Tabs] = []
    try:
        for _ in budget.rounds(SIDE_REPEATS, keep_s=BROWSER_KEEP_S):
            ours.append(measured(engine_row, row).cpu_ms_per_s)
            tabs.append(measured(browser_row, row))
    except EOFError:
        return "Chromium: not measured, it did not keep up.", []
    ratios = {
        "first": median(each.first for each in tabs) / median(ours),
        "further": median(each.further for each in tabs) / median(ours),
    }
    lines = [
        "Audio both ways, one camera out, four in (200 kbit/s each), medians of "
        f"{len(tabs)}:\n",
        "| peer | CPU ms/s | least–most | × ours |",
        "| --- | ---: | ---: | ---: |",
    ]
    for peer, values, ratio in (
        ("our engine, a participant of sixty", ours, 1.0),
        ("headless chromium, its first tab", [t.first for t in tabs], ratios["first"]),
        ("what a second tab adds", [t.further for t in tabs], ratios["further"]),
    ):
        lines.append(
            f"| {peer} | {median(values):.3g} | {min(values):.3g}–{max(values):.3g} "
            f"| {ratio:.3g} |"
        )
    return "\n".join(lines), [
        Figure(name=f"chromium_{tab}_tab", value=ratio, unit="× ours", is_cpu=False)
        for tab, ratio in ratios.items()
    ]


def _two_engines(budget: Budget) -> tuple[str, Figure]:
    """Return how much of one engine's load two engines carry, at their limits."""
    gains: list[float] = []
    alone: list[Limit] = []
    beside: list[list[Limit]] = []
    figure = Figure(name="two_engines", value=None, unit="× one", is_cpu=False)
    try:
        for _ in budget.rounds(SIDE_REPEATS, keep_s=ENGINES_KEEP_S):
            gains.append(media_cores.gain())
            alone += limits(1, PUBLISHERS_AT_HAND)
            gains.append(media_cores.gain())
            beside.append(limits(2, PUBLISHERS_AT_HAND))
    except EOFError:
        return "Two engines: not measured, sessions were lost.", figure
    one = [limit.publishers for limit in alone]
    two = [sum(limit.publishers for limit in pair) for pair in beside]
    cost = median(limit.packet_cpu_us for limit in alone)
    costs = median(limit.packet_cpu_us for pair in beside for limit in pair)
    ratio = median(two) / median(one) if median(one) else None
    is_open = any(not limit.is_bounded for pair in (alone, *beside) for limit in pair)
    text = (
        f"In {len(alone)} repetitions, publishers (audio and camera out) before more "
        f"than 1 % of what is due is 20 ms late: one engine {median(one):.0f} "
        f"({min(one)}–{max(one)}), two side by side {median(two):.0f} "
        f"({min(two)}–{max(two)}) together"
    )
    text += f", {ratio:.2f} times as many" if ratio else ": no limit was found"
    text += ", and some had room for more" if is_open else ""
    text += (
        f". With half of {PUBLISHERS_AT_HAND} in each, a packet costs {cost:.1f} CPU "
        f"µs alone and {costs:.1f} beside another engine; the kernel drops it unread. "
        "In the same minutes two loops of plain arithmetic did "
        f"{median(gains):.2f} times ({min(gains):.2f}–{max(gains):.2f}) what one did."
    )
    return text, replace(figure, value=ratio)


def _curve(name: str, links: tuple[Link, ...]) -> Curve:
    points: list[Point] = []
    first: Cost | None = None
    last: Cost | None = None
    for count in COUNTS:
        if last is not None and last.cpu_ms_per_s * count > FULL_CORE_MS:
            points.append(
                Point(count=count, cpu_ms_per_s=None, why="more than a core carries")
            )
            continue
        row = Row(
            name=name, links=links, count=count, stock_count=0, camera=CAMERA_MEDIUM
        )
        try:
            cost: Cost = measured(engine_row, row)
        except EOFError:
            points.append(
                Point(count=count, cpu_ms_per_s=None, why="sessions were lost")
            )
            continue
        first, last = first or cost, cost
        delivered = cost.packets_per_s / first.packets_per_s
        why = ""
        if delivered < LEAST_DELIVERED:
            why = f"only {delivered:.0%} of the packets came: the server end's limit"
        points.append(Point(count=count, cpu_ms_per_s=cost.cpu_ms_per_s, why=why))
    return Curve(name=name, points=tuple(points))


def _machine() -> str:
    """Return machine, load, versions and date in a line."""
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
        f"{today}, {model}, {os.cpu_count()} cores, load average "
        f"{os.getloadavg()[0]:.1f} at the start, Linux {platform.release()}, Python "
        f"{platform.python_version()}, {versions}."
    )


if __name__ == "__main__":
    main()
