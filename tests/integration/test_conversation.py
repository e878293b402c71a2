"""Our GraphQL side against the stand-in node's real sockets: join, stay, be refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bots.clock import RunClock
from bots.conversation import Conversation
from bots.errors import ApiRefusal, ClusterError, Dropped, GraphqlRefusal, StepTimeout
from bots.join import Target, join_session
from bots.limits import ConversationLimits, Retries
from bots.models import ParticipantPlan
from bots.presence import Presence
from bots.protocol import api
from bots.protocol import operations as op
from bots.protocol.graphql import Data
from bots.protocol.meeting import MeetingEvent, MeetingView, Removed
from bots.protocol.opening import OPENING
from bots.redaction import Secret
from bots.transport import FrameHook, Transport
from loadtest.node.faults import Faults
from loadtest.node.settings import GraphqlLimits, NodeSettings
from tests.support.asynctest import asynctest, eventually
from tests.support.node import SECRET, LocalNode, local_node

LIMITS = ConversationLimits(
    ack_s=20.0, current_user_s=5.0, join_s=20.0, lobby_s=20.0, mutation_s=20.0
)


def settings(**faults: Any) -> NodeSettings:
    return NodeSettings(secret=SECRET, faults=Faults(**faults))


async def meeting_on(node: LocalNode, *extra: tuple[str, str]) -> str:
    parameters = api.create_parameters(
        run="test", number=0, rest_of_run_s=60, extra=extra
    )
    async with Transport() as transport:
        url = api.create_url(node.api_url, parameters, SECRET)
        return api.parse_create(await transport.get(url)).meeting_id


@asynccontextmanager
async def in_meeting(
    node: LocalNode,
    meeting: str,
    *,
    number: int = 0,
    limits: ConversationLimits = LIMITS,
    frames: list[tuple[str, str]] | None = None,
    troubles: list[tuple[str, ClusterError]] | None = None,
    on_frame: FrameHook | None = None,
    view_of: type[MeetingView] = MeetingView,
    **plan: Any,
) -> AsyncIterator[Conversation]:
    """Join as a participant does, as far as `joined: true`, and leave at the end."""
    planned = ParticipantPlan(
        number=number, meeting_number=0, persona="listener", **plan
    )
    target = Target(api_url=node.api_url, secret=Secret(SECRET))
    async with Transport() as transport:
        session = await join_session(transport, target, planned, meeting)
        view = view_of(client_session_uuid=f"uuid-{number}")
        view.knows_meeting(session.joined.internal_meeting_id)
        conversation = Conversation(
            url=session.index.graphql_websocket_url,
            session_token=session.joined.session_token,
            client_session_uuid=f"uuid-{number}",
            dialects=session.dialects,
            view=view,
            rng=np.random.default_rng(number),
            limits=limits,
            on_trouble=lambda what, why: (
                None if troubles is None else troubles.append((what, why))
            ),
            on_frame=on_frame
            if frames is None
            else lambda direction, text: frames.append((direction, text)),
        )
        async with asyncio.TaskGroup() as group:
            try:
                await conversation.connect(transport, group)
                await conversation.join()
                yield conversation
            finally:
                await conversation.leave()


async def refusal_of(node: LocalNode, **more: Any) -> ClusterError:
    """Return what a join of the node's own meeting fails with."""
    meeting = await meeting_on(node)
    with pytest.RaisesGroup(ClusterError) as caught:
        async with in_meeting(node, meeting, **more):
            pass
    failure = caught.value.exceptions[0]
    assert isinstance(failure, ClusterError)
    return failure


@asynctest
async def test_a_participant_is_in_the_meeting_and_gone_after_leaving():
    async with local_node() as node:
        meeting = await meeting_on(node)
        async with in_meeting(node, meeting, role="moderator") as conversation:
            assert conversation.view.is_joined
            assert conversation.view.is_moderator
            assert conversation.view.user_id.startswith("w_")
            inside = await info(node, meeting)
        after = await info(node, meeting)

    assert (inside.participants, inside.moderators) == (1, 1)
    assert after.participants == 0


