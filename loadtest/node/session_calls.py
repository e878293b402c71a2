"""Calls that a session token (with its cookie) opens: stuns, settings, authorisation.

Also the two addresses that need no session, `rtt-check` and `ping`, and the page on
which a join's redirect lands.
"""

from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlsplit

from aiohttp import web

from loadtest.node.client_settings import CLIENT_SETTINGS
from loadtest.node.effort import HTTP_UNITS, Effort
from loadtest.node.settings import NodeSettings
from loadtest.node.state import Node, Session, turn_credentials

TURN_TTL_S = 86_400
CLIENT_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>bbbload stand-in node</title></head><body>"
    "<p>This is bbbload's stand-in for a BigBlueButton node. It has no web client.</p>"
    "</body></html>\n"
)


class SessionCalls:
    """Answers what a client asks outside GraphQL once it has a session."""

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

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the application."""
        connection = "/bigbluebutton/connection"
        return [
            web.get("/bigbluebutton/api/stuns", self.stuns),
            web.get(f"{connection}/checkAuthorization", self.check_authorization),
            web.get(f"{connection}/checkGraphqlAuthorization", self.check_graphql),
            web.get("/api/rest/clientSettings", self.client_settings),
            web.get("/api/rest/meetingStaticData", self.meeting_static_data),
            web.get("/api/rest/userMetadata", self.user_metadata),
            web.get("/bigbluebutton/rtt-check", self.rtt_check),
            web.get("/ping", self.rtt_check),
            web.get("/html5client/", self.client_page),
            web.get("/html5client/join", self.client_page),
        ]

    async def stuns(self, request: web.Request) -> web.Response:
        """Name the STUN and TURN servers, with credentials made for this user."""
        self._effort.spend(HTTP_UNITS)
        session = self._session(request, request.query.get("sessionToken"))
        if session is None:
            return web.json_response(
                {
                    "returncode": "FAILED",
                    "message": "Could not find conference.",
                    "logoutURL": self._base_url(),
                }
            )
        username, password = turn_credentials(
            self._settings.turn_secret,
            session.user.id,
            now_s=self._node.now_s(),
            ttl_s=TURN_TTL_S,
        )
        return web.json_response(
            {
                "stunServers": [{"url": url} for url in self._settings.stun_urls],
                "turnServers": [
                    {
                        "username": username,
                        "password": password,
                        "url": url,
                        "ttl": TURN_TTL_S,
                    }
                    for url in self._settings.turn_urls
                ],
                "remoteIceCandidates": [],
            }
        )

    async def check_authorization(self, request: web.Request) -> web.Response:
        """Answer nginx's question before a media signalling socket is opened."""
        original = urlsplit(request.headers.get("x-original-uri", ""))
        token = dict(parse_qsl(original.query)).get("sessionToken")
        session = self._session(request, token)
        if session is None:
            return web.Response(status=401)
        return web.Response(
            headers={
                "User-Id": session.user.id,
                "Meeting-Id": session.meeting.id,
                "Voice-Bridge": session.meeting.request.voice_bridge,
                "User-Name": quote(session.user.name),
            }
        )

    async def check_graphql(self, request: web.Request) -> web.Response:
        """Answer the middleware's question before a GraphQL connection is accepted."""
        session = self._session(request, request.headers.get("x-session-token"))
        if session is None:
            return web.json_response({"response": "unauthorized"}, status=401)
        user, meeting = session.user, session.meeting
        return web.json_response(
            {
                "response": "authorized",
                "X-Currently-Online": str(user.joined).lower(),
                "X-Moderator": str(user.is_moderator).lower(),
                "X-Presenter": str(user.presenter).lower(),
                "X-UserId": user.id,
                "X-MeetingId": meeting.id,
            },
            headers={
                "Meeting-Id": meeting.id,
                "Meeting-External-Id": quote(meeting.request.meeting_id),
                "User-Id": user.id,
                "User-External-Id": quote(user.ext_id),
                "User-Name": quote(user.name),
                "User-Is-Moderator": str(user.is_moderator).lower(),
                "User-Is-Presenter": str(user.presenter).lower(),
            },
        )

    async def client_settings(self, request: web.Request) -> web.Response:
        """Return the html5 settings, as 3.0.0 to about 3.0.13 do."""
        if self._rest_session(request) is None:
            return web.Response(status=401)
        return web.json_response(
            {"meeting_clientSettings": [{"clientSettingsJson": CLIENT_SETTINGS}]}
        )

    async def meeting_static_data(self, request: web.Request) -> web.Response:
        """Return what does not change about a meeting, as 3.0.14 and later do."""
        if not self._settings.schema.has_static_data:
            return web.Response(status=404)
        session = self._rest_session(request)
        if session is None:
            return web.Response(status=401)
        asked = session.meeting.request
        return web.json_response(
            {
                "meeting": [
                    {
                        "meetingId": session.meeting.id,
                        "extId": asked.meeting_id,
                        "name": asked.name,
                        "logoutUrl": asked.logout_url or self._base_url(),
                        "isBreakout": asked.is_breakout,
                        "audioBridge": asked.audio_bridge,
                        "cameraBridge": asked.camera_bridge,
                        "screenShareBridge": asked.screen_share_bridge,
                        "voiceSettings": {
                            "dialNumber": "613-555-1234",
                            "muteOnStart": asked.mute_on_start,
                            "voiceConf": asked.voice_bridge,
                            "telVoice": asked.voice_bridge,
                        },
                        "clientSettings": {"clientSettingsJson": CLIENT_SETTINGS},
                    }
                ]
            }
        )

    async def user_metadata(self, request: web.Request) -> web.Response:
        """Return the `userdata-*` values of the join."""
        session = self._rest_session(request)
        if session is None:
            return web.Response(status=401)
        rows = [{"parameter": k, "value": v} for k, v in session.user.metadata]
        return web.json_response({"user_metadata": rows})

    async def rtt_check(self, request: web.Request) -> web.Response:
        """Answer the connection-alive loop: 200, empty, no session needed."""
        return web.Response(
            headers={
                "X-Request-Id": f"{self._node.rng.getrandbits(128):032x}",
                "X-Server-Epoch-Msec": f"{self._node.now_s():.3f}",
            }
        )

    async def client_page(self, request: web.Request) -> web.Response:
        """Say that there is no web client here."""
        return web.Response(text=CLIENT_PAGE, content_type="text/html")

    def _rest_session(self, request: web.Request) -> Session | None:
        self._effort.spend(HTTP_UNITS)
        return self._session(request, request.headers.get("x-session-token"))

    def _session(self, request: web.Request, token: str | None) -> Session | None:
        if self._settings.faults.missing_session:
            return None
        return self._node.session(token, request.cookies.get("JSESSIONID"))
