"""Make the doctor's one meeting, as an ordinary run does, and read its log."""

import tempfile
from pathlib import Path

from bots.errors import BbbloadError, OurBug
from loadtest.locust_run import RunOrder, run_locust
from loadtest.models import Record
from loadtest.probing import Probe, probe_of, probe_plan, refused_probe
from loadtest.sentry import GuardRules


def probe(
    target: str,
    *,
    duration_s: float,
    guard: GuardRules,
    secret_file: str = "",
    allow_host: str = "",
) -> Probe:
    """Return what a meeting of two bots met; it has been ended then.

    A refusal is a finding. Raises OurBug only.
    """
    records: list[Record] = []
    with tempfile.TemporaryDirectory(prefix="bbbload-doctor-") as folder:
        order = RunOrder(
            plan=probe_plan(duration_s),
            target=target,
            log=Path(folder) / "run.jsonl",
            secret_file=secret_file,
            allow_host=allow_host,
            guard=guard,
        )
        try:
            run_locust(order, records.append)
        except OurBug:
            raise
        except BbbloadError as refusal:
            return refused_probe(str(refusal), refusal.exit_code)
    return probe_of(records)
