"""When which meeting bursts: a scenario's bursts -> those of one meeting. Pure.

All meetings that take part do so at the same time, as a school's lessons do: that is
what makes it a burst to the server.
"""

from collections.abc import Sequence
from typing import Final

from bots.models import Burst
from loadtest.scenario import BurstPlan

MOST_BURSTS: Final = 1_000
"""Of one meeting."""


def bursts_of_meeting(
    plans: Sequence[BurstPlan], meeting: int, *, until_s: float
) -> tuple[Burst, ...]:
    """Return the bursts of meeting `meeting` that begin before `until_s`, in order.

    Of a plan with a share below 1, every 1/share-th meeting takes part.
    """
    found = []
    for plan in plans:
        if int((meeting + 1) * plan.share + 1e-9) == int(meeting * plan.share + 1e-9):
            continue
        starts_s, count = plan.at_s, 0
        while starts_s < until_s and count < MOST_BURSTS:
            found.append(Burst(kind=plan.kind, starts_s=starts_s, lasts_s=plan.lasts_s))
            if plan.every_s is None:
                break
            starts_s += plan.every_s
            count += 1
    return tuple(sorted(found, key=lambda burst: burst.starts_s)[:MOST_BURSTS])
