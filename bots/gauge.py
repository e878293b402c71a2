"""An engine's own fitness: its share of a core, its loop's lag, its sockets' losses."""

import asyncio
import time
from typing import Final, Protocol

from bots.gate import resident_bytes
from bots.models import EngineReport
from bots.socket_drops import SocketDrops

LAG_INTERVAL_S: Final = 0.05


class PlaneCounts(Protocol):
    """Counters of the network side since they were last taken, and what is open."""

    @property
    def late_packets(self) -> int: ...
    @property
    def sent_packets(self) -> int: ...
    @property
    def received_packets(self) -> int: ...
    @property
    def dropped_packets(self) -> int: ...
    @property
    def transports(self) -> int: ...
    @property
    def sockets(self) -> int: ...
    @property
    def lateness_s(self) -> float: ...


class Gauge:
    """Measures its own process; read once a second."""

    def __init__(self) -> None:
        self.cpu_ratio = 0.0
        """Share of a core over the last interval."""
        self._wall_s, self._cpu_s = time.monotonic(), time.process_time()
        self._lags_s: list[float] = []
        self._drops = SocketDrops()

    def report(
        self, counts: PlaneCounts, *, elapsed_s: float, engine: int, participants: int
    ) -> EngineReport:
        """Return the state of the engine since the last call."""
        now_s, used_s = time.monotonic(), time.process_time()
        self.cpu_ratio = (used_s - self._cpu_s) / max(now_s - self._wall_s, 1e-6)
        self._wall_s, self._cpu_s = now_s, used_s
        lags_s, self._lags_s = self._lags_s, []
        return EngineReport(
            elapsed_s=elapsed_s,
            engine=engine,
            cpu_ratio=self.cpu_ratio,
            lag_s=max(lags_s, default=0.0),
            lag_mean_s=sum(lags_s) / max(len(lags_s), 1),
            late_packets=counts.late_packets,
            sent_packets=counts.sent_packets,
            received_packets=counts.received_packets,
            participants=participants,
            memory_bytes=resident_bytes(),
            dropped_packets=counts.dropped_packets + self._drops.take(),
            sockets=counts.sockets,
            transports=counts.transports,
            lateness_s=counts.lateness_s,
        )

    async def watch_lag(self) -> None:
        """Note the delays of the event loop, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + LAG_INTERVAL_S
            await asyncio.sleep(LAG_INTERVAL_S)
            self._lags_s.append(max(0.0, loop.time() - due_s))