async def info(node: LocalNode, meeting: str) -> api.MeetingInfo:
    async with Transport() as transport:
        url = api.get_meeting_info_url(node.api_url, meeting, SECRET)
        return api.parse_meeting_info(await transport.get(url))


@asynctest
async def test_the_whole_opening_is_understood_by_the_server():
    frames: list[tuple[str, str]] = []
    async with local_node() as node:
        meeting = await meeting_on(node)
        async with in_meeting(
            node, meeting, role="moderator", frames=frames
        ) as conversation:
            presence = Presence(conversation, steps=OPENING, utc=RunClock().utc)
            async with asyncio.timeout(30):
                await presence.run_opening()
            open_ones = 23
            await eventually(
                lambda: len(conversation._client.open_subscriptions) == open_ones
            )

    assert set(conversation.failed_operations) <= {"Patched_Timer"}
    sent = [text for direction, text in frames if direction == "client->server"]
    assert all('"query": ' not in text for text in sent)


@asynctest
async def test_what_one_says_the_other_sees():
    async with local_node() as node:
        meeting = await meeting_on(node)
        async with (
            in_meeting(node, meeting, number=1) as one,
            in_meeting(node, meeting, number=2) as two,
        ):
            one._client.subscribe(op.CAMERAS)
            await one._flush()
            stream = f"{two.view.user_id}_uuid-2_device"
            await two.call(
                op.CAMERA_START, {"cameraId": stream, "contentType": "camera"}
            )
            (camera,) = await eventually(lambda: one.view.cameras)
            await two.call(op.CAMERA_STOP, {"cameraId": stream})
            await eventually(lambda: not one.view.cameras)

    assert (camera.stream_id, camera.name) == (stream, "Bot 2")


@asynctest
async def test_a_guest_waits_until_the_lobby_lets_it_in():
    async with local_node(settings(force_lobby=True)) as node:
        late = await refusal_of(node, limits=replace(LIMITS, lobby_s=0.3))

    assert isinstance(late, StepTimeout)
    assert late.code == "lobby"


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"refuse_connection": "check_authorization_error"}, None),
        ({"refuse_connection": "too_many_connections"}, None),
        ({"connections_limit": True}, "connections_limit_exceeded"),
        ({"rate_limited": True}, "http 429"),
        ({"refuse_join": "max_participants_reason"}, None),
    ],
)
def test_a_refusal_of_the_middleware_carries_its_own_name(faults, code):
    @asynctest
    async def play() -> None:
        async with local_node(settings(**faults)) as node:
            refusal = await refusal_of(node)

        assert isinstance(refusal, GraphqlRefusal)
        assert refusal.code == (code or next(iter(faults.values())))

    play()


@asynctest
async def test_a_slow_acknowledgement_is_waited_for_and_a_late_one_is_a_timeout():
    async with local_node(settings(slow_ack=1.0)) as node:
        meeting = await meeting_on(node)
        async with in_meeting(node, meeting) as conversation:
            assert conversation.view.is_joined
        late = await refusal_of(node, limits=replace(LIMITS, ack_s=0.1))

    assert isinstance(late, StepTimeout)
    assert late.code == "graphql ack"


@asynctest
async def test_the_connection_cap_is_told_by_its_close_code_or_message_id():
    limited = replace(settings(), limits=GraphqlLimits(max_connections=1))
    async with local_node(limited) as node:
        meeting = await meeting_on(node)
        async with in_meeting(node, meeting, number=1):
            refusal = await refusal_of(node, number=2)

    assert refusal.code in ("connections_limit_exceeded", "1011")


@asynctest
async def test_a_socket_that_cannot_be_opened_again_ends_the_membership_with_a_code():
    limits = replace(LIMITS, retries=Retries(attempts=0))
    async with local_node(settings(drop_graphql=1.0)) as node:
        meeting = await meeting_on(node)
        async with in_meeting(node, meeting, limits=limits) as conversation:
            async with asyncio.timeout(30):
                why = await asyncio.shield(conversation.over)

    assert isinstance(why, Dropped)
    assert why.code.startswith("graphql ")


QUICK = replace(LIMITS, retries=Retries(attempts=5, first_wait_s=0.1, wait_s=0.1))


