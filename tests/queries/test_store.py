"""The persistent store: plans come back whole or not at all."""

from __future__ import annotations

import builtins
import itertools
import json
import os
import random
import subprocess
import threading
from hashlib import blake2b

import pytest
from sqlglot.executor.table import Table

from pytest_querycache.errors import CompilationError
from pytest_querycache.queries import compiled as compiled_module
from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.compiled import compile_for_execution, compiled_from
from pytest_querycache.queries.manager import QueryCacheManager
from pytest_querycache.queries.plan_file import MAX_BYTES
from pytest_querycache.queries.semantic_form import tree_pieces
from pytest_querycache.queries.store import PlanStore, StoreStats
from pytest_querycache.queries.use_counts import KEPT_FILES

SCHEMA = {"t": {"a": "int", "b": "text"}, "u": {"a": "int", "c": "double"}}
TABLES = {
    "t": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "x"}],
    "u": [{"a": 1, "c": 1.5}, {"a": 3, "c": 2.5}],
}
QUERY = "SELECT t.b, SUM(u.c) AS s FROM t JOIN u ON t.a = u.a WHERE t.a > 0 GROUP BY t.b ORDER BY t.b"
OTHER = "SELECT b FROM t WHERE a IN (SELECT a FROM u) AND b LIKE 'x%'"


def opened(folder):
    """A store whose clock stands still: no busy machine makes loading look dearer than compiling."""
    return PlanStore(folder, timer=lambda: 0)


@pytest.fixture
def store(tmp_path):
    return opened(tmp_path / "plans")


def compiled_with(store, sql=QUERY, **options):
    """Compile through a cache of its own, as a new session would."""
    with QueryCacheManager.using(QueryCache(store=store)):
        return compile_for_execution(sql, **{"schema": SCHEMA, **options})


def plan_file(store):
    (path,) = store.folder.glob("*.plan")
    return path


def test_a_plan_survives_the_session(store):
    """The second session loads what the first compiled, and it gives the same rows."""
    first = compiled_with(store, name="sums")
    assert store.stats() == StoreStats(misses=1, written=1)
    again = opened(store.folder)
    second = compiled_with(again, name="sums")
    assert again.stats() == StoreStats(hits=1)
    assert tree_pieces(second.ast) == tree_pieces(first.ast)
    assert second.execute(TABLES).rows == first.execute(TABLES).rows == [("x", 4.0)]
    assert (second.signature, second.name, second.compile_ns) == (first.signature, "sums", first.compile_ns)


def test_one_file_for_each_signature_named_by_its_digest(store):
    """What a file holds can be told from its name."""
    one, other = compiled_with(store), compiled_with(store, OTHER)
    assert {path.name for path in store.folder.iterdir()} == {
        f"{one.signature}.plan",
        f"{other.signature}.plan",
    }


def test_files_hold_json_and_no_code(store):
    """Behind the first line stands JSON, with the exact version of sqlglot in the key."""
    compiled_with(store)
    head, body = plan_file(store).read_bytes().split(b"\n", 1)
    assert head.startswith(b"querycache-plan 1 ")
    assert json.loads(body)["signature"][3].startswith(f"sqlglot {__import__('sqlglot').__version__}, form ")


def test_another_schema_is_another_plan(store):
    """A changed schema never finds the plan of the old one."""
    compiled_with(store)
    compiled_with(store, schema={**SCHEMA, "v": {"z": "int"}})
    assert store.stats() == StoreStats(misses=2, written=2)


def test_own_rules_and_missing_schemas_are_not_kept(store):
    """The code of a rule is not in the key, and a query without a schema has no plan yet."""
    from sqlglot.optimizer.optimizer import RULES

    compiled_with(store, rules=RULES)
    compiled_with(store, schema=None)
    assert not store.folder.exists()


def test_what_costs_more_to_load_than_to_compile_is_not_kept(tmp_path):
    """An entry nobody would gain from is not written."""
    clock = itertools.count(step=10**12)
    slow = PlanStore(tmp_path, timer=lambda: next(clock))
    compiled_with(slow)
    assert slow.stats() == StoreStats(misses=1, not_kept=1)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_that_cannot_be_stored_still_works(store):
    """Text outside the stored form costs the entry, not the query."""
    query = compiled_with(store, r"SELECT a FROM t WHERE b = 'x\y'")
    assert query.execute(TABLES).rows == []
    assert store.stats() == StoreStats(misses=1, not_kept=1)


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    """Where nothing can be kept, everything is compiled."""
    (tmp_path / "file").write_text("")
    blocked = opened(tmp_path / "file" / "below")
    assert compiled_with(blocked).execute(TABLES).rows == [("x", 4.0)]
    blocked.count_use(compiled_with(blocked).signature)
    blocked.flush()
    assert blocked.most_used(5) == []
    assert blocked.stats().written == 0


