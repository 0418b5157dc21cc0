"""The fixtures and the mark of the query cache, in sessions of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_querycache.plugin import query_fixtures
from pytest_querycache.queries import compiled
from pytest_querycache.queries.manager import QueryCacheManager

pytest_plugins = ["pytester"]

# pytester forgets what a session inside imported. What is loaded out here is not imported again by each of them.
LOADED = (query_fixtures, compiled)

CONFTEST = """
import pytest
from pytest_querycache.plugin import query_fixtures
from pytest_querycache.plugin.query_fixtures import (
    _query_cache_session_in_force,
    pytest_itemcollected,
    query_cache,
    query_cache_session,
)


def pytest_configure(config):
    config.addinivalue_line("markers", query_fixtures.QUERY_CACHE_MARK)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    query_fixtures.begin_cache_figures(item)
    try:
        return (yield)
    finally:
        stats = query_fixtures.cache_figures(item)
        assert item.stash.get(query_fixtures.CACHE_STATS_KEY, None) == stats
        print(f"figures of {item.name}:", stats and (stats.hits, stats.misses))


def pytest_unconfigure(config):
    stats = query_fixtures.session_figures(config)
    print("session:", stats and (stats.hits, stats.misses))
"""


@pytest.fixture
def session(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder whose conftest does what the plugin's hooks do."""
    QueryCacheManager.reset()  # the inner sessions run in this process
    pytester.makeconftest(CONFTEST)
    return pytester


def run(session: pytest.Pytester, code: str, *arguments: str) -> pytest.RunResult:
    session.makepyfile(code)
    return session.runpytest_inprocess(
        "-p",
        "no:querycache",
        "-p",
        "no:randomly",
        "-p",
        "no:asyncio",
        "-rA",
        "-s",
        "--strict-markers",
        *arguments,
    )


def test_each_test_gets_a_cold_cache_that_is_in_force(session: pytest.Pytester) -> None:
    """The fixture's cache is the manager's instance in the test, in its threads, and nowhere after it."""
    result = run(
        session,
        """
        import threading
        import pytest
        from pytest_querycache.queries.manager import QueryCacheManager, active_cache

        @pytest.mark.parametrize("number", [1, 2])
        def test_cold(query_cache, number):
            assert QueryCacheManager.instance is active_cache() is query_cache
            assert len(query_cache) == 0
            query_cache.get_or_compile("q", object)
            seen = []
            thread = threading.Thread(target=lambda: seen.append(active_cache()))
            thread.start()
            thread.join()
            assert seen == [query_cache]
            QueryCacheManager.is_enabled = False

        def test_after():
            assert QueryCacheManager.is_enabled
            assert "q" not in QueryCacheManager.instance
        """,
    )
    result.assert_outcomes(passed=3)


def test_fixtures_and_tasks_of_the_test_use_its_cache(session: pytest.Pytester) -> None:
    """An asyncio test, and a fixture that asked for the cache first, are inside."""
    result = run(
        session,
        """
        import asyncio
        import pytest
        from pytest_querycache.queries.manager import QueryCacheManager

        @pytest.fixture
        def prepared(query_cache):
            return QueryCacheManager.instance.get_or_compile("q", object)

        def test_both(prepared, query_cache):
            async def look_up():
                return QueryCacheManager.instance.get_or_compile("q", object)

            assert asyncio.run(look_up()) is prepared
        """,
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*figures of test_both: (1, 0)"])


def test_the_mark_sets_the_limits(session: pytest.Pytester) -> None:
    """The closest mark wins key by key, and a marked test needs no fixture to have its own cache."""
    result = run(
        session,
        """
        import pytest
        from pytest_querycache.queries.manager import QueryCacheManager

        pytestmark = pytest.mark.query_cache(max_size=7, max_age=60)

        @pytest.mark.query_cache(max_size=3)
        def test_marked(query_cache):
            assert (query_cache.max_size, query_cache.max_age) == (3, 60)

        def test_without_the_fixture():
            assert (QueryCacheManager.instance.max_size, QueryCacheManager.instance.max_age) == (7, 60)

        @pytest.mark.query_cache(enabled=False)
        def test_switched_off(query_cache):
            assert not QueryCacheManager.is_enabled
            assert QueryCacheManager.instance is query_cache
        """,
    )
    result.assert_outcomes(passed=3)


def test_the_mark_warms_the_cache(session: pytest.Pytester) -> None:
    """Texts, and a file beside the test's own, are compiled before the figures begin."""
    session.mkdir("sub").joinpath("queries.sql").write_text("select 1; select 2;", encoding="utf-8")
    session.path.joinpath("sub", "test_warm.py").write_text(
        "import pytest\n"
        "from pytest_querycache.queries.compiled import compile_for_execution\n"
        "@pytest.mark.parametrize('x', [\n"
        "    pytest.param(0, marks=pytest.mark.query_cache(warm='queries.sql')),\n"
        "    pytest.param(1, marks=pytest.mark.query_cache(warm=['select 1', 'select 2'])),\n"
        "])\n"
        "def test_warm(query_cache, x):\n"
        "    assert query_cache.stats().lookups == 0\n"
        "    compile_for_execution('select 1')\n"
        "    compile_for_execution('SELECT 2')\n"
        "    assert (query_cache.stats().hits, query_cache.stats().misses) == (2, 0)\n",
        encoding="utf-8",
    )
    run(session, "").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("size=3", "unknown: size (known keywords: max_size, max_age, warm, enabled)"),
        ("100", "unknown: 100 (known keywords: max_size, max_age, warm, enabled)"),
        ("max_size=-1", "QueryCache: max_size=-1 (expected a whole number, 0 or more)"),
        ("enabled='no'", "enabled='no' (expected True or False)"),
        ("warm=['select from from']", "warming failed: 0 compiled, 0 already there, 1 failed"),
        ("warm='select 1'", "a single text goes into a list"),
    ],
)
def test_a_mark_that_cannot_be_meant_fails_its_test(
    session: pytest.Pytester, mark: str, message: str
) -> None:
    """The test with the wrong mark errs, says where and what is known, and the others run."""
    result = run(
        session,
        f"""
        import pytest

        @pytest.mark.query_cache({mark})
        def test_wrong():
            pass

        def test_other():
            pass
        """,
    )
    result.assert_outcomes(passed=1, errors=1)
    assert "test_wrong: @pytest.mark.query_cache: " in result.stdout.str()
    assert message in result.stdout.str()


