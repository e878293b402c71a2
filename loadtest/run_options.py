"""What the options of a Locust process mean: the limits of its engine, and the plan.

Also, for who started it, why there is no run.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bots.errors import BbbloadError, GeneratorError
from bots.plain import from_plain
from bots.redaction import redact
from bots.wire import Caps, Refused
from loadtest.conductor import EXIT_INTERRUPTED
from loadtest.durations import parse_duration
from loadtest.load_files import load_mix, load_scenario, plan_of_scenario, with_media
from loadtest.models import MeetingProfile, Slo
from loadtest.sentry import GuardRules, check_rules
from loadtest.stages import RunPlan
from loadtest.streams import check_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What this process allows its engine; taken once from its own command line."""

    caps: Caps
    allow_hosts: tuple[str, ...]
    secret_file: str
    guard: GuardRules

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
            guard=check_rules(
                GuardRules(
                    beside_real_meetings=options.beside_real_meetings,
                    withdraw_at_cpu=options.withdraw_at_cpu or None,
                    meetings_unseen=options.meetings_unseen,
                )
            ),
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
    if options.scenario:
        scenario = plan_of_scenario(
            load_scenario(options.scenario),
            scale=options.scale,
            length_s=parse_duration(options.length) if options.length else None,
            seed=options.seed or None,
            caps=limits.caps,
        )
        return _with_media(scenario, options)
    size = options.meeting_size
    all_speak = options.microphones < 0
    mixed = options.personas or options.mix
    profile = check_profile(
        load_mix(options.personas, options.mix)
        if mixed
        else MeetingProfile(
            name="locust",
            size=size,
            cameras=options.cameras,
            microphones=size - options.listeners if all_speak else options.microphones,
            listeners=options.listeners,
            moderators=1,
        )
    )
    run_time = options.run_time
    plan = RunPlan(
        profiles=(profile,),
        slo=Slo(),
        caps=limits.caps,
        seed=options.seed,
        duration_s=float(run_time or limits.caps.duration_s),
    )
    return _with_media(plan, options)


def _with_media(plan: RunPlan, options: Any) -> RunPlan:
    return with_media(plan, clip=options.clip, ice_policy=options.ice_transport_policy)


def ended_early(refused: Refused | None, *, interrupted: bool) -> BbbloadError:
    """Return why a run that was ended before it began has no result."""
    if refused is not None:
        return refused.as_error()
    if not interrupted:
        return GeneratorError(
            "the run was ended before its engines were ready: give it more time"
        )
    failure = BbbloadError("the run was interrupted before it began")
    failure.exit_code = EXIT_INTERRUPTED
    return failure


def write_status(name: str, failure: BbbloadError) -> None:
    """Tell the command that started this process why there is no run."""
    if name:
        plain = {"exit_code": failure.exit_code, "message": redact(str(failure))}
        Path(name).write_text(json.dumps(plain), encoding="utf-8")
