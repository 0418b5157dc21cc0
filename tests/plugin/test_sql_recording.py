"""Recording SQL in whole sessions: figures of every test, the fixture ``query_spy``, and the setting ``sql``."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

from pytest_querycache.storage.run_file import read_run

PLUGIN = "pytest_querycache.plugin.hooks"

# Registers the recording by itself, so that these tests hold for it alone; what a session does with the figures
# is told elsewhere.
CONFTEST = """
import json
from pathlib import Path

import pytest
from pytest_querycache.plugin.sql_recording import figures_of, query_spy, start_recording

def pytest_configure(config):
    start_recording(config)

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    if call.when == "call":
        with (Path(item.config.rootpath) / "figures.jsonl").open("a") as file:
            print(json.dumps([item.name, figures_of(item)]), file=file)
    return (yield)
"""

SPY_ALONE = """
from pytest_querycache.plugin.sql_recording import query_spy, start_for_spy

def pytest_itemcollected(item):
    start_for_spy(item)
"""

DATABASE = """
import sqlite3
import pytest

@pytest.fixture(scope="module")
def db():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE book (id INTEGER, author INTEGER)")
    connection.executemany("INSERT INTO book VALUES (?, ?)", [(n, n) for n in range(8)])
    yield connection
    connection.close()
"""


def run(pytester: pytest.Pytester, source: str, *args: str, conftest: str = CONFTEST) -> Any:
    """Run one test file in a session of its own."""
    pytester.makeconftest(conftest)
    pytester.makepyfile(test_shop=textwrap.dedent(DATABASE) + textwrap.dedent(source))
    return pytester.runpytest_subprocess("-p", PLUGIN, "-p", "no:randomly", *args, timeout=60)


def figures(pytester: pytest.Pytester) -> dict[str, Any]:
    """What was told of every test's call, by the test's name."""
    lines = (pytester.path / "figures.jsonl").read_text(encoding="utf-8").splitlines()
    return dict(json.loads(line) for line in lines)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the outer session reaches the inner ones."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


N_PLUS_ONE = """
    def test_list(db):
        for _, author in db.execute("SELECT id, author FROM book").fetchall():
            db.execute("SELECT id FROM book WHERE author = ?", (author,)).fetchone()

    def test_nothing(db):
        pass
"""


def test_every_test_gets_figures_and_statements(pytester: pytest.Pytester) -> None:
    """The call's statements make the metrics; those of the setup are told beside them."""
    run(pytester, N_PLUS_ONE).assert_outcomes(passed=2)
    told = figures(pytester)
    values = told["test_list"]["values"]
    assert {name: values[name] for name in ("db_queries", "db_distinct", "db_repeated", "db_rows")} == {
        "db_queries": 9,
        "db_distinct": 2,
        "db_repeated": 8,
        "db_rows": 16,
    }
    assert values["db_time"] > 0
    (_, text, count, site, repeated, rows), listing = told["test_list"]["statements"]
    assert (text, count, repeated, rows) == ("SELECT id FROM book WHERE author = ?", 8, 8, 8)
    assert site.startswith("test_shop.py:")
    assert site.endswith(" in test_list")
    assert listing[2:] == [1, "", 1, 8]
    assert told["test_list"]["setup"] == 2
    assert told["test_nothing"]["values"]["db_queries"] == 0
    assert "setup" not in told["test_nothing"]


def test_figures_are_the_same_in_every_session(pytester: pytest.Pytester) -> None:
    """Counts and digests do not vary between processes, whatever their hashes are salted with."""
    run(pytester, N_PLUS_ONE)
    first = figures(pytester)
    (pytester.path / "figures.jsonl").unlink()
    run(pytester, N_PLUS_ONE)
    second = figures(pytester)
    for told in (*first.values(), *second.values()):
        del told["values"]["db_time"]
    assert first == second


