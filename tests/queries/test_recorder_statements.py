"""What is remembered of statements: shapes, bounds, places, and the words a failure uses."""

from __future__ import annotations

import json
import sys
import threading
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.errors import MeasurementError
from pytest_querycache.model.growth import NOT_KEPT, growth_lines
from pytest_querycache.queries import recording as recording_module
from pytest_querycache.queries.call_site import CallSites
from pytest_querycache.queries.fingerprint import fingerprint
from pytest_querycache.queries.recording import MAX_RECORDS, MAX_TEXTS, Recording
from pytest_querycache.queries.shape import LONG, shape_of
from pytest_querycache.queries.spy import QuerySpy
from pytest_querycache.queries.statement import Source, fingerprint_of
from pytest_querycache.queries.tally import leave

SQLITE = Source("sqlite3", "sqlite")
OTHER = Source("psycopg", "postgres")


def frame() -> FrameType:
    """The frame of the calling line."""
    return sys._getframe(1)


def execute(recording: Recording, sql: str, times: int = 1, rows: int = -1, source: Source = SQLITE) -> None:
    """Execute a statement from one line."""
    for _ in range(times):
        leave(recording.enter(source, sql), 10, rows)


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("BEGIN", "BEGIN"),
        ("begin  immediate;", "BEGIN IMMEDIATE"),
        ("START TRANSACTION READ ONLY", "START TRANSACTION READ ONLY"),
        ("COMMIT AND CHAIN", "COMMIT AND CHAIN"),
        ("/* app */ ROLLBACK", "ROLLBACK"),
        ("COMMIT -- at last", "COMMIT"),
        ("SAVEPOINT a /* app */;", "SAVEPOINT ?"),
        ('SAVEPOINT "s1234_x7"', "SAVEPOINT ?"),
        ("release savepoint `a`;", "RELEASE SAVEPOINT ?"),
        ("ROLLBACK TO SAVEPOINT s1", "ROLLBACK TO SAVEPOINT ?"),
        ("SAVE TRANSACTION [x]", "SAVE TRANSACTION ?"),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"),
        ("SET autocommit = 0", "SET AUTOCOMMIT = 0"),
    ],
)
def test_transaction_control_is_recognised(sql: str, shape: str) -> None:
    """However it is written, and whatever a savepoint is called."""
    assert shape_of(sql) == (shape, True)


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN UPDATE t SET a = 1; END",
        "SET search_path TO other",
        "SELECT 'BEGIN'",
        "END_OF_DAY",
        "CALL commit()",
        "BEGIN; DELETE FROM t; COMMIT",
    ],
)
def test_what_only_looks_like_transaction_control_counts(sql: str) -> None:
    """A statement that touches rows is never left out."""
    assert not shape_of(sql).is_transaction_control


def test_values_are_erased_and_quoted_names_are_not() -> None:
    """Names that hold numbers or quotes keep statements apart."""
    assert shape_of("SELECT a1 FROM t WHERE b = 12 AND c = 'it''s 3'").text == (
        "SELECT a1 FROM t WHERE b = ? AND c = ?"
    )
    assert shape_of('SELECT "a 1" FROM t').text != shape_of('SELECT "a 2" FROM t').text
    assert shape_of("CREATE TABLE t (a VARCHAR(10))").text != shape_of("CREATE TABLE t (a VARCHAR(20))").text


