"""The stand-in node as one running server: its parts joined, its port, its clock.

async with RunningNode(settings) as running:
    running.url        # http://127.0.0.1:40123
    running.node       # its state, for tests in the same process
"""

import asyncio
import errno
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from aiohttp import web

from bots.errors import ConfigError
from loadtest.node.api import Api
from loadtest.node.effort import PERIOD_S, Effort
from loadtest.node.metrics import (
    machine_metrics,
    meeting_metrics,
    resident_memory_bytes,
)
from loadtest.node.middleware import Middleware
from loadtest.node.session_calls import SessionCalls
from loadtest.node.settings import NodeSettings
from loadtest.node.sfu import NodeMedia, serve
from loadtest.node.state import Node

MAX_BODY_BYTES = 1_000_000


def steady_utc() -> Callable[[], float]:
    """Return a clock of Unix seconds that only ever runs forward."""
    offset_s = time.time() - time.monotonic()
    return lambda: offset_s + time.monotonic()


class RunningNode:
    """A stand-in node between its start and its stop."""

    def __init__(
        self, settings: NodeSettings, *, now_s: Callable[[], float] | None = None
    ) -> None:
        self.settings = settings
        self.node = Node(now_s=now_s or steady_utc(), timeouts=settings.timeouts)
        self.effort = Effort(
            work_factor=settings.work_factor,
            cpu_budget=settings.cpu_budget,
            has_fixed_cost=settings.has_fixed_cost,
        )
        self.middleware = Middleware(
            self.node, settings, self.effort, base_url=lambda: self.url
        )
        self.media: NodeMedia
        self.port = settings.port
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: set[asyncio.Task[object]] = set()
        """The tasks of open media signalling sockets, which end with the node."""
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where the node is, without a path."""
        return f"http://{self.settings.host}:{self.port}"

    @property
    def api_url(self) -> str:
        """What a bot is given as the server's URL."""
        return f"{self.url}/bigbluebutton/api"

    @property
    def metrics_url(self) -> str:
        """Where the node's metrics are."""
        return f"{self.url}/metrics"

    async def __aenter__(self) -> Self:
        settings = self.settings
        async with AsyncExitStack() as stack:
            self.media = await stack.enter_async_context(
                NodeMedia(
                    address=settings.host,
                    effort=self.effort,
                    seed=settings.seed,
                    faults=settings.faults,
                    ceilings=settings.ceilings,
                )
            )
            runner = web.AppRunner(
                self._application(),
                handle_signals=False,
                access_log=None,
                shutdown_timeout=2.0,
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, settings.host, settings.port)
            try:
                await site.start()
            except OSError as failure:
                raise _cannot_listen(settings, failure) from failure
            self.port = runner.addresses[0][1]
            group = await stack.enter_async_context(asyncio.TaskGroup())
            self._tasks.add(group.create_task(self._tick()))
            self._tasks.add(group.create_task(self._tick_connections()))
            if self.effort.is_throttled:
                self._tasks.add(group.create_task(self._throttle()))
            stack.push_async_callback(self._stop)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _stop(self) -> None:
        for task in (*self._tasks, *self._sockets):
            task.cancel()
        self.middleware.close()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        api = Api(self.node, self.settings, self.effort, base_url=lambda: self.url)
        calls = SessionCalls(
            self.node, self.settings, self.effort, base_url=lambda: self.url
        )
        app.add_routes(
            [
                *api.routes(),
                *calls.routes(),
                *self.middleware.routes(),
                web.get("/bbb-webrtc-sfu", self._sfu),
                web.get("/metrics", self._metrics),
            ]
        )
        return app

    async def _sfu(self, request: web.Request) -> web.StreamResponse:
        session = self.node.session(
            request.query.get("sessionToken"), request.cookies.get("JSESSIONID")
        )
        if session is None or self.settings.faults.sfu_unauthorized:
            return web.Response(status=401)
        task = asyncio.current_task()
        assert task is not None
        self._sockets.add(task)
        try:
            return await serve(
                request,
                node=self.node,
                media=self.media,
                user=session.user,
                meeting=session.meeting,
            )
        finally:
            self._sockets.discard(task)

    async def _metrics(self, request: web.Request) -> web.Response:
        cpu = self.effort.use()
        if self.settings.ceilings.idle_cores:  # beside it stand cores of its own speed
            cpu = cpu.in_cores_of(self.effort.cpu_budget)
        lines = machine_metrics(
            cpu=cpu,
            resident_bytes=self._memory_bytes(),
            memory_budget_bytes=self.settings.memory_budget_bytes,
            received_bytes=self.media.received_bytes,
            sent_bytes=self.media.sent_bytes,
            graphql_connections=self.middleware.connection_count,
            idle_cores=self.settings.ceilings.idle_cores,
            uplink=self.media.uplink,
            units=self.effort.units,
            consumers=self.media.consumer_count(),
        )
        lines += meeting_metrics(self.node, version=self.settings.bbb_version)
        return web.Response(
            text="\n".join(lines) + "\n",
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    def _memory_bytes(self) -> int:
        """Return the process' memory, and what users take by order."""
        return resident_memory_bytes() + self.middleware.ordered_memory_bytes

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.settings.tick_s)
            self.node.tick()

    async def _tick_connections(self) -> None:
        step_s = min(0.25, self.settings.limits.ping_s / 4)
        while True:
            await asyncio.sleep(step_s)
            self.middleware.tick()

    async def _throttle(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_S / 5)
            self.effort.keep_to_budget()


def _cannot_listen(settings: NodeSettings, failure: OSError) -> ConfigError:
    where = f"{settings.host}:{settings.port}"
    if failure.errno == errno.EADDRINUSE:
        return ConfigError(
            f"port {settings.port} of {settings.host} is in use: stop what listens "
            "there or choose another with --port (0 takes any free one)"
        )
    return ConfigError(f"cannot listen on {where}: {failure.strerror or failure}")
