"""What the query cache costs, beside what others cost: ``python tests/benchmarks/cache_cost.py [--rounds N]``.

All candidates of a table are measured in turn, A B C A B C …, in one run of one process, so that whatever
slows the machine slows all of them; what is printed is the median over the rounds, and the median of the
ratios within each round.
"""

from __future__ import annotations

import argparse
import functools
import gc
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.compiled import compile_for_execution
from pytest_querycache.queries.manager import QueryCacheManager
from pytest_querycache.queries.schema import PreparedSchema, prepare_schema
from pytest_querycache.queries.signature import query_signature

SCHEMA = prepare_schema(
    {
        "orders": {"id": "int", "customer": "int", "total": "double", "day": "date"},
        "customers": {"id": "int", "name": "text", "city": "text"},
    }
)
JOIN = (
    "select c.city, count(*) as n, sum(o.total) as total from orders as o join customers as c "
    "on o.customer = c.id where o.total > {number} group by c.city order by total desc limit 10"
)
HITS = 1_000  # in a row: about as long as the system lets a process run undisturbed on a busy machine


def in_turn(candidates: dict[str, Callable[[], int]], rounds: int) -> dict[str, list[int]]:
    """Measure each candidate once in each round, after a round that does not count."""
    taken: dict[str, list[int]] = {name: [] for name in candidates}
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds + 1):
            for name, measure in candidates.items():
                elapsed = measure()
                if number:
                    taken[name].append(elapsed)
    finally:
        gc.enable()
    return taken


def ratio(taken: dict[str, list[int]], one: str, other: str) -> float:
    """Return the median over the rounds of one candidate's time divided by the other's."""
    return statistics.median(a / b for a, b in zip(taken[one], taken[other], strict=True))


def hits(function: Callable[[str], object], text: str) -> Callable[[], int]:
    """Measure many look-ups of one text in a row."""

    def measure() -> int:
        begun = time.perf_counter_ns()
        for _ in range(HITS):
            function(text)
        return time.perf_counter_ns() - begun

    return measure


def plain_hits(cache: QueryCache, text: str, factory: Callable[[], object]) -> Callable[[], int]:
    """Measure the same, of a cache that is asked without a signature."""

    def measure() -> int:
        begun = time.perf_counter_ns()
        for _ in range(HITS):
            cache.get_or_compile(text, factory)
        return time.perf_counter_ns() - begun

    return measure


def signed_hits(
    cache: QueryCache, text: str, schema: PreparedSchema | None, factory: Callable[[], object]
) -> Callable[[], int]:
    """Measure the same, signature included."""

    def measure() -> int:
        begun = time.perf_counter_ns()
        for _ in range(HITS):
            cache.get_or_compile(query_signature(text, schema), factory)
        return time.perf_counter_ns() - begun

    return measure


def hit_candidates() -> dict[str, Callable[[], int]]:
    """The same text asked for again and again, of everybody."""
    text = JOIN.format(number=1)
    plan = object()

    def factory() -> object:
        return plan

    def own_dict(sql: str) -> object:
        entry = entries.get(sql)
        if entry is not None and time.monotonic() < entry[1]:
            entry[2] += 1
            return entry[0]
        return factory()

    cache, ageless = QueryCache(), QueryCache(max_age=None)
    entries = {text: [plan, time.monotonic() + 3600, 0]}
    candidates = {
        "functools.lru_cache": hits(functools.lru_cache(maxsize=100)(lambda sql: plan), text),
        "own dict, deadline and count": hits(own_dict, text),
        "get_or_compile": plain_hits(cache, text, factory),
        "get_or_compile, max_age=None": plain_hits(ageless, text, factory),
        "query_signature + get_or_compile": signed_hits(cache, text, None, factory),
        "the same with a prepared schema": signed_hits(cache, text, SCHEMA, factory),
    }
    try:
        from cachetools import TTLCache, cached
    except ImportError:
        print("cachetools is not installed: not compared with it")
    else:
        locked = cached(TTLCache(maxsize=100, ttl=3600), lock=threading.Lock())(lambda sql: plan)
        candidates["cachetools TTLCache, locked"] = hits(locked, text)
    return candidates


