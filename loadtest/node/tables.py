"""The tables behind the root fields: which rows there are for whom, and what changes
them.

A table is shared when every viewer of a meeting would get the same rows: then one
evaluation serves all, as Hasura multiplexes equal subscriptions.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, TypeVar

from loadtest.node.breakout_rows import breakout_rows
from loadtest.node.content import Chat
from loadtest.node.content_rows import (
    annotation_row,
    chat_row,
    connection_report_row,
    connection_status_row,
    message_row,
    notification_row,
    page_row,
    poll_row,
    presentation_row,
)
from loadtest.node.meeting import Meeting, User
from loadtest.node.meeting_rows import (
    layout_row,
    meeting_row,
    recording_policies_row,
    screenshare_row,
)
from loadtest.node.state import Session
from loadtest.node.times import hasura_time, middleware_time, read_time
from loadtest.node.user_rows import (
    camera_row,
    guest_row,
    user_current_row,
    user_row,
    voice_activity_row,
    voice_row,
    whiteboard_row,
    writable_pages,
)

Row = dict[str, Any]
Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """For whom rows are made."""

    meeting: Meeting
    session: Session
    base_url: str
    now_s: float
    since_s: float = 0.0
    """Rows of a log that are older need not be made (streams)."""

    @property
    def user(self) -> User:
        return self.session.user


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: its rows, the topics that change them, and who sees the same."""

    rows: Callable[[Viewer], Iterable[Row]]
    topics: tuple[str, ...] = ()
    is_shared: bool = True
    cursor: str = ""
    """The column that a stream of this table is ordered by."""


USERS = ("user", "voice", "camera")


def _users(viewer: Viewer) -> Iterable[Row]:
    meeting, me = viewer.meeting, viewer.user
    hidden = meeting.locks.hide_user_list and me.is_locked_viewer
    for user in meeting.present():
        if not hidden or user is me or user.is_moderator:
            yield user_row(meeting, user)


def _user_current(viewer: Viewer) -> Iterable[Row]:
    yield user_current_row(
        viewer.meeting,
        viewer.user,
        enforce_layout=viewer.session.enforce_layout,
        base_url=viewer.base_url,
    )


def _voices(viewer: Viewer) -> Iterable[Row]:
    for user in viewer.meeting.present():
        row = voice_row(viewer.meeting, user)
        if row is not None:
            yield row


def _voice_activity(viewer: Viewer) -> Iterable[Row]:
    for user in viewer.meeting.present():
        if user.voice is not None and not user.voice.listen_only:
            yield voice_activity_row(viewer.meeting, user, user.voice)


def _cameras(viewer: Viewer) -> Iterable[Row]:
    for camera in viewer.meeting.cameras():
        if viewer.meeting.camera_is_visible(viewer.user, camera):
            yield camera_row(viewer.meeting, camera)


def _guests(viewer: Viewer) -> Iterable[Row]:
    users = viewer.meeting.users.values()
    waiting = (user for user in users if user.guest_status != "ALLOW" or user.guest)
    for position, user in enumerate(waiting, start=1):
        yield guest_row(viewer.meeting, user, position)


def _writers(viewer: Viewer) -> Iterable[Row]:
    for user in viewer.meeting.present():
        if user.whiteboard_write_access:
            yield whiteboard_row(user)


def _chats(viewer: Viewer) -> Iterable[Row]:
    for chat in viewer.meeting.chats.values():
        if not chat.members or viewer.user.id in chat.members:
            yield chat_row(viewer.meeting, chat, viewer.user)


def _messages(is_public: bool) -> Callable[[Viewer], Iterable[Row]]:
    def rows(viewer: Viewer) -> Iterable[Row]:
        for chat in viewer.meeting.chats.values():
            if is_public == (not chat.members):
                if is_public or viewer.user.id in chat.members:
                    yield from _chat_messages(viewer, chat)

    return rows


def _chat_messages(viewer: Viewer, chat: Chat) -> Iterable[Row]:
    messages = _since(chat.messages, viewer.since_s, lambda message: message.created_s)
    for message in messages:
        yield message_row(viewer.meeting, chat, message)


def _typing(is_public: bool) -> Callable[[Viewer], Iterable[Row]]:
    def rows(viewer: Viewer) -> Iterable[Row]:
        meeting = viewer.meeting
        for chat in meeting.chats.values():
            if is_public != (not chat.members):
                continue
            if chat.members and viewer.user.id not in chat.members:
                continue
            for user_id, since_s in chat.typing_s.items():
                yield _typing_row(meeting, chat, user_id, since_s)

    return rows


