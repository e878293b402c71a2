"""Mutations of the chats.

Importing this module adds them to `mutations.FUNCTIONS`.
"""

from loadtest.node.content import Chat
from loadtest.node.meeting import token
from loadtest.node.mutations import (
    JSON,
    TEXT,
    Arguments,
    Caller,
    function,
    present_user,
)
from loadtest.node.times import read_time

# -- chat ----------------------------------------------------------------------


@function(
    "chatSendMessage",
    chatId=TEXT,
    chatMessageInMarkdownFormat=TEXT,
    optional={"replyToMessageId": TEXT, "metadata": JSON},
)
def _chat_send(caller: Caller, arguments: Arguments) -> None:
    chat = _chat(caller, arguments["chatId"])
    if chat is None or not _may_write(caller, chat):
        return
    chat.typing_s.pop(caller.user.id, None)
    caller.meeting.post(
        chat,
        caller.user,
        arguments["chatMessageInMarkdownFormat"],
        reply_to=arguments.get("replyToMessageId"),
        metadata=arguments.get("metadata"),
    )
    caller.meeting.changed("typing", user_id=caller.user.id)


@function("chatSetTyping", optional={"chatId": TEXT})
def _chat_typing(caller: Caller, arguments: Arguments) -> None:
    meeting, me = caller.meeting, caller.user
    chat = _chat(caller, arguments.get("chatId") or "")
    for other in meeting.chats.values():
        if other is not chat:
            other.typing_s.pop(me.id, None)
    if chat is not None and _may_write(caller, chat):
        chat.typing_s[me.id] = meeting.now_s()
    meeting.changed("typing", user_id=me.id)


@function("chatSetLastSeen", optional={"chatId": TEXT, "lastSeenAt": TEXT})
def _chat_seen(caller: Caller, arguments: Arguments) -> None:
    chat = _chat(caller, arguments.get("chatId") or "")
    if chat is None:
        return
    try:
        seen_s = read_time(arguments.get("lastSeenAt"))
    except ValueError:
        seen_s = caller.meeting.now_s()
    chat.last_seen_s[caller.user.id] = seen_s
    caller.meeting.changed("chat", user_id=caller.user.id)


@function("chatCreateWithUser", userId=TEXT)
def _chat_create(caller: Caller, arguments: Arguments) -> None:
    meeting, me = caller.meeting, caller.user
    other = present_user(caller, arguments["userId"])
    if other is None or other is me:
        return
    members = (me.id, other.id)
    if any(set(chat.members) == set(members) for chat in meeting.chats.values()):
        return
    chat_id = f"{token(meeting.rng, 8)}-{int(meeting.now_s() * 1000)}"
    meeting.chats[chat_id] = Chat(chat_id=chat_id, members=members)
    meeting.changed("chat", user_id=me.id)


@function("chatSendMessageReaction", chatId=TEXT, messageId=TEXT, reactionEmoji=TEXT)
def _chat_react(caller: Caller, arguments: Arguments) -> None:
    chat = _chat(caller, arguments["chatId"])
    for message in chat.messages if chat else ():
        if message.message_id == arguments["messageId"]:
            reaction = (caller.user.id, arguments["reactionEmoji"])
            if reaction not in message.reactions:
                message.reactions.append(reaction)
            caller.meeting.changed("chat", user_id=caller.user.id)


def _chat(caller: Caller, chat_id: str) -> Chat | None:
    chat = caller.meeting.chats.get(chat_id)
    if chat is not None and chat.members and caller.user.id not in chat.members:
        return None
    return chat


def _may_write(caller: Caller, chat: Chat) -> bool:
    locks = caller.meeting.locks
    if not caller.user.is_locked_viewer:
        return True
    if chat.members:
        return not locks.disable_private_chat
    return not locks.disable_public_chat
