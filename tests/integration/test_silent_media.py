"""Media that die one by one, while the server answers every connectivity check."""

import time

from bots.models import LeaveReport, MilestoneReport, RefusalReport
from tests.integration.test_participant import QUICK, scene
from tests.support.asynctest import asynctest, eventually


@asynctest
async def test_media_that_end_while_checks_are_answered_are_the_servers_outcome():
    async with scene() as stage:
        sharer = stage.participant(
            1, shares_camera=True, camera_view_limit=0, limits=QUICK
        )
        viewer = stage.participant(2, shares_camera=True, limits=QUICK)
        async with stage.present(sharer, viewer):
            await stage.wait_for(MilestoneReport, media="camera", outcome="joined")
            media = stage.node.running.media
            await eventually(lambda: len(media.sources) == 2, what="two cameras")
            meeting = next(iter(stage.node.running.node.meetings.values()))
            (own,) = (user for user in meeting.present() if user.name == "Bot 2")
            (shares,) = (
                source
                for (_, stream_id), source in media.sources.items()
                if stream_id.startswith(own.id)
            )
            before = media.counters.received_packets
            shares.transport.keeps_rtcp = True
            media.kill_worker("keeps_rtp")
            died_s = time.monotonic()
            lost = await stage.wait_for(RefusalReport, 2)
            took_s = time.monotonic() - died_s
            assert media.counters.received_packets > before, "all else went on"

    found = {(each.participant, each.what, each.outcome, each.code) for each in lost}
    assert found == {
        (2, "camera share", "dropped", "rtcp silent"),
        (2, "camera view", "dropped", "rtp silent"),
    }
    # Ten seconds, and what a busy machine adds to them.
    assert took_s < 10.0 + 5.0
    assert {leave.outcome for leave in stage.of(LeaveReport)} == {"left"}
