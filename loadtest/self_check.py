"""Whether a run's load was real and its generator fit: a proof at the end of the log.

Three sums must come out by themselves: packets sent by our publishers are those that
our viewers received or lost, streams seen are those of the plan, connections open are
those that the plan computes. They are compared where the SLO was kept: where it broke,
what is missing is the server's doing. Beside them stand the generator's own limits,
which `slo` judges step by step. Pure.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from bots.models import EngineReport, StreamReport
from loadtest.ascents import Finished
from loadtest.connections import connections_of
from loadtest.models import (
    Check,
    LoadPoint,
    MeetingProfile,
    Record,
    RunHeader,
    SelfCheck,
)
from loadtest.packet_books import Balance, PacketBooks
from loadtest.slo import (
    ENGINE_CPU_MAX,
    ENGINE_LAG_MAX_S,
    LATE_PACKETS_MAX,
    STREAMS_MIN,
)

DROPPED_MAX: Final = 0.001
"""Share of all packets that our own sockets may lose before loss is ours to blame."""
LAG_MEAN_MAX_S: Final = 0.02
"""Mean delay of an engine's loop: above an audio packet's time it is not fit to say
when anything came, also where it sends nothing that could be late."""
LAST_REPORTS: Final = 16
"""Reports of each engine that are looked at when a step is over: about a second each.
The most that it had open in them counts, since at a run's end everybody leaves."""


class SelfCheckSums:
    """Adds up the records of a run as they come."""

    def __init__(self) -> None:
        self._books = PacketBooks()
        self._balances: list[Balance] = []
        self._profiles: dict[str, MeetingProfile] = {}
        self._open: dict[int, deque[tuple[float, int]]] = {}
        self._connections: dict[int, float] = {}
        self._lags_s: dict[int, tuple[float, int]] = {}
        self._dropped = 0
        self._packets = 0

    def add(self, record: Record) -> None:
        """Add one record."""
        if isinstance(record, RunHeader):
            self._profiles = {profile.name: profile for profile in record.scenario}
        elif isinstance(record, StreamReport):
            self._books.add(record)
        elif isinstance(record, EngineReport):
            total_s, count = self._lags_s.get(record.engine, (0.0, 0))
            self._lags_s[record.engine] = (total_s + record.lag_mean_s, count + 1)
            self._dropped += record.dropped_packets
            self._packets += record.sent_packets + record.received_packets
            seen = self._open.setdefault(record.engine, deque(maxlen=LAST_REPORTS))
            seen.append((record.elapsed_s, record.sockets + record.transports))

    def judged(self, step: Finished) -> None:
        """Keep what a step showed that has just been judged; the next one begins."""
        self._keep_connections(step[0])
        balance, self._books = self._books.balance(), PacketBooks()
        if balance is not None and _is_good(step):
            self._balances.append(balance)

    def result(self, finished: Sequence[Finished]) -> SelfCheck:
        """Return every check, kept or not, with the reason of each that was not."""
        for point, _ in finished:
            if point.step not in self._connections:
                self._keep_connections(point)
        kept = [step[0] for step in finished if _is_good(step)]
        checks = (
            self._packet_check(is_good=len(kept) == len(finished)),
            _streams_check(kept),
            self._connections_check(kept),
            _limit("engine CPU", "cores", _largest(finished, _cpu), ENGINE_CPU_MAX),
            _limit("loop lag", "s", _largest(finished, _lag), ENGINE_LAG_MAX_S),
            _limit("packets late", "", _largest(finished, _late), LATE_PACKETS_MAX),
            self._drops_check(),
            self._wakes_check(),
        )
        return SelfCheck(checks=tuple(check for check in checks if check is not None))

    def _keep_connections(self, point: LoadPoint) -> None:
        """Keep what was open towards the end of a step."""
        found = [
            [count for at_s, count in seen if point.starts_s < at_s <= point.ends_s]
            for seen in self._open.values()
        ]
        count = sum(max(each, default=0) for each in found)
        if count:  # an engine of an older version does not say
            self._connections[point.step] = float(count)

    def _packet_check(self, *, is_good: bool) -> Check | None:
        balances = list(self._balances)
        rest = self._books.balance()
        if rest is not None and is_good:
            balances.append(rest)
        if not balances:
            return None
        balance = Balance(
            sent=sum(each.sent for each in balances),
            accounted=sum(each.accounted for each in balances),
            pairs=sum(each.pairs for each in balances),
        )
        reason = (
            f"our publishers sent {balance.sent:.0f} camera packets to those who "
            f"watched, who account for {balance.accounted:.0f} (received or lost): "
            "one of the two is not true"
        )
        return Check(
            name="camera packets",
            expected=balance.sent,
            measured=balance.accounted,
            tolerance=balance.tolerance,
            is_proof=True,
            reason="" if balance.is_even else reason,
        )

    def _connections_check(self, kept: Iterable[LoadPoint]) -> Check | None:
        profiles = self._profiles
        pairs = [
            (connections_of(profiles[p.profile], p.participants).total, found)
            for p in kept
            if p.profile in profiles
            and (found := self._connections.get(p.step)) is not None
        ]
        return _worst("connections", pairs)

    def _wakes_check(self) -> Check | None:
        means_s = [total_s / count for total_s, count in self._lags_s.values()]
        if not means_s:
            return None
        mean_s = max(means_s)
        return Check(
            name="mean loop lag",
            unit="s",
            expected=0.0,
            measured=mean_s,
            tolerance=LAG_MEAN_MAX_S,
            is_proof=True,
            reason=_late_wakes(mean_s) if mean_s > LAG_MEAN_MAX_S else "",
        )

    def _drops_check(self) -> Check | None:
        if not self._packets:
            return None
        share = self._dropped / self._packets
        return _limit("packets lost in our own sockets", "", share, DROPPED_MAX, True)