def print_hits(rounds: int) -> None:
    """Print what a hit costs."""
    taken = in_turn(hit_candidates(), rounds)
    print(f"\n{'hit, one thread':34} {'ns':>6} {'× lru_cache':>12} {'faster than cachetools':>24}")
    for name, elapsed in taken.items():
        rival = ""
        if "cachetools TTLCache, locked" in taken:
            rival = f"{ratio(taken, 'cachetools TTLCache, locked', name):.1f} ×"
        each = statistics.median(elapsed) / HITS
        print(f"{name:34} {each:6.0f} {ratio(taken, name, 'functools.lru_cache'):12.1f} {rival:>24}")


def print_whole_hits(rounds: int) -> None:
    """Print what compile_for_execution costs on a hit, and without the cache."""
    text = JOIN.format(number=1)

    def compiled(sql: str) -> object:
        return compile_for_execution(sql, schema=SCHEMA)

    def compile_anew() -> int:
        with QueryCacheManager.disabled():
            begun = time.perf_counter_ns()
            compiled(text)
            return time.perf_counter_ns() - begun

    with QueryCacheManager.using(QueryCache()):
        taken = in_turn({"hit": hits(compiled, text), "anew": compile_anew}, rounds)
    hit = statistics.median(taken["hit"]) / HITS
    anew = statistics.median(taken["anew"])
    print(
        f"\ncompile_for_execution: hit {hit:,.0f} ns, without the cache {anew:,.0f} ns, {1 - hit / anew:.3%} less"
    )


def print_first_executions(rounds: int) -> None:
    """Print what a first compilation costs through the cache, beside without."""
    numbers = iter(range(10**9))

    def compile_new(cache: QueryCache, *, enabled: bool) -> Callable[[], int]:
        def measure() -> int:
            with QueryCacheManager.using(cache, enabled=enabled):
                text = JOIN.format(number=next(numbers))
                begun = time.perf_counter_ns()
                compile_for_execution(text, schema=SCHEMA)
                return time.perf_counter_ns() - begun

        return measure

    def empty(cost: Callable[..., object]) -> Callable[[], int]:
        def measure() -> int:
            begun = time.perf_counter_ns()
            for _ in range(100):
                cost(next(numbers), object)
            return (time.perf_counter_ns() - begun) // 100

        return measure

    cache = QueryCache()
    taken = in_turn(
        {
            "with": compile_new(QueryCache(), enabled=True),
            "without": compile_new(QueryCache(), enabled=False),
            "miss": empty(cache.get_or_compile),
        },
        rounds * 4,
    )
    print(
        f"\nfirst compilation: through the cache {statistics.median(taken['with']):,.0f} ns, "
        f"without {statistics.median(taken['without']):,.0f} ns, ratio {ratio(taken, 'with', 'without'):.3f}; "
        f"a miss with an empty factory, evicting, {statistics.median(taken['miss']):,.0f} ns"
    )


def runs_of_sixteen(look_up: Callable[[Callable[[], object]], object]) -> int:
    """Return how often the factory runs when sixteen threads miss the same key at once."""
    runs: list[int] = []
    together = threading.Barrier(16)

    def factory() -> object:
        runs.append(1)
        time.sleep(0.05)  # long enough for every thread to arrive, as a compilation would be
        return object()

    def work() -> None:
        together.wait()
        look_up(factory)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(runs)


def print_stampedes() -> None:
    """Print how often factories run when sixteen threads miss together."""
    ours, lru = QueryCache(), functools.lru_cache(maxsize=100)
    held: dict[str, Callable[[], object]] = {}
    anchor = lru(lambda key: held[key]())

    def look_up_lru(factory: Callable[[], object]) -> object:
        held["q"] = factory
        return anchor("q")

    ours_ran = runs_of_sixteen(lambda factory: ours.get_or_compile("q", factory))
    print("\n16 threads miss at once, factory runs:")
    print(f"QueryCache {ours_ran}, functools.lru_cache {runs_of_sixteen(look_up_lru)}", end="")
    try:
        from cachetools import TTLCache, cached
    except ImportError:
        print()
        return
    locked = cached(TTLCache(maxsize=100, ttl=3600), key=lambda factory: "q", lock=threading.Lock())
    print(f", cachetools under a lock {runs_of_sixteen(locked(lambda factory: factory()))}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--rounds",
        type=int,
        default=15,
        help="rounds of compilations; ten times as many of hits (default: 15)",
    )
    rounds = parser.parse_args(arguments).rounds
    print(f"{platform.python_implementation()} {platform.python_version()}, {rounds} rounds")
    print_hits(rounds * 10)
    print_whole_hits(rounds)
    print_first_executions(rounds)
    print_stampedes()


if __name__ == "__main__":
    main()
