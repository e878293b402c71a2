"""Whole participants in a real stand-in node: signalling, ICE, DTLS, SRTP, RTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from bots.clock import RunClock
from bots.join import Target
from bots.limits import ConversationLimits, Limits, Retries
from bots.media.plane import MediaPlane
from bots.models import (
    JoinReport,
    LeaveReport,
    MeetingRef,
    MilestoneReport,
    ParticipantPlan,
    RefusalReport,
    Report,
    StreamReport,
)
from bots.participant import Participant
from bots.protocol import api
from bots.redaction import Secret
from bots.transcript import Transcript
from bots.transport import Transport
from loadtest.node.client_settings import CLIENT_SETTINGS
from loadtest.node.faults import Faults
from loadtest.node.settings import NodeSettings
from loadtest.nodes import fetch_metrics
from tests.support.asynctest import asynctest, eventually
from tests.support.node import SECRET, LocalNode, local_node

AnyReport = TypeVar("AnyReport", bound=Report)
LIMITS = Limits(
    conversation=ConversationLimits(ack_s=20, join_s=20, mutation_s=20),
    audio_s=20,
    camera_s=20,
    first_audio_s=20,
)
QUICK = replace(
    LIMITS,
    conversation=replace(
        LIMITS.conversation,
        retries=Retries(attempts=20, first_wait_s=0.2, wait_s=0.5),
    ),
    audio_retries=Retries(attempts=20, first_wait_s=0.0, wait_s=0.5),
    camera_retries=Retries(attempts=20, first_wait_s=0.2, wait_s=0.5),
)


class Scene:
    """A node, a meeting, a media plane, and the participants that a test sends in."""

    def __init__(self, node: LocalNode, plane: MediaPlane, meeting: MeetingRef) -> None:
        self.node = node
        self.reports: list[Report] = []
        self._plane = plane
        self._meeting = meeting
        self._clock = RunClock()
        self._group: asyncio.TaskGroup | None = None
        self._target = Target(api_url=node.api_url, secret=Secret(SECRET))

    def participant(
        self,
        number: int,
        *,
        secret: str = SECRET,
        meeting: MeetingRef | None = None,
        limits: Limits = LIMITS,
        transcript: Transcript | None = None,
        **plan: Any,
    ) -> Participant:
        given = {"persona": "test", "audio": "none", "chat_interval_s": None} | plan
        return Participant(
            ParticipantPlan(number=number, meeting_number=0, **given),
            meeting or self._meeting,
            target=replace(self._target, secret=Secret(secret)),
            plane=self._plane,
            clock=self._clock,
            report=self.reports.append,
            limits=limits,
            transcript=transcript,
        )

    @asynccontextmanager
    async def present(self, *participants: Participant) -> AsyncIterator[None]:
        """Let them join, and leave at the end of the block."""
        async with asyncio.TaskGroup() as group:
            for participant in participants:
                group.create_task(participant.run())
            try:
                numbers = {p.plan.number for p in participants}
                await eventually(
                    lambda: numbers <= {r.participant for r in self.of(JoinReport)},
                    limit_s=40,
                    what="all join reports",
                )
                yield
            finally:
                await asyncio.gather(*(p.leave() for p in participants))

    @asynccontextmanager
    async def unjoined(self, participant: Participant) -> AsyncIterator[None]:
        """Let one try to join, and leave at the end of the block, joined or not."""
        async with asyncio.TaskGroup() as group:
            group.create_task(participant.run())
            try:
                yield
            finally:
                await participant.leave()

    def of(
        self, kind: type[AnyReport], number: int | None = None, **wanted: Any
    ) -> list[AnyReport]:
        return [
            report
            for report in self.reports
            if isinstance(report, kind)
            and (number is None or report.participant == number)
            and all(getattr(report, key) == value for key, value in wanted.items())
        ]

    async def wait_for(
        self, kind: type[AnyReport], count: int = 1, **wanted: Any
    ) -> list[AnyReport]:
        found: list[AnyReport] = await eventually(
            lambda: (
                self.of(kind, **wanted) if len(self.of(kind, **wanted)) >= count else []
            ),
            limit_s=40,
            what=f"{count} of {kind.__name__} {wanted}",
        )
        return found


@asynccontextmanager
async def scene(
    *extra: tuple[str, str], version: str = "3.0.19", **faults: Any
) -> AsyncIterator[Scene]:
    settings = NodeSettings(secret=SECRET, bbb_version=version, faults=Faults(**faults))
    async with local_node(settings) as node, MediaPlane() as plane:
        parameters = api.create_parameters(
            run="test", number=0, rest_of_run_s=300, extra=extra
        )
        async with Transport() as transport:
            url = api.create_url(node.api_url, parameters, SECRET)
            created = api.parse_create(await transport.get(url))
        yield Scene(node, plane, MeetingRef(number=0, meeting_id=created.meeting_id))


def total(reports: list[StreamReport], field: Callable[[StreamReport], int]) -> int:
    return sum(field(report) for report in reports)


@asynctest
async def test_two_microphones_hear_each_other_and_leave_cleanly():
    async with scene() as stage:
        one = stage.participant(1, audio="microphone", talks=True)
        two = stage.participant(2, audio="microphone", talks=False)
        async with stage.present(one, two):
            await stage.wait_for(MilestoneReport, 2, media="audio", outcome="joined")
            one.sample(), two.sample()
            await asyncio.sleep(2.0)  # a time to count packets in
            stage.reports[:] = [
                r for r in stage.reports if not isinstance(r, StreamReport)
            ]
            await asyncio.sleep(2.0)
            one.sample(), two.sample()
            counted = stage.of(StreamReport)

    joins = stage.of(JoinReport)
    assert [join.outcome for join in joins] == ["joined", "joined"]
    for join in joins:
        assert [name for name, _ in join.phases_s] == [
            "api",
            "graphql",
            "meeting",
            "audio",
        ]
        assert join.join_time_s is not None
        assert join.join_time_s >= sum(seconds for _, seconds in join.phases_s) * 0.9
        assert join.path.bridge == "bbb-webrtc-sfu"
        assert join.path.audio_role == "sendrecv"
        assert join.path.offerer == "server"
        assert join.path.candidate_type == "host"
        assert join.path.remote_address.startswith("127.0.0.1:")
        assert join.node == stage.node.url.removeprefix("http://")
    heard = [r for r in counted if r.direction == "in" and r.media == "audio"]
    assert {r.participant for r in heard} == {1, 2}
    assert [leave.outcome for leave in stage.of(LeaveReport)] == ["left", "left"]
    assert stage.of(RefusalReport) == []


@asynctest
async def test_a_listener_gets_fifty_packets_a_second_and_sends_none():
    async with scene() as stage:
        talker = stage.participant(1, audio="microphone", talks=True)
        listener = stage.participant(2, audio="listen only")
        async with stage.present(talker, listener):
            await stage.wait_for(MilestoneReport, 2, media="audio", outcome="joined")

            async def rate() -> float:
                listener.sample()
                before = len(stage.of(StreamReport, 2, direction="in"))
                started_s = asyncio.get_running_loop().time()
                await asyncio.sleep(2.0)  # a time to count packets in
                listener.sample()
                lasted_s = asyncio.get_running_loop().time() - started_s
                counted = stage.of(StreamReport, 2, direction="in")[before:]
                return total(counted, lambda report: report.packets) / lasted_s

            async def is_fifty() -> bool:
                return await rate() == pytest.approx(50, abs=2)

            # A process that stood still when the time was over counts too few, once.
            await eventually(is_fifty, what="fifty packets a second")
            heard = stage.of(StreamReport, 2, direction="in")
        join = stage.of(JoinReport, 2)[0]

    assert total(heard, lambda report: report.lost) == 0
    assert len({report.ssrc for report in heard}) == 1
    assert join.path.audio_role == "passive-sendrecv"
    sent = stage.of(StreamReport, 2, direction="out")
    assert total(sent, lambda report: report.packets) == 0


@asynctest
async def test_a_camera_is_seen_by_all_others_with_every_packet():
    async with scene() as stage:
        sharer = stage.participant(1, shares_camera=True)
        viewers = [
            stage.participant(n, role=r) for n, r in ((2, "viewer"), (3, "moderator"))
        ]
        async with stage.present(sharer, *viewers):
            await stage.wait_for(MilestoneReport, 2, media="camera")
            await asyncio.sleep(3.0)
            for participant in (sharer, *viewers):
                participant.sample()
        streams = stage.of(StreamReport, media="camera")

    milestones = stage.of(MilestoneReport, media="camera")
    assert {(m.participant, m.source, m.outcome) for m in milestones} == {
        (2, 1, "joined"),
        (3, 1, "joined"),
    }
    # Nobody here has audio: the way that their cameras took is told with these.
    ways = {(m.path.bridge, m.path.candidate_type) for m in milestones}
    assert ways == {("bbb-webrtc-sfu", "host")}
    assert all(m.path.remote_address.startswith("127.0.0.1:") for m in milestones)
    for number in (2, 3):
        seen = [s for s in streams if s.participant == number and s.direction == "in"]
        assert {s.source for s in seen} == {1}
        packets = total(seen, lambda s: s.packets)
        first = min(s.first_sequence for s in seen if s.first_sequence is not None)
        last = max(s.last_sequence for s in seen if s.last_sequence is not None)
        assert packets / (last - first + 1) >= 0.99
        assert total(seen, lambda s: s.frames) >= 30
        assert total(seen, lambda s: s.key_frames) >= 1
        assert any(s.one_way_delay_s is not None for s in seen)
    assert stage.of(RefusalReport) == []


@asynctest
async def test_a_viewer_sees_a_page_a_moderator_sees_all():
    async with scene() as stage:
        sharers = [
            stage.participant(n, shares_camera=True, camera_view_limit=0)
            for n in (1, 2, 3)
        ]
        viewer = stage.participant(8, camera_view_limit=2)
        moderator = stage.participant(9, role="moderator", camera_view_limit=None)
        async with stage.present(*sharers, viewer, moderator):
            await stage.wait_for(MilestoneReport, 5, media="camera")
            metrics = await asyncio.to_thread(fetch_metrics, stage.node.metrics_url)

    assert "\nmediasoup_consumers 5\n" in metrics
    seen = stage.of(MilestoneReport, media="camera")
    assert sorted(m.source or 0 for m in seen if m.participant == 9) == [1, 2, 3]
    assert len([m for m in seen if m.participant == 8]) == 2


@asynctest
async def test_a_camera_that_is_switched_off_is_no_refusal():
    async with scene() as stage:
        sharer = stage.participant(1, shares_camera=True)
        viewer = stage.participant(2)
        async with stage.present(viewer):
            async with stage.present(sharer):
                await stage.wait_for(MilestoneReport, media="camera")
            await asyncio.sleep(3.0)  # longer than the grace of `webcams.py`

    assert stage.of(RefusalReport) == []
    assert [m.outcome for m in stage.of(MilestoneReport)] == ["joined"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"secret": "not-the-secret"}, "checksumError"),
        ({"meeting": MeetingRef(number=7, meeting_id="nowhere")}, "notFound"),
    ],
)
def test_a_refused_join_is_an_outcome_with_its_phase(change, code):
    @asynctest
    async def play() -> None:
        async with scene() as stage:
            await stage.participant(1, **change).run()

        (join,) = stage.of(JoinReport)
        assert (join.outcome, join.join_time_s) == ("refused", None)
        assert join.code in (code, "invalidMeetingIdentifier")
        assert join.detail.startswith("api: ")
        assert stage.of(LeaveReport) == []
        assert "not-the-secret" not in repr(join)

    play()


@asynctest
async def test_silent_media_is_a_milestone_that_never_came():
    async with scene(silent_media=True) as stage:
        limits = replace(LIMITS, first_audio_s=1.0)
        listener = stage.participant(1, audio="listen only", limits=limits)
        async with stage.present(listener):
            (milestone,) = await stage.wait_for(MilestoneReport)

    assert (milestone.wait_s, milestone.outcome) == (None, "timed out")
    assert milestone.code == "first audio"


@pytest.mark.parametrize(
    ("faults", "code"),
    [({"drop_graphql": 1.0}, "graphql"), ({"drop_sfu": 1.0}, "sfu")],
)
def test_a_socket_that_is_dropped_for_good_is_a_drop_and_ends_the_participant(
    faults, code
):
    @asynctest
    async def play() -> None:
        never = Retries(attempts=0)
        limits = replace(
            LIMITS,
            conversation=replace(LIMITS.conversation, retries=never),
            audio_retries=never,
        )
        async with scene(**faults) as stage:
            async with asyncio.timeout(20):
                await stage.participant(1, audio="listen only", limits=limits).run()

        (leave,) = stage.of(LeaveReport)
        assert leave.outcome == "dropped"
        assert leave.code.startswith(code)

    play()


@asynctest
async def test_an_ended_meeting_is_a_drop_by_that_name():
    async with scene() as stage:
        participant = stage.participant(1, audio="microphone")
        async with stage.present(participant):
            async with Transport() as transport:
                url = api.end_url(stage.node.api_url, "bbbload-test-0", SECRET)
                await transport.get(url)
            (leave,) = await stage.wait_for(LeaveReport)

    assert (leave.outcome, leave.code) == ("dropped", "meeting_ended")


@asynctest
async def test_a_cancelled_participant_leaves_all_the_same():
    async with scene() as stage:
        participant = stage.participant(1, audio="microphone", shares_camera=True)
        task = asyncio.ensure_future(participant.run())
        await stage.wait_for(JoinReport)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with Transport() as transport:
            url = api.get_meeting_info_url(stage.node.api_url, "bbbload-test-0", SECRET)
            info = api.parse_meeting_info(await transport.get(url))

    assert info.participants == 0
    assert [leave.outcome for leave in stage.of(LeaveReport)] == ["left"]


@asynctest
async def test_who_is_told_to_leave_while_joining_is_withdrawn():
    async with scene(slow_ack=5.0) as stage:
        participant = stage.participant(1)
        task = asyncio.ensure_future(participant.run())
        await eventually(lambda: participant._logbook.phases)
        await participant.leave()
        await task

    assert [join.outcome for join in stage.of(JoinReport)] == ["withdrawn"]
    assert stage.of(LeaveReport) == []


@asynctest
async def test_a_transcript_holds_every_frame_and_no_secret():
    transcript = Transcript()
    async with scene() as stage:
        participant = stage.participant(1, audio="microphone", transcript=transcript)
        async with stage.present(participant):
            await stage.wait_for(MilestoneReport, media="audio")

    document = transcript.document()
    text = repr(document)
    frames = document["frames"]
    assert {frame["socket"] for frame in frames} >= {"graphql", "sfu audio"}
    assert frames[0]["message"]["type"] == "connection_init"
    assert frames[0]["message"]["payload"]["headers"]["X-Session-Token"] == "<secret>"
    joins = [f for f in frames if "UserJoin" in repr(f["message"])]
    assert joins[0]["message"]["payload"]["variables"]["authToken"] == "<secret>"
    assert "$authToken" in joins[0]["message"]["payload"]["query"]
    assert "a=ice-pwd:<secret>" in text
    assert "a=candidate" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("mode", "role", "offerer"),
    [("microphone", "sendrecv", "client"), ("listen only", "recv", "server")],
)
def test_a_server_without_transparent_listening_is_joined_the_other_way(
    mode, role, offerer, monkeypatch
):
    public: dict[str, Any] = CLIENT_SETTINGS["public"]  # type: ignore[assignment]
    monkeypatch.setitem(public["media"], "transparentListenOnly", False)
    pages = public["kurento"]["pagination"]["desktopPageSizes"]
    monkeypatch.setitem(pages, "viewer", 9)

    @asynctest
    async def play() -> None:
        async with scene() as stage:
            async with stage.present(stage.participant(1, audio=mode)):
                (milestone,) = await stage.wait_for(MilestoneReport, media="audio")

        (join,) = stage.of(JoinReport)
        assert join.outcome == "joined"
        assert (join.path.audio_role, join.path.offerer) == (role, offerer)
        assert milestone.outcome == "joined"
        (page,) = stage.of(RefusalReport, what="camera page")
        assert (page.outcome, page.code) == ("withdrawn", "browsers show 9")

    play()


@asynctest
async def test_whoever_joins_muted_and_wants_to_talk_unmutes():
    async with scene(("muteOnStart", "true")) as stage:
        talker = stage.participant(1, audio="microphone", talks=True, role="moderator")
        listener = stage.participant(2, audio="listen only")
        async with stage.present(talker, listener):
            meeting = next(iter(stage.node.running.node.meetings.values()))
            user = next(u for u in meeting.users.values() if u.name == "Bot 1")
            await eventually(
                lambda: user.voice is not None and not user.voice.muted,
                what="an unmuted talker",
            )


@asynctest
async def test_twelve_participants_of_mixed_personas_live_together():
    async with scene() as stage:
        kinds: list[dict[str, Any]] = [
            {"audio": "microphone", "talks": True, "shares_camera": True},
            {"audio": "microphone", "talks": False},
            {"audio": "listen only"},
            {"audio": "none"},
        ]
        people = [stage.participant(n, **kinds[n % 4]) for n in range(12)]
        async with stage.present(*people):
            await stage.wait_for(MilestoneReport, 9, media="audio", outcome="joined")
            await stage.wait_for(MilestoneReport, 33, media="camera", outcome="joined")

    assert {join.outcome for join in stage.of(JoinReport)} == {"joined"}
    assert {leave.outcome for leave in stage.of(LeaveReport)} == {"left"}
    assert stage.of(RefusalReport) == []


@asynctest
async def test_a_worker_that_dies_is_noticed_within_ten_seconds_and_audio_comes_back():
    async with scene(dead_worker=1.0) as stage:
        listener = stage.participant(1, audio="listen only", limits=QUICK)
        async with stage.present(listener):
            (join,) = await stage.wait_for(JoinReport)
            (dropped,) = await stage.wait_for(RefusalReport)
            meeting = next(iter(stage.node.running.node.meetings.values()))
            await eventually(
                lambda: any(user.voice for user in meeting.present()),
                what="audio joined again",
            )

    assert (dropped.what, dropped.outcome) == ("audio", "dropped")
    assert dropped.detail.startswith("the media of the audio went silent")
    # A second until it dies, ten to notice, and what a busy machine adds.
    assert dropped.elapsed_s - join.elapsed_s < 1.0 + 10.0 + 5.0
    assert [leave.outcome for leave in stage.of(LeaveReport)] == ["left"]


@asynctest
async def test_a_refused_camera_is_reported_and_its_owner_stays():
    async with scene(sfu_error="2301") as stage:
        sharer = stage.participant(1, shares_camera=True)
        async with stage.present(sharer):
            (refusal,) = await stage.wait_for(RefusalReport)

    assert (refusal.what, refusal.outcome) == ("camera share", "refused")
    assert refusal.code == "2301"
    assert [leave.outcome for leave in stage.of(LeaveReport)] == ["left"]


@asynctest
async def test_a_camera_that_never_sends_is_a_milestone_that_never_came():
    async with scene(silent_media=True) as stage:
        sharer = stage.participant(1, shares_camera=True, camera_view_limit=0)
        limits = replace(LIMITS, camera_s=3.0)
        viewer = stage.participant(2, limits=limits)
        async with stage.present(sharer, viewer):
            (milestone,) = await stage.wait_for(MilestoneReport, media="camera")
            (refusal,) = await stage.wait_for(RefusalReport, participant=2)

    assert (milestone.participant, milestone.source) == (2, 1)
    assert (milestone.wait_s, milestone.outcome) == (None, "timed out")
    assert milestone.code == "first frame"
    assert (refusal.what, refusal.outcome) == ("camera view", "timed out")
