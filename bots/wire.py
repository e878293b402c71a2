"""Commands and reports <-> frames between a Locust worker and its bot engine. Pure.

A frame is four bytes of length (big endian) and that much JSON. Commands go down, at
once; reports and answers come up, streams and the engine's own state once a second.
Nothing per packet ever crosses. No frame carries a secret: the engine fetches its own.
"""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bots.errors import BbbloadError
from bots.models import (
    EngineReport,
    IcePolicy,
    JoinReport,
    LeaveReport,
    MilestoneReport,
    ParticipantPlan,
    RefusalReport,
    Report,
    StreamReport,
)
from bots.plain import Malformed, from_plain, to_plain

LENGTH: Final = struct.Struct("!I")
LARGEST_FRAME_BYTES: Final = 16_000_000

REPORT_KINDS: Final[Mapping[str, type]] = {
    "join": JoinReport,
    "milestone": MilestoneReport,
    "refusal": RefusalReport,
    "stream": StreamReport,
    "engine": EngineReport,
    "leave": LeaveReport,
}
_REPORT_NAMES: Final = {kind: name for name, kind in REPORT_KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What an engine refuses to exceed, whoever asks."""

    participants: int = 500
    streams: int = 20_000
    """Media streams of its participants, both directions, as planned."""
    duration_s: float = 14_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Down, first: what this engine may load and how."""

    run: str
    target: str
    """A name of servers.toml or a URL; the engine resolves it and its secret."""
    engine: int
    zero_s: float
    """`time.monotonic()` of this machine at the run's `elapsed_s` 0."""
    duration_s: float
    """Planned rest of the run; the server ends our meetings five minutes later."""
    seed: int = 0
    participants: int = 0
    """Planned peak of the whole run, for the check before the first packet."""
    streams: int = 0
    cameras: int = 0
    """Most cameras of one meeting: they decide which camera rates can be asked for."""
    clip: str = ""
    """Path of a film or recording to send; "": the project's own."""
    ice_policy: IcePolicy = "all"
    is_recorded: bool = False
    """Whether our meetings are recorded; the server keeps the recordings."""
    has_guests: bool = False
    """Whether guests of our meetings wait in the lobby for a moderator."""
    caps: Caps = Caps()
    allow_hosts: tuple[str, ...] = ()
    secret_file: str = ""
    beside_real_meetings: bool = False
    meetings_unseen: bool = False
    """Load though the server may hide meetings; those that it shows still count."""
    is_first: bool = True
    """The first engine of a run proves the first meeting and looks for people who are
    not ours; the others need not."""
    leftover_runs: tuple[str, ...] = ()
    """Runs of ours on this server that were killed: their meetings are ended first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Down: let this participant join."""

    plan: ParticipantPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Down: let this participant leave; answered by `Left`."""

    participant: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire:
    """Down: end our meetings numbered below `meeting`; nobody is in them any more."""

    meeting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Down: look for people who are not ours from now on; the one that did is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Down, last: everybody leaves, all our meetings are ended, `Ended` answers."""

    within_s: float | None = None
    """Who has not left by then is cut off; None: the engine's own patience."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighted:
    """Up, every few seconds from the engine that looks: what getMeetings shows."""

    meetings: int = 0
    participants: int = 0
    """In all meetings, ours and others'."""
    ours: int = 0
    """In the meetings of this run."""
    shows_ours: bool = False
    """Whether any meeting of this run is among them."""
    refusal: str = ""
    """Why the load may not stay: people, or another run, are on the server."""
    failure: str = ""
    """Why nothing could be seen this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Up: the target was checked and the first meeting is as it was asked for."""

    server: str
    """Name or host, for the header."""
    host: str
    bbb_version: str
    stand_in: bool
    notes: tuple[str, ...] = ()
    """Sentences for the operator, such as a limit that could not be raised."""
    sighted: Sighted | None = None
    """What getMeetings showed once our first meeting was made; None where it was not
    looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Up: the engine will not load this target; no load was sent."""

    exit_code: int
    message: str

    def as_error(self) -> BbbloadError:
        """Return the failure that the engine would have ended with."""
        failure = BbbloadError(self.message)
        failure.exit_code = self.exit_code
        return failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Up: this participant is gone, by command or by itself."""

    participant: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Up: reports as plain values, each with its `kind`, ready for run.jsonl."""

    items: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Up, last: what became of our meetings."""

    ended: int
    failed: tuple[str, ...] = ()
    """Meeting ids that the server did not end when asked."""
    reason: str = ""
    """Why the engine ended by itself (a cap); "" when it was told to."""


Command = Begin | Join | Leave | Retire | Look | End
Answer = Begun | Refused | Sighted | Left | Reports | Ended

_MESSAGES: Final[Mapping[str, type]] = {
    kind.__name__.lower(): kind
    for kind in (
        *(Begin, Join, Leave, Retire, Look, End),
        *(Begun, Refused, Sighted, Left, Ended),
    )
}


def encode(message: Command | Answer) -> bytes:
    """Return the frame of a message."""
    if isinstance(message, Reports):
        plain: dict[str, Any] = {"type": "reports", "items": message.items}
    else:
        plain = {"type": type(message).__name__.lower()} | to_plain(message)
    body = json.dumps(plain, allow_nan=False, separators=(",", ":")).encode()
    assert len(body) <= LARGEST_FRAME_BYTES, "reports go up every second"
    return LENGTH.pack(len(body)) + body


def plain_report(report: Report) -> dict[str, Any]:
    """Return a report as an item of `Reports`."""
    return {"kind": _REPORT_NAMES[type(report)]} | to_plain(report)


def report_of(plain: Mapping[str, Any]) -> Report:
    """Return the report that an item of `Reports` means; raises Malformed."""
    kind = REPORT_KINDS.get(str(plain.get("kind")))
    if kind is None:
        raise Malformed(f"{plain.get('kind')!r} is no kind of report")
    report: Report = from_plain(kind, plain)
    return report


def batches(
    items: Iterable[dict[str, Any]], largest: int = 2_000
) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yield the items in pieces that fit a frame by a wide margin."""
    piece: list[dict[str, Any]] = []
    for item in items:
        piece.append(item)
        if len(piece) == largest:
            yield tuple(piece)
            piece = []
    if piece:
        yield tuple(piece)


class FrameReader:
    """Cuts a byte stream into messages, however it was split on its way."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Command | Answer]:
        """Take bytes; return the messages that are complete now, in order.

        Raises Malformed for a frame that no peer of ours would send.
        """
        self._buffer += data
        messages: list[Command | Answer] = []
        start = 0
        while len(self._buffer) - start >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer, start)
            if length > LARGEST_FRAME_BYTES:
                raise Malformed(f"a frame of {length} bytes")
            end = start + LENGTH.size + length
            if len(self._buffer) < end:
                break
            messages.append(_decode(bytes(self._buffer[start + LENGTH.size : end])))
            start = end
        del self._buffer[:start]
        return messages


def _decode(body: bytes) -> Command | Answer:
    try:
        plain = json.loads(body)
    except ValueError as error:
        raise Malformed("a frame that is no JSON") from error
    name = str(plain.get("type")) if isinstance(plain, dict) else ""
    if name == "reports":
        return Reports(items=tuple(plain["items"]))
    if name not in _MESSAGES:
        raise Malformed(f"a message of type {name!r}")
    message: Command | Answer = from_plain(_MESSAGES[name], plain)
    return message