_values = st.one_of(
    st.integers(-50, 50).map(str),
    st.text("ab'\" -;(", max_size=6).map(lambda t: "'" + t.replace("'", "''") + "'"),
)
_items = st.one_of(
    _values,
    st.sampled_from(
        ["NULL", "TRUE", "%s", "?", ":a", "%(a_1)s", "1::INTEGER", "%s::VARCHAR(20)", "a", "f(1, 2)"]
    ),
    st.sampled_from(["%s::TIMESTAMP WITH TIME ZONE", 'NULL::"A"', "- 1", "(1, 2)", "1 /* c */", "now()"]),
)
_rows = st.lists(_items, min_size=1, max_size=3).map(lambda items: f"({', '.join(items)})")
_inserts = st.builds(
    lambda rows, head, tail: f"{head} VALUES {', '.join(rows)}{tail}",
    st.lists(_rows, min_size=1, max_size=3),
    st.sampled_from(["INSERT INTO t", "INSERT INTO t (a, b)", "WITH b AS (SELECT 1)"]),
    st.sampled_from(["", " ON CONFLICT DO NOTHING", " RETURNING a", " -- 1", ", (NULL)"]),
)
_statements = st.builds(
    lambda column, first, second, tail: (
        f"SELECT {column} FROM t WHERE a = {first} AND b IN ({second}, 1){tail}"
    ),
    st.sampled_from(["a", '"a 1"', "`b`", "t1.c2"]),
    _values,
    _values,
    st.sampled_from(["", " LIMIT 3", " ORDER BY a", " -- the end", " /* 5 */"]),
)


@settings(max_examples=200, deadline=None)
@given(_statements, _statements)
def test_equal_shapes_have_equal_fingerprints(first: str, second: str) -> None:
    """A shape never merges what fingerprints keep apart."""
    if shape_of(first).text == shape_of(second).text:
        assert fingerprint(first, dialect="sqlite") == fingerprint(second, dialect="sqlite")


@settings(max_examples=300, deadline=None)
@given(_inserts)
def test_the_fingerprint_of_a_shape_is_that_of_the_text(sql: str) -> None:
    """Lists, rows, casts and comments that a shape leaves out are none of the fingerprint's."""
    assert fingerprint_of(OTHER, shape_of(sql).text) == fingerprint_of(OTHER, sql)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("SELECT a FROM t /*trace='1'*/", "SELECT a FROM t /*trace='2'*/"),
        ("/* 1 */ SELECT a FROM t -- it's", "SELECT a FROM t"),
        ("SELECT a FROM t WHERE b IN (%s, %s)", "SELECT a FROM t WHERE b IN (%s)"),
        ("SELECT a FROM t WHERE b IN (1, -2)", "SELECT a FROM t WHERE b IN (3)"),
        ("INSERT INTO t VALUES (1, NULL), (DEFAULT, 'x')", "INSERT INTO t VALUES (?, ?)"),
    ],
)
def test_what_repeats_has_one_shape(first: str, second: str) -> None:
    """Comments, and how long lists are, differ from one execution to the next."""
    assert shape_of(first) == shape_of(second)


@pytest.mark.parametrize(
    "sql",
    ["SELECT /*! a */ b", "SELECT /*+ a */ b", "SELECT 5--3", "SELECT '\\' -- '", "SELECT a /* /* */ b */"],
)
def test_comments_that_some_server_reads_otherwise_stay(sql: str) -> None:
    """What is not a comment for all of them is none for a shape."""
    assert shape_of(sql).text == sql


def test_a_huge_insert_is_remembered_by_its_beginning() -> None:
    """Rows written into the text are squashed; a text of half a megabyte is not kept."""
    rows = ", ".join(f"({n}, 'name {n}')" for n in range(20_000))
    sql = f"INSERT INTO t VALUES {rows}"
    recording = Recording()
    execute(recording, sql, times=2)
    execute(recording, f"{sql}, (1, 'x')")
    assert len(sql) > 20 * LONG
    (use,) = recording.summary().uses
    assert (use.fingerprint, use.count) == ("INSERT INTO t VALUES (?)", 3)


def test_a_hundred_thousand_statements_are_counted_within_bounds() -> None:
    """All are counted; texts beyond the limit, and records beyond theirs, are not kept."""
    recording = Recording(keeps_records=True)
    for number in range(100_000):
        leave(recording.enter(SQLITE, f"SELECT a{number} FROM t"), 1, 1)
    summary = recording.summary()
    assert (summary.count, recording.count(), summary.rows) == (100_000, 100_000, 100_000)
    assert len(summary.uses) == MAX_TEXTS
    assert summary.not_kept == 100_000 - MAX_TEXTS
    assert len(recording.statements()) == MAX_RECORDS
    kept = len(recording._tallies) + sum(map(len, recording._texts_of_thread.values()))
    assert kept <= 2 * MAX_TEXTS + 1


