"""A small balancer in front of stand-in nodes, as Scalelite and b3scale are.

    async with balanced(3) as cluster:
        cluster.api_url, cluster.secret, cluster.nodes, cluster.node_of("m-1")

It has a secret of its own, places a meeting on the node with the fewest, signs what it
hands on for that node, and sends joins there by 302, which is what Scalelite does with
every join (`BigBlueButtonApiController#join`); its index holds a return code and the
API's version only. What it may do besides, such as show b3scale's waiting page, is told
by the fields of `Balancer`.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import aiohttp
from aiohttp import web

from bots.protocol import api
from loadtest.node.checksum import is_signed, without_checksum
from loadtest.node.faults import Faults
from loadtest.node.settings import NodeSettings
from tests.support.node import SECRET, LocalNode, local_node

BALANCER_SECRET = "the-balancer-has-a-secret-of-its-own"
CALLS = ("create", "join", "end", "isMeetingRunning", "getMeetingInfo", "getMeetings")
ALGORITHMS = ("sha1", "sha256")
NOT_SIGNED = (
    "<response><returncode>ERROR</returncode><message>invalid checksum</message>"
    "<messageKey>b3scale_server_error</messageKey></response>"
)
"""What b3scale answers a call without a signature, or with a wrong one."""


@dataclass
class Balancer:
    """One balancer; its fields may be changed while it runs."""

    nodes: list[LocalNode]
    api_url: str = ""
    secret: str = field(default=BALANCER_SECRET, repr=False)
    placed: dict[str, LocalNode] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    """Create parameters that it sets otherwise than asked."""
    signs_all: bool = False
    """It answers no call without a signature, as b3scale: BBB's index has none."""
    hides: bool = False
    """getMeetings shows none, as b3scale shows other frontends none."""
    is_stale: bool = False
    """getMeetings goes on showing what it showed first."""
    tenant: str = ""
    """getMeetings shows the meetings alone whose id begins so, as Scalelite and b3lb
    show each tenant its own."""
    answers_joins: bool = False
    """It joins itself and answers with the node's XML, where the caller wants XML."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Address of a node -> the address that joins are sent to instead."""
    is_ready_after: int = 0
    """Joins that are sent to the waiting page first, as b3scale does while a meeting
    has no node that is ready."""
    refresh_s: int = 0
    """What the waiting page asks for: b3scale's 1, and 15 until 2021."""
    refuses_joins: tuple[int, str] = (0, "")
    """Status and body that a join is answered with."""
    pages_shown: int = 0
    _shown: str = ""

    def node_of(self, meeting_id: str) -> str:
        """Return host and port of the node that a meeting is on."""
        return urlsplit(self.placed[meeting_id].url).netloc

    def open_meetings(self) -> list[list[str]]:
        """Return the external ids of the meetings that run, by node."""
        return [
            sorted(
                meeting.request.meeting_id
                for meeting in each.running.node.meetings.values()
                if not meeting.ended
            )
            for each in self.nodes
        ]

    async def index(self, request: web.Request) -> web.Response:
        if self.signs_all:
            return web.Response(status=500, text=NOT_SIGNED, content_type="text/xml")
        return _xml("<version>2.0</version><build>tests</build>")

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Answer one signed call."""
        call = request.path.rpartition("/")[2]
        query, checksum = without_checksum(request.rel_url.raw_query_string)
        if not is_signed(call, query, checksum, self.secret, algorithms=ALGORITHMS):
            return _failure("checksumError")
        parameters = dict(parse_qsl(query))
        if call == "join" and self.refuses_joins[0]:
            status, body = self.refuses_joins
            kind = "text/html" if "<html" in body else "text/xml"
            return web.Response(status=status, text=body, content_type=kind)
        if call == "join" and self.is_ready_after > 0:
            self.is_ready_after -= 1
            opaque = urlsafe_b64encode(request.raw_path.encode()).decode().rstrip("=")
            raise web.HTTPFound(f"/b3s/retry-join/{opaque}")
        if call == "getMeetings":
            return await self._meetings()
        meeting_id = parameters.get("meetingID", "")
        if call == "create":
            parameters |= self.overrides
            self.placed.setdefault(meeting_id, self._emptiest())
        node = self.placed.get(meeting_id)
        if node is None:
            return _failure("notFound")
        url = api.signed_url(node.api_url, call, parameters.items(), SECRET)
        if call == "end":
            del self.placed[meeting_id]
        is_xml_join = parameters.get("redirect") == "false" and self.answers_joins
        if call == "join" and not is_xml_join:
            raise web.HTTPFound(url.replace(node.url, self._name(node), 1))
        return web.Response(text=await _fetch(url), content_type="text/xml")

    async def wait(self, request: web.Request) -> web.Response:
        """Show the page that asks for the join again after a while."""
        self.pages_shown += 1
        opaque = request.match_info["opaque"]
        path = urlsafe_b64decode(opaque + "=" * (-len(opaque) % 4)).decode()
        content = f"{self.refresh_s}; url={escape(path)}"
        meta = f'<meta http-equiv="Refresh" content="{content}" />'
        return web.Response(
            text=page("Big Blue Button - Please Wait!", meta), content_type="text/html"
        )

    async def _meetings(self) -> web.Response:
        if self.hides:
            return _xml("<meetings/><messageKey>noMeetings</messageKey>")
        if self.is_stale and self._shown:
            return _xml(self._shown)
        found = []
        for node in self.nodes:
            url = api.signed_url(node.api_url, "getMeetings", (), SECRET)
            root = ElementTree.fromstring(await _fetch(url))
            found += [
                each
                for each in root.findall("meetings/meeting")
                if each.findtext("meetingID", "").startswith(self.tenant)
            ]
        rows = "".join(ElementTree.tostring(each, "unicode") for each in found)
        self._shown = f"<meetings>{rows}</meetings>"
        return _xml(self._shown)

    def _emptiest(self) -> LocalNode:
        placed = list(self.placed.values())
        return min(self.nodes, key=lambda node: placed.count(node))

    def _name(self, node: LocalNode) -> str:
        return self.renamed.get(node.url, node.url)


@asynccontextmanager
async def balanced(count: int, **faults: object) -> AsyncIterator[Balancer]:
    """Run a balancer and `count` nodes, all in this process, on free ports."""
    settings = NodeSettings(secret=SECRET, faults=Faults(**faults))  # type: ignore[arg-type]
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(local_node(settings)) for _ in range(count)
        ]
        balancer = Balancer(nodes)
        app = web.Application()
        app.router.add_get("/bigbluebutton/api", balancer.index)
        app.router.add_get("/b3s/retry-join/{opaque}", balancer.wait)
        for call in CALLS:
            app.router.add_get(f"/bigbluebutton/api/{call}", balancer.call)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        balancer.api_url = f"http://127.0.0.1:{port}/bigbluebutton/api"
        yield balancer


def page(title: str, head: str = "") -> str:
    """Return a page as a browser is shown."""
    return f"<!DOCTYPE html><html><head>{head}<title>{title}</title></head></html>"


def failure(key: str) -> str:
    """Return a refusal as Scalelite and BBB write it."""
    return (
        f"<response><returncode>FAILED</returncode><messageKey>{key}</messageKey>"
        "<message>refused by the balancer</message></response>"
    )


async def _fetch(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


def _xml(body: str) -> web.Response:
    text = f"<response><returncode>SUCCESS</returncode>{body}</response>"
    return web.Response(text=text, content_type="text/xml")


def _failure(key: str) -> web.Response:
    return web.Response(text=failure(key), content_type="text/xml")
