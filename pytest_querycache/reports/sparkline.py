"""A series as one line of characters, for terminals with and without block elements."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

BLOCKS = "▁▂▃▄▅▆▇█"
"""What a terminal has to be able to print, or gets ASCII."""
_ASCII = "_.-=+*%#"
_STEADY = 0.05
"""A range below this share of the level is shown within the range of the level's noise, not as mountains."""


def sparkline(values: Sequence[float], *, width: int, plain: bool) -> str:
    """Finite values from left to right, several of them as their median where they are more than ``width``.

    ``plain`` asks for ASCII. The lowest value stands lowest, the highest highest.
    """
    shown = _squeezed(values, width)
    if not shown:
        return ""
    marks = _ASCII if plain else BLOCKS
    low, high = min(shown), max(shown)
    span = max(high - low, _STEADY * max(abs(low), abs(high)))
    if span == 0:
        return marks[0] * len(shown)
    return "".join(marks[round((value - low) / span * (len(marks) - 1))] for value in shown)


def _squeezed(values: Sequence[float], width: int) -> list[float]:
    number = len(values)
    if number <= width:
        return list(values)
    return [median(values[n * number // width : (n + 1) * number // width]) for n in range(width)]
