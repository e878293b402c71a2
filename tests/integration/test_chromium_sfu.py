"""A chromium page that speaks /bbb-webrtc-sfu publishes and views through the node."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright

from bots.models import MilestoneReport, StreamReport
from loadtest.node.content import Camera
from loadtest.node.faults import Faults
from loadtest.node.meeting import Meeting
from tests.integration.test_participant import scene
from tests.support.asynctest import asynctest, eventually, scaled
from tests.support.browser import ARGUMENTS
from tests.support.needs import find_program
from tests.support.sfu import MediaNode, media_node

pytestmark = pytest.mark.chromium

MEDIA_ARGUMENTS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
)

CLIENT = """
window.sessions = {};
window.bbb = async (url, name) => {
  const socket = new WebSocket(url);
  await new Promise((done, failed) => {
    socket.onopen = done;
    socket.onerror = failed;
  });
  const waiting = [];
  const frames = [];
  socket.onmessage = ({data}) => {
    const frame = JSON.parse(data);
    const place = waiting.findIndex(({id}) => id === frame.id || frame.id === 'error');
    if (place < 0) frames.push(frame);
    else waiting.splice(place, 1)[0].done(frame);
  };
  const send = (message) => socket.send(JSON.stringify(message));
  const expect = (id) => new Promise((done, failed) => {
    const place = frames.findIndex((frame) => frame.id === id || frame.id === 'error');
    const check = (frame) => frame.id === id ? done(frame)
      : failed(new Error(JSON.stringify(frame)));
    if (place >= 0) check(frames.splice(place, 1)[0]);
    else waiting.push({id, done: check});
  });
  const connection = new RTCPeerConnection();
  const session = {connection, socket, send, expect};
  connection.ontrack = ({track}) => {
    const element = document.createElement(track.kind);
    element.srcObject = new MediaStream([track]);
    element.muted = track.kind === 'video';  // a muted sound has no energy
    element.play();
    document.body.append(element);
  };
  window.sessions[name] = session;
  return session;
};
window.share = async (url, name, cameraId) => {
  const {connection, send, expect} = await bbb(url, name);
  const stream = await navigator.mediaDevices.getUserMedia(
    {video: {width: 640, height: 360, frameRate: 15}});
  stream.getTracks().forEach((track) => connection.addTrack(track, stream));
  await connection.setLocalDescription(await connection.createOffer());
  send({id: 'start', type: 'video', cameraId, role: 'share',
    sdpOffer: connection.localDescription.sdp, bitrate: 200, record: true});
  const {sdpAnswer} = await expect('startResponse');
  await connection.setRemoteDescription({type: 'answer', sdp: sdpAnswer});
  await expect('playStart');
};
window.view = async (url, name, cameraId) => {
  const {connection, send, expect} = await bbb(url, name);
  send({id: 'start', type: 'video', cameraId, role: 'viewer', sdpOffer: null,
    bitrate: 200, record: true});
  const {sdpAnswer} = await expect('startResponse');
  await connection.setRemoteDescription({type: 'offer', sdp: sdpAnswer});
  await connection.setLocalDescription(await connection.createAnswer());
  send({id: 'subscriberAnswer', type: 'video', role: 'viewer', cameraId,
    answer: connection.localDescription.sdp});
  await expect('playStart');
};
window.audio = async (url, name, role) => {
  const {connection, send, expect} = await bbb(url, name);
  const stream = await navigator.mediaDevices.getUserMedia({audio: true});
  stream.getTracks().forEach((track) => connection.addTrack(track, stream));
  send({id: 'start', type: 'audio', role, clientSessionNumber: 1, extension: null,
    transparentListenOnly: true});
  const {sdpAnswer} = await expect('startResponse');
  await connection.setRemoteDescription({type: 'offer', sdp: sdpAnswer});
  await connection.setLocalDescription(await connection.createAnswer());
  send({id: 'subscriberAnswer', type: 'audio', role,
    sdpOffer: connection.localDescription.sdp});
  await expect('webRTCAudioSuccess');
};
window.statistics = async (name, kind) => {
  const found = {};
  (await sessions[name].connection.getStats()).forEach((entry) => {
    if (entry.type === kind) Object.assign(found, entry);
  });
  return found;
};
"""


@asynccontextmanager
async def page_on(origin: str, *, cookie: str = "") -> AsyncIterator[Page]:
    """Open a page of the node's origin that can publish and view."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_program("chromium"),
            args=[*ARGUMENTS, *MEDIA_ARGUMENTS],
        )
        try:
            page = await browser.new_page()
            page.set_default_timeout(scaled(30) * 1000)
            if cookie:
                crumb = {"name": "JSESSIONID", "value": cookie, "url": origin}
                await page.context.add_cookies([crumb])  # type: ignore[list-item]
            # Any answer will do: what counts is a loopback origin, which is trusted.
            await page.goto(origin)
            await page.evaluate(f"() => {{{CLIENT}}}")
            yield page
        finally:
            await browser.close()


def socket_url(node: MediaNode, user_id: str) -> str:
    return f"{node.url.replace('http', 'ws', 1)}?sessionToken={user_id}"