@pytest.mark.parametrize("where", ["test", "fixture"])
def test_a_driver_first_imported_inside_a_test_is_seen_from_there_on(
    pytester: pytest.Pytester, where: str
) -> None:
    """A suite without a driver pays next to nothing; the first test that imports one is recorded all the same."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        f"""
        import sys

        import pytest

        @pytest.fixture
        def database():
            if "{where}" == "fixture":
                import sqlite3

        def test_before():
            assert "sqlite3" not in sys.modules

        def test_late(database):
            from sqlite3 import connect
            connect(":memory:").execute("SELECT 1").connection.close()

        def test_next():
            from sqlite3 import connect
            connect(":memory:").execute("SELECT 1").connection.close()
        """
    )
    pytester.runpytest_subprocess("-p", PLUGIN, "-p", "no:randomly", timeout=60).assert_outcomes(passed=3)
    told = figures(pytester)
    assert told["test_before"] is None
    assert [told[name]["values"]["db_queries"] for name in ("test_late", "test_next")] == [1, 1]


THREE_ATTEMPTS = """
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(item, nextitem):
        from _pytest.runner import runtestprotocol
        for _ in range(3):
            item._initrequest()
            runtestprotocol(item, nextitem=nextitem)
        return True
"""

NOBODY_IS_LEFT = """
def pytest_sessionfinish(session):
    from pytest_querycache.queries.attribution import NOBODY, SCOPE
    assert SCOPE.get() is NOBODY
"""

FIRST_USE = """
    import pytest

    @pytest.fixture
    def imports():
        yield
        import sqlite3

    def test_first(imports):
        if "{where}" != "teardown":
            use()

    def test_next():
        use()

    def use():
        from sqlite3 import connect
        connection = connect(":memory:")
        connection.execute("SELECT 1")
        connection.close()
"""


@pytest.mark.parametrize(
    ("where", "more", "first"),
    [
        ("hook", "def pytest_runtest_setup(item):\n    import sqlite3\n", 1),
        (
            "early hook",
            "@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_setup(item):\n"
            "    import sqlite3\n    return (yield)\n",
            1,
        ),
        (
            "thread",
            "def pytest_runtest_setup(item):\n    from threading import Thread\n"
            "    thread = Thread(target=__import__, args=('sqlite3',))\n    thread.start()\n    thread.join()\n",
            1,
        ),
        ("teardown", "", None),
    ],
    ids=["hook", "early hook", "thread", "teardown"],
)
def test_an_import_succeeds_wherever_it_comes_and_the_test_ends_with_its_owner(
    pytester: pytest.Pytester, where: str, more: str, first: int | None
) -> None:
    """Another plugin's hook around a setup, a thread, or a fixture's end may be the first to import a driver."""
    pytester.makeconftest(CONFTEST + more + NOBODY_IS_LEFT)
    pytester.makepyfile(textwrap.dedent(FIRST_USE.format(where=where)))
    result = pytester.runpytest_subprocess("-p", PLUGIN, "-p", "no:randomly", timeout=60)
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.OK
    told = figures(pytester)
    if first is None:
        assert told["test_first"] is None
    else:
        assert told["test_first"]["values"]["db_queries"] == first
    assert told["test_next"]["values"]["db_queries"] == 1


def test_attempts_are_recorded_from_the_one_on_that_imports_the_driver(pytester: pytest.Pytester) -> None:
    """A plugin may execute a test several times within one protocol, and the driver may come with the first."""
    pytester.makeconftest(CONFTEST + textwrap.dedent(THREE_ATTEMPTS) + NOBODY_IS_LEFT)
    pytester.makepyfile(
        """
        attempts = []

        def test_flaky():
            import sqlite3
            attempts.append(1)
            connection = sqlite3.connect(":memory:")
            for _ in attempts:
                connection.execute("SELECT 1")
            connection.close()
        """
    )
    result = pytester.runpytest_subprocess("-p", PLUGIN, "-p", "no:randomly", timeout=60)
    assert result.ret == pytest.ExitCode.OK
    lines = (pytester.path / "figures.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)[1]["values"]["db_queries"] for line in lines] == [1, 2, 3]


def test_nothing_is_imported_or_patched_without_a_reason(pytester: pytest.Pytester) -> None:
    """A session without options and without query_spy has no recorder, no import watch and no driver."""
    pytester.makepyfile(
        """
        import sys

        def test_clean():
            assert not [name for name in sys.modules if name.startswith("pytest_querycache.queries")]
            assert not [finder for finder in sys.meta_path if type(finder).__name__ == "ImportWatch"]
            assert "sqlglot" not in sys.modules and "sqlite3" not in sys.modules
        """
    )
    pytester.runpytest_subprocess("-p", PLUGIN, timeout=60).assert_outcomes(passed=1)


SPY = """
    def read(db, number):
        for n in range(number):
            db.execute("SELECT id FROM book WHERE id = ?", (n,)).fetchone()

    def test_expect(db, query_spy):
        with query_spy.expect(max=2):
            read(db, 2)
        assert [s.sql for s in query_spy.statements] == ["SELECT id FROM book WHERE id = ?"] * 2
        statement = query_spy.statements[0]
        assert statement.fingerprint == "SELECT id FROM book WHERE id = ?"
        assert statement.driver == "sqlite3" and statement.rows == 1 and statement.duration_ns > 0
        assert statement.call_site.startswith("test_shop.py:") and statement.call_site.endswith(" in read")

    def test_too_many(db, query_spy):
        with query_spy.expect(max=2):
            read(db, 3)

    def test_scaling(db, query_spy):
        query_spy.scaling(lambda n: db.execute("SELECT id FROM book LIMIT ?", (n,)), 1, 10)

    def test_growing(db, query_spy):
        query_spy.scaling(lambda n: read(db, n), 1, 10)