def test_values_in_the_text_do_not_fill_the_memory() -> None:
    """A hundred thousand texts of one shape are one statement, counted exactly."""
    recording = Recording()
    for number in range(10_000):
        leave(recording.enter(SQLITE, f"SELECT a FROM t WHERE id = {number}"), 1, -1)
    (use,) = recording.summary().uses
    assert (use.count, use.repeated) == (10_000, 10_000)


def test_savepoints_never_count_even_when_memory_is_full() -> None:
    """Names of savepoints are endless, and their shape is one."""
    recording = Recording()
    for number in range(MAX_TEXTS + 5):
        execute(recording, f"SELECT a{number}")
        execute(recording, f"SAVEPOINT s{number}")
    assert (recording.count(), recording.summary().transaction_control) == (MAX_TEXTS + 5, MAX_TEXTS + 5)


def test_parameter_styles_and_drivers_share_a_fingerprint() -> None:
    """One statement through two drivers is one fingerprint, and repeats together."""
    recording = Recording()
    execute(recording, "SELECT a FROM t WHERE b = ?", times=2)
    execute(recording, "SELECT a FROM t WHERE b = %s", times=3, source=OTHER)
    execute(recording, "SELECT a FROM t WHERE b = ?", times=2, source=OTHER)
    (use,) = recording.summary().uses
    assert (use.count, use.repeated) == (7, 7)


def test_the_first_execution_takes_no_call_site_and_joins_the_most_frequent() -> None:
    """Places are looked for from the second execution on; what repeats from one line is told with all of it."""
    recording = Recording(CallSites())
    execute(recording, "SELECT once")
    execute(recording, "SELECT often", times=4)
    leave(recording.enter(SQLITE, "SELECT often"), 1, -1)
    often, once = recording.summary().uses
    assert (once.count, once.repeated, once.call_site) == (1, 1, "")
    assert (often.count, often.repeated) == (5, 4)
    assert often.call_site.endswith(" in execute")


def test_an_unknown_place_is_no_call_site() -> None:
    """Texts of one fingerprint that are executed once each repeat nothing from one place."""
    recording = Recording(CallSites())
    for spaces in range(1, 6):
        leave(recording.enter(SQLITE, f"SELECT a{' ' * spaces}FROM t"), 1, -1)
    (use,) = recording.summary().uses
    assert (use.count, use.repeated, use.call_site) == (5, 1, "")


def test_executions_from_as_many_lines_repeat_nothing() -> None:
    """The first one is not added to one of several equally frequent places."""
    recording = Recording(CallSites())
    recording.enter(SQLITE, "SELECT 1")
    recording.enter(SQLITE, "SELECT 2")
    recording.enter(SQLITE, "SELECT 3")
    (use,) = recording.summary().uses
    assert (use.count, use.repeated) == (3, 1)


def test_a_loop_whose_comments_differ_is_told_with_its_place() -> None:
    """Tools that write the trace into every statement hide no repetition."""
    recording = Recording(CallSites())
    for number in range(6):
        execute(recording, f"SELECT a FROM t WHERE b = %s /*traceparent='00-{number}'*/")
    (use,) = recording.summary().uses
    assert (use.count, use.repeated) == (6, 6)
    assert use.call_site.endswith(" in execute")


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("REPLACE INTO t VALUES (1, 'a')", "REPLACE INTO t VALUES (2, 'b')", "REPLACE INTO t VALUES (?)"),
        ("SELECT 1; SELECT 2", "SELECT 3; SELECT 4", "SELECT ?; SELECT ?"),
    ],
)
def test_a_hash_is_that_of_the_shape(first: str, second: str, text: str) -> None:
    """What has no readable fingerprint has the same digest whichever values came first."""
    uses = []
    for sql in (first, second):
        recording = Recording()
        execute(recording, sql)
        uses += recording.summary().uses
    assert uses[0].digest == uses[1].digest
    assert [use.text for use in uses] == [text, text]