def test_an_interrupted_write_leaves_no_half_file(store, monkeypatch):
    """Files appear by renaming: who is stopped before leaves the old state, and no litter."""

    def refuse(self, target):
        raise OSError("stopped")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    compiled_with(store)
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"null", b"querycache-plan 1 0\n{}", b"\x80\x04K\x01.", b"x" * (MAX_BYTES + 5)]
)
def test_a_foreign_file_is_a_counted_miss(store, content):
    """Whatever lies under the name of a plan: it is counted, compiled anew, and written over."""
    compiled_with(store)
    plan_file(store).write_bytes(content)
    again = opened(store.folder)
    assert compiled_with(again).execute(TABLES).rows == [("x", 4.0)]
    assert again.stats() == StoreStats(misses=1, rejected=1, written=1)
    assert compiled_with(opened(store.folder)).execute(TABLES).rows == [("x", 4.0)]


def test_the_plan_of_another_query_is_refused(store):
    """A sound file under the name of another signature is not believed."""
    one, other = compiled_with(store), compiled_with(store, OTHER)
    (store.folder / f"{other.signature}.plan").replace(store.folder / f"{one.signature}.plan")
    again = opened(store.folder)
    assert again.load(one.signature) is None
    assert again.stats() == StoreStats(misses=1, rejected=1)


def forged(body):
    """A file with a right digest, as only somebody who knows this package would write it."""
    text = json.dumps(body).encode()
    return f"querycache-plan 1 {blake2b(text, digest_size=16).hexdigest()}\n".encode() + text


def test_code_of_a_forged_plan_reaches_nothing(store, monkeypatch):
    """Even a plan that passes every check of the format runs only with names of SQL functions."""
    query = compiled_with(store)
    for side in ("tree_writer", "tree_reader"):
        monkeypatch.setattr(f"pytest_querycache.queries.{side}.check_text", lambda *args, **options: None)
    body = json.loads(plan_file(store).read_bytes().split(b"\n", 1)[1])
    literal = body["tree"]["classes"].index("Literal")
    for node in body["tree"]["nodes"]:
        if node[0] == literal:
            node[3]["this"] = "__import__('os').abort()"
    plan_file(store).write_bytes(forged(body))
    again = opened(store.folder)
    stored = again.load(query.signature)
    assert stored is not None
    assert compiled_from(stored, again) is None
    assert again.stats() == StoreStats(misses=1, rejected=1)
    assert not plan_file_exists(again)


def plan_file_exists(store):
    return any(store.folder.glob("*.plan"))


