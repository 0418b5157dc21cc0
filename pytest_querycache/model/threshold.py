"""Thresholds and budgets: how much more a test may cost, and how much at all."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import ConfigurationError
from .metric import (
    ALLOCATED_BLOCKS,
    ALLOCATED_BYTES,
    BLOCKS_PER_CALL,
    METRICS,
    NET_BLOCKS,
    PEAK_RSS,
    TIME_PER_CALL,
    Family,
    Metric,
)
from .quantity import format_quantity, parse_quantity

OWN_PREFIX = "custom."
"""Before the name of a user's own metric wherever metrics are named in a configuration."""

IMPROVEMENT = "improvement"
"""The key of the relative change from which an improvement is worth a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A tolerated relative change, and the absolute change under which nothing counts.

    ``ratio`` is 0.2 for 20 %. ``floor`` is in the metric's own unit, None where the built-in floor holds;
    ``dimension`` is the floor's: ``ns``, ``B`` or empty for counts. ``off`` takes the metric out of the gate.
    """

    ratio: float = 0.0
    floor: float | None = None
    dimension: str = ""
    off: bool = False

    def describe(self, unit: str) -> str:
        """As it would be written: ``20% and 1.00 ms``."""
        if self.off:
            return "off"
        written = f"+{self.ratio * 100:g} %"
        return written if not self.floor else f"{written} and {format_quantity(self.floor, unit)}"


BUILT_IN: dict[Family, Threshold] = {
    Family.TIME: Threshold(ratio=0.20, floor=100_000),
    Family.MEMORY: Threshold(ratio=0.30, floor=16 * 1024),
    Family.GC: Threshold(ratio=0.50, floor=2),
    Family.QUERIES: Threshold(ratio=0.0, floor=0),
    Family.CACHE: Threshold(ratio=0.0, floor=0),
    Family.CUSTOM: Threshold(ratio=0.20, floor=0),
}
"""What holds for a family where nobody says otherwise."""

BUILT_IN_FLOORS: dict[str, float] = {
    ALLOCATED_BYTES.name: 16 * 1024,
    ALLOCATED_BLOCKS.name: 64,
    NET_BLOCKS.name: 64,
    PEAK_RSS.name: 32 * 1024**2,
    TIME_PER_CALL.name: 0,
    BLOCKS_PER_CALL.name: 1,
}
"""Floors of metrics whose unit or noise differs from their family's."""

BUILT_IN_IMPROVEMENT = 0.10

_THRESHOLD = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*(?:and\s+(.+?))?\s*", re.DOTALL)


def built_in_threshold(metric: Metric) -> Threshold:
    """The threshold of a metric where nobody says otherwise."""
    family = BUILT_IN[metric.family]
    return Threshold(ratio=family.ratio, floor=BUILT_IN_FLOORS.get(metric.name, family.floor))


def parse_threshold(text: object) -> Threshold:
    """``"20%"``, ``"20% and 1ms"`` or ``"off"`` as a Threshold; raises ConfigurationError."""
    if text is False or (isinstance(text, str) and text.strip().lower() == "off"):
        return Threshold(off=True)
    match = _THRESHOLD.fullmatch(text) if isinstance(text, str) else None
    if match is None or math.isinf(float(match[1])):
        raise ConfigurationError(f"{text!r} is not a threshold, expected '20%', '20% and 1ms' or 'off'")
    ratio = float(match[1]) / 100
    if match[2] is None:
        return Threshold(ratio=ratio)
    floor, dimension = parse_quantity(match[2])
    return Threshold(ratio=ratio, floor=floor, dimension=dimension)


def dimension_of(metric: Metric) -> str:
    """How a floor or a budget of this metric must be written: ``ns``, ``B``, or empty for a bare number."""
    return metric.unit if metric.unit in {"ns", "B"} else ""


def parse_thresholds(table: Mapping[str, object], where: str) -> dict[str, Threshold]:
    """A table of thresholds by metric or family; raises ConfigurationError that names ``where`` and the key."""
    return {name: _named_threshold(name, value, f"{where}, key {name!r}") for name, value in table.items()}


def _named_threshold(name: str, value: object, where: str) -> Threshold:
    try:
        threshold = parse_threshold(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    if name == IMPROVEMENT:
        if threshold.floor is not None:
            raise ConfigurationError(f"{where}: an improvement has no floor of its own, expected '10%'")
        return threshold
    allowed = _dimensions(name)
    if allowed is None:
        raise ConfigurationError(f"{where}: unknown metric, expected {known_names()}")
    if threshold.floor is not None and threshold.dimension not in allowed:
        expected = " or ".join(_SPELLED[dimension] for dimension in sorted(allowed))
        raise ConfigurationError(f"{where}: the floor of {value!r} has the wrong unit, expected {expected}")
    return threshold


_SPELLED = {"ns": "a time such as '1ms'", "B": "a size such as '16KiB'", "": "a bare number such as '3'"}


def _dimensions(name: str) -> set[str] | None:
    if name.startswith(OWN_PREFIX) and len(name) > len(OWN_PREFIX):
        return {""}
    if name in METRICS:
        return {dimension_of(METRICS[name])}
    try:
        family = Family(name)
    except ValueError:
        return None
    return {dimension_of(metric) for metric in METRICS.values() if metric.family is family} or {""}


def known_names() -> str:
    """Every name a threshold may have, for messages."""
    families = ", ".join(family.value for family in Family)
    return f"a family ({families}), a metric ({', '.join(METRICS)}) or '{OWN_PREFIX}<name>'"


def parse_budgets(table: Mapping[str, object], where: str) -> dict[str, float]:
    """Absolute limits by metric, in the metric's unit; raises ConfigurationError naming ``where`` and the key."""
    budgets: dict[str, float] = {}
    for name, text in table.items():
        metric = METRICS.get(name)
        own = name.startswith(OWN_PREFIX) and len(name) > len(OWN_PREFIX)
        if metric is None and not own:
            raise ConfigurationError(
                f"{where}, key {name!r}: a budget is for one metric, expected one of "
                f"{', '.join(METRICS)} or '{OWN_PREFIX}<name>'"
            )
        try:
            value, dimension = parse_quantity(text)
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}, key {name!r}: {error}") from None
        expected = dimension_of(metric) if metric is not None else ""
        if dimension != expected and not (value == 0 and not dimension):
            raise ConfigurationError(f"{where}, key {name!r}: {text!r}, expected {_SPELLED[expected]}")
        if not math.isfinite(value):
            raise ConfigurationError(f"{where}, key {name!r}: {text!r} is not finite")
        budgets[name] = value
    return budgets
