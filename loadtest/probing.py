"""A short meeting of two bots -> the doctor's lines about media. Pure.

The records are those of an ordinary run: what a probe says is what a run would meet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from bots.errors import GuardRefusal
from bots.models import JoinReport, Media, PathTaken, RefusalReport, StreamReport
from bots.wire import Caps
from loadtest.doctor import Line
from loadtest.models import EndRecord, MeetingProfile, Record, Slo
from loadtest.stages import RunPlan, fixed_plan

BOTS: Final = 2
SPEECH_MIN: Final = 10
"""Packets that must be heard; a talker that rests sends few."""
FRAMES_MIN: Final = 5
PORTS: Final = range(16_384, 32_769)
"""BBB's media ports (BBB documentation, "Configure Firewall")."""
_REFUSALS: Final = (
    ("livekit", "bridge", "create meetings with audioBridge, cameraBridge and "
     "screenShareBridge bbb-webrtc-sfu"),
    ("2.7", "bridge", "measure a node with BBB 3.0"),
    ("graphql", "bridge", "measure a node with BBB 3.0"),
    ("changed record", "recording", "let the server not force recording"),
    ("of our meeting from", "parameters", "let balancer and defaults leave them alone"),
)  # fmt: skip
"""(words of a refusal in lower case, the line it belongs to, what helps)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What one bot got of one medium."""

    packets: int = 0
    frames: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What became of the meeting."""

    refusal: str = ""
    """Why there was none, in a sentence; "" where there was one."""
    is_guards: bool = False
    """The guard refused, not the server."""
    joins: tuple[JoinReport, ...] = ()
    heard: tuple[Received, ...] = ()
    """Sound, by bot."""
    seen: tuple[Received, ...] = ()
    """Cameras, by bot."""
    refused: tuple[str, ...] = ()
    """What the server refused inside the meeting, with its codes."""
    end: EndRecord | None = None


def probe_plan(duration_s: float) -> RunPlan:
    """Return the order for a meeting of two that talk, show cameras and decode."""
    profile = MeetingProfile(
        name="probe",
        size=BOTS,
        cameras=BOTS,
        microphones=BOTS,
        listeners=0,
        decode_every=1,
    )
    return fixed_plan(
        profile,
        meetings=1,
        duration_s=duration_s,
        join_rate=2.0,
        slo=Slo(),
        seed=1,
        caps=Caps(participants=BOTS),
    )


def refused_probe(message: str, exit_code: int) -> Probe:
    """Return the probe that the guard, or the server, did not let happen."""
    return Probe(refusal=message, is_guards=exit_code == GuardRefusal.exit_code)


def probe_of(records: Iterable[Record]) -> Probe:
    """Return what the records of the meeting say."""
    joins: list[JoinReport] = []
    refused: list[str] = []
    end = None
    got: dict[tuple[Media, int], Received] = {}
    for record in records:
        if isinstance(record, JoinReport):
            joins.append(record)
        elif isinstance(record, RefusalReport) and record.outcome != "withdrawn":
            refused.append(f"{record.what}: {record.code or record.outcome}")
        elif isinstance(record, EndRecord):
            end = record
        elif isinstance(record, StreamReport) and record.direction == "in":
            key = record.media, record.participant
            before = got.get(key, Received())
            frames = record.decoded_frames
            got[key] = replace(
                before,
                packets=before.packets + record.packets,
                frames=before.frames + (record.frames if frames is None else frames),
            )
    return Probe(
        joins=tuple(joins),
        heard=tuple(got.get(("audio", bot), Received()) for bot in range(BOTS)),
        seen=tuple(got.get(("camera", bot), Received()) for bot in range(BOTS)),
        refused=tuple(dict.fromkeys(refused)),
        end=end,
    )


def examine_probe(probe: Probe) -> tuple[Line, ...]:
    """Return the lines about a probe."""
    return (_refusal(probe),) if probe.refusal else tuple(_lines(probe))


def _refusal(probe: Probe) -> Line:
    if probe.is_guards:
        fix = "a run is refused for the same reason: remove it first"
        return Line(state="FAIL", what="probe", text=probe.refusal, fix=fix)
    for words, what, fix in _REFUSALS:
        if words in probe.refusal.lower():
            return Line(state="FAIL", what=what, text=probe.refusal, fix=fix)
    return Line(
        state="FAIL",
        what="probe",
        text=probe.refusal,
        fix="see whether a browser gets into a meeting there",
    )


def _lines(probe: Probe) -> Iterator[Line]:
    paths = [join.path for join in probe.joins if join.outcome == "joined"]
    yield _joined(probe, len(paths))
    yield Line(
        state="OK",
        what="parameters",
        text="create kept what was asked; recording is not forced",
    )
    if not paths:
        return
    bridges = ", ".join(sorted({path.bridge or "unknown" for path in paths}))
    yield Line(state="OK", what="bridge", text=bridges)
    yield from _ways(paths)
    yield _media(
        "sound",
        [it.packets for it in probe.heard],
        SPEECH_MIN,
        "packets heard",
        "see FreeSWITCH and bbb-webrtc-sfu on the server, and the firewall between",
    )
    yield _media(
        "picture",
        [it.frames for it in probe.seen],
        FRAMES_MIN,
        "camera frames decoded",
        "see mediasoup's workers in bbb-webrtc-sfu, and the firewall between",
    )
    yield Line(
        state="WARN" if probe.refused else "OK",
        what="caps",
        text="met: " + "; ".join(probe.refused)
        if probe.refused
        else "none met by a meeting of two",
        fix="raise the server's limit, or measure with it" if probe.refused else "",
    )
    if probe.end is not None and probe.end.reasons:
        yield Line(
            state="WARN",
            what="probe",
            text=f"{probe.end.validity}: {'; '.join(probe.end.reasons)}",
            fix="a run that says so gives no capacity",
        )


def _joined(probe: Probe, count: int) -> Line:
    failed = [f"{it.code or it.outcome}" for it in probe.joins if not _is_in(it)]
    why = f" ({', '.join(dict.fromkeys(failed))})" if failed else ""
    is_whole = count == BOTS
    return Line(
        state="OK" if is_whole else "FAIL",
        what="joins",
        text=f"{count} of {BOTS} bots were in a meeting of ours{why}",
        fix="" if is_whole else "see whether a browser gets into a meeting there",
    )


def _is_in(join: JoinReport) -> bool:
    return join.outcome == "joined"


def _ways(paths: list[PathTaken]) -> Iterator[Line]:
    kinds = ", ".join(sorted({path.candidate_type or "none" for path in paths}))
    servers = ", ".join(sorted({path.remote_address or "nobody" for path in paths}))
    relayed = sum(path.candidate_type == "relay" for path in paths)
    yield Line(
        state="OK",
        what="path",
        text=f"{'relay' if relayed else 'direct'} ({kinds}) to {servers}",
    )
    if relayed:
        yield Line(
            state="WARN",
            what="UDP ports",
            text=f"{'all' if relayed == len(paths) else 'some'} by relay: a run "
            "measures coturn and gives no node capacity",
            fix="let UDP 16384-32768 from this machine through to the node",
        )
    else:
        ports = [int(it.remote_address.rpartition(":")[2] or 0) for it in paths]
        beyond = [port for port in ports if port not in PORTS]
        yield Line(
            state="OK",
            what="UDP ports",
            text="reached from here, beyond 16384-32768: "
            + ", ".join(str(port) for port in sorted(set(beyond)))
            if beyond
            else "16384-32768 reached from here, without a relay",
        )
    turns = max((path.turn_servers or 0 for path in paths), default=0)
    yield Line(
        state="OK" if turns else "WARN",
        what="TURN",
        text=f"stuns names {turns}" if turns else "stuns names no TURN server",
        fix=""
        if turns
        else "set up coturn: people behind firewalls without UDP have no media",
    )


def _media(what: str, counts: list[int], least: int, unit: str, fix: str) -> Line:
    is_there = all(count >= least for count in counts)
    text = f"both ways: {' and '.join(str(count) for count in counts)} {unit}"
    if not is_there:
        text = f"not both ways: {' and '.join(map(str, counts))} {unit}"
    return Line(
        state="OK" if is_there else "FAIL",
        what=what,
        text=text,
        fix="" if is_there else fix,
    )