def test_what_was_not_kept_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Executions of texts beyond the limit reach the report, so that it claims nothing about them."""
    monkeypatch.setattr(recording_module, "MAX_TEXTS", 2)
    recording = Recording()
    for name in "abcde":
        execute(recording, f"SELECT {name}")
    assert recording.summary().plain()[2:] == [[NOT_KEPT, "texts that were too many to keep", 3, "", 0, 0]]


def test_places_in_libraries_are_passed_over(tmp_path: Any) -> None:
    """The innermost frame of the user's code counts, relative to the root where it lies below it."""
    sites = CallSites(str(tmp_path))
    library = {"walk": lambda: None}
    source = "def call(back):\n    return back()\n"
    for path in (f"{tmp_path}/venv/lib/site-packages/orm.py", "<string>"):
        exec(compile(source, path, "exec"), library)
        found = library["call"](lambda: sites.own_frame(sys._getframe()))
        assert found is not None
        assert found.f_code.co_filename == __file__
    exec(compile(source, f"{tmp_path}/shop/views.py", "exec"), library)
    inside: FrameType = library["call"](lambda: sites.own_frame(sys._getframe(1)))  # type: ignore[assignment]
    sites.remember(inside)
    assert sites.shown((id(inside.f_code), inside.f_lasti)) == "shop/views.py:2 in call"
    assert sites.shown(None) == ""
    assert sites.shown((1, 2)) == ""


def test_the_users_own_function_among_the_librarys_is_the_place(tmp_path: Any) -> None:
    """From one line, and at one height, the innermost place may be another one: what lies below it tells."""
    recording = Recording(CallSites(str(tmp_path)))
    names: dict[str, Any] = {"recording": recording, "source": SQLITE}
    library = "def inner():\n    recording.enter(source, 'SELECT 1')\ndef outer():\n    inner()\n"
    exec(compile(library, f"{tmp_path}/site-packages/orm.py", "exec"), names)
    exec(
        compile("def own():\n    inner()\ndef work(call):\n    call()\n", f"{tmp_path}/shop.py", "exec"),
        names,
    )
    for call in ("outer", "outer", "outer", "own", "own", "outer"):
        names["work"](names[call])
    (tally,) = recording._tallies
    assert {recording._call_sites.shown(site): times for site, times in tally.sites.items()} == {
        "shop.py:4 in work": 3,
        "shop.py:2 in own": 2,
    }


def test_too_many_places_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generated code may have more lines than anybody reads."""
    monkeypatch.setattr(recording_module, "MAX_SITES", 2)
    recording = Recording()
    execute(recording, "SELECT 1", times=3)
    leave(recording.enter(SQLITE, "SELECT 1"), 1, -1)
    leave(recording.enter(SQLITE, "SELECT 1"), 1, -1)
    (use,) = recording.summary().uses
    assert (use.count, use.repeated) == (5, 3)


def test_a_summary_is_made_while_threads_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that a left-over thread adds in the middle of it does no harm."""
    recording = Recording()
    execute(recording, "SELECT 1", times=3)
    execute_in_the_middle = [lambda: leave(recording.enter(SQLITE, "SELECT 1"), 1, -1)]
    shown = CallSites.shown

    def interrupted(sites: CallSites, site: Any) -> str:
        while execute_in_the_middle:
            execute_in_the_middle.pop()()
        return shown(sites, site)

    monkeypatch.setattr(CallSites, "shown", interrupted)
    (use,) = recording.summary().uses
    assert use.count == 3
    assert recording.count() == 4


