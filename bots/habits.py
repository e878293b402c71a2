"""What a participant does while it is in the meeting: talk, write, raise its hand.

When it does so is `persona.py`'s choice; here it is done. A habit that the server
refuses is not worth ending anything for: the next time comes.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any

from bots.conversation import Conversation
from bots.errors import ClusterError
from bots.models import ParticipantPlan
from bots.persona import Chance, Persona, chat_messages, rng_of, talk_spurts
from bots.protocol import operations as op
from bots.streams import Session

UNMUTE_AFTER_S = 1.0
"""Whoever joins muted and wants to talk presses the button after about a second."""


class Habits:
    """The habits of one participant."""

    def __init__(
        self,
        *,
        plan: ParticipantPlan,
        persona: Persona,
        conversation: Conversation,
        session: Session | None,
        listens_only: bool,
    ) -> None:
        self.muted = asyncio.Event()
        """Set by whoever learns that the server has muted this participant."""
        self._plan = plan
        self._persona = persona
        self._conversation = conversation
        self._session = session
        self._listens_only = listens_only

    def all(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield a coroutine for each habit; each runs until it is cancelled."""
        yield self._write()
        if self._persona.hand_interval_s is not None:
            yield self._raise_hand(self._persona.hand_interval_s)
        if self._session is None:
            return
        yield self._settle()
        if self._plan.talks and not self._listens_only:
            yield self._talk(self._session)
            yield self._unmute()

    async def _settle(self) -> None:
        """Tell what the client tells once its audio is there."""
        user_id = self._conversation.view.user_id
        with contextlib.suppress(ClusterError):
            await self._conversation.call(
                op.SET_LISTEN_ONLY_INPUT, {"listenOnlyInputDevice": self._listens_only}
            )
            if self._listens_only:
                await self._conversation.call(
                    op.SET_MUTED, {"userId": user_id, "muted": True}
                )

    async def _talk(self, session: Session) -> None:
        for spurt in talk_spurts(rng_of(self._plan, Chance.TALK)):
            session.set_talking(spurt.is_talking)
            await asyncio.sleep(spurt.duration_s)

    async def _unmute(self) -> None:
        while True:
            await self.muted.wait()
            await asyncio.sleep(UNMUTE_AFTER_S)
            self.muted.clear()
            if self._is_locked("disableMic"):
                continue
            user_id = self._conversation.view.user_id
            with contextlib.suppress(ClusterError):
                await self._conversation.call(
                    op.SET_MUTED, {"userId": user_id, "muted": False}
                )

    async def _write(self) -> None:
        rng = rng_of(self._plan, Chance.CHAT)
        chat = {"chatId": op.PUBLIC_CHAT}
        for message in chat_messages(rng, self._plan.chat_interval_s):
            await asyncio.sleep(message.wait_s)
            if self._is_locked("disablePublicChat"):
                continue
            with contextlib.suppress(ClusterError):
                await self._conversation.call(op.CHAT_TYPING, chat)
                await asyncio.sleep(message.typing_s)
                said = {
                    "chatMessageInMarkdownFormat": message.text,
                    "replyToMessageId": None,
                }
                await self._conversation.call(op.CHAT_SEND, chat | said)
                await self._conversation.mark_seen()

    async def _raise_hand(self, interval_s: float) -> None:
        rng = rng_of(self._plan, Chance.HAND)
        is_raised = False
        while True:
            await asyncio.sleep(float(rng.exponential(interval_s)) / 2)
            is_raised = not is_raised
            user_id = self._conversation.view.user_id
            with contextlib.suppress(ClusterError):
                await self._conversation.call(
                    op.RAISE_HAND, {"userId": user_id, "raiseHand": is_raised}
                )

    def _is_locked(self, what: str) -> bool:
        view = self._conversation.view
        return view.is_locked and not view.is_moderator and view.locks.get(what, False)
