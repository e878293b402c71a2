"""The rules of bbb-webrtc-sfu's signalling, over a real socket, without media."""

import json
from typing import Any

import pytest

from loadtest.node.content import LockSettings
from loadtest.node.faults import Faults
from tests.support.asynctest import asynctest, eventually
from tests.support.rawpeer import RawPeer
from tests.support.sfu import Frame, MediaNode, SfuSocket, media_node

AUDIO = {"id": "start", "type": "audio", "role": "sendrecv", "clientSessionNumber": 1}


def video(role: str, camera: str, frame_id: str = "start", **more: Any) -> Frame:
    return {"id": frame_id, "type": "video", "cameraId": camera, "role": role, **more}


def screen(role: str, frame_id: str = "start", **more: Any) -> Frame:
    return {"id": frame_id, "type": "screenshare", "role": role, **more}


def offer(kind: Any = "video", **more: Any) -> str:
    with RawPeer(kind, ssrc=9) as peer:
        return peer.description(direction="sendonly", setup="actpass", **more)


async def refusal(socket: SfuSocket, message: Frame) -> Frame:
    """Send a message that must be refused and return the error frame."""
    await socket.send(message)
    return await socket.expect("error")


async def share(node: MediaNode, socket: SfuSocket, camera: str) -> None:
    """Publish as far as `startResponse`: the camera is known to the SFU."""
    await socket.send(video("share", camera, sdpOffer=offer(), bitrate=200))
    await socket.expect("startResponse")


# -- what is dropped, what is answered ----------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        "7",
        '"start"',
        "null",
        "{}",
        '{"id":"start"}',
        '{"id":"start","type":"chat"}',
        '{"id":"start","type":7}',
        '{"id":"close","type":"audio"}',
    ],
)
def test_what_the_sfu_drops_is_dropped_without_a_word(text):
    @asynctest
    async def run() -> None:
        async with media_node() as node, node.socket(node.join("Ann")) as socket:
            await socket.socket.send_str(text)

            assert await socket.is_quiet()

    run()


@asynctest
async def test_a_ping_gets_the_captured_pong():
    async with media_node() as node, node.socket(node.join("Ann")) as socket:
        await socket.send({"id": "ping"})

        message = await socket.socket.receive()

        assert message.data == '{"id":"pong"}'


@asynctest
async def test_a_message_of_51200_bytes_is_read_and_a_longer_one_closes_with_1009():
    async with media_node() as node, node.socket(node.join("Ann")) as socket:
        ping = '{"id":"ping","padding":""}'
        await socket.socket.send_str(ping[:-2] + "x" * (51_200 - len(ping)) + ping[-2:])
        assert await socket.receive() == {"id": "pong"}

        await socket.socket.send_str("x" * 51_201)

        assert await socket.closed() == 1009


@asynctest
async def test_frames_have_the_captured_keys_in_the_captured_order():
    async with media_node() as node:
        ann, bob = node.join("Ann"), node.join("Bob")
        camera = f"{ann.id}_s_d"
        async with node.socket(ann) as socket, node.socket(bob) as viewer:
            await socket.send(AUDIO)
            audio = await socket.receive()
            await socket.send(video("share", camera, sdpOffer=offer(), bitrate=200))
            published = await socket.receive()
            node.announce(ann, camera)
            await viewer.send(video("viewer", camera, sdpOffer=None, bitrate=200))
            viewed = await viewer.receive()

    assert list(audio) == ["type", "id", "response", "sdpAnswer"]
    assert (audio["type"], audio["response"]) == ("audio", "accepted")
    assert list(published) == ["type", "role", "id", "cameraId", "sdpAnswer"]
    assert (published["role"], viewed["role"]) == ("share", "viewer")
    assert list(viewed) == ["type", "role", "id", "cameraId", "sdpAnswer"]
    assert "b=AS:200\r\n" in str(viewed["sdpAnswer"])


