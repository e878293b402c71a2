"""The signed HTTP API of BBB: URLs out. What comes back is read by `answers.py`.

Pure: no sockets, no clock. The query string is built once, signed, and returned inside
the URL; whoever sends it must send those very bytes (no re-encoding, no re-ordering).

Sources: https://docs.bigbluebutton.org/development/api/ and BBB's
`ApiController.groovy` and `GetChecksumValidator.java`.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote_plus, urlsplit

from bots.errors import ConfigError
from bots.models import Role
from bots.protocol.answers import (
    ApiIndex,
    Created,
    HttpAnswer,
    Joined,
    MeetingInfo,
    Redirected,
    parse_create,
    parse_end,
    parse_index,
    parse_join,
    parse_meeting_info,
    parse_meetings,
    parse_running,
    parse_stuns,
)

__all__ = [
    "CHECKSUM_ALGORITHMS",
    "ORIGIN",
    "ApiIndex",
    "Created",
    "HttpAnswer",
    "Joined",
    "MeetingInfo",
    "Override",
    "Redirected",
    "create_parameters",
    "create_url",
    "end_url",
    "get_meeting_info_url",
    "get_meetings_url",
    "index_url",
    "is_meeting_running_url",
    "join_url",
    "meeting_id",
    "normalise_api_url",
    "overrides",
    "parse_create",
    "parse_end",
    "parse_index",
    "parse_join",
    "parse_meeting_info",
    "parse_meetings",
    "parse_running",
    "parse_stuns",
    "run_of",
    "sign",
    "signed_url",
    "stuns_url",
]

ChecksumAlgorithm = Literal["sha1", "sha256", "sha384", "sha512"]
CHECKSUM_ALGORITHMS: tuple[ChecksumAlgorithm, ...] = (
    "sha1",
    "sha256",
    "sha384",
    "sha512",
)
"""The server tells them apart by the length of the sum and may forbid some."""

ORIGIN = "bbbload"
"""Value of `meta_bbb-origin` in every meeting that this tool creates."""

SELF_END_MARGIN_S = 300.0
"""A meeting ends by itself this long after its run, should we vanish."""

Parameters = tuple[tuple[str, str], ...]


def sign(
    call: str, query: str, secret: str, algorithm: ChecksumAlgorithm = "sha256"
) -> str:
    """Return hex(HASH(call + query + secret)); `query` is percent-encoded, as sent."""
    if algorithm not in CHECKSUM_ALGORITHMS:
        known = ", ".join(CHECKSUM_ALGORITHMS)
        raise ConfigError(f"checksum algorithm {algorithm!r} is none of {known}")
    return hashlib.new(algorithm, (call + query + secret).encode()).hexdigest()


def encode(parameters: Iterable[tuple[str, str]]) -> str:
    """Return the query string of `parameters`, in their order."""
    return "&".join(f"{quote_plus(k)}={quote_plus(v)}" for k, v in parameters)


def signed_url(
    api_url: str,
    call: str,
    parameters: Iterable[tuple[str, str]],
    secret: str,
    algorithm: ChecksumAlgorithm = "sha256",
) -> str:
    """Return the URL of a signed GET; its query is the very text that was signed."""
    query = encode(parameters)
    checksum = sign(call, query, secret, algorithm)
    joint = "&" if query else ""
    return f"{api_url}/{call}?{query}{joint}checksum={checksum}"


def normalise_api_url(url: str) -> str:
    """Return `https://host/bigbluebutton/api` for what `bbb-conf --secret` prints.

    Accepts the URL with or without `/api` and with or without a slash at its end.
    Raises ConfigError for anything without a host or without `/bigbluebutton`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"{url!r} is no server URL: give it as https://HOST/bigbluebutton/"
        )
    path = parts.path.rstrip("/")
    if path.endswith("/bigbluebutton"):
        path += "/api"
    if not path.endswith("/bigbluebutton/api"):
        raise ConfigError(
            f"{url!r} does not end in /bigbluebutton: "
            "take the URL that `bbb-conf --secret` prints"
        )
    return f"{parts.scheme}://{parts.netloc}{path}"


def index_url(api_url: str) -> str:
    """Return the unsigned index; ask for it with `Content-Type: application/json`."""
    return api_url


def create_url(
    api_url: str,
    parameters: Parameters,
    secret: str,
    algorithm: ChecksumAlgorithm = "sha256",
) -> str:
    """Return the `create` call for `create_parameters(…)`."""
    return signed_url(api_url, "create", parameters, secret, algorithm)


def join_url(
    api_url: str,
    *,
    meeting_id: str,
    full_name: str,
    role: Role,
    secret: str,
    redirect: bool = False,
    extra: Parameters = (),
    algorithm: ChecksumAlgorithm = "sha256",
) -> str:
    """Return the `join` call; with `redirect` false BBB answers in XML."""
    parameters = (
        ("fullName", full_name),
        ("meetingID", meeting_id),
        ("role", role.upper()),
        ("redirect", _text(redirect)),
        *extra,
    )
    return signed_url(api_url, "join", parameters, secret, algorithm)


