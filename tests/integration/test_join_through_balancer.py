"""A join through a balancer that redirects to a node, as Scalelite and b3scale do."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web

from bots.errors import ApiRefusal, StepTimeout
from bots.join import (
    MOST_WAITING_PAGES,
    Patience,
    Target,
    ice_servers,
    join_session,
)
from bots.models import ParticipantPlan
from bots.protocol import api
from bots.redaction import Secret
from bots.transport import Transport
from tests.support.asynctest import asynctest
from tests.support.balancer import balanced
from tests.support.node import SECRET, LocalNode, local_node
from tests.support.servers import serving

PLAN = ParticipantPlan(number=3, meeting_number=0, persona="listener")
BALANCER_SECRET = "the-balancers-own-secret"


def resigned(node: LocalNode, request: web.Request) -> str:
    """The same join, signed for the node: what a balancer answers with."""
    given = parse_qsl(urlsplit(request.raw_path).query)
    parameters = [pair for pair in given if pair[0] != "checksum"]
    return api.signed_url(node.api_url, "join", parameters, SECRET)


@asynctest
async def test_the_join_ends_on_the_node_with_its_cookie_and_its_name():
    async with local_node() as node, Transport() as transport:
        asked = api.create_parameters(run="test", number=0, rest_of_run_s=60)
        await transport.get(api.create_url(node.api_url, asked, SECRET))

        async def join(request: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(resigned(node, request))

        async with serving(join=join) as balancer:
            target = Target(api_url=balancer, secret=Secret(BALANCER_SECRET))
            session = await join_session(transport, target, PLAN, "bbbload-test-0")
            servers = await ice_servers(transport, session)

    assert session.api_url == node.api_url
    assert session.joined.node == urlsplit(node.url).netloc
    assert session.sfu_url.startswith(node.url.replace("http", "ws"))
    assert "JSESSIONID" in transport.cookies.header(node.url)
    assert transport.cookies.header(balancer) == ""
    assert servers == ()


@asynctest
async def test_a_join_sent_in_a_circle_is_given_up():
    async def join(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(str(request.url))

    async with serving(join=join) as balancer, Transport() as transport:
        target = Target(api_url=balancer, secret=Secret(BALANCER_SECRET))
        with pytest.raises(ApiRefusal, match="redirected more than"):
            await join_session(transport, target, PLAN, "bbbload-test-0")


@pytest.mark.parametrize(
    ("refresh_s", "limit_s", "pages"), [(15, 10.0, 1), (0, 600.0, MOST_WAITING_PAGES)]
)
def test_a_waiting_page_that_never_ends_is_given_up(refresh_s, limit_s, pages):
    @asynctest
    async def play() -> None:
        async with balanced(1) as cluster, Transport() as transport:
            asked = api.create_parameters(run="test", number=0, rest_of_run_s=60)
            created = api.create_url(cluster.api_url, asked, cluster.secret)
            await transport.get(created)
            cluster.is_ready_after, cluster.refresh_s = 1_000, refresh_s
            target = Target(api_url=cluster.api_url, secret=Secret(cluster.secret))
            patience = Patience(limit_s=limit_s)
            with pytest.raises(StepTimeout, match="its waiting page") as late:
                await join_session(transport, target, PLAN, "bbbload-test-0", patience)

        assert late.value.code == "waiting page"
        assert "checksum" not in str(late.value)
        # A page that asks for more than the rest of the limit is not waited for.
        assert patience.waited_s < limit_s
        assert patience.pages == cluster.pages_shown == pages

    play()
