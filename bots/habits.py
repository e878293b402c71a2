"""What a participant does while it is in the meeting, as the person before it would.

When it does so is `persona.py`'s choice; here it is done. A habit that the server
refuses is not worth ending anything for: the next time comes. What the lock settings
forbid is not tried. What only a presenter does is `presenting.py`'s.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

from bots.audio import Audio
from bots.conversation import Conversation
from bots.errors import ClusterError
from bots.models import ParticipantPlan
from bots.persona import (
    REACTIONS,
    Chance,
    answer_to,
    chat_messages,
    rng_of,
    talk_spurts,
)
from bots.presence import Presence
from bots.presenting import Presenting
from bots.protocol import operations as op
from bots.protocol.operations import Operation
from bots.protocol.rows import Poll

UNMUTE_AFTER_S = 1.0
"""Whoever joins muted and wants to talk presses the button after about a second."""
LONGEST_THINKING_S = 30.0
SEEN_PAUSE_S = 1.0
"""Messages that come closer together are marked as seen together."""
ADMIT_AFTER_S = 2.0
TYPED_ANSWER = "an answer of my own"


class Performer:
    """One participant's habits."""

    def __init__(
        self,
        *,
        plan: ParticipantPlan,
        conversation: Conversation,
        presence: Presence,
        audio: Audio | None,
        lose_network: Callable[[float], None],
    ) -> None:
        self.muted = asyncio.Event()
        """Set by whoever learns that the server has muted this participant."""
        self._plan = plan
        self._habits = plan.habits
        self._conversation = conversation
        self._view = conversation.view
        self._presence = presence
        self._audio = audio
        self._lose_network = lose_network
        self._answered: set[str] = set()

    def all(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield a coroutine for each habit; each runs until it is cancelled."""
        habits, audio = self._habits, self._audio
        if self._plan.chat_interval_s is not None:
            yield self._write()
            yield self._read()
        if habits.hand_interval_s is not None:
            yield self._raise_hand(habits.hand_interval_s)
        if habits.reaction_interval_s is not None:
            yield self._react(habits.reaction_interval_s)
        if habits.answers_polls:
            yield self._answer_polls()
        if habits.admits_guests:
            yield self._admit_guests()
        if habits.drops_every_s is not None:
            yield self._lose(habits.drops_every_s)
        yield from Presenting(self._plan, self._conversation).all()
        if audio is not None and self._plan.talks and not audio.is_listening_only:
            yield self._talk(audio)
            yield self._unmute()

    # --- Voice ------------------------------------------------------------------------

    async def _talk(self, audio: Audio) -> None:
        for spurt in talk_spurts(rng_of(self._plan, Chance.TALK)):
            audio.set_talking(spurt.is_talking)
            await asyncio.sleep(spurt.duration_s)

    async def _unmute(self) -> None:
        while True:
            await self.muted.wait()
            await asyncio.sleep(UNMUTE_AFTER_S)
            self.muted.clear()
            if not self._view.binds("disableMic"):
                own = {"userId": self._view.user_id, "muted": False}
                await self._try(op.SET_MUTED, own)

    # --- Chat -------------------------------------------------------------------------

    async def _write(self) -> None:
        await self._presence.open_chat()
        rng = rng_of(self._plan, Chance.CHAT)
        chat = {"chatId": op.PUBLIC_CHAT}
        for message in chat_messages(rng, self._plan.chat_interval_s):
            await asyncio.sleep(message.wait_s)
            if self._view.binds("disablePublicChat"):
                continue
            await self._try(op.CHAT_TYPING, chat)
            await asyncio.sleep(message.typing_s)
            said = {
                "chatMessageInMarkdownFormat": message.text,
                "replyToMessageId": None,
            }
            await self._try(op.CHAT_SEND, chat | said)
            await self._mark_seen()

    async def _read(self) -> None:
        """Mark as seen what others write, as an open chat panel does."""
        view, seen = self._view, 0
        while True:
            seen = await self._conversation.other_than(seen, lambda: view.messages)
            await asyncio.sleep(SEEN_PAUSE_S)
            await self._mark_seen()

    async def _mark_seen(self) -> None:
        with contextlib.suppress(ClusterError):
            await self._presence.mark_seen()

    # --- Hand, reactions, polls, guests -----------------------------------------------

    async def _raise_hand(self, interval_s: float) -> None:
        rng = rng_of(self._plan, Chance.HAND)
        is_raised = False
        while True:
            await asyncio.sleep(float(rng.exponential(interval_s)) / 2)
            is_raised = not is_raised
            own = {"userId": self._view.user_id, "raiseHand": is_raised}
            await self._try(op.RAISE_HAND, own)

    async def _react(self, interval_s: float) -> None:
        rng = rng_of(self._plan, Chance.REACTION)
        while True:
            await asyncio.sleep(float(rng.exponential(interval_s)))
            emoji = REACTIONS[int(rng.integers(len(REACTIONS)))]
            await self._try(op.SET_REACTION, {"reactionEmoji": emoji})

    async def _answer_polls(self) -> None:
        """Answer each poll once, after some thought, by chance."""
        rng, view = rng_of(self._plan, Chance.POLL), self._view
        while True:
            await self._conversation.until(lambda: self._next_poll() is not None)
            thinking_s = float(rng.exponential(self._habits.poll_thinking_s))
            await asyncio.sleep(min(thinking_s, LONGEST_THINKING_S))
            poll = self._next_poll()
            if poll is None or view.is_presenter:
                continue  # it was closed meanwhile
            self._answered.add(poll.poll_id)
            named = {"pollId": poll.poll_id}
            if poll.is_typed:
                await self._try(op.POLL_TYPED_VOTE, named | {"answer": TYPED_ANSWER})
            else:
                chosen = {"answerIds": list(answer_to(poll, rng))}
                await self._try(op.POLL_VOTE, named | chosen)

    def _next_poll(self) -> Poll | None:
        waiting = (p for p in self._view.polls if p.poll_id not in self._answered)
        return next(waiting, None)

    async def _admit_guests(self) -> None:
        view = self._view
        while True:
            await self._conversation.until(
                lambda: view.is_moderator and bool(view.guest_ids)
            )
            await asyncio.sleep(ADMIT_AFTER_S)
            guests = [{"guest": guest, "status": "ALLOW"} for guest in view.guest_ids]
            if guests:
                await self._try(op.ADMIT_GUESTS, {"guests": guests})

    # --- Network ----------------------------------------------------------------------

    async def _lose(self, interval_s: float) -> None:
        rng = rng_of(self._plan, Chance.NETWORK)
        while True:
            await asyncio.sleep(float(rng.exponential(interval_s)))
            self._lose_network(self._habits.away_s)
            await asyncio.sleep(self._habits.away_s)

    async def _try(self, operation: Operation, variables: Mapping[str, Any]) -> None:
        with contextlib.suppress(ClusterError):
            await self._conversation.call(operation, variables)
