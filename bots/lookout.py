"""What an engine does before its first participant, and what it sees meanwhile.

Before: the server speaks BBB's API, nobody who is not ours is on it, what killed runs
left is ended, and the first meeting is made, is as it was asked for and is *found* in
getMeetings. That answer shows all meetings only to who has the node's own secret; a
balancer may show one tenant's, an old one or an empty success. One that does not show
what we have just made shows nothing that can be trusted.

During the run the same question is asked every few seconds. It is answered to the
conducting side, which compares it with a second source and decides.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from bots.errors import BbbloadError, GuardRefusal
from bots.gate import raise_descriptors
from bots.join import refuse_announced
from bots.meetings import Meetings, leftovers, refuse_strangers
from bots.models import MeetingRef
from bots.protocol import api
from bots.redaction import redact
from bots.servers import Server, host_of
from bots.wire import Begin, Begun, Sighted

logger = logging.getLogger(__name__)

LOOK_INTERVAL_S: Final = 3.0
FIND_TRIES: Final = 3
"""So often our first meeting is looked for; a server may need a moment to show it."""
FIND_INTERVAL_S: Final = 1.0


class Ground(Protocol):
    """What can be proven of joins before any."""

    async def prove_join(self, meeting: MeetingRef) -> None: ...


async def prepare(
    server: Server, begin: Begin, meetings: Meetings, ground: Ground
) -> Begun:
    """Return what was proven; raises GuardRefusal or TargetUnusable.

    No participant has joined then; a meeting of ours may have been made.
    """
    index = await meetings.check_server()
    refuse_announced(index)
    present = await meetings.all_meetings()
    old = leftovers(present, begin.leftover_runs)
    gone = frozenset(meeting.meeting_id for meeting in old)
    if gone and begin.is_first:
        await meetings.end_ids(sorted(gone))
    if not begin.beside_real_meetings:
        refuse_strangers(_without(present, gone), begin.run)
    seen = None
    if begin.is_first:
        proven = await meetings.prove_first(0)
        if not begin.beside_real_meetings:
            seen = await _find_ours(meetings, begin, gone)
        await ground.prove_join(MeetingRef(number=0, meeting_id=proven.meeting_id))
    notes = []
    if gone and begin.is_first:
        notes.append(f"ended {len(gone)} meetings that a killed run had left")
    note = raise_descriptors(begin.participants)
    return Begun(
        server=server.name,
        host=host_of(server.url),
        bbb_version=index.bbb_version,
        stand_in=False,
        notes=(*notes, *((note,) if note else ())),
        sighted=seen,
    )


async def keep_looking(
    meetings: Meetings, begin: Begin, send: Callable[[Sighted], None]
) -> None:
    """Look every few seconds, for ever; what could not be asked is told as such."""
    while True:
        await asyncio.sleep(LOOK_INTERVAL_S)
        try:
            present = await meetings.all_meetings()
        except BbbloadError as failure:
            send(Sighted(failure=redact(str(failure))))
            continue
        send(sighted(present, begin.run, begin.leftover_runs))


def sighted(
    present: Iterable[api.MeetingInfo], run: str, leftover_runs: Iterable[str] = ()
) -> Sighted:
    """Return what an answer of getMeetings says of us and of others. Pure."""
    ended = set(leftover_runs)
    there = [meeting for meeting in present if not meeting.has_been_forcibly_ended]
    there = [each for each in there if api.run_of(each.meeting_id) not in ended]
    ours = [meeting for meeting in there if api.run_of(meeting.meeting_id) == run]
    refusal = ""
    try:
        refuse_strangers(there, run)
    except GuardRefusal as strangers:
        refusal = str(strangers)
    return Sighted(
        meetings=len(there),
        participants=sum(meeting.participants for meeting in there),
        ours=sum(meeting.participants for meeting in ours),
        shows_ours=bool(ours),
        refusal=refusal,
    )


async def _find_ours(meetings: Meetings, begin: Begin, gone: frozenset[str]) -> Sighted:
    """Return what getMeetings shows; raises GuardRefusal if it hides our meeting."""
    for attempt in range(FIND_TRIES):
        if attempt:
            await asyncio.sleep(FIND_INTERVAL_S)
        present = _without(await meetings.all_meetings(), gone)
        refuse_strangers(present, begin.run)
        seen = sighted(present, begin.run)
        if seen.shows_ours or begin.meetings_unseen:
            return seen
    raise GuardRefusal(
        "getMeetings does not show the meeting that we have just made, so it may hide "
        "those of other people as well: ask the node itself with its own secret, not a "
        "balancer, or take the risk with --meetings-unseen"
    )


def _without(
    present: Iterable[api.MeetingInfo], gone: frozenset[str]
) -> tuple[api.MeetingInfo, ...]:
    return tuple(each for each in present if each.meeting_id not in gone)