def test_the_session_cache_is_shared_by_those_who_ask_for_it(session: pytest.Pytester) -> None:
    """It is in force in each test that asks for it, keeps what they compiled, and in no other test."""
    result = run(
        session,
        """
        import pytest
        from pytest_querycache.queries.manager import QueryCacheManager

        def look_up():
            QueryCacheManager.instance.get_or_compile("q", object)

        def test_first(query_cache_session):
            assert QueryCacheManager.instance is query_cache_session
            look_up()

        def test_between(query_cache):
            look_up()

        def test_other():
            assert "q" not in QueryCacheManager.instance

        @pytest.fixture
        def through_a_fixture(query_cache_session):
            return query_cache_session

        def test_second(through_a_fixture):
            assert QueryCacheManager.instance is through_a_fixture
            look_up()

        def test_own_beside_it(query_cache_session, query_cache):
            assert QueryCacheManager.instance is query_cache
            look_up()
        """,
    )
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(
        [
            "*figures of test_first: (0, 1)",
            "*figures of test_between: (0, 1)",
            "*figures of test_other: None",
            "*figures of test_second: (1, 0)",
            "*figures of test_own_beside_it: (0, 1)",
            "*session: (1, 3)",
        ]
    )


def test_only_the_call_phase_counts(session: pytest.Pytester) -> None:
    """What fixtures look up before and after the call is not the test's; a failing test has figures too."""
    result = run(
        session,
        """
        import pytest
        from pytest_querycache.queries.manager import QueryCacheManager

        def look_up(key):
            QueryCacheManager.instance.get_or_compile(key, object)

        @pytest.fixture
        def busy(query_cache):
            look_up("before")
            yield
            look_up("after")

        def test_busy(busy):
            look_up("before")
            look_up("new")
            raise LookupError

        def test_idle(query_cache):
            pass

        def test_without_any_fixture():
            look_up("process")
            look_up("process")

        def test_without_look_ups():
            pass
        """,
    )
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*figures of test_busy: (1, 1)",
            "*figures of test_idle: (0, 0)",
            "*figures of test_without_any_fixture: (1, 1)",
            "*figures of test_without_look_ups: None",
        ]
    )


def test_unittest_and_doctest_items_are_left_alone(session: pytest.Pytester) -> None:
    """A marked TestCase method has its own cache; a doctest is none of ours."""
    result = run(
        session,
        '''
        import unittest
        import pytest
        from pytest_querycache.queries.manager import QueryCacheManager

        def documented():
            """
            >>> 1 + 1
            2
            """

        class TestOld(unittest.TestCase):
            @pytest.mark.query_cache(max_size=3)
            def test_marked(self):
                assert QueryCacheManager.instance.max_size == 3
        ''',
        "--doctest-modules",
    )
    result.assert_outcomes(passed=2)


def test_the_module_is_light() -> None:
    """Importing the fixtures loads nothing of the cache, nor sqlglot."""
    code = (
        "import sys\n"
        "import pytest_querycache.plugin.query_fixtures\n"
        "print([name for name in sys.modules if name.startswith(('pytest_querycache.queries', 'sqlglot'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
