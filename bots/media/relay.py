"""When a media server is reached through a TURN relay: directly first, then both ways.

A browser allocates a relay for every connection, at once, and tries all candidates in
parallel; nearly always the direct one wins and the relay is given back. Hundreds of
participants on one generator would so load the TURN server with relays that no packet
ever takes, and each with a second socket. So the direct checks go alone for
`RELAY_AFTER_S`: five of them, and any working path has answered by then. Only when none
is answered, or the system knows no way, a relay is asked for, while the direct checks
go on; whoever is first carries the media. What this leaves out on purpose: the
allocations that browsers make for nothing. A participant that needs its relay joins
`RELAY_AFTER_S` later than a browser. `only` relays (`ice_transport_policy="relay"`)
asks for them at once and sends nothing directly.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from bots.errors import ClusterError
from bots.media import sdp
from bots.media.full_ice import FullPath
from bots.media.ice import LightPath, Path, not_connected

RELAY_AFTER_S = 2.0


class DirectOrRelay:
    """The search for a path to an ICE-lite server that has TURN servers beside it."""

    def __init__(
        self,
        *,
        remote: sdp.Description,
        direct: LightPath | None,
        make_relay: Callable[[], FullPath],
    ) -> None:
        """`direct` is None where only a relay will do."""
        self.send: Callable[[memoryview | bytes], Any] = not_connected
        self.descriptor = -1
        self.rtt_s: float | None = None
        self.heard_s = 0.0
        self.failure = ""
        self.obstacle = ""
        self.candidate_type = ""
        self.remote_address = ""
        self._remote = remote
        self._direct = direct
        self._make_relay = make_relay
        self._relay: FullPath | None = None

    async def connect(self) -> Path:
        """Return the path that works first; the other one is closed.

        Raises:
            ClusterError: neither can work. With code `no relay candidate` where no TURN
                server gave one.
        """
        if self._direct is None:
            return await self._by_relay()
        loop = asyncio.get_running_loop()
        direct = loop.create_task(self._direct.connect())
        relay: asyncio.Task[Path] | None = None
        try:
            await asyncio.wait((direct,), timeout=RELAY_AFTER_S)
            if not _works(direct):
                relay = loop.create_task(self._by_relay())
                return await self._first(direct, relay)
            return direct.result()
        finally:
            for task in (direct, relay):
                if task is not None and not task.done():
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

    async def _first(
        self, direct: "asyncio.Task[Path]", relay: "asyncio.Task[Path]"
    ) -> Path:
        """Return what works first; wait for the other one when one fails."""
        pending = {task for task in (direct, relay) if not task.done()}
        while pending:
            _, pending = await asyncio.wait(
                pending, return_when=asyncio.FIRST_COMPLETED
            )
            if _works(direct):
                await self._close_relay()
                return direct.result()
            if _works(relay):
                assert self._direct is not None
                await self._direct.close()
                return relay.result()
        return relay.result()  # raises: both have failed, and this one says more

    async def _by_relay(self) -> Path:
        self._relay = relay = self._make_relay()
        try:
            await relay.gather()
            await relay.set_remote(self._remote)
            return await relay.connect()
        except ClusterError as error:
            self.obstacle = str(error)
            await self._close_relay()
            raise

    def tick(self, now_s: float, heard_s: float) -> None:
        """Do nothing: what was found looks after itself."""

    async def close(self) -> None:
        """Close whatever is open; idempotent."""
        if self._direct is not None:
            await self._direct.close()
        await self._close_relay()

    async def _close_relay(self) -> None:
        relay, self._relay = self._relay, None
        if relay is not None:
            await relay.close()


def _works(task: "asyncio.Task[Path]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
