"""The ratio of bots to real people, from an observation onto a node card. Pure.

A card is published, so it takes numbers only: no node's name and no note.
"""

from bots.errors import ConfigError
from loadtest.card import NodeCard, PeopleRatio
from loadtest.models import Capacity
from planning.observed.beside import at_dearer_cost
from planning.observed.models import Beside, Observed
from planning.peaks import Interval


def people_of(observed: Observed, run: str) -> PeopleRatio:
    """Return the ratio as a card carries it.

    Raises ConfigError where no benchmark was set beside, or not that of `run`.
    """
    found = observed.beside
    if found is None:
        raise ConfigError(
            "the observation has no benchmark beside it: make it again with "
            "--benchmark capacity.json"
        )
    if found.run != run:
        raise ConfigError(
            f"the observation was set beside run {found.run}, the capacity is of run "
            f"{run}: make it again with --benchmark and this capacity"
        )
    return PeopleRatio(
        low=found.ratio.low,
        mid=found.ratio.mid,
        high=found.ratio.high,
        coverage=found.ratio.coverage,
        dearer=found.dearer,
        streams=found.streams,
        nodes=len(observed.nodes),
        days=sum(node.days for node in observed.nodes),
        ratio_half_streams=found.ratio_half_streams,
        ratio_double_streams=found.ratio_double_streams,
    )


def beside_of(card: NodeCard) -> Beside | None:
    """Return the comparison that a card carries, None where it has none."""
    people = card.people
    if people is None:
        return None
    return Beside(
        run=card.capacity.run,
        ratio=Interval(
            low=people.low, mid=people.mid, high=people.high, coverage=people.coverage
        ),
        dearer=people.dearer,
        streams=people.streams,
        ratio_half_streams=people.ratio_half_streams,
        ratio_double_streams=people.ratio_double_streams,
    )


def planned_capacity(card: NodeCard) -> Capacity:
    """Return the capacity of a card at the dearer of the two costs."""
    beside = beside_of(card)
    return card.capacity if beside is None else at_dearer_cost(card.capacity, beside)
