"""What BBB's HTTP API answers: XML or JSON text in, frozen values out. Pure.

Every parser raises `ApiRefusal` for a refusal, with BBB's own message key as code, and
with one of our codes (`html`, `malformed`, `http <status>`) for what is no answer of
BBB at all. Times are in seconds: milliseconds and minutes end here.
"""

import json
import math
from dataclasses import dataclass, field
from urllib.parse import parse_qs
from xml.etree import ElementTree

from bots.addresses import parts_of, told_address
from bots.errors import ApiRefusal
from bots.models import IceServer

LONGEST_ANSWER = 64_000_000
"""Characters; a getMeetings of some thousand participants has about ten million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """One HTTP answer, redirects not followed."""

    status: int
    body: str = field(default="", repr=False)
    location: str = field(default="", repr=False)
    """The `Location` header: it may hold a session token."""
    request_id: str = ""
    """The `X-Request-Id` header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiIndex:
    """The index; 3.0 is told from 2.7 by the presence of the GraphQL address."""

    api_version: str = ""
    bbb_version: str = ""
    """May be empty on a server that hides it."""
    graphql_websocket_url: str = ""
    graphql_api_url: str = ""
    plugin_sdk_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The answer to `create`."""

    meeting_id: str
    internal_meeting_id: str
    created_at_s: float
    """Unix time."""
    voice_bridge: str
    duration_s: float
    was_there: bool
    """The meeting existed already (`duplicateWarning`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The answer to `join` with redirect=false, or the client URL it redirected to."""

    session_token: str = field(repr=False)
    url: str = field(repr=False)
    auth_token: str = field(default="", repr=False)
    user_id: str = ""
    internal_meeting_id: str = ""
    guest_status: str = "ALLOW"
    node: str = ""
    """Host (and port, where it is not the scheme's own) of the client URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected:
    """A balancer sent the join on to a node: the same call, signed for that node."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """One participant of a meeting, as getMeetingInfo lists them."""

    user_id: str
    """The external id."""
    full_name: str
    role: str
    is_presenter: bool
    is_listening_only: bool
    has_joined_voice: bool
    has_video: bool
    client_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingInfo:
    """One meeting, as getMeetings and getMeetingInfo tell it."""

    name: str
    meeting_id: str
    internal_meeting_id: str
    created_at_s: float
    voice_bridge: str
    is_running: bool
    duration_s: float | None
    """0 means without end; None where the answer does not say."""
    is_recorded: bool
    has_been_forcibly_ended: bool
    participants: int
    listeners: int
    voices: int
    videos: int
    max_participants: int
    moderators: int
    is_breakout: bool
    attendees: tuple[Attendee, ...]
    metadata: tuple[tuple[str, str], ...]


def parse_create(answer: HttpAnswer) -> Created:
    """Return the meeting that `create` made or found."""
    root = _success(answer)
    return Created(
        meeting_id=_required(root, "meetingID"),
        internal_meeting_id=_required(root, "internalMeetingID"),
        created_at_s=_number(root, "createTime") / 1000,
        voice_bridge=_text(root, "voiceBridge"),
        duration_s=_number(root, "duration") * 60,
        was_there=_text(root, "messageKey") == "duplicateWarning",
    )


def parse_join(answer: HttpAnswer) -> Joined | Redirected:
    """Return the session, or where a balancer sends the join.

    A 302 is a refusal when its address carries `errors=`, the client's address when it
    carries a session token, and a balancer's way to a node otherwise.
    """
    if 300 <= answer.status < 400:
        return _redirect(answer)
    root = _success(answer)
    url = _text(root, "url")
    return Joined(
        session_token=_required(root, "session_token"),
        url=url,
        auth_token=_text(root, "auth_token"),
        user_id=_required(root, "user_id"),
        internal_meeting_id=_text(root, "meeting_id"),
        guest_status=_text(root, "guestStatus") or "ALLOW",
        node=parts_of(url).netloc,
    )


def parse_end(answer: HttpAnswer) -> None:
    """Accept the answer to `end`; the meeting ends some time later."""
    _success(answer)


def parse_running(answer: HttpAnswer) -> bool:
    """Return what isMeetingRunning says."""
    return _flag(_success(answer), "running")


def parse_meeting_info(answer: HttpAnswer) -> MeetingInfo:
    """Return the meeting of a getMeetingInfo."""
    return _meeting(_success(answer))


def parse_meetings(answer: HttpAnswer) -> tuple[MeetingInfo, ...]:
    """Return all meetings of a getMeetings; none is an empty tuple."""
    return tuple(
        _meeting(item) for item in _success(answer).iterfind("meetings/meeting")
    )


def parse_index(answer: HttpAnswer) -> ApiIndex:
    """Return the index from its JSON or its XML form."""
    text = answer.body.lstrip()
    if not text.startswith("{"):
        root = _success(answer)
        return ApiIndex(
            api_version=_text(root, "apiVersion") or _text(root, "version"),
            bbb_version=_text(root, "bbbVersion"),
            graphql_websocket_url=told_address(_text(root, "graphqlWebsocketUrl")),
            graphql_api_url=told_address(_text(root, "graphqlApiUrl")),
            plugin_sdk_version=_text(root, "html5PluginSdkVersion"),
        )
    outer = _json_object(answer)
    response = outer.get("response")
    if not isinstance(response, dict) or response.get("returncode") != "SUCCESS":
        raise ApiRefusal(
            "the API index holds no response with returncode SUCCESS", code="malformed"
        )
    told = {key: str(value) for key, value in response.items() if value is not None}
    return ApiIndex(
        api_version=told.get("apiVersion", told.get("version", "")),
        bbb_version=told.get("bbbVersion", ""),
        graphql_websocket_url=told_address(told.get("graphqlWebsocketUrl", "")),
        graphql_api_url=told_address(told.get("graphqlApiUrl", "")),
        plugin_sdk_version=told.get("html5PluginSdkVersion", ""),
    )


def parse_stuns(answer: HttpAnswer) -> tuple[IceServer, ...]:
    """Return the ICE servers of `stuns`, STUN first."""
    told = _json_object(answer)
    if told.get("returncode") == "FAILED":
        raise ApiRefusal(f"stuns refused: {told.get('message', '')}", code="stuns")
    entries: list[object] = []
    for key in ("stunServers", "turnServers"):
        listed = told.get(key)
        entries += listed if isinstance(listed, list) else ()
    return tuple(
        IceServer(
            url=entry["url"],
            username=str(entry.get("username") or ""),
            credential=str(entry.get("password") or ""),
        )
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("url"), str)
    )


def _redirect(answer: HttpAnswer) -> Joined | Redirected:
    parts = parts_of(answer.location)
    query = parse_qs(parts.query)
    if "errors" in query:
        raise _refusal_from_errors(query["errors"][0])
    if "sessionToken" in query:
        return Joined(
            session_token=query["sessionToken"][0],
            url=answer.location,
            node=parts.netloc,
        )
    if not parts.netloc or not parts.path.endswith("/join"):
        raise ApiRefusal(
            f"join was redirected to {parts.netloc}{_start_of(parts.path)}, which is "
            "neither a client with a session token nor another join",
            code="malformed",
        )
    return Redirected(url=answer.location)


def _start_of(path: str) -> str:
    # b3scale's /b3s/retry-join/… holds the whole signed request.
    names = path.split("/")
    return "/".join(names[:3]) + ("/…" if len(names) > 3 else "")


def _refusal_from_errors(text: str) -> ApiRefusal:
    try:
        first = json.loads(text)[0]
        key, message = str(first["key"]), str(first.get("message", ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        return ApiRefusal("join was redirected with errors=", code="malformed")
    return ApiRefusal(f"refused with {key}: {message}", code=key)


def _json_object(answer: HttpAnswer) -> dict[str, object]:
    _refuse_foreign(answer)
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ApiRefusal(
            f"the answer (status {answer.status}) is no JSON object", code="malformed"
        )
    return told


def _success(answer: HttpAnswer) -> ElementTree.Element:
    """Return the root of a SUCCESS answer; raise for everything else."""
    _refuse_foreign(answer)
    if len(answer.body) > LONGEST_ANSWER or "<!DOCTYPE" in answer.body[:1000]:
        raise ApiRefusal("the answer is no plain XML of BBB", code="malformed")
    try:
        root = ElementTree.fromstring(answer.body.strip())
    except ElementTree.ParseError as broken:
        if answer.status >= 400:
            raise _status_refusal(answer.status) from broken
        raise ApiRefusal(
            f"the answer is neither XML nor JSON: {broken}", code="malformed"
        ) from broken
    if _text(root, "returncode") == "SUCCESS":
        return root
    if (first := root.find("errors/error")) is not None:
        key, message = first.get("key", ""), first.get("message", "")
    else:
        key, message = _text(root, "messageKey"), _text(root, "message")
    if not key:
        if answer.status >= 400:
            raise _status_refusal(answer.status)
        key = "malformed"
    raise ApiRefusal(f"refused with {key}: {message or 'no message'}", code=key)


def _refuse_foreign(answer: HttpAnswer) -> None:
    """Name an answer that does not come from BBB's API."""
    start = answer.body.lstrip()[:200].lower()
    if start.startswith(("<!doctype html", "<html")):
        raise ApiRefusal(
            f"answered HTML (status {answer.status}) instead of XML: "
            "the URL does not lead to BBB's API",
            code="html" if answer.status < 400 else f"http {answer.status}",
        )
    if 300 <= answer.status < 400:
        parts = parts_of(answer.location)
        if "errors" in (query := parse_qs(parts.query)):
            raise _refusal_from_errors(query["errors"][0])
        raise ApiRefusal(
            f"answered a redirect to {parts.netloc}{parts.path}",
            code=f"http {answer.status}",
        )
    if answer.status >= 400 and not start:
        raise _status_refusal(answer.status)


def _status_refusal(status: int) -> ApiRefusal:
    return ApiRefusal(f"answered HTTP status {status}", code=f"http {status}")


def _meeting(root: ElementTree.Element) -> MeetingInfo:
    metadata = root.find("metadata")
    duration_min = _text(root, "duration")
    return MeetingInfo(
        name=_text(root, "meetingName"),
        meeting_id=_required(root, "meetingID"),
        internal_meeting_id=_text(root, "internalMeetingID"),
        created_at_s=_number(root, "createTime") / 1000,
        voice_bridge=_text(root, "voiceBridge"),
        is_running=_flag(root, "running"),
        duration_s=_number(root, "duration") * 60 if duration_min else None,
        is_recorded=_flag(root, "recording"),
        has_been_forcibly_ended=_flag(root, "hasBeenForciblyEnded"),
        participants=int(_number(root, "participantCount")),
        listeners=int(_number(root, "listenerCount")),
        voices=int(_number(root, "voiceParticipantCount")),
        videos=int(_number(root, "videoCount")),
        max_participants=int(_number(root, "maxUsers")),
        moderators=int(_number(root, "moderatorCount")),
        is_breakout=_flag(root, "isBreakout"),
        attendees=tuple(map(_attendee, root.iterfind("attendees/attendee"))),
        metadata=tuple(
            (item.tag, (item.text or "").strip())
            for item in (metadata if metadata is not None else ())
        ),
    )


def _attendee(root: ElementTree.Element) -> Attendee:
    return Attendee(
        user_id=_text(root, "userID"),
        full_name=_text(root, "fullName"),
        role=_text(root, "role"),
        is_presenter=_flag(root, "isPresenter"),
        is_listening_only=_flag(root, "isListeningOnly"),
        has_joined_voice=_flag(root, "hasJoinedVoice"),
        has_video=_flag(root, "hasVideo"),
        client_type=_text(root, "clientType"),
    )


def _text(root: ElementTree.Element, name: str) -> str:
    return (root.findtext(name) or "").strip()


def _required(root: ElementTree.Element, name: str) -> str:
    text = _text(root, name)
    if not text:
        raise ApiRefusal(f"the answer holds no {name}", code="malformed")
    return text


def _flag(root: ElementTree.Element, name: str) -> bool:
    return _text(root, name).lower() == "true"


def _number(root: ElementTree.Element, name: str) -> float:
    text = _text(root, name) or "0"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ApiRefusal(
            f"the answer's {name} is {text[:80]!r}, no number", code="malformed"
        )
    return number
