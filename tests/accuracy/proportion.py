"""A share of successes among trials, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

_Z = 1.959963984540054
"""The normal distribution's 97.5 % point."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """So many of so many."""

    hits: int
    trials: int

    @property
    def share(self) -> float | None:
        """Hits by trials; None without trials."""
        return self.hits / self.trials if self.trials else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval (Wilson, *J. Am. Stat. Assoc.* 22, 1927); everything without trials."""
        if not self.trials:
            return 0.0, 1.0
        n, p, z2 = self.trials, self.hits / self.trials, _Z * _Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        # at the ends the formula is exact, and only rounding errors are off
        low = 0.0 if self.hits == 0 else max(0.0, middle - half)
        high = 1.0 if self.hits == self.trials else min(1.0, middle + half)
        return low, high

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        low, high = self.interval
        return {
            "hits": self.hits,
            "trials": self.trials,
            "share": self.share,
            "low": low,
            "high": high,
        }

    def __str__(self) -> str:
        if self.share is None:
            return "–"
        low, high = self.interval
        ends = f"{_per_cent(low)}–{_per_cent(high)}"
        return f"{self.hits} of {self.trials} = {_per_cent(self.share)} % ({ends})"


def _per_cent(share: float) -> str:
    """With as many digits as tell small shares apart."""
    number = 100 * share
    if 0 < number < 1 or 99 < number < 100:
        return f"{number:.2f}"
    return f"{number:.1f}" if number % 1 else f"{number:.0f}"
