"""Whether a run may go on: who else is on the server, and how busy its nodes are. Pure.

Two sources are set beside each other, since either may be blind: what getMeetings shows
to our secret, and what the nodes themselves count. A run begins only when both agree
(`prove`), and it withdraws when people come who are not ours, when one source shows
more people than the other, or when nothing has been seen for too long.

Beside real meetings, which the operator must allow, a run watches the nodes' CPU
instead: from the ceiling on it withdraws, and also when the CPU cannot be read.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from bots.errors import ConfigError
from bots.wire import Sighted
from loadtest.models import NodeSample

BLIND_MAX_S: Final = 60.0
"""Longest time without an answer of getMeetings that shows our own participants."""
CPU_BLIND_MAX_S: Final = 10.0
"""Longest time without a CPU sample beside real meetings."""
WINDOW_S: Final = 20.0
"""Joins and leaves reach the two sources at different times: they differ only if, over
so long, the least that the one counted is more than the most that the other showed."""
SHOWN_MIN: Final = 0.5
"""Share of our participants that getMeetings must show; joins are on their way."""
HURRY_S: Final = 1.0
"""Beside real meetings everybody leaves within this, or is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRules:
    """What the operator allows beside the caps."""

    beside_real_meetings: bool = False
    withdraw_at_cpu: float | None = None
    """Share of a node's cores, required beside real meetings."""
    meetings_unseen: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What every report must say of a run under these rules."""
        notes = []
        if self.beside_real_meetings:
            notes.append(
                "people who are not ours may have been on the server "
                f"(--beside-real-meetings --withdraw-at-cpu {self.withdraw_at_cpu:g})"
            )
        if self.meetings_unseen:
            notes.append(
                "nothing proved that other people's meetings would have been seen "
                "(--meetings-unseen)"
            )
        return tuple(notes)


NO_RISKS: Final = GuardRules()


def check_rules(rules: GuardRules) -> GuardRules:
    """Return the rules; raises ConfigError for some that do not go together."""
    ceiling = rules.withdraw_at_cpu
    if rules.beside_real_meetings and ceiling is None:
        raise ConfigError(
            "--beside-real-meetings needs a CPU share of the node at which the run "
            "withdraws: add --withdraw-at-cpu 0.7"
        )
    if ceiling is not None and not rules.beside_real_meetings:
        raise ConfigError(
            "--withdraw-at-cpu goes with --beside-real-meetings: give both or none"
        )
    if ceiling is not None and not 0 < ceiling < 1:
        raise ConfigError(
            f"--withdraw-at-cpu {ceiling:g} is no share of a node: give 0.05 to 0.95"
        )
    return rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What the nodes' own metrics count, over all nodes."""

    participants: int
    meetings: int | None = None
    """None where no metric says it."""


def prove(shown: Sighted | None, counted: Count | None, host: str) -> str:
    """Return "" when both sources show the same, else why they prove nothing."""
    if counted is None:
        return (
            "no second source counts the participants of "
            f"{host}, so nobody knows what getMeetings hides: give the address of its "
            "bigbluebutton-exporter with --node-metrics, or take the risk with "
            "--meetings-unseen"
        )
    if shown is None:
        return "getMeetings was not asked"
    if counted.participants != shown.participants:
        return (
            f"getMeetings shows {shown.participants} participants and the metrics of "
            f"the nodes count {counted.participants}: ask every node with its own "
            "secret and give the metrics of all of them, or take the risk with "
            "--meetings-unseen"
        )
    if counted.meetings is not None and counted.meetings != shown.meetings:
        return (
            f"getMeetings shows {shown.meetings} meetings, with ours, and the metrics "
            f"of the nodes count {counted.meetings}: give the metrics of all nodes of "
            f"{host} and of no other, or take the risk with --meetings-unseen"
        )
    return ""


class Sentry:
    """Watches a run that has begun; each answer is "" or why it must withdraw."""

    def __init__(self, rules: GuardRules, *, since_s: float = 0.0) -> None:
        self._rules = rules
        self._seen_s = since_s
        self._cpu_s = since_s
        self._failure = ""
        self._shown: deque[tuple[float, int]] = deque()
        self._counted: deque[tuple[float, int]] = deque()
        self._by_node: dict[str, int] = {}

    def sighted(self, sighted: Sighted, elapsed_s: float, present: int) -> str:
        """Take what getMeetings showed while `present` of ours were in."""
        if self._rules.beside_real_meetings:
            return ""
        if sighted.refusal:
            return sighted.refusal
        if sighted.failure:
            self._failure = sighted.failure
            return self.tick(elapsed_s)
        if not sighted.shows_ours or sighted.ours < SHOWN_MIN * present:
            self._failure = (
                f"getMeetings shows {sighted.ours} of our {present} participants"
            )
            return self.tick(elapsed_s)
        self._seen_s = elapsed_s
        self._shown.append((elapsed_s, sighted.participants))
        return self._difference(elapsed_s)

    def sampled(self, sample: NodeSample, elapsed_s: float) -> str:
        """Take a sample of a node."""
        used_s = dict(sample.cpu_s).get("node")
        if used_s is not None and sample.interval_s > 0 and sample.cores > 0:
            self._cpu_s = elapsed_s
            ratio = used_s / sample.interval_s / sample.cores
            ceiling = self._rules.withdraw_at_cpu
            if ceiling is not None and ratio >= ceiling:
                return (
                    f"{sample.node} used {ratio:.0%} of its cores: the ceiling beside "
                    f"real meetings is {ceiling:.0%}"
                )
        if sample.participants is not None:
            self._by_node[sample.node] = sample.participants
            self._counted.append((elapsed_s, sum(self._by_node.values())))
        return ""

    def tick(self, elapsed_s: float) -> str:
        """Say whether nothing has been seen for too long."""
        if self._rules.beside_real_meetings:
            if elapsed_s - self._cpu_s > CPU_BLIND_MAX_S:
                return (
                    f"the CPU of the node could not be read for {CPU_BLIND_MAX_S:g} s "
                    "beside real meetings"
                )
            return ""
        if self._rules.meetings_unseen or elapsed_s - self._seen_s <= BLIND_MAX_S:
            return ""
        cause = f" ({self._failure})" if self._failure else ""
        return (
            f"the meetings of the server could not be seen for {BLIND_MAX_S:g} s{cause}"
        )

    def _difference(self, elapsed_s: float) -> str:
        if self._rules.meetings_unseen:
            return ""
        for series in (self._shown, self._counted):
            while len(series) > 1 and series[1][0] <= elapsed_s - WINDOW_S:
                series.popleft()
        if not self._shown or not self._counted:
            return ""
        since_s = max(self._shown[0][0], self._counted[0][0])
        if elapsed_s - since_s < WINDOW_S:
            return ""
        least = min(count for _, count in self._counted)
        most = max(count for _, count in self._shown)
        if least <= most:
            return ""
        return (
            f"the nodes count {least} participants and getMeetings shows {most}: "
            f"{least - most} people whom it hides are on the server"
        )