def _typing_row(meeting: Meeting, chat: Chat, user_id: str, since_s: float) -> Row:
    return {
        "chatId": chat.chat_id,
        "userId": user_id,
        "isCurrentlyTyping": True,
        "typingAt": hasura_time(since_s),
        "user": lambda: user_row(meeting, meeting.users[user_id]),
    }


def _notifications(viewer: Viewer) -> Iterable[Row]:
    log = viewer.meeting.notifications
    for notification in _since(log, viewer.since_s, lambda entry: entry.created_s):
        if notification.user_id in (None, viewer.user.id):
            yield notification_row(notification)


def _reactions(viewer: Viewer) -> Iterable[Row]:
    log = _since(viewer.meeting.reactions, viewer.since_s, lambda entry: entry[0])
    for when_s, user_id, emoji in log:
        created = hasura_time(when_s)
        yield {"createdAt": created, "reactionEmoji": emoji, "userId": user_id}


def _connection_status(viewer: Viewer) -> Iterable[Row]:
    for status in viewer.meeting.connection_status.values():
        if status.user_id == viewer.user.id:
            yield connection_status_row(viewer.meeting, status)


def _connection_reports(viewer: Viewer) -> Iterable[Row]:
    for status in viewer.meeting.connection_status.values():
        if status.user_id in viewer.meeting.users:
            yield connection_report_row(viewer.meeting, status)


def _cursors(viewer: Viewer) -> Iterable[Row]:
    meeting = viewer.meeting
    hidden = meeting.locks.hide_viewers_cursor and not viewer.user.is_moderator
    page = meeting.presentations[meeting.current_presentation_id].current_page_id
    for user_id, (x, y, when_s) in meeting.cursors.items():
        user = meeting.users[user_id]
        if hidden and not user.is_moderator and not user.presenter:
            continue
        yield {
            "xPercent": x,
            "yPercent": y,
            "userId": user_id,
            "lastUpdatedAt": hasura_time(when_s),
            "isCurrentPage": True,
            "pageId": page,
            "user": user_row(meeting, user),
        }


def _page(viewer: Viewer) -> Iterable[Row]:
    meeting = viewer.meeting
    if meeting.current_presentation_id:
        shown = meeting.presentations[meeting.current_presentation_id]
        yield page_row(meeting, shown, viewer.base_url)


def _page_writers(viewer: Viewer) -> Iterable[Row]:
    for user in viewer.meeting.present():
        yield from writable_pages(viewer.meeting, user)


def _presentations(viewer: Viewer) -> Iterable[Row]:
    for presentation in viewer.meeting.presentations.values():
        yield presentation_row(viewer.meeting, presentation)


def _polls(viewer: Viewer) -> Iterable[Row]:
    for poll in viewer.meeting.polls.values():
        yield poll_row(viewer.meeting, poll, viewer.user)


def _breakouts(viewer: Viewer) -> Iterable[Row]:
    return breakout_rows(viewer.meeting, viewer.user, base_url=viewer.base_url)


def _recordings(viewer: Viewer) -> Iterable[Row]:
    if viewer.meeting.recording:
        yield {
            "isRecording": True,
            "startedAt": hasura_time(viewer.meeting.started_s),
            "startedBy": "system",
            "previousRecordedTimeInSeconds": 0,
        }


def _notes(viewer: Viewer) -> Iterable[Row]:
    yield {
        "lastRev": None,
        "sharedNotesExtId": "notes",
        "padId": None,
        "model": "notes",
        "name": "Shared Notes",
        "pinned": False,
    }


def _annotation_log(viewer: Viewer) -> Iterable[Row]:
    log = viewer.meeting.annotation_log
    for shape in _since(log, viewer.since_s, lambda entry: entry.updated_s):
        yield annotation_row(shape)


def _since(
    log: Sequence[Entry], since_s: float, time_of: Callable[[Entry], float]
) -> list[Entry]:
    """Return the end of a log, from one second before `since_s` on."""
    recent = takewhile(lambda entry: time_of(entry) >= since_s - 1.0, reversed(log))
    return list(recent)[::-1]


def _clock(viewer: Viewer) -> Iterable[Row]:
    yield {
        "currentTimestamp": middleware_time(viewer.now_s),
        "currentTimeMillis": int(viewer.now_s * 1000),
    }


def _meeting(viewer: Viewer) -> Iterable[Row]:
    yield meeting_row(viewer.meeting, base_url=viewer.base_url)


def _screenshare(viewer: Viewer) -> Iterable[Row]:
    row = screenshare_row(viewer.meeting)
    return [] if row is None else [row]


def _none(viewer: Viewer) -> Iterable[Row]:
    return ()


