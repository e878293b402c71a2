"""The own camera's rate follows the number of cameras, in a real stand-in node."""

import asyncio

from bots.models import CameraProfile, MilestoneReport, StreamReport
from loadtest.node.client_settings import CLIENT_SETTINGS
from tests.integration.test_participant import scene
from tests.support.asynctest import asynctest, eventually

SMALL = CameraProfile(
    name="small", width=160, height=90, frame_rate=15.0, bitrate_bps=120_000
)


@asynctest
async def quality_steps() -> None:
    async with scene() as stage:
        one = stage.participant(1, shares_camera=True, camera=SMALL)
        two = stage.participant(2, shares_camera=True, camera=SMALL)
        rate_bps: list[float] = []

        async def measure() -> float:
            one.sample()
            before = len(stage.of(StreamReport, direction="out", participant=1))
            await asyncio.sleep(2.0)  # a group of pictures
            one.sample()
            new = stage.of(StreamReport, direction="out", participant=1)[before:]
            assert sum(s.packets for s in new) > 20
            return sum(s.bytes for s in new) * 8 / 2.0

        async with stage.present(one):
            await eventually(lambda: room_cameras(stage) == 1)
            rate_bps.append(await measure())
            async with stage.present(two):
                await stage.wait_for(MilestoneReport, 2, media="camera")
                await asyncio.sleep(1.0)  # the debounce, and the new clip

                async def is_lower() -> bool:
                    return await measure() < 0.75 * rate_bps[0]

                await eventually(is_lower, what="a lower rate")
                seen = stage.of(MilestoneReport, media="camera")

    assert {milestone.outcome for milestone in seen} == {"joined"}


def room_cameras(stage) -> int:  # type: ignore[no-untyped-def]
    (meeting,) = stage.node.running.node.meetings.values()
    return len(meeting.cameras())


def test_a_second_camera_lowers_the_rate_where_the_server_says_so(monkeypatch):
    kurento = CLIENT_SETTINGS["public"]["kurento"]  # type: ignore[index]
    monkeypatch.setitem(
        kurento,
        "cameraQualityThresholds",
        {
            "enabled": True,
            "privilegedStreams": True,
            "debounceTime": 100,
            "thresholds": [{"threshold": 2, "profile": "low-u20"}],
        },
    )
    quality_steps()
