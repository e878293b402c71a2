"""Debian's janus in a network namespace, driven by its WebSocket API.

    with namespace(index=1) as space:
        async with janus(space) as server:
            room = await server.video_room()
            publisher = await server.publish(session, room, sends)
            viewer = await server.subscribe(other, publisher)
            await viewer.statistics()

A namespace, since libnice leaves loopback out. janus is a full ICE agent that sends
checks of its own, bundles audio and video, and asks the internet nothing: it has no
STUN server and loads the two plugins that are used.
"""

import asyncio
import itertools
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from bots.media.plane import MediaSession, SendSpec
from tests.support.asynctest import eventually, scaled
from tests.support.namespaces import Namespace
from tests.support.needs import find_program

API_PORT, ADMIN_PORT = 8188, 7188
"""The namespace is ours alone, so any port is free."""
START_LIMIT_S = 30.0
ANSWER_LIMIT_S = 30.0
STOP_LIMIT_S = 5.0
PLUGINS = ("videoroom", "audiobridge")
ROOM_BITRATE_BPS = 200_000
KEPT_MS = 500
"""How long janus keeps packets to send again, once it knows a round trip."""
NACK_LINE = r"a=rtcp-fb:\d+ nack\r\n"

Json = dict[str, Any]


class JanusError(Exception):
    """janus answered a request with an error, told in its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a plugin told about a request of ours."""

    data: Json
    sdp: str = ""
    """The description that came along, "" without one."""


class Talk:
    """One WebSocket to janus: requests out, answers matched by transaction."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.events: list[Json] = []
        """What janus said unasked: `webrtcup`, `slowlink`, `hangup`…"""
        self._socket = socket
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._numbers = itertools.count()

    async def request(self, janus: str, **rest: Any) -> Json:
        """Return the final answer to a request.

        Raises:
            JanusError: with what janus or its plugin said.
        """
        transaction = f"{janus[0]}{next(self._numbers)}"
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[transaction] = answer
        await self._socket.send_json(
            {"janus": janus, "transaction": transaction, **rest}
        )
        async with asyncio.timeout(scaled(ANSWER_LIMIT_S)):
            told = await answer
        error = told.get("error", {}).get("reason") or told.get("plugindata", {}).get(
            "data", {}
        ).get("error")
        if error:
            raise JanusError(f"{janus}: {error}")
        return told

    async def listen(self) -> None:
        """Read until the socket is closed."""
        async for message in self._socket:
            told = message.json()
            is_asked = told.get("transaction") in self._waiting
            if is_asked and told["janus"] == "ack" and told["transaction"][0] == "m":
                continue  # the plugin's event follows
            if is_asked:
                self._waiting.pop(told["transaction"]).set_result(told)
            else:
                self.events.append(told)


class Handle:
    """One plugin handle: at most one peer connection of janus."""

    def __init__(self, janus: "Janus", number: int) -> None:
        self._janus = janus
        self._number = number

    async def message(self, sdp: str = "", kind: str = "offer", **body: Any) -> Told:
        """Return what the plugin answers to `body`, sent along with a description."""
        rest: Json = {"body": body}
        if sdp:
            rest["jsep"] = {"type": kind, "sdp": sdp}
        told = await self._janus.api.request("message", **self._names, **rest)
        return Told(
            data=told["plugindata"]["data"], sdp=told.get("jsep", {}).get("sdp", "")
        )

    async def end_candidates(self) -> None:
        """Say that all our candidates are told: there are none, janus learns them."""
        await self._janus.api.request(
            "trickle", candidate={"completed": True}, **self._names
        )

    async def statistics(self) -> "Statistics":
        """Return janus's own count of this peer connection, from its admin API."""
        told = await self._janus.admin.request(
            "handle_info",
            admin_secret=self._janus.admin_secret,
            **self._names,
        )
        return Statistics(info=told["info"])

    async def is_up(self) -> None:
        """Wait until janus, too, has finished ICE and DTLS: it says so unasked."""
        await eventually(
            lambda: any(
                event["janus"] == "webrtcup" and event["sender"] == self._number
                for event in self._janus.api.events
            ),
            what="janus's side of the connection",
        )

    @property
    def _names(self) -> Json:
        return {"session_id": self._janus.session_number, "handle_id": self._number}


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """A published feed of a video room."""

    handle: Handle
    room: int
    feed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """One `handle_info` of the admin API."""

    info: Json

    def medium(self, kind: str) -> Json:
        """Return the only medium of this kind, `audio` or `video`."""
        media = self.info["webrtc"]["media"].values()
        (only,) = (medium for medium in media if medium["type"] == kind)
        assert isinstance(only, dict)
        return only

    def count(self, kind: str, direction: str, name: str) -> int:
        """Return a counter such as `packets`, `nacks` or `retransmissions`."""
        found = self.medium(kind)["stats"][direction].get(name, 0)
        assert isinstance(found, int)
        return found

    def rtcp(self, kind: str) -> Json:
        """Return what janus worked out from its and our RTCP reports."""
        found = self.medium(kind)["rtcp"]["main"]
        assert isinstance(found, dict)
        return found

    @property
    def chosen_pair(self) -> str:
        """The candidate pair, such as `198.18.0.2:4 [host,udp] <-> … [prflx,udp]`."""
        return str(self.info["webrtc"]["ice"]["selected-pair"])


