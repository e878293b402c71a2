"""Every refusal that BBB's protocol knows, raised by the node, as the right outcome.

One row for each key, messageId, reason and code, and for each case in which the server
says nothing: nobody gets a traceback, and nobody waits longer than the step's stated
limit. What happens after a connection was lost is in `test_reconnect.py`; what is
refused before load, in `test_unspoken.py`; a balancer's answers, in `test_cluster.py`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from bots.engine import open_field
from bots.models import (
    Habits,
    JoinReport,
    LeaveReport,
    MilestoneReport,
    ParticipantPlan,
    RefusalReport,
)
from bots.participant import Limits
from bots.protocol.sfu import ERROR_NAMES
from bots.transport import Transport
from bots.wire import Begin, Begun, Join, Refused
from loadtest.node.faults import Faults
from loadtest.node.settings import NodeSettings
from tests.integration.test_participant import LIMITS, QUICK, Scene, scene
from tests.support.asynctest import asynctest, eventually, scaled
from tests.support.engine import engine_of
from tests.support.node import SECRET, local_node

IMPATIENT = replace(LIMITS, camera_s=4.0, screen_s=4.0)
AT_LEISURE_S = 8.0
"""What a busy machine may add to a limit: no test fails by being slow."""

EARLY_KEYS = (
    "checksumError",
    "missingParamMeetingID",
    "missingParamFullName",
    "notFound",
    "invalidMeetingIdentifier",
    "meetingForciblyEnded",
    "a key of a later version",
)
"""A join fails with these by redirect, even when none was asked for."""
LATE_KEYS = (
    "Params required",
    "mismatchCreateTimeParam",
    "invalidPassword",
    "maxParticipantsReached",
    "guestDeniedAccess",
    "userNotFound",
    "missingToken",
    "missingSession",
)
CREATE_KEYS = ("idNotUnique", "nonUniqueVoiceBridge", "validationError")
MESSAGE_IDS = (
    "param_missing",
    "too_many_connections",
    "check_authorization_error",
    "meeting_not_found",
    "user_not_found",
    "session_token_replaced",
    "internal_error",
    "request_timeout",
)
JOIN_ERRORS = (
    "validate_token_failed_eject_reason",
    "not_enough_permission_eject_reason",
    "banned_user_rejoining_reason",
    "user_logged_out_reason",
    "max_participants_reason",
)
EJECTIONS = (
    "user_requested_eject_reason",
    "system_requested_eject_reason",
    "duplicate_user_in_meeting_eject_reason",
    "user_inactivity_eject_reason",
    "ejected_user_rejoining_reason",
    "joined_another_window_reason",
    "meeting_ended",
    "logged_out",
)
SFU_CODES = tuple(str(code) for code in ERROR_NAMES)

Row = tuple[dict[str, Any], str, str, str]
Told = tuple[list[str], str, str, str]
"""Outcomes of the joins; what was told beside them, its outcome and its code."""


def refused(phase: str, switch: str, codes: tuple[str, ...]) -> list[Row]:
    return [({switch: code}, "refused", code, phase) for code in codes]


JOINS: list[Row] = [
    ({"bridge": "livekit"}, "refused", "unsupported", "api"),
    ({"not_bbb3": True}, "refused", "unsupported", "api"),
    *[({"api_refuses": f"join:{k}"}, "refused", k, "api") for k in EARLY_KEYS],
    *refused("api", "join_refuses", LATE_KEYS),
    *refused("graphql", "refuse_connection", MESSAGE_IDS),
    ({"connections_limit": True}, "refused", "connections_limit_exceeded", "graphql"),
    ({"rate_limited": True}, "refused", "http 429", "graphql"),
    ({"slow_ack": 30.0}, "timed out", "graphql ack", "graphql"),
    *refused("meeting", "refuse_join", JOIN_ERRORS),
    ({"ignore_join": True}, "timed out", "meeting", "meeting"),
    ({"force_lobby": True}, "timed out", "lobby", "meeting"),
    (
        {"force_lobby": True, "deny_guests": True},
        "refused",
        "guest_deny",
        "meeting",
    ),
    *refused("audio", "sfu_error", SFU_CODES),
    ({"sfu_unauthorized": True}, "refused", "http 401", "audio"),
    ({"silent_start": True}, "timed out", "audio start", "audio"),
    ({"lost_answer": True}, "timed out", "audio flowing", "audio"),
    ({"dead_ice": True}, "timed out", "audio flowing", "audio"),
]


def limits() -> Limits:
    """Return limits that a silent server is given up at within a few seconds."""
    conversation = replace(LIMITS.conversation, ack_s=1.5, join_s=1.5, lobby_s=2.5)
    return replace(LIMITS, conversation=conversation, audio_s=1.5, camera_s=1.5)


@pytest.mark.parametrize(
    ("faults", "outcome", "code", "phase"), JOINS, ids=lambda value: str(value)[:60]
)
def test_a_refused_join_is_an_outcome_with_its_code_and_phase(
    faults, outcome, code, phase
):
    # Short where the limit itself is to end the step, or a slow machine would.
    given = limits() if outcome == "timed out" else LIMITS

    @asynctest
    async def play() -> None:
        async with scene(**faults) as stage:
            started_s = time.monotonic()
            participant = stage.participant(1, audio="microphone", limits=given)
            await participant.run()
            lasted_s = time.monotonic() - started_s

        (join,) = stage.of(JoinReport)
        assert (join.outcome, join.code) == (outcome, code)
        assert join.phases_s[-1][0] == phase
        assert join.join_time_s is None
        assert SECRET not in join.detail
        assert stage.of(LeaveReport) == []
        assert lasted_s < sum_of_limits(given) + scaled(AT_LEISURE_S)

    play()


def outcomes(stage: Scene) -> list[str]:
    """Return how the joins ended."""
    return [join.outcome for join in stage.of(JoinReport)]


def sum_of_limits(given: Limits) -> float:
    """Return the longest that all steps of a join may take together."""
    steps = given.conversation
    # A microphone that is refused one way is asked for in the other.
    return steps.ack_s + steps.join_s + steps.lobby_s + 2 * given.audio_s


@asynctest
async def test_listening_that_fell_back_is_told_and_goes_the_older_way():
    async with scene(sfu_error="passive:2300") as stage:
        async with stage.present(stage.participant(1, audio="listen only")):
            pass

    (join,) = stage.of(JoinReport)
    (told,) = stage.of(RefusalReport)
    assert (join.outcome, join.path.audio_role) == ("joined", "recv")
    assert (told.what, told.outcome, told.code) == ("audio way", "refused", "2300")


@asynctest
async def test_a_signalling_socket_that_is_closed_at_once_is_a_drop():
    async with scene(sfu_closes=True) as stage:
        await stage.participant(1, audio="microphone", limits=LIMITS).run()

    (join,) = stage.of(JoinReport)
    assert join.outcome == "dropped"
    # Without a status code, or cut while our frame was on its way.
    assert join.code in ("sfu 1005", "sfu 1006")
    assert stage.of(LeaveReport) == []


async def all_at_once(
    play: Callable[[str], Awaitable[Told]], rows: tuple[str, ...]
) -> dict[str, Told]:
    """Play a scene for each row, each with a node of its own."""
    return dict(zip(rows, await asyncio.gather(*map(play, rows)), strict=True))


@asynctest
async def test_a_removal_is_a_drop_by_its_reason():
    async def play(reason: str) -> Told:
        async with scene(eject=reason) as stage:
            async with asyncio.timeout(scaled(20)):
                await stage.participant(1).run()

        (leave,) = stage.of(LeaveReport)
        return outcomes(stage), "leave", leave.outcome, leave.code

    assert await all_at_once(play, EJECTIONS) == {
        reason: (["joined"], "leave", "dropped", reason) for reason in EJECTIONS
    }


@asynctest
async def test_who_is_removed_in_the_audio_dialog_does_not_linger_there():
    reason = "user_requested_eject_reason"
    async with scene(eject=reason) as stage:
        await stage.participant(
            1, audio="microphone", habits=Habits(dialog_s=3600.0)
        ).run()

    (join,) = stage.of(JoinReport)
    assert (join.outcome, join.code) == ("dropped", reason)


@asynctest
async def test_who_is_removed_while_its_audio_joins_is_told_as_removed(monkeypatch):
    monkeypatch.setattr("bots.participant.BETTER_REASON_S", scaled(20))  # if it is slow
    reason = "user_requested_eject_reason"
    async with scene(eject=reason, silent_start=True) as stage:
        await stage.participant(1, audio="microphone").run()

    (join,) = stage.of(JoinReport)
    assert (join.outcome, join.code) == ("dropped", reason)
    assert join.phases_s[-1][0] == "audio"


@asynctest
async def test_a_token_that_another_window_took_over_is_a_drop_for_good():
    async with scene() as stage:
        participant = stage.participant(1, limits=QUICK)
        async with stage.present(participant), Transport() as another:
            (meeting,) = stage.node.running.node.meetings.values()
            (user,) = meeting.present()
            (session,) = stage.node.running.node.sessions.values()
            await another.get(
                stage.node.signed(
                    "join",
                    meetingID="bbbload-test-0",
                    fullName="Bot 1",
                    role="viewer",
                    redirect="false",
                    existingUserID=user.id,
                    replaceSessionToken=session.token,
                )
            )
            (leave,) = await stage.wait_for(LeaveReport)

    assert (leave.outcome, leave.code) == ("dropped", "session_token_replaced")
    assert stage.of(RefusalReport) == [], "nothing is tried again"


@asynctest
async def test_a_refused_camera_costs_its_owner_the_camera_only():
    async def play(code: str) -> Told:
        async with scene(sfu_error=code) as stage:
            sharer = stage.participant(1, shares_camera=True)
            async with stage.present(sharer):
                told = await stage.wait_for(RefusalReport)
        assert [leave.outcome for leave in stage.of(LeaveReport)] == ["left"]
        return outcomes(stage), told[0].what, told[0].outcome, told[0].code

    assert await all_at_once(play, SFU_CODES) == {
        code: (["joined"], "camera share", "refused", code) for code in SFU_CODES
    }


@asynctest
async def test_a_refused_view_of_a_camera_costs_the_viewer_that_camera_only():
    codes = ("2201", "2300", "2301")

    async def play(code: str) -> Told:
        async with scene(sfu_error=f"viewer:{code}") as stage:
            sharer = stage.participant(1, shares_camera=True, camera_view_limit=0)
            viewer = stage.participant(2)
            async with stage.present(sharer, viewer):
                told = await stage.wait_for(RefusalReport)
        assert told[0].participant == 2
        assert {leave.outcome for leave in stage.of(LeaveReport)} == {"left"}
        return outcomes(stage), told[0].what, told[0].outcome, told[0].code

    assert await all_at_once(play, codes) == {
        code: (["joined"] * 2, "camera view", "refused", code) for code in codes
    }


SHARES = {"camera": {"shares_camera": True}, "screen": {"shares_screen": True}}
UNSAID = {
    "silent_start": ("timed out", "{} share start"),
    "dead_ice": ("timed out", "{} share flowing"),
    "sfu_unauthorized": ("refused", "http 401"),
}


@asynctest
async def test_a_camera_or_screen_that_nobody_answers_is_given_up_in_time():
    rows = tuple(f"{media} {fault}" for media in SHARES for fault in UNSAID)

    async def play(row: str) -> Told:
        media, _, fault = row.partition(" ")
        async with scene(**{fault: True}) as stage:
            sharer = stage.participant(
                1, role="moderator", limits=IMPATIENT, **SHARES[media]
            )
            async with stage.present(sharer):
                (told,) = await stage.wait_for(RefusalReport)
        return outcomes(stage), told.what, told.outcome, told.code

    found = await all_at_once(play, rows)

    for row in rows:
        media, _, fault = row.partition(" ")
        outcome, code = UNSAID[fault]
        told = (["joined"], f"{media} share", outcome, code.format(media))
        assert found[row] == told


@asynctest
async def test_a_view_that_nobody_answers_is_given_up_in_time():
    rows = tuple(
        f"{media} {fault}"
        for media in SHARES
        for fault in ("silent_start", "lost_answer")
    )

    async def play(row: str) -> Told:
        media, _, fault = row.partition(" ")
        async with scene() as stage:
            sharer = stage.participant(
                1, role="moderator", camera_view_limit=0, **SHARES[media]
            )
            viewer = stage.participant(2, limits=IMPATIENT)
            async with stage.present(sharer):
                around = stage.node.running.media
                await eventually(lambda: around.sources, what="something to view")
                around.faults = Faults(**{fault: True})
                async with stage.present(viewer):
                    (told,) = await stage.wait_for(RefusalReport)
        return outcomes(stage), told.what, told.outcome, told.code

    found = await all_at_once(play, rows)

    for row in rows:
        media, _, fault = row.partition(" ")
        step = "start" if fault == "silent_start" else "flowing"
        assert found[row] == (
            ["joined"] * 2,
            f"{media} view",
            "timed out",
            f"{media} view {step}",
        )


@pytest.mark.parametrize(
    ("kind", "what", "code"),
    [
        ("send", "screen share", "2301"),
        ("send", "screen share", "2202"),
        ("recv", "screen view", "2300"),
        ("recv", "screen view", "2201"),
    ],
)
def test_a_refused_screen_costs_nobody_more_than_the_screen(kind, what, code):
    @asynctest
    async def play() -> None:
        async with scene(sfu_error=f"{kind}:{code}") as stage:
            presenter = stage.participant(
                1, audio="none", role="moderator", shares_screen=True
            )
            viewer = stage.participant(2, audio="none", limits=limits())
            async with stage.present(presenter, viewer):
                told = await stage.wait_for(RefusalReport, what=what)

        assert (told[0].outcome, told[0].code) == ("refused", code)
        assert {join.outcome for join in stage.of(JoinReport)} == {"joined"}
        assert {leave.outcome for leave in stage.of(LeaveReport)} == {"left"}

    play()


@asynctest
async def test_session_calls_that_know_no_session_cost_nothing_but_their_answers():
    async with scene(missing_session=True) as stage:
        async with stage.present(stage.participant(1, audio="listen only")):
            (heard,) = await stage.wait_for(MilestoneReport, media="audio")

    assert [join.outcome for join in stage.of(JoinReport)] == ["joined"]
    assert heard.outcome == "joined"


def begin_at(api_url: str) -> Begin:
    return Begin(
        run="r1", target=api_url, engine=0, zero_s=time.monotonic(), duration_s=60.0
    )


@pytest.mark.parametrize(
    ("call", "key"),
    [
        *(("create", key) for key in (*CREATE_KEYS, "checksumError")),
        ("getMeetings", "checksumError"),
        ("getMeetingInfo", "notFound"),
        *(("join", key) for key in ("maxParticipantsReached", "guestDeniedAccess")),
    ],
)
def test_what_is_refused_before_load_ends_the_run_with_8(call, key, monkeypatch):
    monkeypatch.setenv("BBB_SECRET", SECRET)

    @asynctest
    async def play() -> None:
        faults = Faults(api_refuses=f"{call}:{key}")
        async with local_node(NodeSettings(secret=SECRET, faults=faults)) as node:
            async with engine_of(begin_at(node.api_url), open_field) as engine:
                told = await engine.answer(Refused)

        assert told.exit_code == 8
        assert key in told.message or "refuses our signature" in told.message

    play()


@pytest.mark.parametrize("key", CREATE_KEYS)
def test_a_meeting_that_is_refused_in_a_run_is_its_participants_outcome(
    key, monkeypatch
):
    monkeypatch.setenv("BBB_SECRET", SECRET)

    @asynctest
    async def play() -> None:
        # The first engine would prove a meeting; a second one takes the run's word.
        faults = Faults(api_refuses=f"create:{key}")
        async with local_node(NodeSettings(secret=SECRET, faults=faults)) as node:
            begin = replace(begin_at(node.api_url), is_first=False)
            async with engine_of(begin, open_field) as engine:
                await engine.answer(Begun)
                plan = ParticipantPlan(number=0, meeting_number=0, persona="listener")
                engine.send(Join(plan=plan))
                (join,) = await eventually(lambda: engine.reports("join"))

        assert (join["outcome"], join["code"]) == ("refused", key)

    play()