def _late_wakes(mean_s: float) -> str:
    return (
        f"an engine woke {1000 * mean_s:.0f} ms late on average "
        f"(limit {1000 * LAG_MEAN_MAX_S:.0f} ms): it gets too little of its core"
    )


def missing_proofs(check: SelfCheck) -> tuple[str, ...]:
    """Return why the whole run is invalid, whatever its steps say."""
    return tuple(each.reason for each in check.checks if each.is_proof and each.reason)


def _is_good(step: Finished) -> bool:
    return step[1].met and step[1].generator_fit


def _streams_check(kept: Iterable[LoadPoint]) -> Check | None:
    pairs = [(p.streams_expected, p.streams_seen) for p in kept if p.streams_expected]
    return _worst("streams", pairs)


def _worst(name: str, pairs: Sequence[tuple[float, float]]) -> Check | None:
    """Return the check of the step that lacked most; more than computed is no lack."""
    if not pairs:
        return None
    expected, seen = min(pairs, key=lambda pair: pair[1] / pair[0])
    lacks = seen < STREAMS_MIN * expected
    return Check(
        name=name,
        expected=float(expected),
        measured=float(seen),
        tolerance=(1 - STREAMS_MIN) * expected,
        is_proof=True,
        reason=f"{seen:.0f} of {expected:.0f} {name} were there" if lacks else "",
    )


def _limit(
    name: str, unit: str, measured: float, limit: float, is_proof: bool = False
) -> Check:
    said = f"{name}: {measured:.3g} {unit}".rstrip() + f" (limit {limit:g})"
    return Check(
        name=name,
        unit=unit,
        expected=0.0,
        measured=measured,
        tolerance=limit,
        is_proof=is_proof,
        reason=said if measured > limit else "",
    )


def _largest(
    finished: Sequence[Finished], value: Callable[[LoadPoint], float]
) -> float:
    return max((value(point) for point, _ in finished), default=0.0)


def _cpu(point: LoadPoint) -> float:
    return point.engine_cpu_max


def _lag(point: LoadPoint) -> float:
    return point.engine_lag_max_s


def _late(point: LoadPoint) -> float:
    return point.late_packets / max(point.sent_packets, 1)
