"""How often a study is repeated within the minutes that a bench is given."""

import time
from collections.abc import Callable, Iterator


class Budget:
    """The time until the bench is to be over."""

    def __init__(
        self, minutes: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._ends_s = clock() + 60 * minutes

    def rounds(self, most: int, *, keep_s: float) -> Iterator[int]:
        """Yield once, and again while a round as long as the longest leaves `keep_s`.

        `keep_s` is what the studies to come need at least.
        """
        longest_s = 0.0
        for number in range(most):
            begun_s = self._clock()
            if number and begun_s + longest_s > self._ends_s - keep_s:
                return
            yield number
            longest_s = max(longest_s, self._clock() - begun_s)
