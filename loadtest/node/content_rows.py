"""Rows of the tables about a meeting's content: chat, pages, polls, connections.

Rows are made as in `user_rows`: relations may be functions, called when selected.
"""

from typing import Any

from loadtest.node.content import (
    Annotation,
    Chat,
    ChatMessage,
    ConnectionStatus,
    Notification,
    Poll,
    Presentation,
)
from loadtest.node.meeting import Meeting, User
from loadtest.node.times import hasura_time, middleware_time
from loadtest.node.user_rows import user_row

Row = dict[str, Any]
UNSTABLE_RTT_MS = 1000.0
"""Network RTT from which a connection is reported as unstable."""


def chat_row(meeting: Meeting, chat: Chat, viewer: User) -> Row:
    """Return the row of table `chat` as `viewer` sees it.

    Unread are the messages of others since `viewer` last looked; null before it ever
    did, as recorded.
    """
    seen_s = chat.last_seen_s.get(viewer.id)
    unread = None
    if seen_s is not None:
        unread = sum(
            message.created_s > seen_s and message.sender_id != viewer.id
            for message in chat.messages
        )
    others = [user_id for user_id in chat.members if user_id != viewer.id]
    return {
        "chatId": chat.chat_id,
        "totalMessages": chat.total,
        "totalUnread": unread,
        "public": not chat.members,
        "lastSeenAt": hasura_time(seen_s),
        "visible": True,
        "participant": (
            (lambda: user_row(meeting, meeting.users[others[0]])) if others else None
        ),
    }


def message_row(meeting: Meeting, chat: Chat, message: ChatMessage) -> Row:
    """Return the row of `chat_message_public` or `chat_message_private`."""

    def sender() -> Row | None:
        user = meeting.users.get(message.sender_id or "")
        return user_row(meeting, user) if user else None

    def replied() -> Row | None:
        for other in chat.messages:
            if other.message_id == message.reply_to:
                return message_row(meeting, chat, other)
        return None

    return {
        "chatId": message.chat_id,
        "messageId": message.message_id,
        "messageSequence": message.sequence,
        "messageType": message.message_type,
        "chatEmphasizedText": True,
        "message": message.message,
        "createdAt": hasura_time(message.created_s),
        "editedAt": None,
        "deletedAt": None,
        "messageMetadata": message.metadata,
        "senderName": message.sender_name,
        "senderRole": message.sender_role,
        "senderId": message.sender_id,
        "replyToMessage": replied,
        "reactions": [
            {
                "createdAt": hasura_time(message.created_s),
                "reactionEmoji": emoji,
                "user": lambda user_id=user_id: user_row(
                    meeting, meeting.users[user_id]
                ),
            }
            for user_id, emoji in message.reactions
        ],
        "user": sender,
    }


def notification_row(notification: Notification) -> Row:
    """Return a notification; keys sorted, since the middleware makes these itself."""
    return {
        "__typename": "notification",
        "createdAt": middleware_time(notification.created_s),
        "icon": notification.icon,
        "isSingleUserNotification": notification.user_id is not None,
        "messageId": notification.message_id,
        "messageValues": dict(notification.values),
        "notificationType": notification.kind,
    }


def connection_status_row(meeting: Meeting, status: ConnectionStatus) -> Row:
    """Return the row of table `user_connectionStatus`."""
    return {
        "meetingId": meeting.id,
        "userId": status.user_id,
        "sessionToken": status.session_token,
        "clientSessionUUID": status.client_session,
        "traceLog": status.trace_log,
        "networkRttInMs": status.network_rtt_ms,
        "applicationRttInMs": status.application_rtt_ms,
        "statusUpdatedAt": hasura_time(status.updated_s),
        "connectionAliveAt": hasura_time(status.updated_s),
    }


def connection_report_row(meeting: Meeting, status: ConnectionStatus) -> Row:
    """Return the row of table `user_connectionStatusReport`."""
    unstable = (status.network_rtt_ms or 0.0) >= UNSTABLE_RTT_MS
    user = meeting.users[status.user_id]
    return {
        "clientNotResponding": user.connections == 0,
        "lastUnstableStatus": "warning" if unstable else None,
        "lastUnstableStatusAt": hasura_time(status.updated_s) if unstable else None,
        "currentStatus": "warning" if unstable else "normal",
        "userId": user.id,
        "user": lambda: user_row(meeting, user),
    }