# -- audio -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "speaker"},
        {"role": None},
        {"clientSessionNumber": "1"},
        {"clientSessionNumber": -1},
        {"clientSessionNumber": None},
        {"clientSessionNumber": True},
        {"id": "begin"},
        {"id": None},
        {"id": "dtmf"},
        {"id": "dtmf", "tones": "1" * 21},
    ],
)
def test_a_bad_audio_request_gets_2300(changes):
    @asynctest
    async def run() -> None:
        async with media_node() as node, node.socket(node.join("Ann")) as socket:
            frame = await refusal(socket, AUDIO | changes)

            assert (frame["type"], frame["code"]) == ("audio", "2300")
            assert frame["message"] == frame["reason"] == "SFU_INVALID_REQUEST"
            assert "streamId" not in frame

    run()


@pytest.mark.parametrize("role", ["sendrecv", "passive-sendrecv", "recv", "recvonly"])
def test_the_node_offers_audio_for_each_role(role):
    @asynctest
    async def run() -> None:
        async with media_node() as node, node.socket(node.join("Ann")) as socket:
            await socket.send(AUDIO | {"role": role, "clientSessionNumber": 0})

            frame = await socket.expect("startResponse")

            direction = "sendrecv" if role.endswith("sendrecv") else "sendonly"
            assert f"a={direction}\r\n" in str(frame["sdpAnswer"])
            assert "a=setup:actpass\r\n" in str(frame["sdpAnswer"])

    run()


@asynctest
async def test_the_node_answers_the_audio_offer_of_a_client():
    async with media_node() as node, node.socket(node.join("Ann")) as socket:
        text = offer("audio").replace("sendonly", "sendrecv")
        await socket.send(AUDIO | {"sdpOffer": text})

        frame = await socket.expect("startResponse")

        assert "a=setup:active\r\n" in str(frame["sdpAnswer"])
        assert "a=sendrecv\r\n" in str(frame["sdpAnswer"])


@asynctest
async def test_a_user_who_did_not_join_or_is_banned_from_voice_gets_2301():
    async with media_node() as node:
        stranger = node.join("Ann", enters=False)
        banned = node.join("Bob")
        banned.voice_banned = True
        for user in (stranger, banned):
            async with node.socket(user) as socket:
                frame = await refusal(socket, AUDIO)
                assert (frame["code"], frame["reason"]) == ("2301", "SFU_UNAUTHORIZED")


@asynctest
async def test_an_audio_answer_without_ssrc_is_ignored_and_one_with_it_still_counts():
    async with media_node() as node, node.socket(node.join("Ann")) as socket:
        with RawPeer("audio", ssrc=5) as peer:
            await socket.send(AUDIO)
            peer.take((await socket.expect("startResponse"))["sdpAnswer"])
            for has_ssrc in (False, True):
                text = peer.description(
                    direction="sendrecv", setup="active", has_ssrc=has_ssrc
                )
                assert not any(t.is_negotiated for t in node.media._transports)
                await socket.send(
                    {"id": "subscriberAnswer", "type": "audio", "sdpOffer": text}
                )
                message = await peer.check()
                assert message.message_class == "response"  # ICE connects in any case
                assert await socket.is_quiet()

            await peer.connect()
            await socket.expect("webRTCAudioSuccess")


@pytest.mark.parametrize("answer", [None, 7, "", "v=0\r\n", "x" * 40_000])
def test_an_unusable_answer_is_ignored_in_silence(answer):
    @asynctest
    async def run() -> None:
        async with media_node() as node, node.socket(node.join("Ann")) as socket:
            await socket.send(AUDIO)
            await socket.expect("startResponse")

            await socket.send(
                {"id": "subscriberAnswer", "type": "audio", "sdpOffer": answer}
            )

            assert await socket.is_quiet()

    run()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "2202"),
        ("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\n", "2203"),
    ],
)
def test_an_unusable_audio_offer_is_refused(text, code):
    @asynctest
    async def run() -> None:
        async with media_node() as node, node.socket(node.join("Ann")) as socket:
            frame = await refusal(socket, AUDIO | {"sdpOffer": text})

            assert frame["code"] == code
            assert not node.media._transports

    run()


@asynctest
async def test_a_second_start_replaces_the_first_and_stop_is_silent():
    async with media_node() as node, node.socket(node.join("Ann")) as socket:
        for _start in range(3):
            await socket.send(AUDIO)
            await socket.expect("startResponse")
        assert len(node.media._transports) == 1

        await socket.send({"id": "stop", "type": "audio"})

        assert await socket.is_quiet()
        assert not node.media._transports


