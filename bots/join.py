"""The HTTP part of a join: the session on a node, its addresses and its settings.

A balancer may keep a join waiting: its page is followed as a browser follows it, for a
while and so many times (`Patience`), and told once for each participant.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urljoin, urlsplit

from bots import balancer_pages
from bots.addresses import host_of, parts_of
from bots.balancer_pages import WaitingPage
from bots.errors import (
    ApiRefusal,
    ClusterError,
    GuardRefusal,
    StepTimeout,
    TargetUnusable,
)
from bots.limits import WAITING_LIMIT_S
from bots.media.ice_servers import ice_host
from bots.models import IceServer, ParticipantPlan
from bots.persona import display_name
from bots.protocol import api, dialect
from bots.protocol.answers import ApiIndex, Joined
from bots.protocol.dialect import ClientSettings, Dialect
from bots.reach import NodeNotAllowed, Reach
from bots.redaction import Secret, redact
from bots.servers import Server
from bots.transport import Transport

UNSUPPORTED = "unsupported"
MOST_REDIRECTS = 3
"""A balancer sends a join on once; more than this is a circle."""
MOST_WAITING_PAGES: Final = 100
"""Of one join: b3scale's asks again each second."""
WAITING_PAGE: Final = "waiting page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The server or cluster that participants join."""

    api_url: str
    """`https://host/bigbluebutton/api`."""
    secret: Secret
    ca_file: str | None = None
    algorithm: api.ChecksumAlgorithm = "sha256"
    nodes: tuple[str, ...] = ()
    """Hosts that its joins may lead to, beside its own."""
    found: dict[str, Dialect] = field(default_factory=dict, repr=False, compare=False)
    """What each node was found to speak, by its GraphQL address: grows with joins, so
    that those to come need not find out again."""

    @property
    def reach(self) -> Reach:
        """The hosts that its participants may speak to."""
        return Reach(target_host=host_of(self.api_url), nodes=self.nodes)