def end_url(
    api_url: str,
    meeting_id: str,
    secret: str,
    algorithm: ChecksumAlgorithm = "sha256",
) -> str:
    """Return the `end` call; BBB ends the meeting some time after its answer."""
    return signed_url(api_url, "end", (("meetingID", meeting_id),), secret, algorithm)


def is_meeting_running_url(
    api_url: str,
    meeting_id: str,
    secret: str,
    algorithm: ChecksumAlgorithm = "sha256",
) -> str:
    """Return the `isMeetingRunning` call: true once somebody has joined."""
    call = "isMeetingRunning"
    return signed_url(api_url, call, (("meetingID", meeting_id),), secret, algorithm)


def get_meetings_url(
    api_url: str, secret: str, algorithm: ChecksumAlgorithm = "sha256"
) -> str:
    """Return the `getMeetings` call: all meetings of the server or cluster."""
    return signed_url(api_url, "getMeetings", (), secret, algorithm)


def get_meeting_info_url(
    api_url: str,
    meeting_id: str,
    secret: str,
    algorithm: ChecksumAlgorithm = "sha256",
) -> str:
    """Return the `getMeetingInfo` call of one meeting."""
    call = "getMeetingInfo"
    return signed_url(api_url, call, (("meetingID", meeting_id),), secret, algorithm)


def stuns_url(api_url: str, session_token: str) -> str:
    """Return the `stuns` call: unsigned, but it wants the session's cookie."""
    return f"{api_url}/stuns?{encode((('sessionToken', session_token),))}"


def meeting_id(run: str, number: int) -> str:
    """Return the external id of our meeting `number` of the run."""
    return f"{ORIGIN}-{run}-{number}"


def run_of(external_id: str) -> str | None:
    """Return the run that a meeting of ours belongs to, None for others' meetings."""
    origin, _, rest = external_id.partition("-")
    run, _, number = rest.rpartition("-")
    return run if origin == ORIGIN and run and number.isdigit() else None


def create_parameters(
    *,
    run: str,
    number: int,
    rest_of_run_s: float,
    is_recorded: bool = False,
    extra: Parameters = (),
) -> Parameters:
    """Return what every `create` of ours asks for: nothing kept, ended by itself.

    `rest_of_run_s` is how long the run still lasts; the server ends the meeting five
    minutes later on its own (`duration`, in whole minutes). Only where `is_recorded` is
    it recorded, from its start. `extra` may add parameters
    (`muteOnStart`, a guest policy, …) but not override one of these.
    """
    duration_min = math.ceil((max(rest_of_run_s, 0.0) + SELF_END_MARGIN_S) / 60)
    ours = (
        ("name", f"bbbload {run} {number}"),
        ("meetingID", meeting_id(run, number)),
        ("record", _text(is_recorded)),
        ("autoStartRecording", _text(is_recorded)),
        ("allowStartStopRecording", "false"),
        ("meetingKeepEvents", "false"),
        ("duration", str(duration_min)),
        ("meta_bbb-origin", ORIGIN),
        ("meta_bbbload-run", run),
    )
    taken = {key for key, _ in ours} & {key for key, _ in extra}
    if taken:
        names = ", ".join(sorted(taken))
        raise ConfigError(f"a meeting of bbbload fixes {names}: leave it out")
    return ours + extra


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A parameter of `create` that the server or a balancer replaced."""

    parameter: str
    asked: str
    told: str
    """What getMeetingInfo says, "" where it says nothing."""


def overrides(asked: Parameters, info: MeetingInfo) -> tuple[Override, ...]:
    """Return the parameters of `create` that `getMeetingInfo` shows otherwise.

    Only what that answer tells can be compared: meetingID, name, record, duration, the
    voice bridge, maxParticipants and metadata (whose names BBB puts in lower case).
    """
    told = {
        "meetingID": info.meeting_id,
        "name": info.name,
        "record": _text(info.is_recorded),
        "duration": "" if info.duration_s is None else f"{info.duration_s / 60:g}",
        "voiceBridge": info.voice_bridge,
        "maxParticipants": str(info.max_participants),
    }
    metadata = dict(info.metadata)
    differing = []
    for parameter, value in asked:
        if parameter.startswith("meta_"):
            answer = metadata.get(parameter.removeprefix("meta_").lower(), "")
        elif parameter in told:
            answer = told[parameter]
        else:
            continue
        if answer != value:
            differing.append(Override(parameter=parameter, asked=value, told=answer))
    return tuple(differing)


def _text(value: bool) -> str:
    return "true" if value else "false"
