"""The meeting's one shared screen: sent by its presenter, seen by all others.

A socket of its own each time, closed to stop: the protocol has no `stop` for a screen.
Viewers learn of a share by GraphQL; the publisher announces nothing. Who is not the
presenter does not try: the server may eject a user for it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bots.errors import ClusterError
from bots.ground import Ground, first, flowing
from bots.media.session import SendSpec
from bots.persona import display_name, number_of
from bots.protocol import sfu
from bots.sfu_link import SfuCall

SCREEN_BITRATE_BPS = 1_500_000
LOOK_INTERVAL_S = 0.5
"""How often a running share looks whether its reason is still there."""
STOP_GRACE_S = 2.0
"""The media of a share that ends may end before GraphQL says so."""
RETRY_FIRST_S = 20.0
RETRY_MOST_S = 25.0
RETRY_FACTOR = 1.5
RETRY_KNOWN_S = 8.0
"""`screenshare.mediaTimeouts` of the html5 client's initial settings in 3.0:
`baseTimeout`, `maxTimeout`, `timeoutIncreaseFactor` and `baseReconnectionTimeout`."""


class Screens:
    """What one participant has to do with the shared screen."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._is_seen = False
        """Whether the last view that ended had begun to flow."""

    async def share(self) -> None:
        """Share the own screen whenever this participant is presenter."""
        view = self._ground.view
        attempt = 0
        while True:
            await self._ground.conversation.until(
                lambda: view.is_joined and view.is_presenter
            )
            try:
                await self._share()
                attempt = 0
                continue  # no longer presenter
            except ClusterError as failure:
                if self._ground.is_over:
                    return
                self._ground.logbook.refused("screen share", failure)
            attempt += 1
            await asyncio.sleep(retry_s(attempt))

    async def watch(self) -> None:
        """See whatever screen is shared, until cancelled."""
        view = self._ground.view
        attempt, is_known = 0, False
        while True:
            await self._ground.conversation.until(self._is_shown)
            try:
                await self._watch()
                attempt = 0
                continue  # the share is over
            except ClusterError as failure:
                await asyncio.sleep(STOP_GRACE_S)
                if self._ground.is_over:
                    return
                if not (view.is_joined and self._is_shown()):
                    continue
                self._ground.logbook.refused("screen view", failure)
            is_known = is_known or self._is_seen
            attempt = 0 if self._is_seen else attempt + 1
            await asyncio.sleep(view_retry_s(attempt, is_known=is_known))

    def _is_shown(self) -> bool:
        view = self._ground.view
        return bool(view.screen) and not view.is_presenter

    async def _share(self) -> None:
        """Share until no longer presenter; raises ClusterError for all else."""
        ground = self._ground
        deadline_s = time.monotonic() + ground.limits.screen_s
        async with ground.session("its screen") as (session, stream):
            spec = SendSpec(media="screen", seed=ground.plan.seed)
            conversation = sfu.screen_share(
                internal_meeting_id=ground.internal_meeting_id,
                voice_bridge=ground.settings.voice_bridge,
                user_id=ground.view.user_id,
                user_name=display_name(ground.plan.number),
                offer=await session.offer(sends=(spec,)),
                bitrate_bps=SCREEN_BITRATE_BPS,
            )
            async with self._call(conversation) as call:
                await call.start()
                answered = await call.expect(
                    sfu.Answered, deadline_s, "screen share start"
                )
                await session.accept(answered.sdp)
                await flowing(call, session, deadline_s, "screen share flowing")
                await _while(lambda: ground.view.is_presenter, call.over, stream.failed)

    async def _watch(self) -> None:
        """See the share until it is over; raises ClusterError for all else."""
        ground = self._ground
        self._is_seen = False
        asked_s = time.monotonic()
        deadline_s = asked_s + ground.limits.screen_s
        source = number_of(ground.view.presenter_name)
        is_told = False
        async with ground.session("the screen", source) as (session, stream):
            conversation = sfu.screen_view(
                internal_meeting_id=ground.internal_meeting_id,
                voice_bridge=ground.settings.voice_bridge,
                user_id=ground.view.user_id,
                user_name=display_name(ground.plan.number),
            )
            try:
                async with self._call(conversation) as call:
                    await call.start()
                    offered = await call.expect(
                        sfu.Offered, deadline_s, "screen view start"
                    )
                    await call.answer(
                        await session.answer(offered.sdp, receives=("screen",))
                    )
                    path = await flowing(
                        call, session, deadline_s, "screen view flowing"
                    )
                    self._is_seen = True
                    first_s = await first(call, session, "screen", deadline_s)
                    wait_s = max(first_s - asked_s, 0.0)
                    ground.logbook.milestone("screen", wait_s, source=source, path=path)
                    is_told = True
                    await _while(self._is_shown, call.over, stream.failed)
            except ClusterError as failure:
                if not is_told and not ground.is_over and self._is_shown():
                    ground.logbook.milestone(
                        "screen", None, source=source, failure=failure
                    )
                raise

    @asynccontextmanager
    async def _call(self, conversation: sfu.SfuConversation) -> AsyncIterator[SfuCall]:
        """Yield a call on a socket of its own, which is closed with it."""
        link = await self._ground.open_link("screen")
        try:
            yield link.call(conversation)
        finally:
            await link.close()


async def _while(
    holds: Callable[[], bool], *losses: "asyncio.Future[ClusterError]"
) -> None:
    """Wait until `holds()` no longer does; raise the loss that comes before."""
    while holds():
        await asyncio.wait(
            losses, timeout=LOOK_INTERVAL_S, return_when=asyncio.FIRST_COMPLETED
        )
        for loss in losses:
            if loss.done():
                raise loss.result()


def retry_s(attempt: int) -> float:
    """Return how long the client waits before its retry `attempt` (from 1).

    >>> [retry_s(attempt) for attempt in (1, 2, 3)]
    [20.0, 25.0, 25.0]
    """
    return min(RETRY_FIRST_S * RETRY_FACTOR ** (attempt - 1), RETRY_MOST_S)


def view_retry_s(attempt: int, *, is_known: bool) -> float:
    """Return how long a viewer waits before its retry `attempt`.

    It is 0 for a view that flowed until just now; from 1 on it counts the tries that
    came to nothing. `is_known`: a view has flowed before (`kurento.js`, `startedOnce`).

    >>> [view_retry_s(attempt, is_known=True) for attempt in (0, 1, 2)]
    [0.0, 8.0, 8.0]
    """
    if attempt == 0:
        return 0.0
    return RETRY_KNOWN_S if is_known else retry_s(attempt)
