"""The signature's rules: which differences split the key, and which do not."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.mysql import MySQL
from sqlglot.schema import MappingSchema

from pytest_querycache.queries import semantic_form
from pytest_querycache.queries.memo import MAX_ENTRIES, SignatureMemo
from pytest_querycache.queries.normal_form import joined
from pytest_querycache.queries.schema import prepare_schema
from pytest_querycache.queries.signature import QuerySignature, query_signature

QUERY = "SELECT a, b FROM t WHERE a > 1"

SAME = [
    ("select a from t", "SELECT a FROM t", "tokens", None),
    ("SELECT a\n\tFROM  t -- first\n;", "SELECT a FROM t", "tokens", None),
    ("SELECT a /* plain */ FROM t;;", "SELECT a FROM t", "tokens", None),
    ("SELECT a,b FROM t WHERE(a=1)", "SELECT a , b FROM t WHERE ( a = 1 )", "tokens", None),
    ("SELECT a FROM t group\n by a order   by a", "SELECT a FROM t GROUP BY a ORDER BY a", "tokens", None),
    (
        "SELECT SUM(a) OVER (PARTITION  BY b) FROM t",
        "SELECT SUM(a) OVER (PARTITION BY b) FROM t",
        "tokens",
        None,
    ),
    ("SELECT A FROM T", "SELECT a FROM t", "semantic", None),
    ("SELECT a FROM t WHERE a <> 1", "SELECT a FROM t WHERE a != 1", "semantic", None),
    ("SELECT a x FROM t", "SELECT a AS x FROM t", "semantic", None),
    ("SELECT a FROM t", "SELECT A FROM T", "semantic", "snowflake"),
]

DIFFERENT = [
    ("SELECT a FROM t", "SELECT  a FROM t", "text", None),
    ("SELECT a FROM t", "SELECT a FROM t;", "text", None),
    ("SELECT a FROM t", "SELECT A FROM t", "tokens", None),
    ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 2", "tokens", None),
    ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 1.0", "tokens", None),
    ("SELECT 'x'", "SELECT 'X'", "tokens", None),
    ("SELECT 'x'", 'SELECT "x"', "tokens", None),
    ("SELECT '  x'", "SELECT ' x'", "tokens", None),
    ('SELECT "a" FROM t', "SELECT a FROM t", "tokens", None),
    ("SELECT 1 AS select", "SELECT 1 AS SELECT", "tokens", None),
    ("SELECT t.from FROM t", "SELECT t.FROM FROM t", "tokens", None),
    ("SELECT 1 desc", "SELECT 1 DESC", "tokens", None),
    ("SELECT 1 AS delete", "SELECT 1 AS DELETE", "tokens", None),
    ("SELECT a > = 1", "SELECT a >= 1", "tokens", None),
    ("SELECT $$a  b$$", "SELECT $$a b$$", "tokens", "postgres"),
    ("SELECT /*+ BROADCAST(t) */ a FROM t", "SELECT a FROM t", "tokens", "spark"),
    ("SELECT /*+ SeqScan(t) */ a FROM t", "SELECT a FROM t", "tokens", "postgres"),
    ("/*+ SeqScan(t) */ SELECT a FROM t", "SELECT a FROM t", "tokens", "postgres"),
    ("SELECT --+ FULL(t)\n a FROM t", "SELECT a FROM t", "tokens", "oracle"),
    ("SELECT /*!40001 SQL_NO_CACHE */ a FROM t", "SELECT a FROM t", "tokens", "mysql"),
    ("SELECT a /* sqlglot.meta case_sensitive */ FROM t", "SELECT a FROM t", "tokens", None),
    ("SELECT * FROM a-b.c", "SELECT * FROM a - b.c", "tokens", "bigquery"),
    ("SELECT MyFn(x)", "SELECT myfn(x)", "tokens", "clickhouse"),
    ("SELECT @Foo", "SELECT @foo", "tokens", "tsql"),
    ("SELECT 1; SELECT 2", "SELECT 1; select 2", "tokens", None),
    ("CREATE TABLE t (a INT)", "CREATE TABLE t  (a INT)", "tokens", None),
    ("SET x = 1", "SET x  = 1", "tokens", None),
    ("SHOW TABLES", "SHOW  TABLES", "tokens", "mysql"),
    ("SELECT 'open", "SELECT  'open", "tokens", None),
    ('SELECT "A" FROM t', 'SELECT "a" FROM t', "semantic", None),
    ("SELECT a FROM t", "SELECT A FROM t", "semantic", "mysql, normalization_strategy = case_sensitive"),
    ("SELECT MyFn(x)", "SELECT myfn(x)", "semantic", "clickhouse"),
    ("SELECT @Foo", "SELECT @foo", "semantic", "tsql"),
    ("SELECT /*+ SeqScan(t) */ a FROM t", "SELECT a FROM t", "semantic", "postgres"),
    ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = '1'", "semantic", None),
    ("CREATE TABLE t (a INT)", "CREATE TABLE T (a INT)", "semantic", None),
]


@pytest.mark.parametrize(("one", "other", "level", "dialect"), SAME)
def test_differences_without_meaning_share_a_key(one, other, level, dialect):
    """Formatting, and at the semantic level spelling, does not split the key."""
    assert query_signature(one, dialect=dialect, level=level) == query_signature(
        other, dialect=dialect, level=level
    )


@pytest.mark.parametrize(("one", "other", "level", "dialect"), DIFFERENT)
def test_differences_with_meaning_split_the_key(one, other, level, dialect):
    """Values, names, hints and statements kept as exact text split the key."""
    assert query_signature(one, dialect=dialect, level=level) != query_signature(
        other, dialect=dialect, level=level
    )


def test_nesting_too_deep_to_parse_keeps_its_exact_text(monkeypatch):
    """A RecursionError on the way to the tree leads to the exact text, not to the caller."""

    def too_deep(*args, **options):
        raise RecursionError

    # Pure Python gives up at some fifty parentheses, the compiled parser much later.
    monkeypatch.setattr(semantic_form, "normalize_identifiers", too_deep)
    nested = "SELECT ((1)) AS nested"
    assert query_signature(nested, level="semantic") == query_signature(nested, level="semantic")
    assert query_signature(nested, level="semantic") != query_signature(nested + " ", level="semantic")


def test_levels_never_share_a_key():
    """The level is part of the key, because equal digests would mean different promises."""
    assert len({query_signature(QUERY, level=level) for level in ("text", "tokens", "semantic")}) == 3


@pytest.mark.parametrize("same", ["mysql", " mysql ", MySQL, MySQL()])
def test_a_dialect_has_one_name_in_every_form(same):
    """A name, a class and an instance of one dialect give one key."""
    assert query_signature(QUERY, dialect=same) == query_signature(QUERY, dialect="mysql")


def test_settings_of_a_dialect_split_the_key_in_every_form():
    """sqlglot calls a dialect equal to its instances with settings; the key does not, in whatever order they come."""
    plain = query_signature(QUERY, dialect="mysql")
    written = "mysql, normalization_strategy = case_insensitive"
    by_text = query_signature(QUERY, dialect=written)
    instance = Dialect.get_or_raise(written)
    assert instance == "mysql" or instance == MySQL  # what sqlglot says
    assert query_signature(QUERY, dialect=instance) == by_text != plain
    assert query_signature(QUERY, dialect=MySQL) == plain == query_signature(QUERY, dialect="mysql")
    assert query_signature(QUERY, dialect="mysql, version = 5.7") not in (plain, by_text)


def test_the_default_setting_written_out_is_the_default():
    """Saying what holds anyway does not split the key."""
    assert query_signature(
        QUERY, dialect="mysql, normalization_strategy = case_sensitive"
    ) == query_signature(QUERY, dialect="mysql")


def test_unknown_dialect_and_level_are_refused():
    """A misspelt dialect or level is an error, never a key."""
    with pytest.raises(ValueError, match="mysqll"):
        query_signature(QUERY, dialect="mysqll")
    with pytest.raises(ValueError, match=r"level: unknown 'token'; known are text, tokens, semantic"):
        query_signature(QUERY, level="token")
    with pytest.raises(TypeError, match="sql: expected str, got bytes"):
        query_signature(b"SELECT 1")


def test_extra_tells_equal_values_of_different_types_apart():
    """1, True and 1.0 are one dictionary key and three signatures, in any order of asking."""
    values = [1, True, 1.0, "1", b"1", None, 0, False, 0.0, -0.0, (1,), (True,), ((1,),), (), ""]
    found = [query_signature(QUERY, extra=(value,)) for value in values]
    assert len(set(found)) == len(values)
    assert [query_signature(QUERY, extra=(value,)) for value in reversed(values)] == found[::-1]


def test_extra_is_joined_without_ambiguity():
    """Moving a character from one part to the next gives another key."""
    assert query_signature(QUERY, extra=("ab", "c")) != query_signature(QUERY, extra=("a", "bc"))
    assert query_signature(QUERY, extra=(("a",), "b")) != query_signature(QUERY, extra=(("a", "b"),))


def test_extra_whose_content_cannot_be_read_is_refused():
    """An object without readable content would be a key by identity, which is recycled."""
    with pytest.raises(TypeError, match="cannot read the content of a object"):
        query_signature(QUERY, extra=(object(),))
    with pytest.raises(TypeError, match="expected a tuple, got str"):
        query_signature(QUERY, extra="tenant")


def test_changing_a_schema_changes_the_key():
    """Schemas are read at each call, so that a change in place is seen."""
    mapping = {"t": {"a": "int"}}
    before = query_signature(QUERY, mapping)
    assert query_signature(QUERY, {"t": {"a": "int"}}) == before
    mapping["t"]["b"] = "text"
    assert query_signature(QUERY, mapping) != before

    schema = MappingSchema({"t": {"a": "int"}})
    before = query_signature(QUERY, schema)
    schema.add_table("u", {"x": "int"})
    assert query_signature(QUERY, schema) != before


def test_a_schema_that_looks_prepared_is_not_believed():
    """An attribute named as a prepared schema's memo does not answer for one."""

    class Impostor(MappingSchema):
        signatures = {QUERY: "wrong"}  # noqa: RUF012

    assert query_signature(QUERY, Impostor({"t": {"a": "int"}})) != "wrong"