def page_row(meeting: Meeting, presentation: Presentation, base_url: str) -> Row:
    """Return the row of table `pres_page_curr`: the shown page, as recorded."""
    x_offset, y_offset, view_width, view_height = presentation.zoom
    page = presentation.current_page
    folder = f"{base_url}/bigbluebutton/presentation/{meeting.id}/{meeting.id}"
    svg = f"{folder}/{presentation.presentation_id}/svg/{page}"
    return {
        "height": 396,
        "isCurrentPage": True,
        "num": page,
        "pageId": presentation.current_page_id,
        "scaledHeight": 931.7647058823529,
        "scaledViewBoxHeight": view_height,
        "scaledViewBoxWidth": view_width,
        "scaledWidth": 1440.0,
        "urlsJson": {"svg": svg},
        "width": 612,
        "xOffset": x_offset if x_offset else 0,
        "yOffset": y_offset if y_offset else 0,
        "presentationId": presentation.presentation_id,
        "content": "",
        "downloadFileUri": None,
        "totalPages": presentation.pages,
        "downloadable": False,
        "presentationName": presentation.name,
        "isDefaultPresentation": presentation.name == "default.pdf",
        "infiniteWhiteboard": False,
        "nextPagesSvg": None,
        "fitToWidth": False,
    }


def presentation_row(meeting: Meeting, presentation: Presentation) -> Row:
    """Return the row of table `pres_presentation`."""
    return {
        "uploadTemporaryId": "",
        "uploadInProgress": False,
        "current": presentation.presentation_id == meeting.current_presentation_id,
        "downloadFileUri": None,
        "downloadable": False,
        "uploadErrorDetailsJson": None,
        "uploadErrorMsgKey": None,
        "filenameConverted": presentation.name,
        "isDefault": presentation.name == "default.pdf",
        "name": presentation.name,
        "totalPages": presentation.pages,
        "totalPagesUploaded": presentation.pages,
        "presentationId": presentation.presentation_id,
        "removable": True,
        "uploadCompletionNotified": bool(presentation.upload_completion_notified),
        "uploadCompleted": True,
        "exportToChatInProgress": False,
        "exportToChatStatus": None,
        "exportToChatCurrentPage": None,
        "exportToChatHasError": None,
    }


def annotation_row(annotation: Annotation) -> Row:
    """Return the row of `pres_annotation_curr` and `pres_annotation_history_curr`."""
    updated = hasura_time(annotation.updated_s)
    return {
        "annotationId": annotation.annotation_id,
        "annotationInfo": annotation.info,
        "lastUpdatedAt": updated,
        "updatedAt": updated,
        "pageId": annotation.page_id,
        "presentationId": annotation.page_id.rpartition("/")[0],
        "userId": annotation.user_id,
    }


def poll_row(meeting: Meeting, poll: Poll, viewer: User | None) -> Row:
    """Return the row of table `poll`."""
    options = [
        {
            "optionDesc": text,
            "optionId": number,
            "pollId": poll.poll_id,
            "correctOption": False,
        }
        for number, text in enumerate(poll.options)
    ]

    def answer_of(user: User) -> Row:
        chosen = poll.votes.get(user.id)
        return {
            "responded": chosen is not None,
            "userId": user.id,
            "optionDescIds": None if poll.secret else list(chosen or ()),
            "user": lambda: user_row(meeting, user),
        }

    return {
        "pollId": poll.poll_id,
        "questionText": poll.question,
        "secret": poll.secret,
        "type": poll.poll_type,
        "multipleResponses": poll.multiple,
        "published": poll.published,
        "ended": poll.ended,
        "quiz": poll.quiz,
        "createdAt": hasura_time(poll.created_s),
        "publishedAt": None,
        "options": options,
        "users": lambda: [
            answer_of(user) for user in meeting.present() if not user.presenter
        ],
        "userCurrent": (lambda: answer_of(viewer)) if viewer else None,
        "responses": [
            {
                "optionDesc": option["optionDesc"],
                "optionId": option["optionId"],
                "optionResponsesCount": sum(
                    option["optionId"] in chosen for chosen in poll.votes.values()
                ),
                "pollResponsesCount": len(poll.votes),
                "questionText": poll.question,
            }
            for option in options
        ],
    }