@asynctest
async def test_a_lost_socket_is_opened_again_and_everything_open_is_asked_again():
    frames: list[tuple[str, str]] = []
    troubles: list[tuple[str, ClusterError]] = []
    async with local_node(settings(drop_graphql=1.0)) as node:
        meeting = await meeting_on(node)
        async with in_meeting(
            node, meeting, limits=QUICK, frames=frames, troubles=troubles
        ) as conversation:
            await conversation.ask(op.RAISED_HANDS)
            await eventually(lambda: troubles, what="the loss of the socket")
            # Said while there is no socket: it waits for the next one.
            user_id = conversation.view.user_id
            raised = {"userId": user_id, "raiseHand": True}
            await conversation.call(op.RAISE_HAND, raised)
            inside = await info(node, meeting)

    assert [(what, why.code) for what, why in troubles] == [
        ("graphql socket", "graphql 1006")
    ]
    sent = [
        json.loads(text) for direction, text in frames if direction == "client->server"
    ]
    inits = [m for m in sent if m["type"] == "connection_init"]
    assert inits[0] == inits[1]
    asked = [m["id"] for m in sent if m["type"] == "subscribe"]
    assert [asked.count(each) for each in (asked[0], asked[2])] == [2, 2]
    joins = [m for m in sent if m.get("payload", {}).get("operationName") == "UserJoin"]
    assert len(joins) == 1
    assert inside.participants == 1


@asynctest
async def test_a_user_taken_for_gone_joins_again():
    troubles: list[tuple[str, ClusterError]] = []
    async with local_node(settings(disconnect_user=1.0)) as node:
        meeting = await meeting_on(node)
        async with in_meeting(
            node, meeting, limits=QUICK, troubles=troubles
        ) as conversation:
            await eventually(lambda: troubles, what="the removal")
            await eventually(lambda: conversation.view.is_joined, what="the rejoin")
            inside = await info(node, meeting)
            assert not conversation.over.done()

    assert [(what, why.code) for what, why in troubles] == [
        ("membership", "able_to_rejoin_user_disconnected_reason")
    ]
    assert inside.participants == 1


@asynctest
async def test_a_final_refusal_of_the_new_connection_is_not_tried_again():
    async with local_node(settings(drop_graphql=1.0)) as node:
        meeting = await meeting_on(node)
        async with in_meeting(node, meeting, limits=QUICK) as conversation:
            for session in node.running.node.sessions.values():
                session.replaced = True
            async with asyncio.timeout(30):
                why = await asyncio.shield(conversation.over)

    assert isinstance(why, GraphqlRefusal)
    assert why.code == "session_token_replaced"


@asynctest
async def test_an_ejected_user_is_out_for_good():
    async with local_node() as node:
        meeting = await meeting_on(node)
        async with in_meeting(node, meeting, limits=QUICK) as conversation:
            (room,) = node.running.node.meetings.values()
            (user,) = room.present()
            room.remove(user, reason="user_requested_eject_reason")
            async with asyncio.timeout(30):
                why = await asyncio.shield(conversation.over)

    assert isinstance(why, Dropped)
    assert why.code == "user_requested_eject_reason"


EVICTED = "user_requested_eject_reason"


class EvictedView(MeetingView):
    """Reads a removal right behind the answer to the last question of a join."""

    def take(self, data: Data) -> list[MeetingEvent]:
        is_last = data.operation.name == op.SERVER_TIME.name
        removed: list[MeetingEvent] = [Removed(code=EVICTED)] if is_last else []
        return super().take(data) + removed


@pytest.mark.parametrize("view", [MeetingView, EvictedView])
def test_who_is_removed_while_the_schema_is_found_out_is_out_at_once(view):
    @asynctest
    async def play() -> None:
        async with local_node(replace(settings(), bbb_version="3.0.20")) as node:
            meeting = await meeting_on(node)
            (room,) = node.running.node.meetings.values()

            def remove(direction: str, text: str) -> None:
                is_asked = view is MeetingView and '"getServerTime"' in text
                for user in tuple(room.present() if is_asked else ()):
                    room.remove(user, reason=EVICTED)

            patient = replace(LIMITS, current_user_s=60.0)
            with pytest.RaisesGroup(GraphqlRefusal) as caught:
                async with in_meeting(
                    node, meeting, on_frame=remove, limits=patient, view_of=view
                ):
                    pass

        (refusal,) = caught.value.exceptions
        assert isinstance(refusal, GraphqlRefusal)
        assert refusal.code == EVICTED

    play()


