"""Every kind of test is measured where its cost arises, and whatever did not pass is not judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Project

ROWS = 3000
LEAST_BYTES = ROWS * 49
"""What the strings made by one test must have asked for, whatever else it did."""

WORK = f"def work(): return [str(number) + 'x' for number in range({ROWS})]\n"

KINDS = (
    WORK
    + """
import unittest, pytest

def test_function():
    assert work()

class TestClass:
    @pytest.mark.parametrize("case", ["plain", "a[b]", "with space"])
    def test_method(self, case):
        assert work()

class TestOfUnittest(unittest.TestCase):
    def setUp(self):
        self.rows = work()
    def test_set_up_counts(self):
        assert self.rows
    def test_sub_tests(self):
        for number in range(2):
            with self.subTest(number=number):
                assert work()

class TestAsyncOfUnittest(unittest.IsolatedAsyncioTestCase):
    async def test_awaited(self):
        assert work()

@pytest.fixture
def rows():
    return work()

def test_fixture_does_not_count(rows):
    assert rows

def test_after_all():
    pass
"""
)


def test_python_kinds(project: Project) -> None:
    """Functions, methods, parameters and unittest's cases with their setUp are measured; fixtures are not."""
    project.write("test_kinds.py", KINDS)
    project.record()
    entries = project.entries()
    cheap = {"test_kinds.py::test_fixture_does_not_count", "test_kinds.py::test_after_all"}
    assert set(entries) == cheap | {
        "test_kinds.py::test_function",
        "test_kinds.py::TestClass::test_method[plain]",
        "test_kinds.py::TestClass::test_method[a[b]]",
        "test_kinds.py::TestClass::test_method[with space]",
        "test_kinds.py::TestOfUnittest::test_set_up_counts",
        "test_kinds.py::TestOfUnittest::test_sub_tests",
        "test_kinds.py::TestAsyncOfUnittest::test_awaited",
    }
    for node_id, entry in entries.items():
        assert (entry["allocated_bytes"][0] < 20_000) is (node_id in cheap), node_id
        assert node_id in cheap or entry["allocated_bytes"][0] > LEAST_BYTES
    project.gate(exit_status=0)


def test_subtests_fixture_counts_once(project: Project) -> None:
    """A test with subtests is one record with the cost of all of them, and one that fails is not judged."""
    pytest.importorskip("_pytest.subtests", reason="the fixture came with pytest 9")
    project.write(
        "test_subtests.py",
        WORK
        + """
def test_parts(subtests):
    for number in range(3):
        with subtests.test(number=number):
            assert work()

def test_one_fails(subtests):
    for number in range(3):
        with subtests.test(number=number):
            assert work()
            assert number != 1
""",
    )
    said = project.run("--perf-update", "--perf-confirm=off", exit_status=1)
    assert "new 1 · changed 0" in said
    assert project.figure("test_subtests.py::test_parts", "allocated_bytes") > 3 * LEAST_BYTES
    said = project.gate("-v", exit_status=1)
    assert "compared 1 · regressed 0" in said
    assert "not judged: 1 · failed" in said


def test_doctests_and_items_of_a_conftest(project: Project) -> None:
    """Doctests and items that a project's own conftest collects are measured and gated."""
    project.write(
        "module.py", f'{WORK}\ndef documented():\n    """\n    >>> len(work())\n    {ROWS}\n    """\n'
    )
    project.write("cases/first.case", "")
    project.write(
        "conftest.py",
        WORK
        + """
import pytest

class Case(pytest.Item):
    def runtest(self):
        assert work()
    def reportinfo(self):
        return self.path, None, self.name

class CaseFile(pytest.File):
    def collect(self):
        yield Case.from_parent(self, name="whole")

def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".case":
        return CaseFile.from_parent(parent, path=file_path)
""",
    )
    project.run("--doctest-modules", "--perf-update", "--perf-set=update_runs=1", exit_status=0)
    entries = project.entries()
    assert set(entries) == {"module.py::module.documented", "cases/first.case::whole"}
    for entry in entries.values():
        cold, warm = entry["allocated_bytes"][:2]
        assert min(cold, warm) > LEAST_BYTES
    said = project.gate("--doctest-modules", exit_status=0)
    assert "compared 2 · regressed 0" in said


