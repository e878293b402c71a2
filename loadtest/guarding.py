"""The conducting side's guard: proves its sight at the start, then keeps it.

`sentry` decides; here the second source is asked, and the answers of the engine that
looks are brought to it. It uses the standard library's threads only, as `control` does.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from bots.errors import BbbloadError, GuardRefusal
from bots.wire import Sighted
from loadtest.models import NodeSample
from loadtest.sentry import Count, GuardRules, Sentry, prove
from loadtest.watching import Source

MEETINGS: Final = "bbb_meetings"
"""bigbluebutton-exporter's gauge of all meetings, empty ones among them."""
PROOF_LIMIT_S: Final = 6.0
"""The two sources may differ for so long at the start: meetings of ours that were just
ended are counted for a while."""
SCRAPED_LIMIT_S: Final = 75.0
"""The same where a Prometheus tells what it scraped, at most every minute."""
PROOF_INTERVAL_S: Final = 1.0


class Guarding:
    """The guard of one run, from before its first participant to its end."""

    def __init__(self, rules: GuardRules, withdraw: Callable[[str], None]) -> None:
        """Call `withdraw` with the reason, once, when the run must end."""
        self.rules = rules
        self._withdraw = withdraw
        self._sentry: Sentry | None = None
        self._shown: Sighted | None = None

    def prove(
        self, shown: Sighted | None, sources: Iterable[Source], host: str
    ) -> None:
        """Raise GuardRefusal unless two sources show the same people on the server.

        Beside real meetings, a node's CPU must be readable instead.
        """
        sources = tuple(sources)
        self._shown = shown or self._shown
        if self.rules.beside_real_meetings and not sources:
            raise GuardRefusal(
                f"the CPU of {host} is not watched, so a run beside real meetings "
                "could not withdraw: give the address of its metrics with "
                "--node-metrics"
            )
        if self.rules.beside_real_meetings or self.rules.meetings_unseen:
            return
        is_scraped = any(each.address.startswith("prometheus") for each in sources)
        limit_s = SCRAPED_LIMIT_S if is_scraped else PROOF_LIMIT_S
        until_s = time.monotonic() + limit_s
        while problem := prove(self._shown, counted := count(sources), host):
            if counted is None or time.monotonic() > until_s:
                raise GuardRefusal(problem)
            time.sleep(PROOF_INTERVAL_S)

    def begin(self, elapsed_s: float) -> None:
        """Begin to watch the run."""
        self._sentry = Sentry(self.rules, since_s=elapsed_s)

    def sighted(self, sighted: Sighted, elapsed_s: float, present: int) -> None:
        """Take what the engine that looks has seen."""
        self._shown = sighted
        if self._sentry is not None:
            self._decide(self._sentry.sighted(sighted, elapsed_s, present))

    def sampled(self, sample: NodeSample, elapsed_s: float) -> None:
        """Take a sample of a node."""
        if self._sentry is not None:
            self._decide(self._sentry.sampled(sample, elapsed_s))

    def tick(self, elapsed_s: float) -> None:
        """Notice what has not come for too long; to be called every second."""
        if self._sentry is not None:
            self._decide(self._sentry.tick(elapsed_s))

    def _decide(self, reason: str) -> None:
        if reason:
            self._sentry = None
            self._withdraw(reason)


def count(sources: Iterable[Source]) -> Count | None:
    """Return what these sources count together; several of one node count once.

    None when none of them counts participants, or one cannot be read.
    """
    participants: dict[str, int] = {}
    meetings: dict[str, int] = {}
    for source in sources:
        try:
            reading = source.read(time.monotonic)
        except BbbloadError:
            return None
        host = source.node.rpartition(":")[0] or source.node
        for seen in (reading.participants, reading.connections):
            if seen is not None:
                participants[host] = max(seen, participants.get(host, 0))
        told = dict(reading.figures).get(MEETINGS)
        if told is not None:
            meetings[host] = int(told)
    if not participants:
        return None
    return Count(
        participants=sum(participants.values()),
        meetings=sum(meetings.values())
        if meetings.keys() == participants.keys()
        else None,
    )
