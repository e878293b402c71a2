"""The signed HTTP API of the stand-in node: create, join, end and the questions.

Checks come in BBB's order and fail with BBB's keys (ApiController): the checksum first,
then missing parameters, then the meeting. An early failure of `join` is a redirect even
when no redirect was asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

from aiohttp import web

from loadtest.node import answers
from loadtest.node.checksum import is_signed, without_checksum
from loadtest.node.create_call import RefusedCall, read_create
from loadtest.node.effort import HTTP_UNITS, Effort
from loadtest.node.meeting import Meeting, User, token
from loadtest.node.meeting_info import create_pairs, info_pairs
from loadtest.node.settings import NodeSettings
from loadtest.node.state import Node, Session

FORM = "application/x-www-form-urlencoded"
NGINX_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head>"
    "<body><h1>Welcome to nginx!</h1></body></html>\n"
)
CONCURRENT_SESSIONS = 3
"""`maxUserConcurrentAccesses`: sessions of one external id in one meeting."""

Call = Callable[[web.Request, Mapping[str, str]], str]


class Api:
    """Answers `/bigbluebutton/api/*`."""

    def __init__(
        self,
        node: Node,
        settings: NodeSettings,
        effort: Effort,
        *,
        base_url: Callable[[], str],
    ) -> None:
        self._node = node
        self._settings = settings
        self._effort = effort
        self._base_url = base_url
        self._calls: dict[str, Call] = {
            "end": self._end,
            "isMeetingRunning": self._is_meeting_running,
            "getMeetings": self._get_meetings,
            "getMeetingInfo": self._get_meeting_info,
        }

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the application."""
        prefix = "/bigbluebutton/api"
        return [
            web.get(prefix, self.index),
            web.get(f"{prefix}/", self.index),
            web.get(f"{prefix}/join", self.join),
            *(
                route
                for call in ("create", *self._calls)
                for route in (
                    web.get(f"{prefix}/{call}", self.signed),
                    web.post(f"{prefix}/{call}", self.signed),
                )
            ),
        ]

    async def index(self, request: web.Request) -> web.Response:
        """Name the version and, for JSON, where GraphQL is."""
        self._effort.spend(HTTP_UNITS)
        faults = self._settings.faults
        if faults.html:
            return _page()
        base = self._base_url()
        version = faults.bbb_version or self._settings.bbb_version
        fields = {
            "returncode": "SUCCESS",
            "version": "2.0",
            "apiVersion": "2.0",
            "bbbVersion": version,
            "graphqlWebsocketUrl": f"{base.replace('http', 'ws', 1)}/graphql",
            "graphqlApiUrl": f"{base}/api/rest",
        }
        if faults.not_bbb3:
            fields = {k: v for k, v in fields.items() if not k.startswith("graphql")}
        if request.content_type == "application/json":
            return web.json_response({"response": fields})
        del fields["returncode"]
        return _xml(answers.success(*fields.items()))

    async def signed(self, request: web.Request) -> web.Response:
        """Check the sum, then answer create, end or a question."""
        self._effort.spend(HTTP_UNITS)
        if self._settings.faults.html:
            return _page()
        call = request.path.rpartition("/")[2]
        try:
            parameters = await self._signed_parameters(request, call)
            if call == "create":
                return _xml(self._create(parameters))
            return _xml(self._calls[call](request, parameters))
        except RefusedCall as refused:
            return _xml(answers.failure(str(refused)))

    async def join(self, request: web.Request) -> web.Response:
        """Register a user; answer XML or redirect to the client with a new session."""
        self._effort.spend(HTTP_UNITS)
        if self._settings.faults.html:
            return _page()
        error_url = self._base_url()
        wants_redirect = True
        try:
            parameters = await self._signed_parameters(request, "join")
            error_url = parameters.get("errorRedirectUrl") or error_url
            meeting = self._meeting_to_join(parameters)
            if not parameters.get("fullName", "").strip():
                raise RefusedCall("missingParamFullName")
            wants_redirect = parameters.get("redirect", "true").lower() != "false"
            if self._settings.faults.join_refuses:
                raise RefusedCall(self._settings.faults.join_refuses)
            session, is_new_cookie = self._register(request, meeting, parameters)
        except RefusedCall as refused:
            key = str(refused)
            if wants_redirect:
                return _redirect(answers.failure_redirect(error_url, key))
            return _xml(answers.failure(key))
        url = f"{self._base_url()}/html5client/?sessionToken={session.token}"
        if session.enforce_layout:
            url += "&waitLayout=1"
        response = _redirect(url) if wants_redirect else _xml(_joined(session, url))
        if is_new_cookie:
            response.set_cookie(
                "JSESSIONID", session.cookie, path="/", secure=True, httponly=True
            )
        return response

    # -- the calls -------------------------------------------------------------

    def _create(self, parameters: Mapping[str, str]) -> str:
        node, faults = self._node, self._settings.faults
        asked = read_create(
            {**parameters, **faults.overrides()}, rng=node.rng, bridge=faults.bridge
        )
        existing = node.find(asked.meeting_id)
        if existing is not None and not existing.ended:
            return self._created_before(existing, asked.passwords_given)
        running = [m for m in node.meetings.values() if not m.ended]
        bridges = {meeting.request.voice_bridge for meeting in running}
        if parameters.get("voiceBridge") and asked.voice_bridge in bridges:
            raise RefusedCall("nonUniqueVoiceBridge")
        while asked.voice_bridge in bridges:
            bridge = str(node.rng.randrange(10_000, 100_000))
            asked = replace(asked, voice_bridge=bridge)
        if parameters.get("isBreakout", "").lower() == "true":
            parent = parameters.get("parentMeetingID", "")
            if not parent:
                raise RefusedCall("parentMeetingIDMissing")
            if node.find(parent) is None:
                raise RefusedCall("parentMeetingDoesNotExist")
        meeting = node.create(asked)
        return answers.success(
            *create_pairs(meeting), ("messageKey", ""), ("message", "")
        )

    def _created_before(
        self, meeting: Meeting, given: tuple[str | None, str | None]
    ) -> str:
        request = meeting.request
        kept = (request.attendee_password, request.moderator_password)
        if given not in ((None, None), kept):
            raise RefusedCall("idNotUnique")
        return answers.success(
            *create_pairs(meeting),
            ("messageKey", "duplicateWarning"),
            (
                "message",
                "This conference was already in existence and may currently be in "
                "progress.",
            ),
        )

    def _end(self, request: web.Request, parameters: Mapping[str, str]) -> str:
        meeting = self._meeting(parameters)
        password = parameters.get("password")
        if password and password != meeting.request.moderator_password:
            raise RefusedCall("invalidPassword")
        meeting.end(reason="ENDED_FROM_API", forcibly=True)
        return answers.success(
            ("messageKey", "sentEndMeetingRequest"),
            (
                "message",
                "A request to end the meeting was sent. Please wait a few seconds, "
                "and then use the getMeetingInfo or isMeetingRunning API calls to "
                "verify that it was ended.",
            ),
        )

    def _is_meeting_running(
        self, request: web.Request, parameters: Mapping[str, str]
    ) -> str:
        if not parameters.get("meetingID"):
            raise RefusedCall("missingParamMeetingID")
        meeting = self._node.find(parameters["meetingID"])
        return answers.success(("running", meeting is not None and meeting.is_running))

    def _get_meetings(self, request: web.Request, parameters: Mapping[str, str]) -> str:
        meetings = [
            ("meeting", info_pairs(meeting)) for meeting in self._node.meetings.values()
        ]
        if meetings:
            return answers.success(("meetings", meetings))
        return answers.success(
            ("meetings", None),
            ("messageKey", "noMeetings"),
            ("message", "no meetings were found on this server"),
        )

    def _get_meeting_info(
        self, request: web.Request, parameters: Mapping[str, str]
    ) -> str:
        return answers.success(*info_pairs(self._meeting(parameters)))

    # -- what they share -------------------------------------------------------

    async def _signed_parameters(
        self, request: web.Request, call: str
    ) -> dict[str, str]:
        query, checksum = without_checksum(request.raw_path.partition("?")[2])
        body = ""
        if request.method == "POST" and request.can_read_body:
            if request.content_type == FORM:
                body, body_sum = without_checksum(await request.text())
                checksum = checksum or body_sum
            elif request.content_type not in ("application/xml", "text/xml"):
                raise RefusedCall("unsupportedContentType")
        in_url, in_body = _parameters(query), _parameters(body)
        signed = "&".join(part for part in (query, body) if part)
        settings = self._settings
        if set(in_url) & set(in_body) or not is_signed(
            call,
            signed,
            checksum,
            settings.secret,
            algorithms=settings.algorithms,
        ):
            raise RefusedCall("checksumError")
        if key := settings.faults.refusal_of(call):
            raise RefusedCall(key)
        return in_url | in_body

    def _meeting(self, parameters: Mapping[str, str]) -> Meeting:
        if not parameters.get("meetingID"):
            raise RefusedCall("missingParamMeetingID")
        meeting = self._node.find(parameters["meetingID"])
        if meeting is None:
            raise RefusedCall("notFound")
        return meeting

    def _meeting_to_join(self, parameters: Mapping[str, str]) -> Meeting:
        meeting = self._meeting(parameters)
        if meeting.ended:
            raise RefusedCall("meetingForciblyEnded")
        return meeting

    def _register(
        self, request: web.Request, meeting: Meeting, parameters: Mapping[str, str]
    ) -> tuple[Session, bool]:
        role = _role(meeting, parameters)
        created = parameters.get("createTime")
        if created and created != str(meeting.created_ms):
            raise RefusedCall("mismatchCreateTimeParam")
        ext_id = parameters.get("userID", "")
        is_bot = parameters.get("bot", "").lower() == "true"
        is_guest = parameters.get("guest", "").lower() == "true"
        existing = self._existing_user(meeting, parameters)
        limit = meeting.request.max_participants
        others = {user.ext_id for user in meeting.present() if not user.bot}
        if limit and not is_bot and existing is None:
            if ext_id not in others and len(others) >= limit:
                raise RefusedCall("maxParticipantsReached")
        if role == "VIEWER" and meeting.guest_policy == "ALWAYS_DENY":
            raise RefusedCall("guestDeniedAccess")
        cookie = request.cookies.get("JSESSIONID", "")
        is_known = any(s.cookie == cookie for s in self._node.sessions.values())
        if not is_known:
            cookie = token(self._node.rng, 32, "0123456789ABCDEF")
        session = self._node.register(
            meeting,
            name=parameters["fullName"].strip(),
            role=role,
            ext_id=ext_id,
            guest=is_guest,
            authenticated=parameters.get("auth", "").lower() == "true",
            bot=is_bot,
            avatar=parameters.get("avatarURL", ""),
            logout_url=parameters.get("logoutURL", ""),
            metadata=tuple(
                (name.removeprefix("userdata-"), value)
                for name, value in parameters.items()
                if name.startswith("userdata-")
            ),
            cookie=cookie,
            enforce_layout=parameters.get("enforceLayout") or None,
            existing=existing,
            force_lobby=self._settings.faults.force_lobby,
        )
        if ext_id:
            self._end_oldest_session(meeting, ext_id)
        return session, not is_known

    def _existing_user(
        self, meeting: Meeting, parameters: Mapping[str, str]
    ) -> User | None:
        user_id = parameters.get("existingUserID", "")
        if not user_id:
            return None
        if user_id not in meeting.users:
            raise RefusedCall("userNotFound")
        replaced = self._node.sessions.get(parameters.get("replaceSessionToken", ""))
        if replaced is not None and replaced.user.id == user_id:
            replaced.replaced = True
            meeting.changed("session", user_id=user_id)
        return meeting.users[user_id]

    def _end_oldest_session(self, meeting: Meeting, ext_id: str) -> None:
        users = [
            user
            for user in meeting.users.values()
            if user.ext_id == ext_id
            and not user.logged_out
            and not user.eject_reason_code
        ]
        for user in users[:-CONCURRENT_SESSIONS]:
            meeting.remove(user, reason="duplicate_user_in_meeting_eject_reason")


def _role(meeting: Meeting, parameters: Mapping[str, str]) -> str:
    role = parameters.get("role", "").upper()
    if role in ("MODERATOR", "VIEWER"):
        return role
    password = parameters.get("password", "")
    if not password:
        raise RefusedCall("Params required")
    if password == meeting.request.moderator_password:
        return "MODERATOR"
    if password == meeting.request.attendee_password:
        return "VIEWER"
    raise RefusedCall("invalidPassword")


def _joined(session: Session, url: str) -> str:
    return answers.success(
        ("messageKey", "successfullyJoined"),
        ("message", "You have joined successfully."),
        ("meeting_id", session.meeting.id),
        ("user_id", session.user.id),
        ("auth_token", session.user.auth_token),
        ("session_token", session.token),
        ("guestStatus", session.user.guest_status),
        ("url", url),
    )


def _parameters(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True))


def _xml(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/xml", charset="utf-8")


def _redirect(url: str) -> web.Response:
    return web.Response(status=302, headers={"Location": url})


def _page() -> web.Response:
    return web.Response(text=NGINX_PAGE, content_type="text/html")