TABLES = {
    "user_current": Table(
        rows=_user_current,
        topics=(*USERS, "meeting", "ended", "guest", "session", "breakout"),
        is_shared=False,
    ),
    "user": Table(rows=_users, topics=USERS),
    "user_voice": Table(rows=_voices, topics=("voice", "user")),
    "user_voice_activity": Table(
        rows=_voice_activity, topics=("voice",), cursor="voiceActivityAt"
    ),
    "user_camera": Table(rows=_cameras, topics=USERS),
    "user_guest": Table(rows=_guests, topics=("guest", "user")),
    "user_metadata": Table(
        rows=lambda viewer: (
            {"parameter": name, "value": value} for name, value in viewer.user.metadata
        ),
        is_shared=False,
    ),
    "user_whiteboardWriteAccess": Table(rows=_writers, topics=("user",)),
    "user_whiteboardCursorAccess": Table(rows=_writers, topics=("user",)),
    "user_typing_public": Table(rows=_typing(True), topics=("typing",)),
    "user_typing_private": Table(
        rows=_typing(False), topics=("typing",), is_shared=False
    ),
    "user_connectionStatus": Table(
        rows=_connection_status, topics=("connection",), is_shared=False
    ),
    "user_connectionStatusReport": Table(
        rows=_connection_reports, topics=("connection", "user")
    ),
    "user_reaction": Table(rows=_reactions, topics=("reaction",), cursor="createdAt"),
    "breakoutRoom": Table(
        rows=_breakouts, topics=("breakout", "role"), is_shared=False
    ),
    "meeting": Table(
        rows=_meeting,
        topics=(
            *("meeting", "layout", "screenshare", "ended", "presentation", "poll"),
            "breakout",
        ),
    ),
    "meeting_recording": Table(rows=_recordings, topics=("meeting",)),
    "meeting_recordingPolicies": Table(
        rows=lambda viewer: [recording_policies_row(viewer.meeting)]
    ),
    "meeting_clientSettings": Table(
        rows=lambda viewer: [
            meeting_row(viewer.meeting, base_url=viewer.base_url)["clientSettings"]
        ]
    ),
    "screenshare": Table(rows=_screenshare, topics=("screenshare",)),
    "layout": Table(
        rows=lambda viewer: [layout_row(viewer.meeting)], topics=("layout",)
    ),
    "externalVideo": Table(rows=_none),
    "plugin": Table(rows=_none),
    "pluginDataChannelEntry_public": Table(rows=_none),
    "pluginDataChannelEntry_private": Table(rows=_none),
    "chat": Table(rows=_chats, topics=("chat", "user"), is_shared=False),
    "chat_message_public": Table(
        rows=_messages(True), topics=("chat",), cursor="createdAt"
    ),
    "chat_message_private": Table(
        rows=_messages(False), topics=("chat",), is_shared=False, cursor="createdAt"
    ),
    "notification": Table(
        rows=_notifications,
        topics=("notification",),
        is_shared=False,
        cursor="createdAt",
    ),
    "pres_page_curr": Table(rows=_page, topics=("presentation",)),
    "pres_page_writers": Table(rows=_page_writers, topics=("user", "presentation")),
    "pres_presentation": Table(rows=_presentations, topics=("presentation",)),
    "pres_annotation_curr": Table(
        rows=lambda viewer: (
            annotation_row(shape) for shape in viewer.meeting.annotations.values()
        ),
        topics=("annotation", "presentation"),
        cursor="lastUpdatedAt",
    ),
    "pres_annotation_history_curr": Table(
        rows=_annotation_log,
        topics=("annotation",),
        cursor="updatedAt",
    ),
    "pres_page_cursor": Table(
        rows=_cursors, topics=("cursor",), cursor="lastUpdatedAt"
    ),
    "sharedNotes": Table(rows=_notes),
    "caption_activeLocales": Table(rows=_none),
    "timer": Table(rows=_none),
    "poll": Table(rows=_polls, topics=("poll", "user"), is_shared=False),
    "current_time": Table(rows=_clock),
}
"""Table -> its rows."""

LOCKABLE = ("user", "user_camera", "pres_page_cursor")
"""Shared tables whose rows differ between viewers while a lock hides some."""


def viewer_key(table_name: str, viewer: Viewer) -> str:
    """Return a key that is equal for viewers who see the same rows of a table."""
    if not TABLES[table_name].is_shared:
        return viewer.session.token
    meeting = viewer.meeting
    locked = (
        meeting.locks.hide_user_list
        or meeting.locks.hide_viewers_cursor
        or meeting.webcams_only_for_moderator
    )
    return viewer.session.token if locked and table_name in LOCKABLE else ""


def cursor_time(row: Row, table_name: str) -> float:
    """Return the time by which a stream orders this row."""
    return read_time(row[TABLES[table_name].cursor])
