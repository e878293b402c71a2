"""What a participant does in a burst: when its whole meeting does something at once.

    mute all     the presenter mutes everybody but itself; who talks unmutes again
    whiteboard   the presenter lets all draw for a while, and who may draws
    poll         the presenter asks; the others answer by habit
    cameras      everybody who sees cameras shares one for a while

When is in the plan, by the run's clock, so that engines on several machines agree.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

from bots.conversation import Conversation
from bots.errors import ClusterError
from bots.models import Burst, BurstKind, ParticipantPlan
from bots.persona import Chance, poll_to_ask, rng_of
from bots.presenting import Presenting
from bots.protocol import operations as op
from bots.protocol.operations import Operation

LINE_PAUSE_S = 1.0
"""Between two lines of somebody who draws with all others (our assumption)."""


class Bursting:
    """One participant's part in the bursts of its meeting."""

    def __init__(
        self,
        plan: ParticipantPlan,
        conversation: Conversation,
        share_camera: Callable[[], Coroutine[Any, Any, None]],
        elapsed_s: Callable[[], float],
    ) -> None:
        """`share_camera` publishes the own camera until it is cancelled; `elapsed_s` is
        the run's clock."""
        self._plan = plan
        self._conversation = conversation
        self._view = conversation.view
        self._share_camera = share_camera
        self._elapsed_s = elapsed_s
        self._rng = rng_of(plan, Chance.BURST)

    def all(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield a coroutine for each kind of burst that the plan holds."""
        for kind in dict.fromkeys(burst.kind for burst in self._plan.bursts):
            yield self._take_part(kind)

    async def _take_part(self, kind: BurstKind) -> None:
        for burst in self._plan.bursts:
            left_s = burst.starts_s + burst.lasts_s - self._elapsed_s()
            if burst.kind != kind or left_s <= 0:
                continue
            await asyncio.sleep(max(0.0, burst.starts_s - self._elapsed_s()))
            await self._do(burst)

    async def _do(self, burst: Burst) -> None:
        match burst.kind:
            case "mute all" if self._view.is_presenter and self._view.is_moderator:
                await self._mute_all()
            case "whiteboard":
                await self._draw_together(burst)
            case "poll" if self._view.is_presenter:
                await self._ask(burst)
            case "cameras":
                await self._show_camera(burst)

    async def _mute_all(self) -> None:
        told = {"muted": True, "exceptPresenter": True}
        await self._try(op.MUTE_ALL, told)

    async def _draw_together(self, burst: Burst) -> None:
        view = self._view
        if view.is_presenter:
            # A burst that is on already when it joins: it must see the room first.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._left_s(burst)):
                    await self._conversation.until(
                        lambda: bool(view.page_id and view.user_ids)
                    )
            everybody = [user for user in view.user_ids if user != view.user_id]
            opened = {"pageId": view.page_id, "usersIds": everybody}
            await self._try(op.SET_WRITERS, opened)
        pen = Presenting(self._plan, self._conversation)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._left_s(burst)):
                while True:
                    await self._conversation.until(
                        lambda: (
                            bool(view.page_id) and (view.writes or view.is_presenter)
                        )
                    )
                    await pen.draw_line(self._rng)
                    await asyncio.sleep(LINE_PAUSE_S)
        if view.is_presenter:
            closed = {"pageId": view.page_id, "usersIds": []}
            await self._try(op.SET_WRITERS, closed)

    async def _ask(self, burst: Burst) -> None:
        asked = poll_to_ask(self._rng)
        await self._try(op.POLL_CREATE, asked)
        await asyncio.sleep(self._left_s(burst))
        await self._try(op.POLL_PUBLISH, {"pollId": asked["pollId"]})

    async def _show_camera(self, burst: Burst) -> None:
        if self._plan.shares_camera or self._plan.camera_view_limit == 0:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._left_s(burst)):
                await self._share_camera()

    def _left_s(self, burst: Burst) -> float:
        return max(0.0, burst.starts_s + burst.lasts_s - self._elapsed_s())

    async def _try(self, operation: Operation, variables: Mapping[str, Any]) -> None:
        with contextlib.suppress(ClusterError):
            await self._conversation.call(operation, variables)
