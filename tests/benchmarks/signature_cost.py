"""What a signature costs at first sight of a text and afterwards: ``python tests/benchmarks/signature_cost.py``.

First sight is compared with sqlglot tokenizing the same texts, the next ones with a hit of
``functools.lru_cache`` on the same key; the cache's own share of a hit is in ``cache_cost.py``. Each pair is
measured in strict alternation within one process.
"""

from __future__ import annotations

import argparse
import functools
import inspect
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import sqlglot
import sqlglot.tokens

from examples.query_caching import warehouse
from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.schema import prepare_schema
from pytest_querycache.queries.signature import _first_sight, query_signature
from tests.benchmarks.alternation import compared, line

SHORT = "SELECT a FROM t WHERE b = 1 AND c = 2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    texts = list(warehouse.queries().values())
    core = sys.modules.get("sqlglot.tokenizer_core", sqlglot.tokens)
    compiled = not (core.__file__ or "").endswith(".py")
    goal = "≤ 2" if compiled else "≤ 1.3"
    print(
        f"sqlglot {sqlglot.__version__}, {'compiled' if compiled else 'pure'} tokenizer; ratio (quartiles), times"
    )

    def tokenized() -> None:
        for text in texts:
            sqlglot.tokenize(text)

    def signed() -> None:
        for text in texts:
            _first_sight(text, None, None, "tokens", ())

    print(
        line("first sight of 22 queries / tokenizing them", compared(signed, tokenized, rounds=rounds), goal)
    )
    short = compared(
        lambda: _first_sight(SHORT, None, None, "tokens", ()), lambda: sqlglot.tokenize(SHORT), rounds=rounds
    )
    print(line("first sight of a short query / tokenizing it", short, goal))

    schema = prepare_schema(warehouse.SCHEMA)
    text = texts[4]
    anchor = functools.lru_cache(maxsize=100)(lambda key: key)
    cache = QueryCache()
    for signature in (query_signature(text), query_signature(text, schema)):
        cache.get_or_compile(signature, object)
    # The loops around the calls are the same on both sides; what they cost makes the ratio smaller, not larger,
    # so each side is unrolled.
    hits = {
        "signature seen before / lru_cache hit": "query_signature(text)",
        "the same with a prepared schema": "query_signature(text, schema)",
        "the same with a dialect": "query_signature(text, dialect='duckdb')",
        "signature and cache hit / lru_cache hit": "cache.get_or_compile(query_signature(text), object)",
        "the same with a prepared schema, cache": "cache.get_or_compile(query_signature(text, schema), object)",
    }
    names = {
        "text": text,
        "schema": schema,
        "cache": cache,
        "anchor": anchor,
        "query_signature": query_signature,
    }
    reference = _unrolled("anchor(text)", names)
    for title, call in hits.items():
        found = compared(_unrolled(call, names), reference, rounds=rounds)
        each = found._replace(first_ns=found.first_ns / UNROLLED, second_ns=found.second_ns / UNROLLED)
        print(line(title, each, "≤ 6"))


UNROLLED = 200


def _unrolled(call: str, names: dict[str, object]):  # type: ignore[no-untyped-def]
    """Return a function that makes one call many times without a loop, its names local as in any function."""
    source = f"def run({', '.join(f'{name}={name}' for name in names)}):\n" + f"    {call}\n" * UNROLLED
    space = dict(names)
    exec(source, space)
    run = space["run"]
    assert inspect.isfunction(run)
    return run


if __name__ == "__main__":
    main()