"""


@pytest.mark.parametrize("conftest", [CONFTEST, SPY_ALONE], ids=["recording", "alone"])
def test_query_spy_limits_and_scales(pytester: pytest.Pytester, conftest: str) -> None:
    """The fixture works beside a recording session, and by itself where nothing else records."""
    result = run(pytester, SPY, conftest=conftest)
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*AssertionError: 3 statements executed, expected at most 2:",
            "*3x  SELECT id FROM book WHERE id = [?]  at test_shop.py:* in read",
            "*AssertionError: statements grow with the size: 1 for 1, 10 for 10",
            "*1 → 10  SELECT id FROM book WHERE id = [?]  at test_shop.py:* in read",
        ]
    )


def test_query_spy_asked_for_in_the_middle_of_a_test_counts_from_there(pytester: pytest.Pytester) -> None:
    """A fixture that is requested late sees what follows."""
    source = """
        def test_late(request, db):
            spy = request.getfixturevalue("query_spy")
            connection = sqlite3.connect(":memory:")
            connection.execute("SELECT 1")
            assert spy.count == 1
            connection.close()

        def test_next(query_spy):
            assert query_spy.count == 0
    """
    run(
        pytester, source, conftest="from pytest_querycache.plugin.sql_recording import query_spy"
    ).assert_outcomes(passed=2)


def test_the_patches_end_with_the_session(pytester: pytest.Pytester) -> None:
    """A session inside a process leaves the library as it found it."""
    import sqlite3
    import sys

    before = (sqlite3.connect, list(sys.meta_path))
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("def test_a(query_spy): pass")
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=1)
    assert (sqlite3.connect, list(sys.meta_path)) == before


@pytest.mark.parametrize(
    ("setting", "recorded"),
    [("sql = true", True), ("sql = false", False), ("sql = ['django']", False), ("sql = ['sqlite3']", True)],
)
def test_the_configuration_decides_what_is_watched(
    pytester: pytest.Pytester, setting: str, recorded: bool
) -> None:
    """A project may switch recording off, or name the drivers it allows."""
    pytester.makepyprojecttoml(f"[tool.pytest_querycache]\n{setting}\n")
    run(pytester, N_PLUS_ONE).assert_outcomes(passed=2)
    told = figures(pytester)["test_list"]
    assert (told is not None and told["values"]["db_queries"] == 9) is recorded


def test_query_spy_says_that_recording_is_switched_off(pytester: pytest.Pytester) -> None:
    """A spy that could see nothing does not pretend to."""
    pytester.makepyprojecttoml("[tool.pytest_querycache]\nsql = false\n")
    result = run(pytester, "def test_a(query_spy): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*sql = false in [[]tool.pytest_querycache] switches the recording*"])


def test_an_unknown_driver_is_refused(pytester: pytest.Pytester) -> None:
    """A misspelt driver would silently go unseen."""
    pytester.makepyprojecttoml("[tool.pytest_querycache]\nsql = ['sqlite']\n")
    result = run(pytester, N_PLUS_ONE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*key 'sql': unknown driver 'sqlite', expected some of sqlite3, *"])


def test_unittest_set_up_counts_and_threads_are_said(pytester: pytest.Pytester) -> None:
    """What unittest's setUp executes is inside the call; a plain thread's statements belong to nobody."""
    source = """
        import threading
        import unittest

        class TestShop(unittest.TestCase):
            def setUp(self):
                self.db = sqlite3.connect(":memory:", check_same_thread=False)
                self.db.execute("SELECT 1 AS set_up")

            def test_thread(self):
                thread = threading.Thread(target=self.db.execute, args=("SELECT 2",))
                thread.start()
                thread.join()
                self.db.close()
    """
    run(pytester, source).assert_outcomes(passed=1)
    told = figures(pytester)["test_thread"]
    assert (told["values"]["db_queries"], told["unattributed"]) == (1, 1)


def test_asyncio_tests_and_their_tasks_are_attributed(pytester: pytest.Pytester) -> None:
    """The context reaches a coroutine test, its tasks, and threads of asyncio.to_thread."""
    pytest.importorskip("pytest_asyncio", reason="pytest-asyncio is not installed")
    source = """
        import asyncio

        @pytest.mark.asyncio(loop_scope="module")
        async def test_one():
            await work()

        @pytest.mark.asyncio(loop_scope="module")
        async def test_two():
            await asyncio.gather(work(), work())

        async def work():
            connection = sqlite3.connect(":memory:", check_same_thread=False)
            connection.execute("SELECT 1")
            await asyncio.to_thread(connection.execute, "SELECT 1")
            connection.close()
    """
    run(pytester, source, "-p", "pytest_asyncio.plugin").assert_outcomes(passed=2)
    told = figures(pytester)
    assert [told[name]["values"]["db_queries"] for name in ("test_one", "test_two")] == [2, 4]
    assert not any("unattributed" in each for each in told.values())


SHARED_RUNNER = """
    @pytest.fixture(scope="module")
    def anyio_backend():
        return "{backend}"

    @pytest.fixture(scope="module")
    async def shared(anyio_backend):
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        yield connection
        connection.close()

    @pytest.mark.anyio
    async def test_one(shared):
        shared.execute("SELECT 1")

    @pytest.mark.anyio
    async def test_two(shared):
        for _ in range(3):
            shared.execute("SELECT 1")
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("selected", ["test_one or test_two", "test_two"])
def test_tests_that_share_anyios_task_have_their_own_statements(
    pytester: pytest.Pytester, backend: str, selected: str
) -> None:
    """A fixture of a module keeps the task of the first test alive; what the next execute there is theirs."""
    pytest.importorskip("anyio", reason="anyio is not installed")
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    run(pytester, SHARED_RUNNER.format(backend=backend), "-p", "anyio.pytest_plugin", "-k", selected)
    told = figures(pytester)
    assert told["test_two"]["values"]["db_queries"] == 3
    assert "test_one" not in told or told["test_one"]["values"]["db_queries"] == 1
    assert not any("unattributed" in each for each in told.values())


