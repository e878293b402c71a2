"""Money from the day of the balance on: what comes, what goes, how long it lasts. Pure.

The columns are months: those between the balance and the plan, the planned ones, and
the month after the plan, which stands for all that follow. Income and fixed costs are
those of each month; nodes cost before the plan what its first month does, and after it
what its last one does, without what is paid once. Planned months that are over on the
day of the balance are in it already.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planning.budget import balances, month_distance, months_after, runways
from planning.offers import Budget

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cash:
    """Money in and out of a budget, (paths, columns)."""

    budget: Budget
    months: tuple[str, ...]
    """The planned ones."""
    income: Floats
    fixed: Floats
    nodes: Floats

    def balances_eur(self) -> Floats:
        """Return (paths, planned months): the balance at the end of each."""
        left = balances(self.budget.balance_eur, *self._since_balance())
        offset = months_before(self.budget, self.months)
        return left[:, [max(0, i + offset) for i in range(len(self.months))]]

    def runway_months(self) -> Floats:
        """Return for each path the months until the reserve is reached."""
        start, reserve = self.budget.balance_eur, self.budget.reserve_eur
        return runways(start, *self._since_balance(), reserve)

    def ordered(self, monthly: Floats, once: Floats) -> "Cash":
        """Return the one path of a plan's own bills, all else in its middle.

        `monthly` and `once` are what nodes cost in the planned months.
        """
        return replace(
            self,
            income=np.median(self.income, axis=0)[None, :],
            fixed=np.median(self.fixed, axis=0)[None, :],
            nodes=laid_out(monthly[None, :], once[None, :], self.budget, self.months),
        )

    def _since_balance(self) -> tuple[Floats, Floats]:
        """Return income and bills of the months that the balance does not hold."""
        offset = months_before(self.budget, self.months)
        over = min(max(0, -offset), len(self.months) - 1)
        return self.income[:, over:], (self.fixed + self.nodes)[:, over:]


def months_before(budget: Budget, months: tuple[str, ...]) -> int:
    """Return the months between the balance and the first planned one.

    Negative where the balance is younger than the first planned months.
    """
    return month_distance(budget.balance_on[:7], months[0]) - 1


def columns(budget: Budget, months: tuple[str, ...]) -> tuple[str, ...]:
    """Return the months that cash is told for."""
    earlier = months_after(budget.balance_on, max(0, months_before(budget, months)))
    return (*earlier, *months, *months_after(f"{months[-1]}-01", 1))


def planned(amounts: Floats, budget: Budget, months: tuple[str, ...]) -> Floats:
    """Return of amounts by column those of the planned months."""
    first = max(0, months_before(budget, months))
    return amounts[:, first : first + len(months)]


def laid_out(
    monthly: Floats, once: Floats, budget: Budget, months: tuple[str, ...]
) -> Floats:
    """Return by column what nodes cost monthly and once in the planned months."""
    earlier = np.repeat(monthly[:, :1], max(0, months_before(budget, months)), axis=1)
    return np.concatenate([earlier, monthly + once, monthly[:, -1:]], axis=1)