def mutations(original, other, choose):
    """Damage a file in one of the ways files get damaged, or somebody might think of."""
    content = bytearray(original)
    way = choose.randrange(9)
    if way == 0:
        content[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
    elif way == 1:
        del content[choose.randrange(len(content)) :]
    elif way == 2:
        start = choose.randrange(len(content))
        del content[start : start + choose.randrange(1, 40)]
    elif way == 3:
        start = choose.randrange(len(content))
        content[start:start] = choose.randbytes(choose.randrange(1, 20))
    elif way == 4:
        start = choose.randrange(len(original))
        content[start:] = other[start:]
    elif way == 5:
        content = bytearray(choose.randbytes(choose.randrange(400)))
    elif way == 6:
        numbers = [place for place, byte in enumerate(content) if 48 <= byte <= 57]
        content[choose.choice(numbers)] = choose.choice(b"0123456789")
    else:
        content = bytearray(_mutated_body(original, choose, sign=way == 8))
    return bytes(content)


EVIL = [
    "os.system",
    "__import__('os').abort()",
    "x) or exit(",
    "Command",
    "Create",
    "\\",
    '"',
    -1,
    10**9,
    1.5,
    None,
    True,
    [],
    {},
    [[]],
    {"int": 1},
]


def _mutated_body(original, choose, *, sign):
    """Change a value inside the JSON; with ``sign`` the digest is made to fit."""
    head, text = original.split(b"\n", 1)
    body = json.loads(text)
    places = []
    pending = [body]
    while pending:
        part = pending.pop()
        for key in part if isinstance(part, dict) else range(len(part)):
            places.append((part, key))
            if isinstance(part[key], (dict, list)):
                pending.append(part[key])
    part, key = choose.choice(places)
    part[key] = choose.choice(EVIL)
    return forged(body) if sign else head + b"\n" + json.dumps(body, separators=(",", ":")).encode()


def test_ten_thousand_mutated_files_do_no_harm(store, monkeypatch):
    """No damaged file executes anything, raises, or gives another plan than the one that was stored."""
    one, other = compiled_with(store), compiled_with(store, OTHER)
    path = store.folder / f"{one.signature}.plan"
    original = path.read_bytes()
    foreign = (store.folder / f"{other.signature}.plan").read_bytes()
    expected = tree_pieces(one.ast)
    touched = []
    for module, name in ((os, "system"), (subprocess, "Popen"), (builtins, "exec"), (builtins, "eval")):
        monkeypatch.setattr(module, name, lambda *args, **options: touched.append(args))
    choose = random.Random(5)
    damaged = opened(store.folder)
    content = b""
    monkeypatch.setattr(damaged, "_read", lambda digest: content)
    monkeypatch.setattr(damaged, "_remove", lambda digest: None)
    outcomes = {"refused": 0, "same": 0, "forged": 0}
    for _ in range(10_000):
        content = mutations(original, foreign, choose)
        plan = damaged.load(one.signature)
        if plan is None:
            outcomes["refused"] += 1
        elif content.split(b"\n")[0] == original.split(b"\n")[0]:
            assert tree_pieces(plan.tree) == expected
            outcomes["same"] += 1
        else:
            # The digest was made to fit: whatever the plan says, it says it in terms of SQL.
            compiled_from(plan, damaged)
            outcomes["forged"] += 1
    assert touched == []
    assert sum(outcomes.values()) == 10_000
    assert outcomes["refused"] > 8_500
    # The folder itself is as before: only the file's name and its content were looked at.
    assert path.read_bytes() == original


def test_many_writers_and_readers_share_a_folder(store):
    """Threads with stores of their own over one folder always find a whole plan or none."""
    expected = compiled_with(store).execute(TABLES).rows
    wrong = []

    def work(number):
        for _ in range(10):
            own = opened(store.folder)
            if number % 2:
                plan = own.load(compiled_with(own).signature)
                wrong.extend(["load"] if plan is None else [])
            elif compiled_with(own).execute(TABLES).rows != expected:
                wrong.append("rows")
            own.save(own.load(compiled_with(own).signature))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_most_used_queries_come_first(store):
    """Uses are counted at each look-up, also at hits, and summed over sessions."""
    for _ in range(2):
        session = opened(store.folder)
        with QueryCacheManager.using(QueryCache(store=session)):
            for _ in range(3):
                compile_for_execution(OTHER, schema=SCHEMA)
            compile_for_execution(QUERY, schema=SCHEMA)
        session.flush()
        session.flush()  # what is written once is not counted again
    later = opened(store.folder)
    (first, factory), (second, _) = later.most_used(10)
    assert first == compiled_with(later, OTHER).signature
    assert second == compiled_with(later).signature
    assert isinstance(factory().execute(TABLES), Table)
    assert [signature for signature, _ in later.most_used(1)] == [first]
    assert later.most_used(0) == []


def test_a_cache_warms_itself_from_earlier_sessions(store):
    """``warm(top=N)`` makes the plans ready, so that the next look-up is a hit."""
    compiled_with(store)
    store.flush()
    cache = QueryCache(store=opened(store.folder))
    report = cache.warm(top=3)
    assert (report.compiled, report.failed) == (1, ())
    with QueryCacheManager.using(cache):
        assert compile_for_execution(QUERY, schema=SCHEMA).execute(TABLES).rows == [("x", 4.0)]
    assert cache.stats().hits == 1


def test_a_plan_gone_bad_since_it_was_counted_fails_alone(store):
    """A factory whose plan is damaged meanwhile says so instead of handing out something else."""
    compiled_with(store)
    store.flush()
    later = opened(store.folder)
    ((_, factory),) = later.most_used(1)
    plan_file(store).write_bytes(b"gone")
    with pytest.raises(CompilationError, match="cannot be used"):
        factory()


def test_damaged_counts_count_nothing(store):
    """A counts file somebody wrote into is passed over, entry by entry where that is possible."""
    signature = compiled_with(store).signature
    store.flush()
    for number, content in enumerate(
        [b"", b"[]", b'{"x": 1}', b"{" * 5_000, json.dumps({signature: "9", "0" * 32: -1}).encode()]
    ):
        (store.folder / f"uses-{number:016x}.json").write_bytes(content)
    assert [found for found, _ in store.most_used(5)] == [signature]


def test_old_counts_are_forgotten(store):
    """So many flushes are kept; the oldest make room."""
    signature = compiled_with(store).signature
    for _ in range(KEPT_FILES + 10):
        store.count_use(signature)
        store.flush()
    assert len(list(store.folder.glob("uses-*.json"))) == KEPT_FILES


def test_compiling_does_not_depend_on_the_store():
    """Without a store nothing of it is touched."""
    with QueryCacheManager.using(QueryCache()):
        assert compiled_module.compile_for_execution(QUERY, schema=SCHEMA).execute(TABLES).rows == [
            ("x", 4.0)
        ]