@asynctest
async def test_a_silent_connection_is_taken_as_lost():
    troubles: list[tuple[str, ClusterError]] = []
    limits = replace(QUICK, silent_s=0.5)
    async with local_node() as node:
        meeting = await meeting_on(node)
        async with in_meeting(node, meeting, limits=limits, troubles=troubles):
            await eventually(lambda: troubles, what="a silence that is noticed")

    assert troubles[0][0] == "graphql socket"
    assert troubles[0][1].code == "graphql 4499"


@asynctest
async def test_an_ended_meeting_ends_the_membership():
    async with local_node() as node:
        meeting = await meeting_on(node)
        async with in_meeting(node, meeting) as conversation:
            async with Transport() as transport:
                await transport.get(api.end_url(node.api_url, meeting, SECRET))
            async with asyncio.timeout(30):
                why = await asyncio.shield(conversation.over)

    assert isinstance(why, Dropped)
    assert why.code == "meeting_ended"


@asynctest
async def test_a_mutation_that_the_server_does_not_know_is_refused_and_ends_nothing():
    unknown = replace(op.RAISE_HAND, query="mutation X { noSuchThing }")
    async with local_node() as node:
        meeting = await meeting_on(node)
        async with in_meeting(node, meeting) as conversation:
            with pytest.raises(GraphqlRefusal):
                await conversation.call(unknown)
            await conversation.call(op.CHAT_TYPING, {"chatId": op.PUBLIC_CHAT})
            assert not conversation.over.done()


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"html": True}, "html"),
        ({"api_refuses": "maxParticipantsReached"}, "maxParticipantsReached"),
        ({"not_bbb3": True}, "unsupported"),
        ({"bbb_version": "4.0.1"}, "unsupported"),
        ({"bridge": "livekit"}, "unsupported"),
    ],
)
def test_a_refused_join_carries_the_servers_key_or_ours(faults, code):
    @asynctest
    async def play() -> None:
        plan = ParticipantPlan(number=0, meeting_number=0, persona="listener")
        async with local_node(settings(**faults)) as node, Transport() as transport:
            target = Target(api_url=node.api_url, secret=Secret(SECRET))
            if code == "unsupported":
                await meeting_on(node)
            with pytest.raises(ApiRefusal) as caught:
                await join_session(transport, target, plan, "bbbload-test-0")

        assert caught.value.code == code

    play()


@pytest.mark.parametrize(
    ("secret", "meeting", "codes"),
    [
        ("wrong-secret", "bbbload-test-0", {"checksumError"}),
        (SECRET, "no-such-meeting", {"notFound", "invalidMeetingIdentifier"}),
    ],
)
def test_a_wrong_secret_and_an_unknown_meeting_are_refused_by_key(
    secret, meeting, codes
):
    @asynctest
    async def play() -> None:
        plan = ParticipantPlan(number=0, meeting_number=0, persona="listener")
        async with local_node() as node, Transport() as transport:
            await meeting_on(node)
            target = Target(api_url=node.api_url, secret=Secret(secret))
            with pytest.raises(ApiRefusal) as caught:
                await join_session(transport, target, plan, meeting)

        assert caught.value.code in codes
        assert secret not in str(caught.value)

    play()


@asynctest
async def test_the_first_meeting_is_as_it_was_asked_for():
    async with local_node() as node:
        meeting = await meeting_on(node)
        told = await info(node, meeting)
        asked = api.create_parameters(run="test", number=0, rest_of_run_s=60)

    assert api.overrides(asked, told) == ()


@asynctest
async def test_a_server_that_overrides_a_parameter_is_found_out():
    async with local_node(settings(override="record:true,duration:0")) as node:
        meeting = await meeting_on(node)
        told = await info(node, meeting)
        asked = api.create_parameters(run="test", number=0, rest_of_run_s=60)

    assert {o.parameter for o in api.overrides(asked, told)} == {"record", "duration"}
