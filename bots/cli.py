"""`bbbload bot`: one participant on one server, told frame by frame where wished."""

import asyncio
import json
import logging
import re
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any

import click

from bots.clock import RunClock
from bots.errors import ConfigError, GuardRefusal, TargetUnusable
from bots.join import refuse_announced, target_of
from bots.media.clip import read_own
from bots.media.plane import IceTransportPolicy, MediaPlane
from bots.meetings import Meetings
from bots.models import (
    JoinReport,
    LeaveReport,
    MeetingRef,
    MilestoneReport,
    ParticipantPlan,
    Persona,
    RefusalReport,
    Report,
    Role,
    StreamReport,
)
from bots.participant import Participant
from bots.persona import PERSONAS, participant_plan
from bots.persona_file import BUILT_IN, read_personas
from bots.reach import CODE as NODE_NOT_ALLOWED
from bots.servers import Server, resolve
from bots.transcript import Transcript
from bots.transport import Transport
from bots.wire import plain_report

SAMPLE_INTERVAL_S = 1.0
LONGEST_S = 14_400.0
_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}

EXAMPLE = """\b
Examples: a participant with a camera for half a minute, in a meeting of its own
  bbbload bot my-server --persona camera --duration 30s
the same with every frame it exchanged
  bbbload bot my-server --persona camera --transcript out.json"""


