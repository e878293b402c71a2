"""Live display of a run on stderr: a few lines on a terminal, one a step elsewhere."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from bots.models import EngineReport, JoinReport, LeaveReport, StreamReport
from loadtest.models import EndRecord, NodeSample, Record, RunHeader, StepRecord
from loadtest.summary import counted


class Tally:
    """What the display shows, from the records so far; rates are of a second."""

    def __init__(self) -> None:
        self.header: RunHeader | None = None
        self.step: StepRecord | None = None
        self.elapsed_s = 0.0
        self.present = 0
        self.joined = 0
        self.failed = 0
        self.dropped = 0
        self.last_failure = ""
        self.node_cpu_ratio: float | None = None
        self.engine_cpu_ratio = 0.0
        self.late_packets = 0
        self.received_bps = 0.0
        self.sent_bps = 0.0
        self.streams = 0
        self._second = 0
        self._streams: set[tuple[int, str, int]] = set()
        self._received = self._sent = 0

    def add(self, record: Record) -> None:
        """Take one record."""
        # A scenario's steps are told some seconds ahead.
        if not isinstance(record, RunHeader | StepRecord):
            self.elapsed_s = max(self.elapsed_s, record.elapsed_s)
            self._turn(int(self.elapsed_s))
        match record:
            case RunHeader():
                self.header = record
            case StepRecord():
                self.step = record
            case JoinReport(outcome="joined"):
                self.joined += 1
                self.present += 1
            case JoinReport(outcome=outcome):
                if outcome != "withdrawn":
                    self.failed += 1
                self.last_failure = f"join {outcome} {record.code}".strip()
            case LeaveReport(outcome=outcome):
                self.present -= 1
                if outcome == "dropped":
                    self.dropped += 1
                    self.last_failure = f"dropped {record.code}".strip()
            case NodeSample():
                used_s = dict(record.cpu_s).get("node", 0.0)
                if record.interval_s > 0 and record.cores > 0:
                    self.node_cpu_ratio = used_s / record.interval_s / record.cores
            case EngineReport():
                self.engine_cpu_ratio = record.cpu_ratio
                self.late_packets += record.late_packets
            case StreamReport():
                self._streams.add((record.participant, record.direction, record.ssrc))
                if record.direction == "in":
                    self._received += record.bytes
                else:
                    self._sent += record.bytes

    def _turn(self, second: int) -> None:
        if second == self._second:
            return
        lasted_s = max(1, second - self._second)
        self.received_bps = 8 * self._received / lasted_s
        self.sent_bps = 8 * self._sent / lasted_s
        self.streams = len(self._streams)
        self._second, self._received, self._sent = second, 0, 0
        self._streams.clear()


def rows_of(tally: Tally) -> list[tuple[str, str]]:
    """Return the display's lines as (what, figures). Pure."""
    rows = []
    step = tally.step
    if step is not None:
        done_s = max(0.0, tally.elapsed_s - step.elapsed_s)
        rows.append(
            (
                f"step {step.step + 1}, {step.profile}",
                f"{step.participants} participants in "
                f"{counted(step.meetings, 'meeting')}, "
                f"{min(done_s, step.duration_s):.0f} of {step.duration_s:.0f} s",
            )
        )
    rows.append(
        (
            "participants",
            f"{tally.present} in, {tally.joined} joined, {tally.failed} not, "
            f"{tally.dropped} dropped",
        )
    )
    rows.append(
        (
            "media",
            f"{tally.streams} streams, {tally.received_bps / 1e6:.1f} Mbit/s received, "
            f"{tally.sent_bps / 1e6:.1f} sent",
        )
    )
    cpu = tally.node_cpu_ratio
    rows.append(("node", "not watched" if cpu is None else f"CPU {100 * cpu:.0f} %"))
    rows.append(
        (
            "generator",
            f"CPU {100 * tally.engine_cpu_ratio:.0f} % of a core, "
            f"{tally.late_packets} packets late",
        )
    )
    if tally.last_failure:
        rows.append(("last failure", tally.last_failure))
    return rows


class Progress:
    """Shows a run while it lasts; a context manager that is given its records."""

    def __init__(self, console: Console | None = None) -> None:
        self.tally = Tally()
        self._console = console or Console(file=sys.stderr)
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(
                console=self._console, refresh_per_second=4, transient=True
            )
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def receive(self, record: Record) -> None:
        """Take a record and show what it changes."""
        self.tally.add(record)
        if self._live is not None:
            self._live.update(self._table())
        elif isinstance(record, StepRecord):
            what, figures = rows_of(self.tally)[0]
            self._console.print(f"{what}: {figures}", highlight=False, soft_wrap=True)
        elif isinstance(record, EndRecord):
            self._console.print(
                f"ended after {record.elapsed_s:.0f} s: {record.validity}",
                highlight=False,
            )

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim")
        table.add_column()
        for what, figures in rows_of(self.tally):
            table.add_row(what, figures)
        return table