class Janus:
    """A running janus with one API session."""

    def __init__(
        self,
        api: Talk,
        admin: Talk,
        session_number: int,
        admin_secret: str,
        log: Path,
    ) -> None:
        self.log = log
        """What janus writes about what it does, as much as `log_level` asks for."""
        self.api = api
        self.admin = admin
        self.session_number = session_number
        self.admin_secret = admin_secret

    async def log_level(self, level: int) -> None:
        """Let janus write so much from now on: 4 is usual, 7 is each RTCP packet."""
        await self.admin.request(
            "set_log_level", admin_secret=self.admin_secret, level=level
        )

    async def attach(self, plugin: str) -> Handle:
        """Return a new handle to a plugin."""
        told = await self.api.request(
            "attach",
            session_id=self.session_number,
            plugin=f"janus.plugin.{plugin}",
        )
        return Handle(self, told["data"]["id"])

    async def video_room(self) -> int:
        """Return the number of a new VP8 and Opus room."""
        handle = await self.attach("videoroom")
        told = await handle.message(
            request="create",
            videocodec="vp8",
            audiocodec="opus",
            bitrate=ROOM_BITRATE_BPS,
            publishers=6,
        )
        return int(told.data["room"])

    async def audio_room(self) -> int:
        """Return the number of a new room whose participants hear the mix of others."""
        handle = await self.attach("audiobridge")
        told = await handle.message(request="create", sampling_rate=48_000)
        return int(told.data["room"])

    async def publish(
        self, session: MediaSession, room: int, sends: tuple[SendSpec, ...]
    ) -> Publisher:
        """Let the session offer what it publishes."""
        handle = await self.attach("videoroom")
        told = await handle.message(
            await session.offer(sends=sends),
            request="joinandconfigure",
            room=room,
            ptype="publisher",
        )
        await session.accept(told.sdp)
        await handle.end_candidates()
        return Publisher(handle=handle, room=room, feed=int(told.data["id"]))

    async def subscribe(
        self, session: MediaSession, publisher: Publisher, *, has_nack: bool = True
    ) -> Handle:
        """Offer a feed to the session, once it is up: before, janus knows it not."""
        await publisher.handle.is_up()
        room = publisher.room
        handle = await self.attach("videoroom")
        told = await handle.message(
            request="join",
            room=room,
            ptype="subscriber",
            streams=[{"feed": publisher.feed}],
        )
        offer = told.sdp if has_nack else re.sub(NACK_LINE, "", told.sdp)
        answer = await session.answer(offer)
        await handle.message(answer, "answer", request="start", room=room)
        await handle.end_candidates()
        return handle

    async def enter_bridge(
        self, session: MediaSession, room: int, *, talks: bool, janus_offers: bool
    ) -> Handle:
        """Let the session into a mixed audio room, either side offering."""
        handle = await self.attach("audiobridge")
        sends = (SendSpec(media="audio", talks=talks),)
        if janus_offers:
            told = await handle.message(request="join", room=room, generate_offer=True)
            answer = await session.answer(told.sdp, sends=sends)
            await handle.message(answer, "answer", request="configure")
        else:
            offer = await session.offer(sends=sends, receives=("audio",))
            told = await handle.message(offer, request="join", room=room)
            await session.accept(told.sdp)
        await handle.end_candidates()
        return handle


