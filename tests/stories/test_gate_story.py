"""The gate as its users live it: record, pass, make something more expensive, fail, accept, pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Project

XDIST = ("xdist.plugin",)


def suite(rows: int) -> str:
    """A test file whose cost grows with ``rows``, beside a test that costs next to nothing."""
    return f"""
def test_report():
    assert len([str(row) * 2 for row in range({rows})]) == {rows}

def test_light():
    assert sum([1, 2]) == 3
"""


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["plain", "n2"])
def test_record_pass_fail_accept_pass(project: Project, workers: tuple[str, ...]) -> None:
    """The whole story with confirmation in fresh processes, in one process and on two workers."""
    plugins = XDIST if workers else ()
    once = "--perf-set=update_runs=1"
    project.write("test_shop.py", suite(400))

    said = project.run("--perf-update", once, *workers, plugins=plugins, exit_status=0)
    assert "new 2" in said
    recorded = project.baseline.read_bytes()

    said = project.run("--perf-baseline", *workers, plugins=plugins, exit_status=0)
    assert "compared 2 · regressed 0" in said
    assert "performance gate: passed" in said

    project.write("test_shop.py", suite(40_000))
    said = project.run("--perf-baseline", *workers, plugins=plugins, exit_status=1)
    assert "compared 2 · regressed 1" in said
    assert "test_shop.py::test_report\n  regressed  allocated_" in said
    assert "warm repeats in 2 fresh processes show it" in said
    assert "accept it: pytest --perf-update test_shop.py::test_report" in said
    assert project.baseline.read_bytes() == recorded

    light = project.entries()["test_shop.py::test_light"]
    accepted = ("--perf-update", once, *workers, "test_shop.py::test_report")
    said = project.run(*accepted, plugins=plugins, exit_status=0)
    assert "changed 1" in said
    assert project.entries()["test_shop.py::test_light"] == light
    project.run("--perf-baseline", *workers, plugins=plugins, exit_status=0)


@pytest.mark.parametrize(
    ("recorded_with", "gated_with"),
    [((), ("-n2",)), (("-n2",), ()), (("-n0",), ("-n0",))],
    ids=["plain-n2", "n2-plain", "n0-n0"],
)
def test_workers_do_not_matter(
    project: Project, recorded_with: tuple[str, ...], gated_with: tuple[str, ...]
) -> None:
    """A baseline recorded in one process gates two workers, and the reverse: it passes, and it finds."""
    project.write("test_shop.py", suite(4000))
    project.record(*recorded_with, plugins=XDIST)
    said = project.gate("--perf-threshold=memory=2%", *gated_with, plugins=XDIST, exit_status=0)
    assert "compared 2 · regressed 0" in said
    project.write("test_shop.py", suite(4_400))
    said = project.gate("--perf-threshold=memory=2%", *gated_with, plugins=XDIST, exit_status=1)
    assert "compared 2 · regressed 1" in said


def test_checking_never_writes(project: Project) -> None:
    """A gated session leaves the baseline as it was, to the byte and to the time, whether it passes or fails."""
    project.write("test_shop.py", suite(400))
    project.record()
    before = project.baseline.read_bytes(), project.baseline.stat().st_mtime_ns
    project.gate(exit_status=0)
    project.write("test_shop.py", suite(40_000))
    project.gate(exit_status=1)
    assert (project.baseline.read_bytes(), project.baseline.stat().st_mtime_ns) == before


def test_renaming_every_test_fails(project: Project) -> None:
    """A session that has no record in common with the baseline fails, although every test passed."""
    project.write("test_shop.py", suite(400))
    project.record()
    project.write("test_shop.py", suite(400).replace("def test_", "def test_renamed_"))
    said = project.gate(exit_status=1)
    assert "compared 0 · regressed 0 · improved 0 · unconfirmed 0 · new 2 · missing 2" in said
    assert "nothing was compared" in said
    assert "1 failed, 2 passed" in said


def test_no_file_says_how_to_record_one(project: Project) -> None:
    """Without a baseline file the session ends with exit status 4 before the first test, naming the way out."""
    project.write("test_shop.py", "def test_writes(): open('ran', 'w')")
    said = project.run("--perf-baseline", exit_status=4)
    assert "no baseline yet; pytest --perf-update records one" in said
    assert not (project.folder / "ran").exists()


def test_section_of_another_python(project: Project) -> None:
    """A baseline of another interpreter ends the session with exit status 4, saying which ones it knows."""
    project.write("test_shop.py", "def test_writes(): open('ran', 'w')")
    project.record()
    (project.folder / "ran").unlink()
    text = project.baseline.read_text()
    project.baseline.write_text(text.replace('"cpython-3.', '"cpython-2.', 1))
    said = project.gate(exit_status=4)
    assert "no section for cpython-3." in said
    assert "it knows cpython-2." in said
    assert "pytest --perf-update records one" in said
    assert not (project.folder / "ran").exists()


def test_update_adds_a_section_beside_others(project: Project) -> None:
    """Recording for this interpreter leaves the section of another one in the file."""
    project.write("test_shop.py", suite(400))
    project.record()
    text = project.baseline.read_text()
    project.baseline.write_text(text.replace('"cpython-3.', '"cpython-2.', 1))
    project.record()
    text = project.baseline.read_text()
    assert '"cpython-2.' in text
    assert '"cpython-3.' in text
    project.gate(exit_status=0)


def test_track_shows_the_most_expensive(project: Project) -> None:
    """Tracking needs no baseline, writes none, and never fails; the costliest tests stand first."""
    project.write("test_shop.py", suite(40_000))
    said = project.run("--perf-track", exit_status=0)
    assert "performance gate: tracking, no baseline" in said
    memory = said[said.index("most allocated") :].splitlines()
    assert memory[1].endswith("test_shop.py::test_report")
    assert memory[2].endswith("test_shop.py::test_light")
    assert "measured 2 records" in said
    assert not project.baseline.exists()


def test_threshold_on_the_command_line(project: Project) -> None:
    """A looser threshold lets an increase pass, a tighter one finds a small one; both are named as its origin."""
    project.write("test_shop.py", suite(2000))
    project.record()
    project.write("test_shop.py", suite(2_200))
    project.gate(exit_status=0)
    said = project.gate("--perf-threshold", "memory=5%", exit_status=1)
    assert "(+5 % and 16.0 KB; command line)" in said
    project.write("test_shop.py", suite(20_000))
    project.gate("--perf-threshold=memory=2000%", "--perf-threshold", "time=off", exit_status=0)


def test_confirm_off_takes_the_first_sight(project: Project) -> None:
    """Under --perf-confirm=off a suspect fails without any further process."""
    project.write("test_shop.py", suite(400))
    project.record()
    project.write("test_shop.py", suite(40_000))
    said = project.gate(exit_status=1)
    assert "not confirmed: --perf-confirm=off" in said
    assert "confirming" not in said


def test_cold_values_only_stay_unconfirmed(project: Project) -> None:
    """What only one hurried update measured is reported and passes under auto, and fails under strict."""
    project.write("test_shop.py", suite(400))
    project.record()
    project.write("test_shop.py", suite(40_000))
    said = project.run("--perf-baseline", "--perf-threshold=time=off")
    print(said)
    said = project.run("--perf-baseline", "--perf-confirm=strict", "--perf-threshold=time=off", exit_status=1)
    assert "performance gate: failed" in said


def test_confirm_always_measures_every_test_again(project: Project) -> None:
    """Under --perf-confirm=always also tests that look unchanged are executed in fresh processes."""
    project.write("test_shop.py", suite(4000))
    project.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)
    said = project.run(
        "--perf-baseline", "--perf-confirm=always", "--perf-threshold=time=off", "-v", exit_status=0
    )
    assert "cleared: test_shop.py::test_report" in said
    assert "compared 2 · regressed 0" in said


def test_set_overrides_the_configuration(project: Project) -> None:
    """--perf-set changes one key of the configuration for one session."""
    project.write("pyproject.toml", "[tool.pytest_querycache]\nnew = 'fail'\nbaseline = 'kept.json'\n")
    project.write("test_shop.py", suite(400))
    project.record()
    assert (project.folder / "kept.json").exists()
    project.write("test_more.py", "def test_more(): assert [1]")
    said = project.gate(exit_status=1)
    assert 'new, and new = "fail"' in said
    project.gate("--perf-set", "new=ok", exit_status=0)
    project.gate("--perf-set=fail=never", exit_status=0)


def test_missing_tests_fail_where_that_is_asked(project: Project) -> None:
    """An entry no test claims any more is named, and fails the session under missing = "fail"."""
    project.write("test_shop.py", suite(400))
    project.record()
    project.write("test_shop.py", suite(400).replace("test_light", "test_other"))
    said = project.gate(exit_status=0)
    assert "missing: 1" in said
    assert "  test_shop.py::test_light" in said
    said = project.gate("--perf-set", "missing=fail", exit_status=1)
    assert 'missing, and missing = "fail"' in said


def test_rule_with_a_reason(project: Project) -> None:
    """A rule for a pattern tightens its tests, and its reason stands beside the limit."""
    project.write(
        "pyproject.toml",
        """
