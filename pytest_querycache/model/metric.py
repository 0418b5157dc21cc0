"""What is measured: names, units, directions. A new metric is one constant here and one probe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from math import inf


class Family(str, Enum):
    """A group of metrics that shares a threshold and the conditions under which values compare."""

    TIME = "time"
    MEMORY = "memory"
    GC = "gc"
    QUERIES = "queries"
    CACHE = "cache"
    CUSTOM = "custom"


class Better(str, Enum):
    """The direction in which a metric improves."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured quantity.

    ``unit`` is ``ns``, ``B``, ``count`` or, for a user's own metric, any text. ``gated`` says whether the
    built-in policy judges it; what is not gated is context. ``own_floor`` marks a metric whose floor is not
    replaced by one given for its family, because its noise differs from that of its siblings.
    """

    name: str
    unit: str
    family: Family
    better: Better = Better.LOWER
    deterministic: bool = False
    gated: bool = False
    own_floor: bool = False

    def best(self, values: Iterable[float]) -> float:
        """The best of some values: noise only ever makes one worse, so it speaks for the code."""
        return max(values) if self.better is Better.HIGHER else min(values)

    def worst(self, values: Iterable[float]) -> float:
        """The worst of some values."""
        return min(values) if self.better is Better.HIGHER else max(values)

    def is_worse(self, now: float, than: float) -> bool:
        """Whether one value is worse than another."""
        return now < than if self.better is Better.HIGHER else now > than

    def rise(self, was: float, now: float) -> float:
        """By how much ``now`` is worse than ``was``, in the metric's unit; negative where it is better."""
        return was - now if self.better is Better.HIGHER else now - was

    def worse_by(self, value: float, distance: float) -> float:
        """The value that lies ``distance`` from another one in the bad direction."""
        return value - distance if self.better is Better.HIGHER else value + distance

    def worse_ratio(self, ratio: float) -> float:
        """A tolerated change as the one of ``times_worse``: to lose a half is to be twice as bad."""
        if self.better is Better.LOWER:
            return ratio
        return ratio / (1 - ratio) if ratio < 1 else inf

    def times_worse(self, was: float, now: float) -> float:
        """How many times worse ``now`` is than ``was``: more is always worse, beside nothing it is infinite."""
        top, bottom = (was, now) if self.better is Better.HIGHER else (now, was)
        return top / bottom if bottom > 0 else inf


def _time(name: str, *, gated: bool = False) -> Metric:
    return Metric(name=name, unit="ns", family=Family.TIME, gated=gated)


def _count(name: str, family: Family, *, gated: bool = False, better: Better = Better.LOWER) -> Metric:
    return Metric(name=name, unit="count", family=family, deterministic=True, gated=gated, better=better)


WALL_TIME = _time("wall_time", gated=True)
CPU_TIME = _time("cpu_time")
REFERENCE_TIME = _time("reference_time")
ALLOCATED_BYTES = Metric(
    name="allocated_bytes", unit="B", family=Family.MEMORY, deterministic=True, gated=True
)
ALLOCATED_BLOCKS = _count("allocated_blocks", Family.MEMORY, gated=True)
NET_BLOCKS = _count("net_blocks", Family.MEMORY, gated=True)
PEAK_RSS = Metric(name="peak_rss", unit="B", family=Family.MEMORY, gated=True, own_floor=True)
RSS_GROWTH = Metric(name="rss_growth", unit="B", family=Family.MEMORY)
GC_COLLECTIONS = _count("gc_collections", Family.GC, gated=True)
GC_GEN0 = _count("gc_gen0", Family.GC)
GC_GEN1 = _count("gc_gen1", Family.GC)
GC_GEN2 = _count("gc_gen2", Family.GC)
GC_COLLECTED = _count("gc_collected", Family.GC)
GC_PAUSE = Metric(name="gc_pause", unit="ns", family=Family.GC)
TIME_PER_CALL = Metric(name="time_per_call", unit="ns", family=Family.TIME, gated=True, own_floor=True)
BLOCKS_PER_CALL = Metric(
    name="blocks_per_call",
    unit="count",
    family=Family.MEMORY,
    deterministic=True,
    gated=True,
    own_floor=True,
)
DB_QUERIES = _count("db_queries", Family.QUERIES, gated=True)
DB_DISTINCT = _count("db_distinct", Family.QUERIES, gated=True)
DB_REPEATED = _count("db_repeated", Family.QUERIES, gated=True)
DB_ROWS = _count("db_rows", Family.QUERIES)
DB_TIME = Metric(name="db_time", unit="ns", family=Family.QUERIES)
CACHE_HITS = _count("cache_hits", Family.CACHE, better=Better.HIGHER)
CACHE_MISSES = _count("cache_misses", Family.CACHE)
CACHE_COMPILE_TIME = Metric(name="cache_compile_time", unit="ns", family=Family.CACHE)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        WALL_TIME,
        CPU_TIME,
        REFERENCE_TIME,
        ALLOCATED_BYTES,
        ALLOCATED_BLOCKS,
        NET_BLOCKS,
        PEAK_RSS,
        RSS_GROWTH,
        GC_COLLECTIONS,
        GC_GEN0,
        GC_GEN1,
        GC_GEN2,
        GC_COLLECTED,
        GC_PAUSE,
        TIME_PER_CALL,
        BLOCKS_PER_CALL,
        DB_QUERIES,
        DB_DISTINCT,
        DB_REPEATED,
        DB_ROWS,
        DB_TIME,
        CACHE_HITS,
        CACHE_MISSES,
        CACHE_COMPILE_TIME,
    )
}
"""Every built-in metric by name, in the order reports show them."""

EXPLAINING = (CPU_TIME, GC_PAUSE)
"""Context that an entry keeps because a regression's line of insight is drawn from its difference."""