@asynccontextmanager
async def janus(
    space: Namespace, *, media_address: str | None = None
) -> AsyncIterator[Janus]:
    """Start janus in a namespace and open a session; end it by its process.

    `media_address` is the one for its candidates, by default the namespace's own.
    """
    program = find_program("janus")
    assert program is not None
    admin_secret = secrets.token_hex(8)
    with TemporaryDirectory(prefix="bbbload-janus-") as name:
        folder = Path(name)
        log = folder / "log"
        _configure(folder, space, media_address or space.address, admin_secret)
        process = await asyncio.create_subprocess_exec(
            *space.command(program, "-F", str(folder), "-L", str(log), "-N"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with (
                aiohttp.ClientSession() as client,
                _talk(client, space, API_PORT, "janus", log) as api,
                _talk(client, space, ADMIN_PORT, "janus-admin", log) as admin,
            ):
                created = await api.request("create")
                yield Janus(api, admin, created["data"]["id"], admin_secret, log)
        finally:
            await _stop(process)


@asynccontextmanager
async def _talk(
    client: aiohttp.ClientSession,
    space: Namespace,
    port: int,
    protocol: str,
    log: Path,
) -> AsyncIterator[Talk]:
    """Open a socket once janus listens, and read it."""

    async def attempt() -> aiohttp.ClientWebSocketResponse | None:
        try:
            return await client.ws_connect(
                f"ws://{space.address}:{port}", protocols=(f"{protocol}-protocol",)
            )
        except aiohttp.ClientError:
            return None

    try:
        socket = await eventually(attempt, limit_s=START_LIMIT_S, what="janus's socket")
    except AssertionError:
        last = log.read_text().splitlines()[-20:] if log.exists() else ["no log"]
        raise AssertionError("janus did not start:\n" + "\n".join(last)) from None
    assert socket is not None
    talk = Talk(socket)
    # no task group: it would wrap what a test's own body raises
    reading = asyncio.ensure_future(talk.listen())
    try:
        yield talk
    finally:
        await socket.close()
        await reading


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(scaled(STOP_LIMIT_S)):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _configure(
    folder: Path, space: Namespace, media_address: str, admin_secret: str
) -> None:
    libraries = _libraries()
    unused = _disabled(libraries / "plugins", tuple(f"libjanus_{p}" for p in PLUGINS))
    unused_transports = _disabled(libraries / "transports", ("libjanus_websockets",))
    (folder / "janus.jcfg").write_text(
        "general: {\n"
        f'  configs_folder = "{folder}"\n'
        f'  plugins_folder = "{libraries}/plugins"\n'
        f'  transports_folder = "{libraries}/transports"\n'
        f'  admin_secret = "{admin_secret}"\n'
        "  debug_level = 4\n"
        "}\n"
        f"media: {{ min_nack_queue = {KEPT_MS} }}\n"
        "nat: {\n"
        "  full_trickle = false\n"
        "  ice_tcp = false\n"
        f'  ice_enforce_list = "{media_address}"\n'
        "}\n"
        f'plugins: {{ disable = "{",".join(unused)}" }}\n'
        f'transports: {{ disable = "{",".join(unused_transports)}" }}\n'
        "events: { broadcast = false }\n"
    )
    (folder / "janus.transport.websockets.jcfg").write_text(
        'general: { json = "compact", ws = true, '
        f'ws_port = {API_PORT}, ws_ip = "{space.address}" }}\n'
        "admin: { admin_ws = true, "
        f'admin_ws_port = {ADMIN_PORT}, admin_ws_ip = "{space.address}" }}\n'
    )
    for plugin in PLUGINS:
        (folder / f"janus.plugin.{plugin}.jcfg").write_text("general: { }\n")


def _libraries() -> Path:
    """Return the folder of janus's plugins, which Debian keeps by architecture."""
    found = sorted(Path("/usr/lib").glob("*/janus/plugins"))
    assert found, "janus is installed without its plugins"
    return found[0].parent


def _disabled(folder: Path, wanted: tuple[str, ...]) -> list[str]:
    return sorted(
        path.name for path in folder.glob("*.so") if path.name[:-3] not in wanted
    )
