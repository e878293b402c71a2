"""Make the node slower on purpose, by an amount that no machine's speed decides.

Two independent brakes. The *work factor* adds work: every forwarded packet and every
signalling operation burns a stated amount of CPU time, measured as thread CPU time, so
that a fast and a slow machine reach their knee at the same load. With *fixed cost* this
amount is all that the work costs, what the process really used for it included: then
the CPU time of a load is its units times the factor, whatever the machine. The *CPU
budget* takes
time away: the process may use that share of one core, and once a period's share is used
up it stands still until time has earned it back, as under a CFS quota
(Linux kernel documentation, scheduler/sched-bwc).
"""

import resource
import time
from dataclasses import dataclass

UNIT_S = 10e-6
"""CPU time that one unit burns at a work factor of 1: about what forwarding one packet
costs anyway."""
PACKET_UNITS = 1.0
HTTP_UNITS = 10.0
GRAPHQL_UNITS = 2.0
"""Units of one received or sent GraphQL operation. Signalling is kept cheap on purpose:
one process serves all, so that a burst of joins would freeze everybody's video long
before the CPU is used up, which BBB, with a process for each, does not do."""
PERIOD_S = 0.1
"""What can be saved up of the budget: one CFS period."""
SURPLUS_S = 0.02
"""With a fixed cost: own CPU time beyond the stated one is set off against work to come
up to this much; what an idle node uses is not."""
LONGEST_STOP_S = 0.5
"""The node never stands still longer than this at once."""
SMALLEST_BURN_S = 100e-6
"""Work is saved up to this much, since reading the clock costs as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuUse:
    """CPU seconds since the node started."""

    user_s: float
    system_s: float
    idle_s: float
    """Wall time times the budget, less what was used; never decreases."""
    wall_s: float = 0.0

    def in_cores_of(self, speed: float) -> "CpuUse":
        """Return the same told in seconds of a core that is `speed` times ours.

        A budget of 0.3 is then a whole core, of which 0.3 does what ours does in 1.
        """
        return CpuUse(
            user_s=self.user_s / speed,
            system_s=self.system_s / speed,
            idle_s=self.idle_s / speed,
            wall_s=self.wall_s,
        )


class Effort:
    """The node's brakes; `spend` is called for all that it does for a participant."""

    def __init__(
        self,
        *,
        work_factor: float = 0.0,
        cpu_budget: float = 1.0,
        has_fixed_cost: bool = False,
    ) -> None:
        self.work_factor = work_factor
        self.units = 0.0
        """Work spent since the start: its CPU time is known by construction."""
        self._has_fixed_cost = has_fixed_cost
        self._burnt_until_s = time.process_time()
        self.cpu_budget = cpu_budget
        self._owed_s = 0.0
        self._saved_s = PERIOD_S * cpu_budget
        self._wall_s = self._started_wall_s = time.monotonic()
        self._cpu_s = time.process_time()
        self._idle_s = 0.0
        self._started_user_s, self._started_system_s = _process_times()
        self.is_throttled = cpu_budget < 1.0

    def spend(self, units: float = PACKET_UNITS) -> None:
        """Burn `units` of work times the work factor, then keep to the budget."""
        self.units += units
        if self.work_factor > 0.0:
            self._owed_s += units * UNIT_S * self.work_factor
            if self._owed_s >= SMALLEST_BURN_S:
                self._burn()
        if self.is_throttled:
            self.keep_to_budget()

    def keep_to_budget(self) -> None:
        """Stand still (the whole process) while more than the budget was used.

        A process-wide stop is the point: an event loop that could go on serving would
        not have run out of CPU.
        """
        self._account()
        if self._saved_s < 0.0:
            time.sleep(min(-self._saved_s / self.cpu_budget, LONGEST_STOP_S))
            self._account()

    def use(self) -> CpuUse:
        """Return what the process used of its budget since this object was made."""
        user_s, system_s = _process_times()
        user_s -= self._started_user_s
        system_s -= self._started_system_s
        wall_s = time.monotonic() - self._started_wall_s
        idle_s = wall_s * self.cpu_budget - user_s - system_s
        self._idle_s = max(self._idle_s, idle_s)
        return CpuUse(
            user_s=user_s, system_s=system_s, idle_s=self._idle_s, wall_s=wall_s
        )

    def _burn(self) -> None:
        if self._has_fixed_cost:
            own_s = time.process_time() - self._burnt_until_s
            self._owed_s = max(self._owed_s - own_s, -SURPLUS_S)
        if self._owed_s > 0.0:
            self._burn_thread_time()
        self._burnt_until_s = time.process_time()

    def _burn_thread_time(self) -> None:
        started_s = time.thread_time()
        until_s = started_s + self._owed_s
        now_s = started_s
        while now_s < until_s:
            now_s = time.thread_time()
        self._owed_s -= now_s - started_s

    def _account(self) -> None:
        wall_s, cpu_s = time.monotonic(), time.process_time()
        self._saved_s += (wall_s - self._wall_s) * self.cpu_budget
        self._saved_s -= cpu_s - self._cpu_s
        self._saved_s = min(self._saved_s, PERIOD_S * self.cpu_budget)
        self._wall_s, self._cpu_s = wall_s, cpu_s


def _process_times() -> tuple[float, float]:
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime, use.ru_stime
