"""When the other side has fallen silent, and when it is only we who did not listen.

Pure. A session looks about once a second. What counts as silence is the time in which
it really looked: a process that was starved finds hours on its clock and everything it
missed still in its sockets, and blames nobody for that.

A worker that dies is noticed within ten seconds whatever it carried: its path answers
no connectivity check any more (`ice`). RTCP that ends *alone*, from a worker that goes
on answering, is noticed as fast only where reports come every second, as those of video
do. mediasoup reports audio every 4.35 to 5.85 s (`reporting.AUDIO_REPORTS_S`): ten
seconds may lack no more than one report, and nothing makes it send another sooner, as
its answer to a check says that it lives, not that it reports. One lost datagram would
be a silence then, at 2 % loss 13 times an hour for every microphone. Nor does it help
to ask that all RTP came meanwhile: at 0.25 % loss a third of the lost reports have 400
whole packets around them. So three reports must be missing, which takes 18 to 19 s; at
2 % loss that is a false alarm in ten days.
"""

from collections.abc import Iterable, Set
from typing import Protocol

from bots.models import Media

SILENT_S = 8.0
"""With a look every second and a report every half, ten seconds in all."""
LONGEST_LOOK_S = 1.5
"""Looks are 0.8 to 1.2 s apart: what is more between two of them is our lateness."""
PAUSES = 3.0
"""Silence is this often the longest pause that was usual."""
FORGETTING = 0.98
"""Of a pause, kept with every look: one hiccup does not excuse a silence for ever."""
SETTLED_S = 10.0
"""Audio must have come for so long before its end says something: a server that sends
nothing while nobody talks is known by its pauses."""


class Ear:
    """Listens for one kind of thing."""

    def __init__(self) -> None:
        self.listened_s = 0.0
        """Time in which we looked, since the first thing came."""
        self._looked_s: float | None = None
        self._heard_s = 0.0
        self._pause_s = 0.0

    def quiet_s(self, now_s: float, heard_s: float) -> float:
        """Look at `now_s` at when the last thing came; return how long it was quiet.

        The first look begins; what came before it counts from then on.
        """
        if self._looked_s is None:
            self._looked_s = now_s
            return 0.0
        step_s = min(max(now_s - self._looked_s, 0.0), LONGEST_LOOK_S)
        is_news = heard_s > self._looked_s
        self._looked_s = now_s
        self.listened_s += step_s
        self._pause_s *= FORGETTING
        if is_news:
            heard_s = self.listened_s - min(max(now_s - heard_s, 0.0), step_s)
            self._pause_s = max(self._pause_s, heard_s - self._heard_s)
            self._heard_s = heard_s
        return self.listened_s - self._heard_s

    def limit_s(self, usual_s: float = 0.0) -> float:
        """Return the silence that is too long where pauses of `usual_s` are usual."""
        return max(SILENT_S, PAUSES * max(self._pause_s, usual_s))


class Heard(Protocol):
    """A received stream."""

    media: Media
    heard_s: float
    """When its last packet came; 0 before the first."""


class Silence:
    """Whether the media of one session have fallen silent while its path answers."""

    def __init__(self) -> None:
        self.failure = ""
        """`rtp silent`, or "" while media come, or never came, or ended with a BYE."""
        self._ear = Ear()

    def look(self, now_s: float, streams: Iterable[Heard], byes: Set[int]) -> float:
        """Look at all received streams; return when the last packet of any came."""
        heard_s, is_audio, goes_on = 0.0, True, False
        for stream in streams:
            heard_s = max(heard_s, stream.heard_s)
            is_audio = is_audio and stream.media == "audio"
            goes_on = True
        self.failure = ""
        if goes_on and heard_s:
            quiet_s = self._ear.quiet_s(now_s, heard_s)
            is_settled = self._ear.listened_s - quiet_s >= SETTLED_S or not is_audio
            if not byes and is_settled and quiet_s > self._ear.limit_s():
                self.failure = "rtp silent"
        return heard_s