@asynctest
async def test_candidates_and_tones_are_taken_without_a_word():
    async with media_node() as node, node.socket(node.join("Ann")) as socket:
        await socket.send({"id": "iceCandidate", "type": "audio", "candidate": {}})
        await socket.send({"id": "dtmf", "type": "audio", "tones": "1"})
        await socket.send(video("viewer", "c", "onIceCandidate", candidate={}))
        await socket.send(screen("recv", "iceCandidate", candidate={}))

        assert await socket.is_quiet()


@asynctest
async def test_ice_restarts_with_new_credentials_and_the_old_ones_still_work():
    async with media_node() as node, node.socket(node.join("Ann")) as socket:
        with RawPeer("audio") as peer:
            await socket.send(AUDIO | {"role": "recv"})
            peer.take((await socket.expect("startResponse"))["sdpAnswer"])
            before = peer.value("ice-ufrag:(.*)\r")

            await socket.send({"id": "restartIce", "type": "audio"})
            frame = await socket.expect("restartIceResponse")

            assert (await peer.check()).message_class == "response"
            peer.take(frame["sdp"])
            assert peer.value("ice-ufrag:(.*)\r") != before
            assert (await peer.check()).message_class == "response"


@asynctest
async def test_an_older_sfu_knows_no_restart():
    async with media_node(restarts_ice=False) as node:
        async with node.socket(node.join("Ann")) as socket:
            await socket.send(AUDIO)
            await socket.expect("startResponse")
            await socket.send({"id": "restartIce", "type": "audio"})
            assert await socket.is_quiet()

            frame = await refusal(socket, video("viewer", "c", "restartIce"))

            assert frame["code"] == "2300"


# -- cameras -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "watcher"},
        {"cameraId": None},
        {"cameraId": ""},
        {"id": "iceCandidate"},
        {"id": "playStart"},
        {"id": None},
    ],
)
def test_a_bad_video_request_gets_2300(changes):
    @asynctest
    async def run() -> None:
        async with media_node() as node, node.socket(node.join("Ann")) as socket:
            frame = await refusal(socket, video("viewer", "camera") | changes)

            assert (frame["type"], frame["code"]) == ("video", "2300")

    run()


@asynctest
async def test_an_error_names_role_and_stream_as_the_sfu_does():
    async with media_node() as node, node.socket(node.join("Ann")) as socket:
        frame = await refusal(socket, video("viewer", "camera"))

        assert frame == {
            "type": "video",
            "id": "error",
            "role": "viewer",
            "streamId": "camera",
            "code": "2201",
            "message": "MEDIA_NOT_FOUND",
            "reason": "MEDIA_NOT_FOUND",
            "rawMessage": "nobody publishes this stream",
        }


@asynctest
async def test_a_camera_that_was_not_announced_cannot_be_viewed():
    async with media_node() as node:
        ann, bob = node.join("Ann"), node.join("Bob")
        camera = f"{ann.id}_s_d"
        async with node.socket(ann) as publisher, node.socket(bob) as viewer:
            await share(node, publisher, camera)
            assert (await refusal(viewer, video("viewer", camera)))["code"] == "2301"

            node.announce(ann, camera)
            await viewer.send(video("viewer", camera))

            await viewer.expect("startResponse")


@asynctest
async def test_webcams_only_for_moderators_are_refused_to_locked_viewers():
    async with media_node(webcams_only_for_moderator=True) as node:
        ann, bob = node.join("Ann"), node.join("Bob")
        moderator = node.join("Mia", role="MODERATOR")
        camera = f"{ann.id}_s_d"
        async with node.socket(ann) as publisher:
            await share(node, publisher, camera)
            node.announce(ann, camera)
            async with node.socket(bob) as viewer:
                frame = await refusal(viewer, video("viewer", camera))
                assert frame["code"] == "2301"
            async with node.socket(moderator) as viewer:
                await viewer.send(video("viewer", camera))
                await viewer.expect("startResponse")