def test_a_server_that_lives_longer_than_a_test_leaves_the_next_unmeasured(pytester: pytest.Pytester) -> None:
    """Its task carries the first test's context: which that is depends on the order, so no number is judged."""
    source = """
        import asyncio

        @pytest.fixture(scope="module")
        def ask(db):
            loop = asyncio.new_event_loop()
            jobs = asyncio.Queue()

            async def serve():
                while True:
                    done = await jobs.get()
                    done.set_result(db.execute("SELECT 1").fetchall())

            async def ask():
                done = loop.create_future()
                await jobs.put(done)
                return await done

            task = loop.create_task(serve())
            yield lambda: loop.run_until_complete(ask())
            task.cancel()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
            loop.close()

        def test_one(ask):
            ask()

        def test_two(ask, db):
            ask()
            db.execute("SELECT 2")

        def test_three(db):
            db.execute("SELECT 3")
    """
    run(pytester, source).assert_outcomes(passed=3)
    told = figures(pytester)
    assert told["test_one"]["values"]["db_queries"] == 1
    assert (told["test_two"]["values"], told["test_two"]["unattributed"]) == ({}, 1)
    assert told["test_three"]["values"]["db_queries"] == 1


def test_statements_of_xdist_workers_are_recorded(pytester: pytest.Pytester) -> None:
    """Workers record as a plain session does."""
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    run(pytester, N_PLUS_ONE, "-p", "xdist.plugin", "-n2").assert_outcomes(passed=2)
    assert figures(pytester)["test_list"]["values"]["db_queries"] == 9


