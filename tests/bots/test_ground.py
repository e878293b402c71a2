"""Waiting for first media: over a call that lives, and over one that has ended."""

import asyncio
import time

import pytest

from bots.errors import Dropped, StepTimeout
from bots.ground import first
from bots.media.plane import MediaPlane
from bots.protocol import sfu
from bots.sfu_link import SfuCall, SfuLink
from bots.transport import AWAY
from tests.support.asynctest import asynctest


def call() -> SfuCall:
    link = SfuLink("ws://127.0.0.1:9/never-opened", pings_at_once=False)
    return link.call(sfu.camera_view(camera_id="a camera", bitrate_bps=200_000))


@asynctest
async def test_a_call_that_ends_ends_the_wait_for_its_first_frame_with_its_reason():
    viewing = call()
    async with MediaPlane() as plane:
        in_an_hour_s = time.monotonic() + 3600
        waiting = asyncio.ensure_future(
            first(viewing, plane.session(), "camera", in_an_hour_s)
        )
        await asyncio.sleep(0)
        viewing.deliver(Dropped("the SFU socket was closed (1006)", code=AWAY))

        with pytest.raises(Dropped) as ended:
            await waiting

    assert ended.value.code == AWAY


@asynctest
async def test_media_that_never_come_over_a_living_call_are_late_at_the_deadline():
    async with MediaPlane() as plane:
        with pytest.raises(StepTimeout) as late:
            await first(call(), plane.session(), "camera", time.monotonic() + 0.1)

    assert late.value.code == "first frame"
