"""How far a value may lie from the stored one before it is suspect; ``gate`` gives the formulas' reasons."""

from __future__ import annotations

from dataclasses import dataclass

from .baseline import Figure
from .metric import Family, Metric
from .policy import Applied

SPREADS = 3
"""How many times its recorded spread a test may vary before anything counts.

An update sees each test in about three processes, too few to know the extremes of one that draws unseeded
random numbers.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The value a metric may not exceed, and what it follows from.

    ``reference`` is the value in the baseline, None for a budget. ``value`` is the last tolerated one in the
    metric's unit: above it (below it, where higher is better) the metric is worse than allowed.
    """

    metric: Metric
    value: float
    origin: str
    rule: str
    reason: str = ""
    reference: float | None = None
    floor: float = 0.0

    def exceeded_by(self, now: float) -> bool:
        """Whether a value is worse than the limit, and by at least the floor worse than the reference."""
        beyond = self.metric.is_worse(now, than=self.value)
        return beyond and (self.reference is None or abs(now - self.reference) >= self.floor)


def limit_over(figure_value: float, tolerance: float, applied: Applied) -> Limit:
    """The limit that a threshold puts on a stored value, ``tolerance`` away from it in the bad direction."""
    return Limit(
        metric=applied.metric,
        value=applied.metric.worse_by(figure_value, tolerance),
        origin=applied.origin,
        rule=applied.describe(),
        reason=applied.reason,
        reference=figure_value,
        floor=applied.floor,
    )


def reference_figure(figure: Figure) -> float:
    """The value that says best what a record costs by itself: warm where it is known."""
    return figure.cold if figure.warm is None else figure.warm


def tolerance(applied: Applied, figure: Figure) -> float:
    """How far a value may lie from the stored one, in the metric's unit: ``max(r·w, k·s)``.

    ``k`` is 3 for counts, and 1 for what is measured. It is 0 for times: their spread is the machine's, on a shared
    one as large as what is looked for, and whoever is accused wrongly leaves with a second look.
    """
    relative = applied.ratio * abs(reference_figure(figure))
    if figure.spread is None or applied.metric.family is Family.TIME:
        return relative
    return max(relative, (SPREADS if applied.metric.deterministic else 1) * figure.spread)


def first_sight_limit(
    applied: Applied, figure: Figure, now: float, everything: bool, *, early: bool = False
) -> Limit | None:
    """The limit a session's value is suspected to exceed; without suspicion None, with ``everything`` the cold one.

    With ``early`` a time is suspect from half of what is tolerated on: a single execution hides as often as it
    exaggerates, and who is beyond the limit must not slip through.
    """
    allowed = tolerance(applied, figure)
    noticed = allowed / 2 if early and applied.metric.family is Family.TIME else allowed
    rise = applied.metric.rise(figure.cold, now)
    if rise > noticed and rise >= applied.floor:
        return limit_over(figure.cold, allowed, applied)
    # a count is exact, so any warmer state shows; a time has to lie below the stored one by more than its noise
    warmer = applied.floor if applied.metric.deterministic else max(applied.floor, allowed)
    if figure.warm is not None and -rise >= warmer and rise < 0:
        warm_rise = applied.metric.rise(figure.warm, now)
        if warm_rise > noticed and warm_rise >= applied.floor:
            return limit_over(figure.warm, allowed, applied)
    return limit_over(figure.cold, allowed, applied) if everything else None


def repeat_limit(applied: Applied, figure: Figure) -> Limit | None:
    """What repeats in a fresh process are held against.

    None without a stored warm value: a repeat is never held against a first execution.
    """
    if figure.warm is None:
        return None
    return limit_over(figure.warm, tolerance(applied, figure), applied)