[[tool.pytest_querycache.rules]]
tests = "test_shop.py::test_report"
allocated_bytes = "2%"
reason = "hot path of the service"
""",
    )
    project.write("test_shop.py", suite(4000))
    project.record()
    project.write("test_shop.py", suite(4_400))
    said = project.gate(exit_status=1)
    assert "rule 1 (test_shop.py::test_report): hot path of the service" in said
    assert "allocated_blocks" not in said


MARKED = """
import pytest

@pytest.mark.perf_threshold(memory="3000%", time="off")
def test_tolerant():
    assert [str(row) for row in range(ROWS)]

@pytest.mark.perf_budget(allocated_blocks=5000)
def test_budget():
    assert [str(row) for row in range(ROWS)]

@pytest.mark.perf_skip("depends on the weather")
def test_exempt():
    assert [str(row) for row in range(ROWS)]
"""


def test_marks(project: Project) -> None:
    """Marks loosen a threshold, set a budget that needs no baseline, and exempt a test with a reason."""
    project.write("test_marked.py", MARKED.replace("ROWS", "1200"))
    project.record()
    project.gate(exit_status=0)
    project.write("test_marked.py", MARKED.replace("ROWS", "20_000"))
    said = project.gate("-v", "--strict-markers", exit_status=1)
    assert "  over budget  allocated_blocks" in said
    assert "limit 5,000 (budget; mark)" in said
    assert "compared 2 · regressed 1" in said
    assert "pytest --perf-update test_marked.py::test_budget" in said
    assert "not judged: 1 · exempt: depends on the weather" in said


def test_improvement_is_reported(project: Project) -> None:
    """A test that became cheaper is named, and passes."""
    project.write("test_shop.py", suite(20_000))
    project.record()
    project.write("test_shop.py", suite(400))
    said = project.gate(exit_status=0)
    assert "improved 1" in said
    assert "allocated_bytes" in said


def test_last_line_and_junit_count_the_gate(project: Project) -> None:
    """The gate is one more failure in the last line and in JUnit, with figures on every test case."""
    project.write("test_shop.py", suite(400))
    project.record()
    project.write("test_shop.py", suite(40_000))
    said = project.gate("--junitxml=junit.xml", exit_status=1)
    assert "1 failed, 2 passed" in said
    assert "[100%]" in said
    assert "[150%]" not in said
    report = (project.folder / "junit.xml").read_text()
    assert 'failures="1"' in report
    assert 'tests="3"' in report
    assert '<property name="perf.allocated_bytes" value=' in report
    assert 'name="performance gate"' in report


def test_last_failed_knows_nothing_of_the_gate(project: Project) -> None:
    """The gate's failure does not enter the cache of --lf: the next --lf finds no failed test."""
    project.write("test_shop.py", suite(400))
    project.record()
    project.write("test_shop.py", suite(40_000))
    project.gate(exit_status=1)
    said = project.run("--lf", exit_status=0)
    assert "no previously failed tests" in said