def test_a_rerun_tells_the_last_attempt_alone(pytester: pytest.Pytester) -> None:
    """Each attempt starts from nothing."""
    source = """
        attempts = []

        def test_flaky(db):
            attempts.append(1)
            for _ in attempts:
                db.execute("SELECT 1")

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(item, nextitem):
            pass
    """
    run(pytester, source, conftest=CONFTEST + textwrap.dedent(THREE_ATTEMPTS))
    lines = (pytester.path / "figures.jsonl").read_text(encoding="utf-8").splitlines()
    counts = [json.loads(line)[1]["values"]["db_queries"] for line in lines]
    assert counts == [1, 2, 3]


OPENS_EARLY = """
import sqlite3
from sqlite3 import connect

EARLY = sqlite3.connect(":memory:", check_same_thread=False)
"""

USES_EARLY = """
    from conftest import EARLY, connect

    def test_early():
        EARLY.execute("SELECT 1").fetchall()
        connection = connect(":memory:")
        connection.execute("SELECT 2").fetchall()
        connection.close()
"""


def test_what_a_conftest_opens_is_seen(project: Any) -> None:
    """Drivers are patched before the first conftest, which may keep a connection or take ``connect`` by its name."""
    project.write("conftest.py", OPENS_EARLY)
    project.write("test_early.py", textwrap.dedent(USES_EARLY))
    project.record()
    assert project.figure("test_early.py::test_early", "db_queries") == 2


def test_what_a_plugin_has_opened_before_is_said(project: Any) -> None:
    """A connection from before recording is not seen, but counted and told; a ``connect`` taken before is seen."""
    project.write("opens_early.py", OPENS_EARLY)
    project.write("conftest.py", "from opens_early import EARLY, connect")
    project.write("test_early.py", textwrap.dedent(USES_EARLY))
    said = project.run("--perf-update", "--perf-confirm=off", "-p", "opens_early", exit_status=0)
    assert "note: 1 connection of sqlite3 was opened before recording began" in said
    assert project.figure("test_early.py::test_early", "db_queries") == 1


