"""One meeting of the stand-in node: entering, leaving, chat, its end."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.node.breakouts import BreakoutRoom
from loadtest.node.content import Chat, ChatMessage, Notification
from loadtest.node.roster import Watcher
from loadtest.node.stage import Stage
from loadtest.node.users import User, token

__all__ = ["Meeting", "User", "Watcher", "token"]


@dataclass(slots=True, kw_only=True, eq=False)
class Meeting(Stage):
    """One conference, from its creation to its end."""

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
        self.breakouts.welcome(user, now_s=now_s, rng=self.rng)
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

    # -- breakout rooms --------------------------------------------------------

    def open_breakouts(self, rooms: Iterable[BreakoutRoom]) -> None:
        """Open breakout rooms and invite who is assigned to one."""
        self.breakouts.open(rooms, self.present(), now_s=self.now_s(), rng=self.rng)
        self.changed("breakout")

    def end_breakouts(self) -> None:
        """Close all breakout rooms."""
        self.breakouts.end()
        self.changed("breakout")

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

    def _choose_presenter(self) -> None:
        for user in self.present():
            if user.is_moderator:
                self.set_presenter(user)
                return
