"""A socket to the SFU and the conversations on it, against a small real server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from bots.errors import Dropped, SfuRefusal, StepTimeout
from bots.protocol import sfu
from bots.sfu_link import SfuLink
from bots.transport import Transport
from tests.support.asynctest import asynctest
from tests.support.servers import serving

Reply = Callable[[web.WebSocketResponse, dict[str, Any]], Awaitable[None]]


@asynccontextmanager
async def linked(
    reply: Reply, *, pings_at_once: bool = False
) -> AsyncIterator[SfuLink]:
    """Serve an SFU that answers each message by `reply`; yield a link to it."""

    async def sock(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await reply(ws, json.loads(message.data))
        return ws

    async with serving(sock=sock) as base, Transport() as transport:
        link = SfuLink(f"{base}/sock", pings_at_once=pings_at_once)
        async with asyncio.TaskGroup() as group:
            await link.open(transport, group)
            try:
                yield link
            finally:
                await link.close()


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


@asynctest
async def test_cameras_share_a_socket_and_each_hears_its_own():
    async def reply(ws: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if message.get("cameraId") == "bad":
            await ws.send_json(
                {
                    "type": "video",
                    "id": "error",
                    "role": "viewer",
                    "streamId": "bad",
                    "code": "2201",
                }
            )
        elif message["id"] == "start":
            names = {key: message[key] for key in ("type", "role", "cameraId")}
            await ws.send_json({**names, "id": "startResponse", "sdpAnswer": "v=0"})

    async with linked(reply) as link:
        good = link.call(sfu.camera_view(camera_id="good", bitrate_bps=1))
        bad = link.call(sfu.camera_view(camera_id="bad", bitrate_bps=1))
        await good.start()
        await bad.start()
        offered = await good.expect(sfu.Offered, soon(), "start")
        with pytest.raises(SfuRefusal) as caught:
            await bad.expect(sfu.Offered, soon(), "start")

    assert offered.sdp == "v=0"
    assert caught.value.code == "2201"
    assert bad.over.done()
    assert not isinstance(good.over.result(), SfuRefusal)


@asynctest
async def test_a_camera_socket_pings_when_it_opens():
    heard: list[str] = []
    came = asyncio.Event()

    async def reply(ws: web.WebSocketResponse, message: dict[str, Any]) -> None:
        heard.append(message["id"])
        came.set()
        await ws.send_json({"id": "pong"})

    async with linked(reply, pings_at_once=True):
        await asyncio.wait_for(came.wait(), 10)

    assert heard == ["ping"]


@asynctest
async def test_silence_is_a_timeout_that_names_the_step():
    async def reply(ws: web.WebSocketResponse, message: dict[str, Any]) -> None:
        return

    async with linked(reply) as link:
        call = link.call(sfu.audio(role="sendrecv", session_number=1))
        await call.start()
        with pytest.raises(StepTimeout) as caught:
            await call.expect(sfu.Offered, soon(0.05), "audio start")

    assert caught.value.code == "audio start"


@asynctest
async def test_a_lost_socket_is_told_to_every_call_now_and_later():
    async def reply(ws: web.WebSocketResponse, message: dict[str, Any]) -> None:
        await ws.close()

    async with linked(reply) as link:
        call = link.call(sfu.audio(role="sendrecv", session_number=1))
        await call.start()
        with pytest.raises(Dropped) as caught:
            await call.expect(sfu.Offered, soon(), "audio start")
        later = link.call(sfu.camera_view(camera_id="c", bitrate_bps=1))
        await later.start()
        with pytest.raises(Dropped):
            await later.expect(sfu.Offered, soon(), "start")

    assert caught.value.code.startswith("sfu ")
    assert link.lost.done()


@asynctest
async def test_a_stopped_stream_and_a_failing_call_end_by_their_own_names():
    async def reply(ws: web.WebSocketResponse, message: dict[str, Any]) -> None:
        names = {key: message[key] for key in ("type", "role", "cameraId")}
        if message["id"] == "start":
            await ws.send_json({**names, "id": "startResponse", "sdpAnswer": "v=0"})
            await ws.send_json({**names, "id": "playStop"})

    async with linked(reply) as link:
        call = link.call(sfu.camera_share(camera_id="c", offer="v=0", bitrate_bps=1))
        await call.start()
        await call.expect(sfu.Answered, soon(), "start")
        with pytest.raises(Dropped) as caught:
            await call.expect(sfu.Flowing, soon(), "flowing")

    assert caught.value.code == "stopped"


@asynctest
async def test_junk_on_the_socket_is_passed_over():
    async def reply(ws: web.WebSocketResponse, message: dict[str, Any]) -> None:
        await ws.send_str("junk")
        await ws.send_bytes(b"\x00")
        await ws.send_json({"type": "video", "id": "playStart", "cameraId": "other"})
        await ws.send_json({"type": "audio", "id": "startResponse", "sdpAnswer": "v=0"})

    async with linked(reply) as link:
        call = link.call(sfu.audio(role="sendrecv", session_number=1))
        await call.start()
        offered = await call.expect(sfu.Offered, soon(), "audio start")

    assert offered.sdp == "v=0"


@asynctest
async def test_an_upgrade_without_a_session_is_a_refusal_by_its_status():
    async def sock(request: web.Request) -> web.Response:
        return web.Response(status=401)

    async with serving(sock=sock) as base, Transport() as transport:
        link = SfuLink(f"{base}/sock", pings_at_once=False)
        async with asyncio.TaskGroup() as group:
            with pytest.raises(SfuRefusal) as caught:
                await link.open(transport, group)

    assert caught.value.code == "http 401"