class Duration(click.ParamType[float]):
    """`30`, `30s`, `5m` or `1h`, up to four hours, as seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", str(value).strip(), re.ASCII)
        seconds = float(match[1]) * _UNITS_S[match[2]] if match else 0.0
        if not 0 < seconds <= LONGEST_S:
            self.fail(f"{value!r} is no duration from 1s to 4h", param, ctx)
        return seconds


@click.command(epilog=EXAMPLE)
@click.argument("server", metavar="NAME|URL")
@click.option(
    "--persona",
    metavar="NAME",
    default="camera",
    show_default=True,
    help=f"What kind of participant it is: {', '.join(sorted(PERSONAS))}, or one of "
    "--personas.",
)
@click.option(
    "--personas",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with personas of your own. Default: the built-in ones.",
)
@click.option(
    "--clip",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Film or recording to send, of which the first minute is encoded once. "
    "Default: a talking head and a voice made here.",
)
@click.option(
    "--duration",
    type=Duration(),
    default="30s",
    show_default=True,
    help="How long it stays once it is in: seconds, or 30s, 5m, 1h.",
)
@click.option(
    "--meeting",
    metavar="ID",
    help="External id of a meeting that exists. Default: a meeting of its own, which "
    "is ended afterwards.",
)
@click.option(
    "--role",
    type=click.Choice(["viewer", "moderator"]),
    default="viewer",
    show_default=True,
    help="Role it joins with, where its persona needs none.",
)
@click.option(
    "--number",
    type=click.IntRange(0, 999_999_999),
    default=0,
    show_default=True,
    help="Number that it is named by.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of chance.",
)
@click.option(
    "--transcript",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for every frame of its sockets, secrets redacted.",
)
@click.option(
    "--secret-file",
    help="File (mode 0600) with the shared secret of a single URL. "
    "Default: the variable BBB_SECRET.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="HOST",
    help="Allow this host of a URL that servers.toml does not name; repeatable.",
)
@click.option(
    "--ice-transport-policy",
    type=click.Choice(["all", "relay"]),
    default="all",
    show_default=True,
    help="Ways for media: directly and, where that stays silent, by a TURN relay; or "
    "by a relay only.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell what the server refuses.")
def bot(
    server: str,
    persona: str,
    personas: Path | None,
    clip: Path | None,
    duration: float,
    meeting: str | None,
    role: Role,
    number: int,
    seed: int,
    transcript: Path | None,
    secret_file: str | None,
    allow_host: tuple[str, ...],
    ice_transport_policy: IceTransportPolicy,
    verbose: bool,
) -> int:
    """Let one participant join a server: a name of servers.toml, or a URL.

    It publishes, views and acts as its persona does. Its reports go to stdout as JSON
    lines, a summary to stderr. Ends with 8 if it was not let in, with 7 if it was led
    to a host that is not on the allow-list, with 4 if it was thrown out.
    """
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    logging.getLogger("aioice").setLevel(logging.WARNING)
    kind = _persona(persona, personas)
    resolved = resolve(server, secret_file=secret_file, allow_host=allow_host)
    chosen = participant_plan(
        kind,
        number=number,
        meeting_number=0,
        role=role,
        seed=seed,
    )
    frames = Transcript() if transcript is not None else None
    reports: list[Report] = []
    plane = MediaPlane(
        ca_file=resolved.ca_file,
        ice_transport_policy=ice_transport_policy,
        own=None if clip is None else read_own(clip),
    )

    def report(told: Report) -> None:
        if not isinstance(told, StreamReport):
            reports.append(told)
        print(json.dumps(plain_report(told)), flush=True)

    with _opened(transcript) as file:
        try:
            was_interrupted = asyncio.run(
                _play(resolved, meeting, chosen, duration, plane, report, frames)
            )
        finally:
            if file is not None and frames is not None:
                json.dump(frames.document(), file, ensure_ascii=False, indent=1)
                file.write("\n")
    for line in summary(reports):
        print(line, file=sys.stderr)
    return 130 if was_interrupted else _exit_code(reports)


async def _play(
    server: Server,
    meeting_id: str | None,
    plan: ParticipantPlan,
    duration_s: float,
    media: MediaPlane,
    report: Callable[[Report], None],
    frames: Transcript | None,
) -> bool:
    """Let one participant live for `duration_s`; return whether it was interrupted."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()
    has_joined: asyncio.Future[None] = loop.create_future()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _settle, stop)

    def told(given: Report) -> None:
        report(given)
        if isinstance(given, JoinReport):
            _settle(has_joined)

    async with (
        Transport(ca_file=server.ca_file, reach=server.reach) as transport,
        media as plane,
        _meeting(server, transport, meeting_id, duration_s) as meeting,
    ):
        if plan.shares_camera:
            await plane.prepare(plan.camera)
        participant = Participant(
            plan,
            meeting,
            target=target_of(server),
            plane=plane,
            clock=RunClock(),
            report=told,
            transcript=frames,
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(participant.run())
            sampling = group.create_task(_sample(participant))
            first = asyncio.FIRST_COMPLETED
            await asyncio.wait((running, has_joined, stop), return_when=first)
            await asyncio.wait((running, stop), timeout=duration_s, return_when=first)
            sampling.cancel()
            await participant.leave()
    return stop.done()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


async def _sample(participant: Participant) -> None:
    while True:
        await asyncio.sleep(SAMPLE_INTERVAL_S)
        participant.sample()


@asynccontextmanager
async def _meeting(
    server: Server, transport: Transport, meeting_id: str | None, duration_s: float
) -> AsyncIterator[MeetingRef]:
    """Yield the meeting to join: the given one, or one of our own, ended afterwards."""
    meetings = Meetings(
        server,
        f"bot{secrets.token_hex(4)}",
        transport.get,
        rest_of_run_s=lambda: duration_s,
    )
    refuse_announced(await meetings.check_server())
    if meeting_id is not None:
        yield MeetingRef(number=0, meeting_id=meeting_id)
        return
    try:
        await meetings.prove_first(0)
        created = await meetings.ensure(0)
        yield MeetingRef(number=0, meeting_id=created.meeting_id)
    finally:
        for left in await meetings.end(meetings.numbers):
            print(f"the meeting {left} did not end when asked", file=sys.stderr)


def summary(reports: list[Report]) -> list[str]:
    """Return what happened in a few lines."""
    lines = []
    for report in reports:
        match report:
            case JoinReport(outcome="joined", path=path):
                phases = ", ".join(f"{name} {s:.2f} s" for name, s in report.phases_s)
                lines.append(
                    f"joined {report.node} in {report.join_time_s:.2f} s ({phases}), "
                    f"which speaks {path.schema}"
                )
                if path.audio_role:
                    lines.append(
                        f"audio: {path.audio_role} over {path.bridge}, "
                        f"offered by the {path.offerer}, "
                        f"{path.candidate_type} to {path.remote_address}"
                    )
            case JoinReport():
                lines.append(
                    f"not joined: {report.outcome} ({report.code}) {report.detail}"
                )
            case MilestoneReport(wait_s=None):
                lines.append(
                    f"no {report.media} came: {report.outcome} ({report.code})"
                )
            case MilestoneReport(media=media, wait_s=float(wait_s), path=path):
                way = f", {path.candidate_type} to {path.remote_address}"
                came = f"first {media} after {wait_s:.2f} s"
                lines.append(came + way * bool(path.candidate_type))
            case RefusalReport():
                lines.append(
                    f"{report.what}: {report.outcome} ({report.code}) {report.detail}"
                )
            case LeaveReport():
                lines.append(f"{report.outcome} {report.code} {report.detail}".rstrip())
    return lines


def _persona(name: str, file: Path | None) -> Persona:
    """Return a built-in persona or one of the user's file."""
    book = BUILT_IN
    if file is not None:
        try:
            book = read_personas(file.read_text("utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as failure:
            raise ConfigError(
                f"the personas {file} cannot be read as text"
            ) from failure
    if name not in book.personas:
        known = ", ".join(sorted(book.personas))
        raise click.BadParameter(
            f"{name!r} is no persona: use one of {known}", param_hint="--persona"
        )
    return book.personas[name]


def _exit_code(reports: list[Report]) -> int:
    joins = [report for report in reports if isinstance(report, JoinReport)]
    if any(join.code == NODE_NOT_ALLOWED for join in joins):
        return GuardRefusal.exit_code
    if not any(join.outcome == "joined" for join in joins):
        return TargetUnusable.exit_code
    dropped = any(isinstance(r, LeaveReport) and r.outcome != "left" for r in reports)
    return 4 if dropped else 0


@contextmanager
def _opened(path: Path | None) -> Iterator[IO[str] | None]:
    """Open the transcript before anything is sent; None where none is wanted."""
    if path is None:
        yield None
        return
    try:
        # A server's text may hold half of a character: its escape is JSON as well.
        file = path.open("w", encoding="utf-8", errors="backslashreplace")
    except OSError as failure:
        reason = (failure.strerror or "no reason given").lower()
        raise ConfigError(
            f"the transcript {path} cannot be written: {reason}"
        ) from failure
    with file:
        yield file
