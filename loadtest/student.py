"""Student's t distribution, also for the broken degrees of freedom of Welch's test.

Pure and small, instead of a statistics package of a hundred megabytes.
"""

import functools
import math

TINY = 1e-300
MAX_TERMS = 500


@functools.lru_cache(maxsize=4096)
def student_quantile(probability: float, freedom: float) -> float:
    """Return the quantile of Student's t for 0.5 ≤ `probability` < 1, by bisection."""
    if not 0.5 <= probability < 1:
        raise ValueError(f"a probability of {probability} is outside 0.5..1")
    low, high = 0.0, 1.0
    while student_probability(high, freedom) < probability:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        if high - low < 1e-13 * high:
            break
        if student_probability(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def student_probability(value: float, freedom: float) -> float:
    """Return P(T ≤ value): 1 − ½·I(ν/(ν + t²); ν/2, ½) for t ≥ 0 (DLMF 8.17)."""
    if freedom <= 0:
        raise ValueError(f"{freedom} degrees of freedom: at least a part of one")
    tail = 0.5 * incomplete_beta(freedom / (freedom + value * value), freedom / 2, 0.5)
    return 1 - tail if value >= 0 else tail


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I(x; a, b).

    Lentz's evaluation of the continued fraction DLMF 8.17.22, on the side on which it
    converges fast.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    log_front = (
        math.lgamma(a + b)
        - math.lgamma(a)
        - math.lgamma(b)
        + a * math.log(x)
        + b * math.log1p(-x)
    )
    fraction, numerator, denominator = 1.0, 1.0, 0.0
    for term in range(MAX_TERMS):
        half, odd = divmod(term, 2)
        if term == 0:
            factor = 1.0
        elif odd:
            factor = -(a + half) * (a + b + half) * x
            factor /= (a + 2 * half) * (a + 2 * half + 1)
        else:
            factor = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        denominator = 1 / ((1 + factor * denominator) or TINY)
        numerator = (1 + factor / numerator) or TINY
        change = numerator * denominator
        fraction *= change
        if abs(1 - change) < 1e-15:
            break
    return math.exp(log_front) / a * (fraction - 1)
