"""HTTP and WebSockets against a small real server."""

import asyncio
import socket

import pytest
import uvloop
from aiohttp import web

from bots.errors import ClusterError, ConfigError, StepTimeout
from bots.reach import NodeNotAllowed, Reach
from bots.transport import Cookies, Transport, UpgradeRefused, tls_context
from loadtest.machine import free_port
from tests.support.asynctest import asynctest, eventually, scaled
from tests.support.servers import serving


@asynctest
async def test_the_signed_bytes_arrive_as_they_were_signed():
    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=request.raw_path)

    path = "/echo?name=%C3%84+%2f%2F~b&b=2&a=%7e&checksum=1"
    async with serving(echo=echo) as base, Transport() as transport:
        answer = await transport.get(base + path)

    assert answer.body == path


@asynctest
async def test_a_redirect_is_an_answer_and_is_not_followed():
    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere?errors=x")

    async with serving(away=away) as base, Transport() as transport:
        answer = await transport.get(f"{base}/away")

    assert (answer.status, answer.location) == (302, "/elsewhere?errors=x")


@asynctest
async def test_a_socket_s_upgrade_is_not_redirected_either():
    sought = []

    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        sought.append(request.path)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        return ws

    async with (
        serving(away=away, elsewhere=elsewhere) as base,
        Transport() as transport,
    ):
        with pytest.raises(UpgradeRefused) as refusal:
            await transport.connect(f"{base}/away")

    assert (refusal.value.code, sought) == ("http 302", [])


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_lost_network_cuts_sockets_without_a_word_on_either_loop(run):
    async def play() -> None:
        async def keep(request: web.Request) -> web.StreamResponse:
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            async for _ in ws:
                pass
            seen.append(ws.close_code)
            return ws

        seen: list[int | None] = []
        async with serving(keep=keep) as base, Transport() as transport:
            opened = await transport.connect(f"{base}/keep")
            transport.lose(60.0)
            async with asyncio.timeout(scaled(5)):
                assert await opened.receive() is None
            for way in (transport.connect, transport.get):
                with pytest.raises(ClusterError) as away:
                    await way(f"{base}/keep")
                assert away.value.code == "network away"
            await eventually(lambda: seen)

        assert seen == [1006]

    run(play())


@pytest.mark.parametrize("way", ["get", "connect"])
def test_a_host_out_of_reach_is_refused_before_a_socket_is_opened(way):
    reach = Reach(target_host="bbb.example.org")

    @asynctest
    async def play() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0.2)
            port = listener.getsockname()[1]
            async with Transport(reach=reach) as transport:
                with pytest.raises(NodeNotAllowed, match=r'nodes = \["127\.0\.0\.1"\]'):
                    await getattr(transport, way)(f"http://127.0.0.1:{port}/graphql")
            with pytest.raises(TimeoutError):
                listener.accept()

    play()