def test_async_tests(project: Project) -> None:
    """Under pytest-asyncio and anyio the awaited body is measured, and a failing one still fails."""
    for plugin in ("pytest_asyncio", "anyio"):
        pytest.importorskip(plugin)
    project.write("pytest.ini", "[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    project.write(
        "test_async.py",
        WORK
        + """
import asyncio, pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.asyncio
async def test_awaited():
    await asyncio.sleep(0)
    assert work()

@pytest.mark.asyncio
async def test_fails():
    await asyncio.sleep(0)
    assert False, "seen"

@pytest.mark.anyio
async def test_anyio():
    await asyncio.sleep(0)
    assert work()

@pytest.mark.anyio
async def test_anyio_fails():
    await asyncio.sleep(0)
    assert False, "seen too"
""",
    )
    plugins = ("pytest_asyncio.plugin", "anyio.pytest_plugin")
    said = project.run("--perf-update", "--perf-confirm=off", plugins=plugins, exit_status=1)
    assert "2 failed, 2 passed" in said
    assert set(project.entries()) == {"test_async.py::test_awaited", "test_async.py::test_anyio"}
    assert project.figure("test_async.py::test_awaited", "allocated_bytes") > LEAST_BYTES
    assert project.figure("test_async.py::test_anyio", "allocated_bytes") > LEAST_BYTES


def test_last_attempt_counts(project: Project) -> None:
    """Under rerunfailures the attempt that passed is the one measured, with the sections it reached."""
    pytest.importorskip("pytest_rerunfailures")
    project.write(
        "test_flaky.py",
        WORK
        + """
attempts = []

def test_flaky(perf_tracker):
    attempts.append(1)
    with perf_tracker.scoped(f"attempt {len(attempts)}"):
        rows = work() if len(attempts) == 2 else []
    assert rows

def test_never(perf_tracker):
    with perf_tracker.scoped("part"):
        assert not work()
""",
    )
    said = project.run(
        "--perf-update", "--perf-confirm=off", "--reruns=1", plugins=("pytest_rerunfailures",), exit_status=1
    )
    assert "1 failed, 1 passed, 2 rerun" in said
    assert set(project.entries()) == {"test_flaky.py::test_flaky", "test_flaky.py::test_flaky::attempt 2"}
    assert project.figure("test_flaky.py::test_flaky", "allocated_bytes") > LEAST_BYTES


def test_what_did_not_pass_is_not_judged(project: Project) -> None:
    """Skipped, xfailed, xpassed and failed tests are counted with their reason, and keep their old entries."""
    bodies = """
import pytest

@pytest.fixture
def broken():
    yield
    assert not BAD

@pytest.fixture
def broken_before():
    assert not BAD

def test_skips():
    if BAD: pytest.skip("not today")

@pytest.mark.skipif("BAD", reason="not at all")
def test_skipped(): pass

@pytest.mark.xfail("BAD", reason="known")
def test_xfails(): assert not BAD

@pytest.mark.xfail("BAD", reason="known")
def test_xpasses(): pass

def test_fails(): assert not BAD
def test_teardown(broken, perf_tracker):
    with perf_tracker.scoped("part"): pass
def test_setup(broken_before): pass
def test_passes(): pass
"""
    project.write("test_ends.py", "BAD = False\n" + bodies)
    project.record()
    before = project.entries()
    assert len(before) == 9
    project.write("test_ends.py", "BAD = True\n" + bodies)
    said = project.gate("-v", exit_status=1)
    for reason in (
        "2 · skipped",
        "1 · xfailed",
        "1 · xpassed",
        "1 · failed",
        "2 · failed in teardown",
        "1 · failed in setup",
    ):
        assert f"not judged: {reason}\n" in said
    assert "compared 1 · regressed 0 · improved 0 · unconfirmed 0 · new 0 · missing 0 · not judged 8" in said
    project.run("--perf-update", "--perf-confirm=off", exit_status=1)
    after = project.entries()
    assert set(after) == set(before)
    passed = "test_ends.py::test_passes"
    assert {**after, passed: None} == {**before, passed: None}
