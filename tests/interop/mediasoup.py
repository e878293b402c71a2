"""Our participants' media sessions against a real mediasoup worker.

The gateway process holds the worker; SDP is written here from what mediasoup says of a
transport, in the form that bbb-webrtc-sfu gives it. As there, only the last of the
worker's fingerprints is told, and their order is the worker's random one.
"""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bots.media.plane import MediaSession, SendSpec
from loadtest.node import sdp
from tests.support.namespaces import Namespace

ANSWER_LIMIT_S = 15.0
STOP_LIMIT_S = 5.0
FOLDER = Path("out/interop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One direction of one stream, as the worker knows it."""

    transport: str
    producer: str = ""
    consumer: str = ""
    fingerprint_family: str = ""


class Mediasoup:
    """A gateway process; one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def request(self, name: str, **rest: Any) -> dict[str, Any]:
        """Return the gateway's answer; RuntimeError with mediasoup's own words."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn, asyncio.timeout(ANSWER_LIMIT_S):
            line = json.dumps({"do": name, **rest}) + "\n"
            self._process.stdin.write(line.encode())
            await self._process.stdin.drain()
            answer = json.loads(await self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"{name}: {answer['error']}")
        found = answer["ok"]
        assert isinstance(found, dict)
        return found

    async def publish(self, session: MediaSession, spec: SendSpec) -> Flow:
        """Take a camera or screen that the session offers."""
        offer = sdp.read(await session.offer(sends=(spec,)), "video")
        transport = await self.request("transport", bitrate=200_000)
        await self._connect(transport, offer)
        producer = await self.request(
            "produce",
            transport=transport["id"],
            kind="video",
            rtpParameters=_video_parameters(offer),
        )
        local = _local(transport, setup="active")
        await session.accept(
            sdp.write_answer(offer, local, direction="recvonly", bitrate_kbps=200)
        )
        return Flow(
            transport=transport["id"],
            producer=producer["id"],
            fingerprint_family=local.fingerprint[0],
        )

    async def view(self, session: MediaSession, producer: str) -> Flow:
        """Offer a published camera to the session."""
        transport = await self.request("transport", bitrate=200_000)
        consumer = await self.request(
            "consume", transport=transport["id"], producer=producer
        )
        parameters = consumer["rtpParameters"]
        local = _local(
            transport, setup="actpass", ssrc=parameters["encodings"][0]["ssrc"]
        )
        assert parameters["codecs"][0]["payloadType"] == sdp.VP8.payload_type
        offer = sdp.write_offer("video", local, direction="sendonly", bitrate_kbps=200)
        answer = sdp.read(await session.answer(offer), "video")
        await self._connect(transport, answer)
        await self.request("resume", consumer=consumer["id"])
        return Flow(
            transport=transport["id"],
            consumer=consumer["id"],
            fingerprint_family=local.fingerprint[0],
        )

    async def microphone(
        self, session: MediaSession, hears: str = "", talks: bool = True
    ) -> Flow:
        """Offer two-way audio; the session hears the producer `hears`, if named."""
        transport = await self.request("transport")
        consumed: dict[str, Any] = {}
        ssrc = secrets.randbits(31)
        if hears:
            consumed = await self.request(
                "consume", transport=transport["id"], producer=hears
            )
            ssrc = consumed["rtpParameters"]["encodings"][0]["ssrc"]
        local = _local(transport, setup="actpass", ssrc=ssrc)
        offer = sdp.write_offer("audio", local, direction="sendrecv")
        answer = sdp.read(
            await session.answer(offer, sends=(SendSpec(media="audio", talks=talks),)),
            "audio",
        )
        await self._connect(transport, answer)
        producer = await self.request(
            "produce",
            transport=transport["id"],
            kind="audio",
            rtpParameters=_audio_parameters(answer),
        )
        if consumed:
            await self.request("resume", consumer=consumed["id"])
        return Flow(
            transport=transport["id"],
            producer=producer["id"],
            consumer=consumed.get("id", ""),
            fingerprint_family=local.fingerprint[0],
        )

    async def stats(self, **subject: str) -> dict[str, Any]:
        """Return the first statistics object of a transport, producer or consumer."""
        found = (await self.request("stats", **subject))["stats"][0]
        assert isinstance(found, dict)
        return found

    async def _connect(self, transport: dict[str, Any], remote: sdp.RemoteSide) -> None:
        # The session is `active` when it answers; it offers `actpass`, and mediasoup,
        # told active, is the client then.
        role = "client" if remote.setup == "active" else "server"
        await self.request(
            "connect",
            transport=transport["id"],
            dtlsParameters={
                "role": role,
                "fingerprints": [
                    {"algorithm": family, "value": value}
                    for family, value in remote.fingerprints
                ],
            },
        )


@asynccontextmanager
async def mediasoup(
    folder: Path = FOLDER, *, inside: Namespace | None = None
) -> AsyncIterator[Mediasoup]:
    """Start a gateway with one worker, in a namespace if asked; both end with it."""
    worker = (folder / "mediasoup-worker").resolve()
    assert worker.is_file(), "build the worker first: make interop"
    gateway_file = str(Path(__file__).with_name("gateway.mjs"))
    address = inside.address if inside else "127.0.0.1"
    command = ("node", gateway_file, str(folder), address)
    process = await asyncio.create_subprocess_exec(
        *(inside.command(*command) if inside else command),
        env={**os.environ, "MEDIASOUP_WORKER_BIN": str(worker)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    try:
        gateway = Mediasoup(process)
        await gateway.request("start")
        yield gateway
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _local(
    transport: dict[str, Any], *, setup: sdp.Setup, ssrc: int = 1
) -> sdp.LocalSide:
    candidate = transport["iceCandidates"][0]
    fingerprint = transport["dtlsParameters"]["fingerprints"][-1]
    return sdp.LocalSide(
        ice_ufrag=transport["iceParameters"]["usernameFragment"],
        ice_pwd=transport["iceParameters"]["password"],
        fingerprint=(fingerprint["algorithm"], fingerprint["value"]),
        address=candidate["ip"],
        port=candidate["port"],
        setup=setup,
        msid=(secrets.token_hex(4), secrets.token_hex(8)),
        ssrc=ssrc,
        cname=secrets.token_urlsafe(12),
    )


def _video_parameters(offer: sdp.RemoteSide) -> dict[str, Any]:
    return {
        "codecs": [
            {
                "mimeType": "video/VP8",
                "payloadType": offer.payload_type,
                "clockRate": 90000,
                "rtcpFeedback": [_feedback(entry) for entry in offer.feedback],
            }
        ],
        "headerExtensions": [
            {"id": number, "uri": uri}
            for number, uri in offer.extensions
            if "abs-send-time" in uri or "transport-wide-cc" in uri
        ],
        "encodings": [{"ssrc": offer.ssrcs[0]}],
        "rtcp": {"cname": offer.cname, "reducedSize": True},
    }


def _audio_parameters(answer: sdp.RemoteSide) -> dict[str, Any]:
    return {
        "codecs": [
            {
                "mimeType": "audio/opus",
                "payloadType": answer.payload_type,
                "clockRate": 48000,
                "channels": 2,
                "parameters": {"useinbandfec": 1},
            }
        ],
        "encodings": [{"ssrc": answer.ssrcs[0]}],
        "rtcp": {"cname": answer.cname, "reducedSize": True},
    }


def _feedback(entry: str) -> dict[str, str]:
    kind, _, parameter = entry.partition(" ")
    return {"type": kind, "parameter": parameter}
