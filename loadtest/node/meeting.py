"""One meeting of the stand-in node: who is in it, and who may do what.

Every change is told to the meeting's watchers as (topic, user id), which is what drives
GraphQL subscriptions and the media sockets. No socket here, and no clock but the
`now_s` (Unix seconds) that the node hands in.
"""

import hmac
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from loadtest.node.content import (
    LOG_LIMIT,
    Annotation,
    Camera,
    Chat,
    ChatMessage,
    ConnectionStatus,
    Layout,
    LockSettings,
    MeetingRequest,
    Notification,
    Poll,
    Presentation,
    Screenshare,
    Voice,
)
from loadtest.node.users import User, token

__all__ = ["Meeting", "User", "Watcher", "token"]

Watcher = Callable[[str, str], None]
"""Called with (topic, user id or ""); must return at once and not raise."""


@dataclass(slots=True, kw_only=True, eq=False, weakref_slot=True)
class Meeting:
    """One conference and everything in it."""

    id: str
    """Internal: SHA-1 of the external id, a dash, the creation time in ms."""
    request: MeetingRequest
    created_ms: int
    now_s: Callable[[], float]
    rng: random.Random
    users: dict[str, User] = field(default_factory=dict)
    ended: bool = False
    ended_s: float | None = None
    ended_reason: str | None = None
    ended_by: str | None = None
    forcibly_ended: bool = False
    started_s: float | None = None
    """First join."""
    empty_since_s: float | None = None
    moderator_left_s: float | None = None
    max_users: int = 0
    guest_policy: str = "ALWAYS_ACCEPT"
    locks: LockSettings = field(default_factory=LockSettings)
    webcams_only_for_moderator: bool = False
    muted: bool = False
    recording: bool = False
    floor_user_id: str = ""
    screenshare: Screenshare | None = None
    chats: dict[str, Chat] = field(default_factory=dict)
    presentations: dict[str, Presentation] = field(default_factory=dict)
    current_presentation_id: str = ""
    annotations: dict[str, Annotation] = field(default_factory=dict)
    annotation_log: deque[Annotation] = field(
        default_factory=lambda: deque(maxlen=LOG_LIMIT)
    )
    cursors: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """User id -> (x percent, y percent, when)."""
    polls: dict[str, Poll] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    notifications: deque[Notification] = field(
        default_factory=lambda: deque(maxlen=LOG_LIMIT)
    )
    reactions: deque[tuple[float, str, str]] = field(
        default_factory=lambda: deque(maxlen=LOG_LIMIT)
    )
    """(when, user id, emoji)"""
    connection_status: dict[str, ConnectionStatus] = field(default_factory=dict)
    """By client session UUID."""
    versions: dict[str, int] = field(default_factory=dict)
    """How often each topic changed."""
    watchers: dict[int, Watcher] = field(default_factory=dict)
    learning_dashboard_token: str = ""
    _watch_number: int = 0

    # -- change notification ---------------------------------------------------

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` on every change from now on; return how to stop it."""
        self._watch_number += 1
        number = self._watch_number
        self.watchers[number] = watcher

        def stop() -> None:
            self.watchers.pop(number, None)

        return stop

    def changed(self, *topics: str, user_id: str = "") -> None:
        """Tell all watchers that `topics` changed, because of `user_id` if given."""
        for topic in topics:
            self.versions[topic] = self.versions.get(topic, 0) + 1
            for watcher in tuple(self.watchers.values()):
                watcher(topic, user_id)

    # -- who is here -----------------------------------------------------------

    def present(self) -> Iterator[User]:
        """Yield the users in the meeting now."""
        return (user for user in self.users.values() if user.joined)

    @property
    def present_count(self) -> int:
        return sum(1 for _ in self.present())

    @property
    def is_running(self) -> bool:
        return not self.ended and self.started_s is not None and self.present_count > 0

    def cameras(self) -> list[Camera]:
        """Return all announced cameras."""
        return [camera for user in self.present() for camera in user.cameras.values()]

    def camera(self, stream_id: str) -> Camera | None:
        """Return the announced camera `stream_id`."""
        for user in self.present():
            if stream_id in user.cameras:
                return user.cameras[stream_id]
        return None

    # -- entering and leaving --------------------------------------------------

    def refusal_to_enter(self, user: User, auth_token: str) -> str | None:
        """Return the joinErrorCode for this user, None when it may come in."""
        if not hmac.compare_digest(user.auth_token.encode(), auth_token.encode()):
            return "validate_token_failed_eject_reason"
        if user.guest_status != "ALLOW":
            return "not_enough_permission_eject_reason"
        if user.banned:
            return "banned_user_rejoining_reason"
        if user.logged_out or self.ended:
            return "user_logged_out_reason"
        limit = self.request.max_participants
        others = {other.ext_id for other in self.present() if not other.bot}
        if limit and not user.bot and len(others - {user.ext_id}) >= limit:
            return "max_participants_reason"
        return None

    def enter(self, user: User, *, client_type: str, mobile: bool) -> None:
        """Let a registered user into the meeting."""
        now_s = self.now_s()
        user.joined = user.ever_joined = True
        user.join_error_code = user.eject_reason_code = None
        user.client_type = client_type
        user.mobile = mobile
        user.speech_locale = user.caption_locale = ""
        user.locked = not user.is_moderator and self.locks.lock_on_join
        self.started_s = self.started_s or now_s
        self.empty_since_s = None
        self.max_users = max(self.max_users, self.present_count)
        if user.is_moderator:
            self.moderator_left_s = None
        if user.is_moderator and not any(other.presenter for other in self.present()):
            user.presenter = True
            user.whiteboard_write_access = True
        self.changed("role", user_id=user.id)
        self.changed("user", "presence", user_id=user.id)

    def refuse_entry(self, user: User, code: str) -> None:
        """Record that `user` was not let in."""
        user.join_error_code = code
        self.changed("user", user_id=user.id)

    def remove(
        self, user: User, *, reason: str | None = None, logged_out: bool = False
    ) -> None:
        """Take `user` out: left by itself (no reason) or removed for one."""
        was_here = user.joined
        self.leave_voice(user)
        for stream_id in tuple(user.cameras):
            self.stop_camera(user, stream_id)
        self.stop_screenshare(user)
        was_presenter = user.presenter
        user.joined = user.presenter = user.whiteboard_write_access = False
        user.raise_hand_s = user.reaction = None
        user.eject_reason_code = reason
        user.logged_out = user.logged_out or logged_out
        self.cursors.pop(user.id, None)
        for chat in self.chats.values():
            chat.typing_s.pop(user.id, None)
        if was_here and self.present_count == 0:
            self.empty_since_s = self.now_s()
        if was_here and not any(other.is_moderator for other in self.present()):
            self.moderator_left_s = self.now_s()
        self.changed("role", user_id=user.id)
        self.changed("user", "presence", user_id=user.id)
        if was_presenter and not self.ended:
            self._choose_presenter()

    def set_presenter(self, user: User) -> None:
        """Make `user` the one presenter."""
        for other in self.present():
            if other.presenter and other is not user:
                other.presenter = other.whiteboard_write_access = False
                self.stop_screenshare(other)
                self.changed("role", user_id=other.id)
        user.presenter = user.whiteboard_write_access = True
        self.changed("role", user_id=user.id)
        self.changed("user", user_id=user.id)

    def decide_guest(self, user: User, status: str) -> None:
        """Answer a waiting guest with `ALLOW` or `DENY`."""
        user.guest_status = status
        if status == "DENY":
            user.eject_reason_code = "guest_deny"
        self.changed("guest", "user", user_id=user.id)

    def end(self, *, reason: str, by: str | None = None, forcibly: bool) -> None:
        """End the meeting for everybody."""
        if self.ended:
            return
        self.ended = True
        self.ended_s = self.now_s()
        self.ended_reason = reason
        self.ended_by = by
        self.forcibly_ended = forcibly
        for user in tuple(self.present()):
            self.remove(user, reason="meeting_ended")
        self.changed("meeting", "ended")

    def connected(self, user: User) -> None:
        """Count a new GraphQL connection of `user`."""
        user.connections += 1
        user.connection_lost_s = None
        if user.joined:
            self.changed("user", user_id=user.id)

    def disconnected(self, user: User) -> None:
        """Count off a GraphQL connection; the user timeout starts with the last."""
        user.connections = max(0, user.connections - 1)
        if not user.connections:
            user.connection_lost_s = self.now_s()
            if user.joined:
                self.changed("user", user_id=user.id)

    # -- voice -----------------------------------------------------------------

    def join_voice(
        self, user: User, *, listen_only: bool, muted: bool | None = None
    ) -> Voice:
        """Put `user` into the voice conference and return its place there.

        A microphone starts muted when the meeting says so or a lock binds the user.
        """
        if muted is None:
            locked = user.is_locked_viewer and self.locks.disable_mic
            muted = listen_only or self.muted or locked
        user.voice = Voice(
            listen_only=listen_only,
            muted=muted,
            activity_s=self.now_s(),
            voice_user_id=str(self.rng.randrange(1, 100_000)),
        )
        self.changed("voice", user_id=user.id)
        return user.voice

    def leave_voice(self, user: User) -> None:
        """Take `user` out of the voice conference, if it is in."""
        if user.voice is None:
            return
        if self.floor_user_id == user.id:
            self.floor_user_id = ""
        user.voice = None
        self.changed("voice", user_id=user.id)

    def set_talking(self, user: User, talking: bool) -> None:
        """Record that speech of `user` began or ended (seen by the media side)."""
        voice = user.voice
        if voice is None or voice.talking == talking or (talking and voice.muted):
            return
        now_s = self.now_s()
        voice.talking = talking
        voice.activity_s = now_s
        if talking:
            voice.spoke = True
            voice.started_talking_s, voice.stopped_talking_s = now_s, None
            self._give_floor(user, now_s)
        else:
            voice.stopped_talking_s = now_s
        self.changed("voice", user_id=user.id)

    def set_muted(self, user: User, muted: bool) -> None:
        """Mute or unmute `user` in the voice conference."""
        if user.voice is None or user.voice.muted == muted:
            return
        if muted:
            self.set_talking(user, False)
        user.voice.muted = muted
        user.voice.activity_s = self.now_s()
        self.changed("voice", user_id=user.id)

    # -- cameras and screen ----------------------------------------------------

    def may_use_voice(self, user: User) -> bool:
        """Return what the SFU's permission probe for audio would be told."""
        return user.joined and not self.ended and not user.voice_banned

    def may_share_camera(self, user: User, stream_id: str) -> bool:
        """Return what the SFU's permission probe for a camera share would be told."""
        if self.ended or not user.joined or not stream_id.startswith(user.id):
            return False
        if user.is_locked_viewer and self.locks.disable_cam:
            return False
        if stream_id in user.cameras:
            return True
        user_cap = self.request.user_camera_cap
        meeting_cap = self.request.meeting_camera_cap
        return (not user_cap or len(user.cameras) < user_cap) and (
            not meeting_cap or len(self.cameras()) < meeting_cap
        )

    def may_view_camera(self, user: User, stream_id: str) -> bool:
        """Return what the SFU's permission probe for a camera view would be told."""
        camera = self.camera(stream_id)
        if self.ended or not user.joined or camera is None:
            return False
        return self.camera_is_visible(user, camera)

    def camera_is_visible(self, user: User, camera: Camera) -> bool:
        """Apply `webcamsOnlyForModerator`: viewers see moderators and themselves."""
        owner = self.users[camera.user_id]
        return (
            not self.webcams_only_for_moderator
            or user.is_moderator
            or not user.locked
            or owner is user
            or owner.is_moderator
        )

    def start_camera(self, user: User, camera: Camera) -> None:
        """Announce a camera."""
        user.cameras[camera.stream_id] = camera
        self.changed("camera", user_id=user.id)

    def stop_camera(self, user: User, stream_id: str) -> None:
        """Take a camera back; the media side closes its viewers."""
        if user.cameras.pop(stream_id, None) is not None:
            self.changed("camera", user_id=user.id)

    def may_share_screen(self, user: User) -> bool:
        """Return what the SFU's permission probe for a screen share would be told."""
        return user.joined and user.presenter and not self.ended

    def start_screenshare(
        self,
        user: User,
        *,
        stream: str,
        content_type: str = "screenshare",
        has_audio: bool = False,
    ) -> Screenshare:
        """Announce a screen share; it replaces the one before."""
        self.screenshare = Screenshare(
            user_id=user.id,
            stream=stream,
            started_s=self.now_s(),
            content_type=content_type,
            has_audio=has_audio,
        )
        self.changed("screenshare", user_id=user.id)
        return self.screenshare

    def stop_screenshare(self, user: User) -> None:
        """Take back the screen share of `user`, if it has one."""
        if self.screenshare is not None and self.screenshare.user_id == user.id:
            self.screenshare = None
            self.changed("screenshare", user_id=user.id)

    # -- chat and notices ------------------------------------------------------

    def post(
        self,
        chat: Chat,
        sender: User | None,
        text: str,
        *,
        reply_to: str | None = None,
        metadata: object = None,
        message_type: str = "default",
    ) -> ChatMessage:
        """Append a message to `chat`; without a sender it is the system's."""
        chat.total += 1
        now_s = self.now_s()
        message = ChatMessage(
            message_id=f"{int(now_s * 1000)}-{token(self.rng, 8)}",
            chat_id=chat.chat_id,
            sequence=chat.total,
            sender_id=sender.id if sender else None,
            sender_name=sender.name if sender else "",
            sender_role=sender.role if sender else "",
            message=text,
            created_s=now_s,
            message_type=message_type,
            reply_to=reply_to,
            metadata=metadata,
        )
        chat.messages.append(message)
        self.changed("chat", user_id=sender.id if sender else "")
        return message

    def expire_typing(self, limit_s: float) -> None:
        """Forget who began to type `limit_s` ago and went silent."""
        before_s = self.now_s() - limit_s
        for chat in self.chats.values():
            old = [who for who, since_s in chat.typing_s.items() if since_s < before_s]
            for user_id in old:
                del chat.typing_s[user_id]
                self.changed("typing", user_id=user_id)

    def notify(
        self, message_id: str, *, icon: str = "user", user: User | None = None
    ) -> None:
        """Send a notification to one user or to all."""
        self.notifications.append(
            Notification(
                created_s=self.now_s(),
                message_id=message_id,
                icon=icon,
                user_id=user.id if user else None,
            )
        )
        self.changed("notification", user_id=user.id if user else "")

    # -- private ---------------------------------------------------------------

    def _give_floor(self, user: User, now_s: float) -> None:
        for other in self.present():
            if other.voice is not None:
                other.voice.floor = other is user
        assert user.voice is not None
        user.voice.last_floor_s = now_s
        self.floor_user_id = user.id

    def _choose_presenter(self) -> None:
        for user in self.present():
            if user.is_moderator:
                self.set_presenter(user)
                return