@asynctest
async def test_a_camera_needs_its_owners_id_a_free_place_and_no_lock():
    async with media_node(user_camera_cap=1) as node:
        ann, bob = node.join("Ann"), node.join("Bob")
        start = {"sdpOffer": offer(), "bitrate": 200}
        async with node.socket(ann) as socket:
            frame = await refusal(socket, video("share", f"{bob.id}_s_d", **start))
            assert frame["code"] == "2301"
            await share(node, socket, f"{ann.id}_s_1")
            node.announce(ann, f"{ann.id}_s_1")
            frame = await refusal(socket, video("share", f"{ann.id}_s_2", **start))
            assert frame["code"] == "2301"
        node.meeting.locks = LockSettings(disable_cam=True)
        async with node.socket(bob) as socket:
            frame = await refusal(socket, video("share", f"{bob.id}_s_1", **start))
            assert frame["code"] == "2301"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "2202"),
        ("", "2202"),
        (7, "2202"),
        ("v=0\r\ns=-\r\n", "2202"),
        ("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 98\r\na=rtpmap:98 VP9/90000\r\n", "2203"),
    ],
)
def test_an_unusable_camera_offer_is_refused_and_leaves_nothing(text, code):
    @asynctest
    async def run() -> None:
        async with media_node() as node:
            ann = node.join("Ann")
            async with node.socket(ann) as socket:
                frame = await refusal(
                    socket, video("share", f"{ann.id}_s_d", sdpOffer=text)
                )

                assert frame["code"] == code
                assert not node.media._transports
                assert not node.media.sources

    run()


@asynctest
async def test_a_camera_offer_without_ssrc_is_refused():
    async with media_node() as node:
        ann = node.join("Ann")
        async with node.socket(ann) as socket:
            text = offer(has_ssrc=False)
            frame = await refusal(
                socket, video("share", f"{ann.id}_s_d", sdpOffer=text)
            )

            assert frame["code"] == "2202"


@asynctest
async def test_without_a_bitrate_the_sfus_own_is_told():
    async with media_node() as node:
        ann = node.join("Ann", role="MODERATOR")
        async with node.socket(ann) as socket, node.socket(ann) as other:
            await socket.send(video("share", f"{ann.id}_s_d", sdpOffer=offer()))
            camera = await socket.expect("startResponse")
            await other.send(screen("send", sdpOffer=offer()))
            shared = await other.expect("startResponse")

    assert "b=TIAS:300000\r\nb=AS:300\r\n" in str(camera["sdpAnswer"])
    assert "b=TIAS:1500000\r\nb=AS:1500\r\n" in str(shared["sdpAnswer"])


@asynctest
async def test_taking_a_camera_back_by_graphql_ends_publisher_and_viewers():
    async with media_node() as node:
        ann, bob = node.join("Ann"), node.join("Bob")
        camera = f"{ann.id}_s_d"
        async with node.socket(ann) as publisher, node.socket(bob) as viewer:
            await share(node, publisher, camera)
            node.announce(ann, camera)
            await viewer.send(video("viewer", camera))
            await viewer.expect("startResponse")
            assert len(node.media._transports) == 2

            node.meeting.stop_camera(ann, camera)

            assert not node.media._transports
            assert await viewer.is_quiet()
            assert await publisher.is_quiet()


# -- screens -----------------------------------------------------------------------


@asynctest
async def test_only_the_presenter_may_share_and_a_refused_start_closes_the_socket():
    async with media_node() as node:
        node.join("Mia", role="MODERATOR")
        ann = node.join("Ann")
        async with node.socket(ann) as socket:
            frame = await refusal(socket, screen("send", sdpOffer=offer()))

            assert (frame["code"], frame["streamId"]) == ("2301", ann.id)
            assert await socket.closed() == 0
        assert ann.joined


@asynctest
async def test_a_viewer_with_nothing_shared_gets_2300_and_a_closed_socket():
    async with media_node() as node, node.socket(node.join("Ann")) as socket:
        frame = await refusal(socket, screen("recv"))

        assert frame["code"] == "2300"
        assert await socket.closed() == 0


@asynctest
async def test_a_screenshare_knows_no_stop():
    async with media_node() as node, node.socket(node.join("Ann")) as socket:
        frame = await refusal(socket, screen("send", "stop"))

        assert frame["code"] == "2300"
        assert await socket.is_quiet()


