import random
from collections.abc import Callable

import pytest

from loadtest.node.content import Camera, MeetingRequest
from loadtest.node.meeting import Meeting, User
from loadtest.node.state import Node, turn_credentials


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_785_756_454.348

    def __call__(self) -> float:
        return self.now_s


def new_meeting(**asked: object) -> tuple[Node, Meeting, Clock]:
    clock = Clock()
    node = Node(now_s=clock, rng=random.Random(1))
    request = MeetingRequest(
        meeting_id="abc",
        name="A",
        attendee_password="ap",
        moderator_password="mp",
        voice_bridge="70000",
        **asked,  # type: ignore[arg-type]
    )
    return node, node.create(request), clock


def joined(node: Node, meeting: Meeting, role: str = "VIEWER") -> User:
    session = node.register(meeting, name="N", role=role, cookie="C")
    user = session.user
    meeting.connected(user)
    meeting.enter(user, client_type="HTML5", mobile=False)
    return user


def test_the_internal_id_is_the_sha1_of_the_external_one_and_the_time():
    _, meeting, _ = new_meeting()

    assert meeting.id == "a9993e364706816aba3e25717850c26c9cd0d89d-1785756454348"


def test_only_the_first_moderator_becomes_presenter_and_hands_it_on():
    node, meeting, _ = new_meeting()
    viewer = joined(node, meeting)
    first, second = (joined(node, meeting, "MODERATOR") for _ in range(2))

    assert [viewer.presenter, first.presenter, second.presenter] == [False, True, False]
    meeting.remove(first, logged_out=True)
    assert [viewer.presenter, second.presenter] == [False, True]


@pytest.mark.parametrize(
    ("asked", "steps", "reason"),
    [
        ({}, lambda node, meeting: None, (301, "ENDED_WHEN_NOT_JOINED")),
        (
            {},
            lambda node, meeting: meeting.remove(joined(node, meeting)),
            (61, "ENDED_WHEN_LAST_USER_LEFT"),
        ),
        ({"duration_min": 2}, joined, (121, "ENDED_WHEN_DURATION_EXPIRED")),
        (
            {"end_when_no_moderator": True},
            lambda node, meeting: [
                joined(node, meeting),
                meeting.remove(joined(node, meeting, "MODERATOR")),
            ],
            (61, "ENDED_AFTER_NO_MODERATOR"),
        ),
    ],
)
def test_a_meeting_ends_by_itself_as_bbbs_do(
    asked: dict[str, object],
    steps: Callable[[Node, Meeting], object],
    reason: tuple[float, str],
):
    node, meeting, clock = new_meeting(**asked)
    steps(node, meeting)
    after_s, expected = reason

    clock.now_s += after_s - 2
    node.tick()
    assert not meeting.ended
    clock.now_s += 2
    node.tick()

    assert meeting.ended_reason == expected


def test_an_ended_meeting_is_forgotten_with_its_sessions():
    node, meeting, clock = new_meeting()
    joined(node, meeting)
    meeting.end(reason="ENDED_FROM_API", forcibly=True)

    clock.now_s += node.timeouts.ended_meeting_s
    node.tick()

    assert (node.meetings, node.sessions) == ({}, {})


def test_a_user_without_a_connection_is_removed_after_a_minute_and_may_return():
    node, meeting, clock = new_meeting()
    user = joined(node, meeting)
    joined(node, meeting)
    meeting.disconnected(user)

    clock.now_s += 59
    node.tick()
    assert user.joined
    clock.now_s += 1
    node.tick()

    assert user.eject_reason_code == "able_to_rejoin_user_disconnected_reason"
    assert meeting.refusal_to_enter(user, user.auth_token) is None


def test_camera_caps_locks_and_foreign_ids_are_refused():
    node, meeting, _ = new_meeting(user_camera_cap=1, meeting_camera_cap=2)
    users = [joined(node, meeting) for _ in range(3)]
    for user in users[:2]:
        stream = f"{user.id}_x_1"
        assert meeting.may_share_camera(user, stream)
        meeting.start_camera(user, Camera(stream_id=stream, user_id=user.id))

    assert not meeting.may_share_camera(users[0], f"{users[0].id}_x_2")
    assert not meeting.may_share_camera(users[2], f"{users[2].id}_x_1")
    meeting.stop_camera(users[1], f"{users[1].id}_x_1")
    assert meeting.may_share_camera(users[2], f"{users[2].id}_x_1")
    assert not meeting.may_share_camera(users[2], f"{users[0].id}_x_1")
    meeting.locks.disable_cam = True
    assert not meeting.may_share_camera(users[2], f"{users[2].id}_x_1")


def test_webcams_only_for_moderators_hides_viewers_from_viewers():
    node, meeting, _ = new_meeting(webcams_only_for_moderator=True)
    moderator = joined(node, meeting, "MODERATOR")
    viewers = [joined(node, meeting) for _ in range(2)]
    for user in (moderator, viewers[0]):
        camera = Camera(stream_id=f"{user.id}_x_1", user_id=user.id)
        meeting.start_camera(user, camera)

    assert meeting.may_view_camera(viewers[1], f"{moderator.id}_x_1")
    assert not meeting.may_view_camera(viewers[1], f"{viewers[0].id}_x_1")
    assert meeting.may_view_camera(moderator, f"{viewers[0].id}_x_1")


def test_a_muted_voice_never_talks_and_the_floor_goes_to_the_talker():
    node, meeting, _ = new_meeting(mute_on_start=True)
    one, two = joined(node, meeting), joined(node, meeting)
    voice = meeting.join_voice(one, listen_only=False)
    meeting.join_voice(two, listen_only=False)

    meeting.set_talking(one, True)
    assert (voice.muted, voice.talking) == (True, False)
    meeting.set_muted(one, False)
    meeting.set_talking(one, True)
    assert (voice.talking, voice.floor, meeting.floor_user_id) == (True, True, one.id)
    meeting.set_muted(one, True)
    assert not voice.talking


def test_watchers_hear_of_changes_until_they_stop():
    node, meeting, _ = new_meeting()
    heard: list[tuple[str, str]] = []
    stop = meeting.watch(lambda topic, user_id: heard.append((topic, user_id)))

    user = joined(node, meeting)
    stop()
    meeting.leave_voice(user)
    meeting.end(reason="ENDED_FROM_API", forcibly=True)

    assert ("role", user.id) in heard
    assert ("user", user.id) in heard
    assert "ended" not in {topic for topic, _ in heard}


def test_a_banned_user_and_a_full_meeting_are_refused_with_bbbs_codes():
    node, meeting, _ = new_meeting(max_participants=1)
    user = joined(node, meeting)
    late = node.register(meeting, name="L", role="VIEWER", cookie="C").user

    code = meeting.refusal_to_enter(late, late.auth_token)
    assert code == "max_participants_reason"
    code = meeting.refusal_to_enter(late, "wrong")
    assert code == "validate_token_failed_eject_reason"
    user.banned = True
    code = meeting.refusal_to_enter(user, user.auth_token)
    assert code == "banned_user_rejoining_reason"


def test_turn_credentials_are_what_coturn_will_compute():
    username, password = turn_credentials(
        "turnsecret", "w_abcdefghijkl", now_s=1_700_000_000.9
    )

    assert username == "1700086400:w_abcdefghijkl"
    assert password == "gXC0B8glbgF+fMyVwM0H8M5JVZ4="