def test_an_xdist_worker_sends_what_it_could_not_see(project: Any) -> None:
    """The controller, which executes no test, tells it once for all workers."""
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    project.write("opens_early.py", OPENS_EARLY)
    project.write("test_early.py", "import opens_early\n\ndef test_a(): pass\n\ndef test_b(): pass\n")
    arguments = ("--perf-track", "-n2", "-p", "opens_early")
    said = project.run(*arguments, plugins=("xdist.plugin",), exit_status=0)
    assert said.count("note: 1 connection of sqlite3 was opened before recording began") == 1


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["plain", "xdist"])
def test_statements_of_setups_are_told_as_context(project: Any, workers: tuple[str, ...]) -> None:
    """A fixture's statements stand in the run file and, under ``-v``, at the end; they change no metric."""
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    fixture = """
        import sqlite3, pytest

        @pytest.fixture
        def db():
            connection = sqlite3.connect(":memory:")
            for _ in range(200):
                connection.execute("SELECT 1")
            yield connection
            connection.close()

        def test_busy(db):
            db.execute("SELECT 2")

        def test_quiet():
            pass
    """
    project.write("test_setup.py", textwrap.dedent(fixture))
    said = project.run("--perf-json=run.json", "-v", *workers, plugins=("xdist.plugin",), exit_status=0)
    records = json.loads((project.folder / "run.json").read_text(encoding="utf-8"))["records"]
    busy = records["test_setup.py::test_busy"]
    assert (busy["setup_statements"], busy["values"]["db_queries"]) == (200, 1)
    assert [row[1:3] for row in busy["statements"]] == [["SELECT ?", 1]]
    assert "setup_statements" not in records["test_setup.py::test_quiet"]
    lines = said.splitlines()
    title = lines.index("SQL statements of setups (context, not gated):")
    assert lines[title + 1].split() == ["200", "test_setup.py::test_busy"]


def test_a_run_that_is_accepted_keeps_the_digests(project: Any) -> None:
    """``querycache accept`` knows which statements a run had, so that a later failure names those that are new."""
    project.write("test_shop.py", textwrap.dedent(DATABASE) + textwrap.dedent(N_PLUS_ONE))
    project.run("--perf-json=run.json", exit_status=0)
    read = read_run(project.folder / "run.json").run.records["test_shop.py::test_list"]
    assert [(row[1], row[2], row[5]) for row in read.statements] == [
        ("SELECT id FROM book WHERE author = ?", 8, 8),
        ("SELECT id, author FROM book", 1, 8),
    ]


def test_without_an_option_no_driver_is_watched_early(project: Any) -> None:
    """Conftests of a plain session find the library as it is."""
    project.write("conftest.py", "import sqlite3\nCONNECT = sqlite3.connect")
    project.write(
        "test_a.py", "from conftest import CONNECT\ndef test_a(): assert CONNECT.__module__ == '_sqlite3'"
    )
    project.run(exit_status=0)
    said = project.run("--perf-track", "--collect-only", exit_status=0)
    assert "1 test collected" in said


def test_why_statements_are_not_judged_is_said(project: Any) -> None:
    """What ran in the context of an earlier test is nobody's for certain, and the gate says so of each metric."""
    source = """
        import contextvars, sqlite3

        CONNECTION = sqlite3.connect(":memory:")
        EARLIER = []

        def test_one():
            EARLIER.append(contextvars.copy_context())

        def test_two():
            CONNECTION.execute("SELECT 1")
    """
    project.write("test_left.py", textwrap.dedent(source))
    project.run("--perf-update", exit_status=0)
    served = source.replace(
        'CONNECTION.execute("SELECT 1")', 'EARLIER[0].run(CONNECTION.execute, "SELECT 1")'
    )
    project.write("test_left.py", textwrap.dedent(served))
    said = project.run("--perf-baseline", "--perf-confirm=off", exit_status=0)
    reason = "statements were executed in the context of an earlier test, as by a server that outlives it"
    for metric in ("db_queries", "db_distinct", "db_repeated"):
        assert f"{metric} was not judged in 1 record: {reason}" in said
