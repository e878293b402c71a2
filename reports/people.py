"""How reports say that bots cost as much as people, or not. Words only."""

from loadtest.card import PeopleRatio
from planning.observed.models import AGREE, Beside, is_beyond_chance
from planning.peaks import Interval
from reports import format as written
from reports.document import Answer, Notice

QUESTION = "CPU of bots ÷ CPU of real people"
BETWEEN = f"{AGREE[0]:g} to {AGREE[1]:g}"
DEARER = {
    "people": (
        "Real people cost this server type more than the benchmark's bots (outside "
        f"{BETWEEN}): planning uses the cost of people, and so fewer participants than "
        "the benchmark found."
    ),
    "bots": (
        "The benchmark's bots cost more than real people did in production (outside "
        f"{BETWEEN}): planning uses the benchmark's, dearer, cost."
    ),
}
SHORT = {"people": "people dearer than bots", "bots": "bots dearer than people"}
UNKNOWN = Answer(
    question=QUESTION,
    value="not known",
    interval="no production was set beside this benchmark",
    holds_for="bbbload capacity observe --benchmark does",
)


def answer(found: Beside | PeopleRatio, ratio: Interval | PeopleRatio) -> Answer:
    """Return the ratio as a first screen shows it."""
    low, high = written.number(ratio.low), written.number(ratio.high)
    if found.dearer:
        said = f"outside {BETWEEN}"
    elif is_beyond_chance(ratio.low, ratio.high):
        said = f"they differ beyond chance, by less than planning minds ({BETWEEN})"
    else:
        said = f"they agree ({BETWEEN})"
    holds_for = f"at the people's own mix, base load left out; {said}"
    if found.streams == "assumed":
        half = written.number(found.ratio_half_streams)
        double = written.number(found.ratio_double_streams)
        holds_for += (
            "; cameras received are assumed: with half as many "
            f"{half}, with twice as many {double}"
        )
    return Answer(
        question=QUESTION,
        value=written.number(ratio.mid),
        interval=written.interval(low, high, ratio.coverage),
        holds_for=holds_for,
        tone="warning" if found.dearer else "good",
    )


def notices(found: Beside | PeopleRatio | None) -> tuple[Notice, ...]:
    """Return the warning where one side is dearer beyond doubt of size."""
    if found is None or not found.dearer:
        return ()
    return (
        Notice(
            text=DEARER[found.dearer],
            tone="warning",
            short=SHORT[found.dearer],
        ),
    )