def target_of(server: Server) -> Target:
    """Return the server as what participants join."""
    return Target(
        api_url=server.url,
        secret=server.secret,
        ca_file=server.ca_file,
        nodes=server.nodes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a participant holds after the HTTP part of its join."""

    joined: Joined
    index: ApiIndex
    dialects: tuple[Dialect, ...]
    """What the node may speak, the likeliest first: a conversation finds out."""
    settings: ClientSettings
    api_url: str
    """Of the node that answered, behind a balancer another than the target's."""
    sfu_url: str = field(repr=False)

    @property
    def rtt_url(self) -> str:
        """The address whose round trip the client measures."""
        return self.api_url.removesuffix("/api") + "/rtt-check"


@dataclass(slots=True, kw_only=True)
class Patience:
    """How long a join waits at a balancer's pages, and how long it did."""

    limit_s: float = WAITING_LIMIT_S
    pages: int = 0
    waited_s: float = 0.0
    _since_s: float = 0.0

    async def wait(self, page: WaitingPage) -> None:
        """Wait as long as `page` asks; raise StepTimeout where that is too long."""
        now_s = time.monotonic()
        self._since_s = self._since_s or now_s
        self.waited_s = now_s - self._since_s
        self.pages += 1
        is_too_long = self.waited_s + page.after_s > self.limit_s
        if is_too_long or self.pages >= MOST_WAITING_PAGES:
            raise StepTimeout(
                f"the balancer went on showing its waiting page ({self.pages} times)",
                code=WAITING_PAGE,
            )
        await asyncio.sleep(page.after_s)
        self.waited_s += page.after_s


async def join_session(
    transport: Transport,
    target: Target,
    plan: ParticipantPlan,
    meeting_id: str,
    patience: Patience | None = None,
) -> Session:
    """Join by the API and ask what a browser asks before its first socket.

    Raises ApiRefusal with BBB's key (`unsupported` for a version or a bridge without an
    adapter), StepTimeout (`waiting page`) where a balancer lets it wait for too long,
    or ClusterError when the server cannot be reached.
    """
    patience = patience or Patience()
    joined, api_url = await _join(transport, target, plan, meeting_id, patience)
    if joined.guest_status == "DENY":
        raise ApiRefusal("the guest was denied entry", code="guestDeniedAccess")
    index = api.parse_index(await transport.get(api.index_url(api_url), as_json=True))
    try:
        spoken = dialect.detect(index)
        settings, path = await _settings(transport, index, joined.session_token)
        dialect.refuse_foreign_bridges(settings)
    except TargetUnusable as unusable:
        raise ApiRefusal(str(unusable), code=UNSUPPORTED) from unusable
    known = target.found.get(index.graphql_websocket_url)
    possible = dialect.likelier(spoken, index, path)
    return Session(
        joined=joined,
        index=index,
        dialects=(known, *possible) if known else possible,
        settings=settings,
        api_url=api_url,
        sfu_url=_sfu_url(api_url, joined.session_token),
    )


def refuse_announced(index: ApiIndex) -> None:
    """Raise TargetUnusable for an index that announces what no adapter speaks.

    A balancer's announces nothing (Scalelite's is a return code and a version of the
    API, `BigBlueButtonApiController#index`): the node's own, which a join leads to, is
    judged by `prove_join`.
    """
    if index.bbb_version or index.graphql_websocket_url:
        dialect.detect(index)


async def prove_join(target: Target, meeting_id: str) -> Session:
    """Go through the HTTP part of a join, to see before any load where joins lead.

    Nobody enters the meeting: BBB forgets a session that opens no socket. Raises
    GuardRefusal for a node that may not be spoken to, TargetUnusable for a version or
    a bridge without an adapter, or when the join does not work.
    """
    probe = ParticipantPlan(number=0, meeting_number=0, persona="probe")
    host = host_of(target.api_url)
    try:
        async with Transport(ca_file=target.ca_file, reach=target.reach) as transport:
            return await join_session(transport, target, probe, meeting_id)
    except NodeNotAllowed as refusal:
        raise GuardRefusal(str(refusal)) from refusal
    except ClusterError as failure:
        if failure.code == UNSUPPORTED:
            raise TargetUnusable(str(failure)) from failure
        raise TargetUnusable(
            f"{host} lets nobody join ({failure.code or 'no answer'}: "
            f"{redact(str(failure))}): see whether a browser gets in"
        ) from failure


async def ice_servers(
    transport: Transport, session: Session, reach: Reach | None = None
) -> tuple[IceServer, ...]:
    """Return the servers of `stuns`; none where the server does not say.

    Those that are beyond `reach` are marked so: nothing will be sent to them.
    """
    try:
        url = api.stuns_url(session.api_url, session.joined.session_token)
        servers = api.parse_stuns(await transport.get(url))
    except ClusterError:
        return ()
    if reach is None:
        return servers
    return tuple(
        replace(server, is_allowed=reach.allows(ice_host(server))) for server in servers
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """One HTTP round trip to the node."""

    rtt_s: float
    request_id: str = ""
    """By which the server knows it, "" where it does not say."""


def round_trip(
    transport: Transport, session: Session
) -> Callable[[], Awaitable[RoundTrip]]:
    """Return what makes one round trip to the node, as its client does."""

    async def measure() -> RoundTrip:
        started_s = time.monotonic()
        answer = await transport.get(session.rtt_url)
        if answer.status != 200:
            raise ApiRefusal("rtt-check refused", code=f"http {answer.status}")
        rtt_s = time.monotonic() - started_s
        return RoundTrip(rtt_s=rtt_s, request_id=answer.request_id)

    return measure


async def _join(
    transport: Transport,
    target: Target,
    plan: ParticipantPlan,
    meeting_id: str,
    patience: Patience,
) -> tuple[Joined, str]:
    url = api.join_url(
        target.api_url,
        meeting_id=meeting_id,
        full_name=display_name(plan.number),
        role=plan.role,
        secret=target.secret.reveal(),
        extra=(("guest", "true"),) if plan.is_guest else (),
        algorithm=target.algorithm,
    )
    while isinstance(found := await _follow(transport, url), WaitingPage):
        await patience.wait(found)
        url = found.url
    return found


async def _follow(transport: Transport, url: str) -> tuple[Joined, str] | WaitingPage:
    """Ask for a join wherever it is sent on to, as far as a session or a page."""
    for _ in range(MOST_REDIRECTS):
        answer = await transport.get(url)
        if page := balancer_pages.waiting_page(answer, url):
            return page
        if answer.location:
            parts_of(answer.location)
            answer = replace(answer, location=urljoin(url, answer.location))
        if balancer_pages.leads_to_page(answer.location):
            url = answer.location
            continue
        told = api.parse_join(answer)
        if isinstance(told, Joined):
            return told, _api_url(url, told)
        url = told.url
    raise ApiRefusal(
        f"the join was redirected more than {MOST_REDIRECTS} times", code="malformed"
    )


def _api_url(asked: str, joined: Joined) -> str:
    """Return the API of the node that serves the client's page.

    It is the one that was asked, unless a balancer asked it for us.
    """
    parts, page = urlsplit(asked), urlsplit(joined.url)
    if page.netloc in ("", parts.netloc):
        path = parts.path.removesuffix("/join")
        return f"{parts.scheme}://{parts.netloc}{path}"
    return f"{page.scheme}://{page.netloc}/bigbluebutton/api"


async def _settings(
    transport: Transport, index: ApiIndex, session_token: str
) -> tuple[ClientSettings, str]:
    """Return the client settings, and the path at which this version serves them."""
    for path in dialect.STATIC_DATA_PATHS if index.graphql_api_url else ():
        answer = await transport.get(
            f"{index.graphql_api_url}/{path}",
            headers={"x-session-token": session_token},
        )
        settings = dialect.parse_client_settings(answer)
        if settings is not None:
            return settings, path
    return ClientSettings(), ""


def _sfu_url(api_url: str, session_token: str) -> str:
    parts = urlsplit(api_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    query = api.encode((("sessionToken", session_token),))
    return f"{scheme}://{parts.netloc}/bbb-webrtc-sfu?{query}"
