"""A benchmark's climb as it goes on, step by step, for people on standard error."""

import click

from loadtest.aggregate import Aggregate
from loadtest.models import EndRecord, LoadPoint, Record, Slo, StepRecord
from loadtest.slo import judge
from loadtest.summary import counted


class Progress:
    """Says each step as it begins and as it is judged, on standard error."""

    def __init__(self, slo: Slo) -> None:
        self._slo = slo
        self._aggregate = Aggregate()
        self._told: set[int] = set()

    def receive(self, record: Record) -> None:
        """Take in a record of the run."""
        if isinstance(record, StepRecord):
            self._tell_finished()
            click.echo(
                f"step {record.step + 1}: {record.profile}, "
                f"{record.participants} participants in "
                f"{counted(record.meetings, 'meeting')}",
                err=True,
            )
        self._aggregate.add(record)
        if isinstance(record, EndRecord):
            self._tell_finished()

    def _tell_finished(self) -> None:
        point = self._aggregate.latest()
        if point is not None and point.step not in self._told:
            self._told.add(point.step)
            click.echo(f"  {step_line(point, self._slo)}", err=True)


def step_line(point: LoadPoint, slo: Slo) -> str:
    """Return how a step went, in a line."""
    verdict = judge(point, slo)
    cpu = (
        "" if point.node_cpu_ratio is None else f", node CPU {point.node_cpu_ratio:.0%}"
    )
    if not verdict.generator_fit:
        return f"not judged: {verdict.generator_reasons[0]}{cpu}"
    said = "kept the SLO" if verdict.met else f"broke it: {', '.join(verdict.broken)}"
    return f"{said}{cpu}"