@asynctest
async def test_a_new_presenters_share_ends_the_old_one():
    async with media_node() as node:
        mia, ned = (node.join(name, role="MODERATOR") for name in ("Mia", "Ned"))
        async with node.socket(mia) as first, node.socket(ned) as second:
            await first.send(screen("send", sdpOffer=offer()))
            frame = await first.expect("startResponse")
            assert list(frame) == ["type", "role", "id", "response", "sdpAnswer"]
            node.meeting.set_presenter(ned)

            await second.send(screen("send", sdpOffer=offer()))
            await second.expect("startResponse")

            assert len(node.media._transports) == 1


# -- ends --------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["leave", "eject", "end"])
def test_the_socket_is_closed_without_a_code_when_the_user_goes(way):
    @asynctest
    async def run() -> None:
        async with media_node() as node:
            ann = node.join("Ann")
            async with node.socket(ann) as socket:
                await socket.send(AUDIO)
                await socket.expect("startResponse")
                if way == "leave":
                    node.meeting.remove(ann, logged_out=True)
                elif way == "eject":
                    node.meeting.remove(ann, reason="user_requested_eject_reason")
                else:
                    node.meeting.end(reason="ENDED_FROM_API", forcibly=True)

                assert await socket.closed() == 0
                await eventually(lambda: not node.media._transports)

    run()


@asynctest
async def test_closing_a_socket_stops_all_that_was_started_on_it():
    async with media_node() as node:
        ann = node.join("Ann")
        async with node.socket(ann) as socket:
            await socket.send(AUDIO)
            await socket.expect("startResponse")
            for number in range(3):
                await share(node, socket, f"{ann.id}_s_{number}")
            assert len(node.media._transports) == 4

        await eventually(lambda: not node.media._transports)
        assert not node.media.sources
        assert not node.media.rooms
        assert not node.meeting.watchers


@asynctest
async def test_a_leaving_viewer_does_not_disturb_the_others():
    async with media_node() as node:
        ann, bob = node.join("Ann"), node.join("Bob")
        async with node.socket(ann) as socket:
            await socket.send(AUDIO)
            await socket.expect("startResponse")

            node.meeting.remove(bob)

            assert await socket.is_quiet()
            assert len(node.media._transports) == 1


# -- fault switches ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"), [("2002", "2002"), ("2019", 2019), ("odd", 2019)]
)
def test_every_start_can_be_answered_with_an_ordered_code(code, expected):
    @asynctest
    async def run() -> None:
        async with media_node(faults=Faults(sfu_error=code)) as node:
            async with node.socket(node.join("Ann")) as socket:
                frame = await refusal(socket, AUDIO)

                assert frame["code"] == expected

    run()


@asynctest
async def test_the_socket_can_be_cut_after_a_start_once_per_token():
    async with media_node(faults=Faults(drop_sfu=0.05)) as node:
        ann = node.join("Ann")
        async with node.socket(ann) as socket:
            await socket.send(AUDIO)
            await socket.expect("startResponse")
            assert await socket.closed() == 1006
        async with node.socket(ann) as socket:
            await socket.send(AUDIO)
            await socket.expect("startResponse")
            assert await socket.is_quiet()


@asynctest
async def test_the_answer_can_be_lost():
    async with media_node(faults=Faults(lost_answer=True)) as node:
        async with node.socket(node.join("Ann")) as socket:
            with RawPeer("audio", ssrc=5) as peer:
                await socket.send(AUDIO)
                peer.take((await socket.expect("startResponse"))["sdpAnswer"])
                text = peer.description(direction="sendrecv", setup="active")
                await socket.send(
                    {"id": "subscriberAnswer", "type": "audio", "sdpOffer": text}
                )

                assert await socket.is_quiet()
                assert not any(t.is_negotiated for t in node.media._transports)


@asynctest
async def test_frames_are_compact_json():
    async with media_node() as node, node.socket(node.join("Ann")) as socket:
        await socket.send(AUDIO | {"role": "x"})

        message = await socket.socket.receive()

        assert message.data == json.dumps(
            json.loads(message.data), separators=(",", ":")
        )