def test_counts_are_exact_over_threads() -> None:
    """Threads share no counter, so none is lost."""
    recording = Recording()
    threads = [threading.Thread(target=execute, args=(recording, "SELECT 1", 5_000)) for _ in range(4)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    (use,) = recording.summary().uses
    assert (use.count, use.repeated, use.duration_ns) == (20_000, 20_000, 200_000)


def test_a_summary_since_a_mark_holds_what_followed() -> None:
    """Rows, times and places of before are taken off."""
    recording = Recording()
    execute(recording, "SELECT 1", times=3, rows=2)
    mark = recording.mark()
    execute(recording, "SELECT 1", times=2, rows=5)
    execute(recording, "SELECT b")
    summary = recording.summary(mark)
    assert (summary.count, recording.count(mark), summary.rows, summary.duration_ns) == (3, 3, 10, 30)
    assert [(use.text, use.count, use.repeated) for use in summary.uses] == [
        ("SELECT ?", 2, 2),
        ("SELECT b", 1, 1),
    ]


def test_the_plain_summary_survives_json_and_is_bounded() -> None:
    """Digests are short and complete; texts are cut, and only the most frequent are there."""
    recording = Recording()
    execute(recording, "CREATE TABLE t (a INTEGER, " + ", ".join(f"b{n} TEXT" for n in range(200)) + ")")
    for number in range(150):
        execute(recording, f"SELECT a{number}")
    plain = recording.summary().plain()
    assert json.loads(json.dumps(plain)) == plain
    assert len({row[0] for row in plain}) == 151
    assert all(len(row[0]) == 10 and len(row[1]) <= 300 for row in plain)
    assert [bool(row[1]) for row in plain] == [True] * 100 + [False] * 51
    assert plain[0][1].startswith("CREATE TABLE t (a INTEGER, b0 TEXT")


def test_texts_within_a_statement_that_is_shown_as_it_is_are_left_out() -> None:
    """What ends up in logs and in files of runs holds no password, whatever quotes the server takes."""
    recording = Recording()
    execute(recording, "CREATE ROLE shop PASSWORD 'it''s secret'")
    (use,) = recording.summary().uses
    assert use.text == "CREATE ROLE shop PASSWORD '…'"
    recording = Recording()
    execute(recording, 'CREATE USER shop IDENTIFIED WITH x AS "secret"', source=Source("sqlalchemy", "mysql"))
    (use,) = recording.summary().uses
    assert use.text == "CREATE USER shop IDENTIFIED WITH x AS '…'"


def row(
    text: str, count: int, *, repeated: int | None = None, rows: int = 0, site: str = "v.py:4 in f"
) -> list[Any]:
    """One fingerprint as a report carries it; its digest is its text."""
    return [text, text, count, site, count if repeated is None else repeated, rows]


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        pytest.param([row("A", 5)], {"A": 1}, "likely N+1: 5 times from there", id="five from one place"),
        pytest.param([row("A", 4)], {"A": 1}, None, id="four are too few"),
        pytest.param([row("A", 9, repeated=4)], {"A": 1}, None, id="from many places"),
        pytest.param(
            [row("A", 5), row("SELECT b", 1, rows=5)],
            {"A": 1},
            "N+1: 5 times from there",
            id="in step",
        ),
        pytest.param(
            [row("A", 5), row("SELECT b", 1, rows=4)],
            {"A": 1},
            "likely N+1: 5 times from there",
            id="out of step",
        ),
        pytest.param([row("A", 5, rows=5)], {"A": 1}, "likely N+1: 5 times from there", id="its own rows"),
        pytest.param(
            [row("A", 5), row("SELECT b", 5, rows=5)],
            {"A": 1},
            "likely N+1: 5 times from there",
            id="side by side",
        ),
    ],
)
def test_the_words_for_repetition(now: list[Any], before: dict[str, int], words: str | None) -> None:
    """Likely from five executions by one place, certain in step with another's rows, else not suspected."""
    expected = f"1 → {now[0][2]}  A  at v.py:4 in f" + (f"  {words}" if words else "")
    assert expected in growth_lines(now, before)


def test_what_the_baseline_says_already_is_not_suspected() -> None:
    """A repetition that was accepted is not told again."""
    assert growth_lines([row("A", 50)], {"A": 50}) == []
    assert "N+1" not in growth_lines([row("A", 50)], {"A": 60})[0]


