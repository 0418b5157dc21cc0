"""Student's t distribution, as far as a decision about two means needs it.

The two-sided tail is ``P(|T| ≥ t) = I_x(ν/2, 1/2)`` with ``x = ν/(ν + t²)``; the regularised incomplete beta function
``I`` is its continued fraction (Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.7.1 and 26.5.8),
evaluated by the modified Lentz method (Thompson and Barnett 1986).
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log

_MOST_STEPS = 500
_ENOUGH = 1e-15
_TINY = 1e-300
_HALVINGS = 80


def two_sided_tail(squared: float, freedom: int) -> float:
    """The chance that t² is at least ``squared`` where nothing differs; ``freedom`` is the degrees of freedom."""
    return _incomplete_beta(freedom / (freedom + squared), freedom / 2, 0.5)


@lru_cache(maxsize=4096)
def critical_square(chance: float, freedom: int) -> float:
    """The t² that is exceeded with this chance where nothing differs."""
    low, high = 0.0, 1.0
    while two_sided_tail(high, freedom) > chance:
        low, high = high, high * 4
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if two_sided_tail(middle, freedom) > chance:
            low = middle
        else:
            high = middle
    return high


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b); the fraction converges fast on the side of the mean where it is evaluated."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    result = d
    for step in range(1, _MOST_STEPS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for term in (even, odd):
            d = 1 / _off_zero(1 + term * d)
            c = _off_zero(1 + term / c)
            result *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return result


def _off_zero(number: float) -> float:
    return number if abs(number) > _TINY else _TINY