async def lossless(
    statistics: Callable[[], Awaitable[dict[str, float]]], measure: str, growth: float
) -> dict[str, float]:
    """Return statistics once `measure` has grown so far without one packet lost.

    A browser that starts on a busy machine may lose some itself.
    """
    start: dict[str, float] = {}

    async def grown() -> dict[str, float]:
        nonlocal start
        now = await statistics()
        if now.get("packetsLost") != start.get("packetsLost"):
            start = now
        return now if now.get(measure, 0) >= start.get(measure, 0) + growth else {}

    return await eventually(grown, limit_s=30)


@pytest.mark.parametrize("family", ["sha-1", "sha-224"])
def test_a_chromium_page_publishes_and_views_a_camera(family):
    @asynctest
    async def run() -> None:
        async with media_node(faults=Faults(fingerprint=family)) as node:
            ann, bob = node.join("Ann"), node.join("Bob")
            camera = f"{ann.id}_session_device"
            async with page_on(node.url.rpartition("/")[0]) as page:
                await page.evaluate(
                    "([url, camera]) => share(url, 'share', camera)",
                    [socket_url(node, ann.id), camera],
                )
                node.announce(ann, camera)
                await page.evaluate(
                    "([url, camera]) => view(url, 'view', camera)",
                    [socket_url(node, bob.id), camera],
                )

                async def statistics() -> dict[str, float]:
                    return await page.evaluate("statistics('view', 'inbound-rtp')")

                seen = await lossless(statistics, "framesDecoded", 30)
                sent = await page.evaluate("statistics('share', 'outbound-rtp')")

                assert seen["frameWidth"] > 0
                assert sent["framesEncoded"] >= seen["framesDecoded"]
                assert sent["packetsSent"] >= seen["packetsReceived"]
                assert node.media.counters.auth_failures == 0

                async def has_round_trip() -> bool:
                    remote = await page.evaluate(
                        "statistics('share', 'remote-inbound-rtp')"
                    )
                    return bool(remote.get("roundTripTime", 0) > 0)

                await eventually(has_round_trip, what="a report to the publisher")

    run()


@asynctest
async def test_two_microphones_of_a_chromium_page_hear_each_other():
    async with media_node() as node:
        ann, bob = node.join("Ann"), node.join("Bob")
        async with page_on(node.url.rpartition("/")[0]) as page:
            for user, name in ((ann, "one"), (bob, "other")):
                await page.evaluate(
                    "([url, name]) => audio(url, name, 'sendrecv')",
                    [socket_url(node, user.id), name],
                )

            async def statistics() -> dict[str, float]:
                return await page.evaluate("statistics('other', 'inbound-rtp')")

            await lossless(statistics, "totalAudioEnergy", 0.001)

            assert ann.voice is not None
            assert ann.voice.spoke


@asynctest(limit_s=120)
async def test_a_browser_and_a_bot_see_and_hear_each_other():
    async with scene() as stage:
        node = stage.node.running.node
        bot = stage.participant(
            1, audio="microphone", talks=True, shares_camera=True, camera_view_limit=5
        )
        async with stage.present(bot):
            meeting = next(iter(node.meetings.values()))
            (shown,) = await eventually(lambda: cameras_of(meeting))
            session = node.register(
                meeting, name="Browser", role="VIEWER", cookie="crumb"
            )
            meeting.enter(session.user, client_type="HTML5", mobile=False)
            url = f"{stage.node.url.replace('http', 'ws', 1)}/bbb-webrtc-sfu"
            url += f"?sessionToken={session.token}"
            async with page_on(stage.node.url, cookie=session.cookie) as page:
                view, audio, share = (
                    f"([url, arg]) => {name}(url, '{name}', arg)"
                    for name in ("view", "audio", "share")
                )
                await page.evaluate(view, [url, shown])
                await page.evaluate(audio, [url, "sendrecv"])

                async def seen() -> dict[str, float]:
                    return await page.evaluate("statistics('view', 'inbound-rtp')")

                async def heard() -> dict[str, float]:
                    return await page.evaluate("statistics('audio', 'inbound-rtp')")

                picture = await lossless(seen, "framesDecoded", 15)
                await lossless(heard, "totalAudioEnergy", 0.0001)

                own = f"{session.user.id}_session_device"
                await page.evaluate(share, [url, own])
                camera = Camera(stream_id=own, user_id=session.user.id)
                meeting.start_camera(session.user, camera)
                await stage.wait_for(
                    MilestoneReport, participant=1, media="camera", outcome="joined"
                )

                def measured() -> list[StreamReport]:
                    bot.sample()
                    return [
                        report
                        for report in stage.of(StreamReport, 1, direction="in")
                        if report.media == "camera" and report.frames > 0
                    ]

                frames = await eventually(measured)
                await eventually(
                    lambda: session.user.voice is not None and session.user.voice.spoke,
                    what="the browser's voice at the node",
                )

    sound = stage.of(StreamReport, 1, direction="in", media="audio")
    assert (picture["frameWidth"], picture["frameHeight"]) == (640, 360)
    assert sum(report.packets for report in frames) > 0
    assert sum(report.packets for report in sound) > 50
    assert stage.node.running.media.counters.auth_failures == 0


def cameras_of(meeting: Meeting) -> list[str]:
    return [camera for user in meeting.users.values() for camera in user.cameras]