def test_no_schema_and_an_empty_one_are_the_same():
    """An empty mapping says as little as none."""
    assert query_signature(QUERY, {}) == query_signature(QUERY)
    assert query_signature(QUERY).schema == ""


def test_a_signature_is_its_digest():
    """Hash and comparison are the string's own, and the digest can name a file."""
    signature = query_signature(QUERY)
    assert signature == signature.digest
    assert hash(signature) == hash(signature.digest)
    assert type(signature.digest) is str
    assert len(signature.digest) == 32
    assert type(signature).__hash__ is str.__hash__


def test_a_signature_survives_copying_and_pickling():
    """Fields and digest arrive in another process as they left."""
    signature = query_signature(QUERY, {"t": {"a": "int"}}, dialect="duckdb", extra=("x", 1))
    for twin in (copy.copy(signature), copy.deepcopy(signature), pickle.loads(pickle.dumps(signature))):
        assert twin == signature
        assert repr(twin) == repr(signature)


def test_a_signature_cannot_be_changed():
    """The fields that explain a miss stay those the digest was made of."""
    with pytest.raises(AttributeError):
        query_signature(QUERY).schema = "other"


@pytest.mark.parametrize("field", ["text", "schema", "dialect", "version", "level", "extra"])
def test_every_field_is_part_of_the_digest(field):
    """Two signatures that differ in one field differ."""
    fields = {"text": "t", "schema": "s", "dialect": "d", "version": "v", "level": "l", "extra": "e"}
    assert QuerySignature(**fields) != QuerySignature(**{**fields, field: "other"})