def test_new_and_vanished_fingerprints_are_marked() -> None:
    """Plus for the new, minus for the gone, most growth first."""
    lines = growth_lines([row("NEW", 2, site=""), row("MORE", 9, repeated=1)], {"MORE": 1, "gone": 3})
    assert lines == [
        "1 → 9  MORE  at v.py:4 in f",
        "+ 2  NEW",
        "- 3  statement gone, whose text is not stored",
    ]
    assert growth_lines([row(f"S{n:02}", 1) for n in range(30)], {}, most=3)[-1] == (
        "… and 27 more fingerprints that differ"
    )


def spying(recording: Recording) -> QuerySpy:
    """A spy on one recording."""
    return QuerySpy(lambda: recording)


def test_expect_counts_its_block_alone_and_may_include_transactions() -> None:
    """What came before is no concern of the block's."""
    recording = Recording()
    spy = spying(recording)
    execute(recording, "SELECT 1", times=5)

    def one_in_a_savepoint(**options: Any) -> None:
        with spy.expect(max=1, **options):
            execute(recording, "SELECT 1")
            execute(recording, "SAVEPOINT a")

    one_in_a_savepoint()
    with pytest.raises(AssertionError, match=r"2 statements executed, expected at most 1:"):
        one_in_a_savepoint(transaction_control=True)


def test_expect_tells_what_belongs_to_no_test_and_passes_errors_on() -> None:
    """A block's own error is not replaced, and unattributed statements are named beside the rest."""
    recording = Recording()
    spy = spying(recording)

    def one_and(more: Any) -> None:
        with spy.expect(max=0):
            execute(recording, "SELECT 1")
            more()

    with pytest.raises(ZeroDivisionError):
        one_and(lambda: 1 // 0)
    with pytest.raises(AssertionError) as caught:
        one_and(lambda: setattr(recording, "unattributed", 2))
    assert str(caught.value).splitlines()[-1].startswith("  2 more that belong to no test for certain")


def test_expect_holds_only_with_what_belongs_to_no_test() -> None:
    """Statements of threads without the test's context may be the block's, and may be too many."""
    recording = Recording()

    def fifty_of_nobody(most: int) -> None:
        with spying(recording).expect(max=most):
            recording.unattributed += 50

    fifty_of_nobody(50)
    with pytest.raises(
        AssertionError, match=r"0 statements executed, expected at most 49:\n  50 more that belong"
    ):
        fifty_of_nobody(49)


def test_scaling_looks_through_statements_of_a_first_use() -> None:
    """Growth is found although the first run executed more in all."""
    recording = Recording()
    spy = spying(recording)
    first_use = iter([20, 0])

    def grows(size: int) -> None:
        execute(recording, "SELECT first_use", times=next(first_use))
        execute(recording, "SELECT child", times=size)

    with pytest.raises(AssertionError) as caught:
        spy.scaling(grows, 1, 10)
    assert "1 → 10  SELECT child  at " in str(caught.value)
    assert str(caught.value).startswith("statements grow with the size: 21 for 1, 10 for 10")


def test_scaling_accepts_another_statement_for_another_size() -> None:
    """One query for one row, another one for many, is no growth; both summaries come back."""
    recording = Recording()
    small, large = spying(recording).scaling(
        lambda size: execute(recording, "SELECT one" if size == 1 else "SELECT many"), 1, 10
    )
    assert (small.count, large.count) == (1, 1)


def test_scaling_refuses_what_it_cannot_see() -> None:
    """A coroutine function, a function without statements, and sizes the wrong way round would prove nothing."""
    recording = Recording()
    spy = spying(recording)

    async def work(size: int) -> None:
        execute(recording, "SELECT 1", times=size)

    with pytest.raises(MeasurementError, match="returned an awaitable"):
        spy.scaling(work, 1, 10)
    with pytest.raises(MeasurementError, match="neither run executed a statement"):
        spy.scaling(lambda size: None, 1, 10)
    with pytest.raises(MeasurementError, match="50 statements executed that belong to no test for certain"):
        spy.scaling(lambda size: setattr(recording, "unattributed", 50 if size > 1 else 0), 1, 10)
    with pytest.raises(MeasurementError, match="expected the smaller size first"):
        spy.scaling(lambda size: None, 10, 1)
