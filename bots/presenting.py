"""What a presenter does with the presentation: turn pages, point, draw, ask.

Everything here waits while the participant is not the presenter. Rates are those of the
html5 client: the cursor at most every 150 ms, shapes in batches every 60 ms.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any

import numpy as np

from bots.conversation import Conversation
from bots.errors import ClusterError
from bots.models import ParticipantPlan
from bots.persona import Chance, poll_to_ask, rng_of, stroke
from bots.protocol import operations as op
from bots.protocol.operations import Operation

CURSOR_INTERVAL_S = 0.15
BATCH_INTERVAL_S = 0.06
POLL_OPEN_S = 20.0
"""How long a poll is open before its result is published (our assumption)."""
OFF_PAGE = -1.0
"""What the client publishes when the pointer leaves the page."""


class Presenting:
    """One participant's habits as a presenter."""

    def __init__(self, plan: ParticipantPlan, conversation: Conversation) -> None:
        self._plan = plan
        self._conversation = conversation
        self._view = conversation.view

    def all(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield a coroutine for each habit; each runs until it is cancelled."""
        habits = self._plan.habits
        if habits.page_interval_s is not None:
            yield self._turn_pages(habits.page_interval_s)
        if habits.pointer_interval_s is not None:
            yield self._point(habits.pointer_interval_s)
        if habits.drawing_interval_s is not None:
            yield self._draw(habits.drawing_interval_s)
        if habits.poll_interval_s is not None:
            yield self._ask(habits.poll_interval_s)

    async def _turn_pages(self, interval_s: float) -> None:
        rng, view = rng_of(self._plan, Chance.PAGE), self._view
        while True:
            await asyncio.sleep(float(rng.exponential(interval_s)))
            await self._until_presenter()
            if view.pages > 1:
                shown, page = view.presentation_id, view.page % view.pages + 1
                page_id = f"{shown}/{page}"
                await self._try(
                    op.SET_PAGE, {"presentationId": shown, "pageId": page_id}
                )

    async def _point(self, interval_s: float) -> None:
        """Move the pointer over the page, and off it."""
        rng = rng_of(self._plan, Chance.POINTER)
        while True:
            await asyncio.sleep(float(rng.exponential(interval_s)))
            await self._until_presenter()
            for x_percent, y_percent in (*stroke(rng), (OFF_PAGE, OFF_PAGE)):
                await self._try(
                    op.PUBLISH_CURSOR,
                    {
                        "whiteboardId": self._view.page_id,
                        "xPercent": x_percent,
                        "yPercent": y_percent,
                    },
                )
                await asyncio.sleep(CURSOR_INTERVAL_S)

    async def _draw(self, interval_s: float) -> None:
        """Draw a line: the shape as far as it has got goes out with each batch."""
        rng = rng_of(self._plan, Chance.DRAWING)
        while True:
            await asyncio.sleep(float(rng.exponential(interval_s)))
            await self._until_presenter()
            await self.draw_line(rng)

    async def draw_line(self, rng: np.random.Generator) -> None:
        """Draw one line on the page that is shown, as whoever may."""
        page_id = self._view.page_id
        name = f"shape:{rng.bytes(8).hex()}"
        points = stroke(rng)
        for drawn in range(2, len(points) + 1):
            shape = self._shape(name, page_id, points[:drawn])
            await self._try(
                op.SUBMIT_ANNOTATIONS, {"pageId": page_id, "annotations": [shape]}
            )
            await asyncio.sleep(BATCH_INTERVAL_S)

    def _shape(
        self, name: str, page_id: str, points: tuple[tuple[float, float], ...]
    ) -> dict[str, Any]:
        x_percent, y_percent = points[0]
        line = [{"x": x - x_percent, "y": y - y_percent, "z": 0.5} for x, y in points]
        return {
            "id": name,
            "annotationInfo": {
                "id": name,
                "type": "draw",
                "typeName": "shape",
                "parentId": f"page:{self._view.page}",
                "x": x_percent,
                "y": y_percent,
                "props": {"segments": [{"type": "free", "points": line}]},
            },
            "wbId": page_id,
            "userId": self._view.user_id,
        }

    async def _ask(self, interval_s: float) -> None:
        """Make a poll, leave it open for a while, and publish its result."""
        rng = rng_of(self._plan, Chance.ASKING)
        while True:
            await asyncio.sleep(float(rng.exponential(interval_s)))
            await self._until_presenter()
            asked = poll_to_ask(rng)
            await self._try(op.POLL_CREATE, asked)
            await asyncio.sleep(POLL_OPEN_S)
            await self._try(op.POLL_PUBLISH, {"pollId": asked["pollId"]})

    async def _until_presenter(self) -> None:
        view = self._view
        await self._conversation.until(
            lambda: view.is_presenter and view.is_joined and bool(view.page_id)
        )

    async def _try(self, operation: Operation, variables: Mapping[str, Any]) -> None:
        with contextlib.suppress(ClusterError):
            await self._conversation.call(operation, variables)
