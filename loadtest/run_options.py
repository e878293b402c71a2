"""What the options of a Locust process mean: the limits of its engine, and the plan."""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bots.plain import from_plain
from bots.wire import Caps
from loadtest.durations import parse_duration
from loadtest.models import MeetingProfile, Slo
from loadtest.stages import RunPlan
from loadtest.streams import check_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What this process allows its engine; taken once from its own command line."""

    caps: Caps
    allow_hosts: tuple[str, ...]
    secret_file: str
    beside_real_meetings: bool

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Limits":
        """Read the options; raises ConfigError."""
        return cls(
            caps=Caps(
                participants=options.max_participants,
                streams=options.max_streams,
                duration_s=parse_duration(options.max_duration),
            ),
            allow_hosts=(options.allow_host,) if options.allow_host else (),
            secret_file=options.secret_file,
            beside_real_meetings=options.beside_real_meetings,
        )


def plan_of(options: Any, plan_file: str, limits: Limits) -> RunPlan:
    """Return the plan in the file, or the one that Locust's own options mean.

    `options` are those of now: the web UI may have changed its fields. Raises
    ConfigError.
    """
    if plan_file:
        path = Path(plan_file)
        plan = from_plain(RunPlan, json.loads(path.read_text(encoding="utf-8")))
        return replace(plan, caps=limits.caps)
    size = options.meeting_size
    all_speak = options.microphones < 0
    profile = check_profile(
        MeetingProfile(
            name="locust",
            size=size,
            cameras=options.cameras,
            microphones=size - options.listeners if all_speak else options.microphones,
            listeners=options.listeners,
            moderators=1,
        )
    )
    run_time = options.run_time
    return RunPlan(
        profiles=(profile,),
        slo=Slo(),
        caps=limits.caps,
        seed=options.seed,
        duration_s=float(run_time or limits.caps.duration_s),
    )