def test_the_same_text_gives_the_same_object():
    """The second look at a text costs a dictionary look-up, also with a prepared schema and a named dialect."""
    schema = prepare_schema({"t": {"a": "int"}})
    for options in ({}, {"schema": schema}, {"dialect": "duckdb"}, {"schema": schema, "dialect": "duckdb"}):
        assert query_signature(QUERY, **options) is query_signature(QUERY, **options)


def test_the_memory_of_signatures_is_bounded():
    """However many texts come by, so many entries and characters are kept at most."""
    memo = SignatureMemo()
    signature = query_signature(QUERY)
    for number in range(3 * MAX_ENTRIES):
        memo.remember(f"SELECT {number}", signature, len(f"SELECT {number}"))
    assert len(memo.entries) <= MAX_ENTRIES
    assert memo.length == sum(map(len, memo.entries))
    long = "x" * 900_000
    for number in range(40):
        memo.remember(f"{long}{number}", signature, len(long) + 2)
    assert memo.length <= 8 * 1024 * 1024
    memo.remember("y" * 2_000_000, signature, 2_000_000)
    assert all(not text.startswith("y") for text in memo.entries)


def test_threads_agree_on_signatures_while_the_memory_overflows():
    """Reading without a lock beside writers never gives the key of another text."""
    texts = [f"SELECT {number} FROM t" for number in range(1_500)]
    expected = dict(zip(texts, map(query_signature, texts), strict=True))
    wrong = []

    def ask(offset):
        for number in range(1_500):
            text = texts[(number * 7 + offset) % len(texts)]
            if query_signature(text) != expected[text]:
                wrong.append(text)
            query_signature(f"SELECT {number}, {offset} FROM u")

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@settings(deadline=None)
@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_joining_with_lengths_is_injective(one, other):
    """Two lists of texts give the same bytes only when they are equal."""
    assert (joined(one) == joined(other)) == (one == other)


@settings(deadline=None)
@given(st.text(max_size=40), st.sampled_from(["text", "tokens", "semantic"]))
def test_any_text_has_a_signature(text, level):
    """Whatever the text, there is a key, and it is the same the next time."""
    assert query_signature(text, level=level) == query_signature(text, level=level)