@asynctest
async def test_a_secure_cookie_comes_back_over_plain_http_and_on_sockets():
    async def join(request: web.Request) -> web.Response:
        cookie = "JSESSIONID=ABC; Path=/; Secure; HttpOnly"
        return web.Response(text="", headers={"Set-Cookie": cookie})

    async def show(request: web.Request) -> web.Response:
        return web.Response(text=request.headers.get("Cookie", ""))

    async def sock(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(protocols=("p",))
        await ws.prepare(request)
        await ws.send_str(request.headers.get("Cookie", ""))
        await ws.send_str(request.headers.get("Origin", ""))
        await ws.close(code=4403, message=b"because")
        return ws

    frames: list[tuple[str, str]] = []
    async with serving(join=join, show=show, sock=sock) as base:
        async with Transport() as transport, Transport() as other:
            await transport.get(f"{base}/join")
            shown = (await transport.get(f"{base}/show")).body
            foreign = (await other.get(f"{base}/show")).body
            opened = await transport.connect(
                base.replace("http", "ws") + "/sock",
                subprotocol="p",
                on_frame=lambda direction, text: frames.append((direction, text)),
            )
            await opened.send("hello")
            received = [await opened.receive() for _ in range(3)]
            await opened.close()

    assert shown == "JSESSIONID=ABC"
    assert foreign == ""
    assert received == ["JSESSIONID=ABC", base, None]
    assert (opened.close_code, opened.close_reason) == (4403, "because")
    assert frames[0] == ("client->server", "hello")
    assert frames[1] == ("server->client", "JSESSIONID=ABC")


@asynctest
async def test_a_socket_that_vanishes_ends_without_an_exception():
    async def sock(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        assert request.transport is not None
        request.transport.abort()
        return ws

    async with serving(sock=sock) as base, Transport() as transport:
        opened = await transport.connect(f"{base}/sock")
        assert await opened.receive() is None
        await opened.send("into the void")
        await opened.close()

    assert opened.close_code in (None, 1006)


@asynctest
async def test_an_upgrade_refused_with_a_status_names_it_and_hides_the_token():
    async def sock(request: web.Request) -> web.Response:
        return web.Response(status=401)

    async with serving(sock=sock) as base, Transport() as transport:
        with pytest.raises(UpgradeRefused, match="401") as caught:
            await transport.connect(f"{base}/sock?sessionToken=very-secret")

    assert caught.value.code == "http 401"
    assert "very-secret" not in str(caught.value)


@asynctest
async def test_an_answer_that_does_not_come_ends_in_time():
    async def hang(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async with serving(hang=hang) as base, Transport() as transport:
        with pytest.raises(StepTimeout) as http:
            await transport.get(f"{base}/hang?checksum=secret", limit_s=0.05)
        with pytest.raises(StepTimeout):
            await transport.connect(f"{base}/hang", limit_s=0.05)

    assert http.value.code == "http timeout"
    assert "secret" not in str(http.value)


@asynctest
async def test_a_closed_port_is_told_as_such():
    async with Transport() as transport:
        with pytest.raises(ClusterError, match="cannot be reached") as caught:
            await transport.get(f"http://127.0.0.1:{free_port()}/bigbluebutton/api")

    assert caught.value.code == "connect"


@asynctest
async def test_an_answer_that_breaks_off_is_told_as_such():
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with serving(half=half) as base, Transport() as transport:
        with pytest.raises(ClusterError, match="broke off") as caught:
            await transport.get(f"{base}/half")

    assert caught.value.code == "http broken"


@asynctest
async def test_half_a_character_that_a_server_told_is_sent_back_as_a_question_mark():
    async def echo(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str(await ws.receive_str())
        return ws

    async with serving(echo=echo) as base, Transport() as transport:
        opened = await transport.connect(f"{base}/echo")
        await opened.send('{"userId":"\ud83d é"}')
        received = await opened.receive()

    assert received == '{"userId":"? é"}'


def test_cookies_belong_to_their_host_and_can_be_taken_back():
    cookies = Cookies()
    cookies.keep("https://a.example/x", ["JSESSIONID=1; Path=/", "b=2", "=broken"])
    cookies.keep("https://b.example/x", ["JSESSIONID=3"])

    assert cookies.header("https://a.example/y") == "JSESSIONID=1; b=2"
    assert cookies.header("https://b.example/") == "JSESSIONID=3"
    assert cookies.header("wss://B.example:443/graphql") == "JSESSIONID=3"
    assert cookies.header("wss://b.example:444/graphql") == ""
    assert cookies.header("http://b.example/") == ""
    assert cookies.header("https://b.example:99999/") == ""
    assert cookies.header("https://c.example/") == ""
    cookies.keep("https://a.example/x", ["b=; Max-Age=0"])
    assert cookies.header("https://a.example/y") == "JSESSIONID=1"


def test_an_unusable_ca_file_is_a_mistake_of_the_operator(tmp_path):
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate")

    for path in (str(empty), str(tmp_path / "missing.pem")):
        with pytest.raises(ConfigError, match=r"ca_file .*\.pem"):
            tls_context(path)


@asynctest
async def test_a_server_that_never_says_goodbye_is_left_in_time():
    async def sock(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(autoclose=False)
        await ws.prepare(request)
        await asyncio.Event().wait()
        return ws

    async with serving(sock=sock) as base, Transport() as transport:
        opened = await transport.connect(f"{base}/sock")
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(opened.receive())
            await asyncio.sleep(0)
            await opened.close()

    assert reading.result() is None
