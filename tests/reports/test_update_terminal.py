"""What an update says in the terminal, line by line."""

from __future__ import annotations

from textwrap import dedent

import pytest

from pytest_querycache.model.acceptance import Acceptance
from pytest_querycache.model.change import Change
from pytest_querycache.model.metric import METRICS
from pytest_querycache.reports.update_terminal import update_lines

BYTES, TIME, NET = (METRICS[name] for name in ("allocated_bytes", "wall_time", "net_blocks"))


def shown(
    acceptance: Acceptance,
    problems: dict[str, str] | None = None,
    error: str = "",
    *,
    verbose: bool = False,
) -> str:
    lines = update_lines(acceptance, "perf-baseline.json", problems or {}, error, verbose=verbose)
    return "".join(f"{text}\n" for text, _ in lines)


def text(block: str) -> str:
    return dedent(block).lstrip("\n")


def test_nothing_changed() -> None:
    """One line says so."""
    assert shown(Acceptance(unchanged=7)) == (
        "accepted into perf-baseline.json: new 0 · changed 0 · unchanged 7\n"
    )


def test_what_changed() -> None:
    """Each test once, each metric from what to what; new ones and kept ones are counted."""
    acceptance = Acceptance(
        new=["t.py::new"],
        changed=[
            Change(node_id="t.py::a", metric=TIME, was=1e6, now=2e6),
            Change(node_id="t.py::a", metric=BYTES, was=None, now=2048),
            Change(node_id="t.py::b", metric=BYTES, was=0, now=2048),
            Change(node_id="t.py::b", metric=NET, was=-4, now=2),
        ],
        unchanged=5,
        kept_failed=2,
    )
    assert shown(acceptance) == text("""
        t.py::a
          wall_time 1.00 ms → 2.00 ms (2.00x)
          allocated_bytes (none) → 2.00 KB
        t.py::b
          allocated_bytes 0 B → 2.00 KB
          net_blocks -4 → 2
        accepted into perf-baseline.json: new 1 · changed 2 · unchanged 5 · failed or skipped, kept 2
    """)


def test_nothing_was_written() -> None:
    """An error is all there is to say."""
    assert shown(Acceptance(unchanged=7), {"a": "b"}, "b.json: cannot be written") == (
        "nothing was written: b.json: cannot be written\n"
    )


def test_tests_that_cannot_be_repeated() -> None:
    """They are named with the reason, the first three of them."""
    problems = {f"t.py::test_{number}": "failed: no database" for number in range(5)}
    assert shown(Acceptance(), problems) == text("""
        not measured in fresh processes, or not repeatedly: 5
          t.py::test_0: failed: no database
          t.py::test_1: failed: no database
          t.py::test_2: failed: no database
          … and 2 more (-v lists them all)
        accepted into perf-baseline.json: new 0 · changed 0 · unchanged 0
    """)
    assert shown(Acceptance(), problems, verbose=True).count("no database") == 5


def test_entries_measured_with_older_dependencies() -> None:
    """An update of a part says why the gate will go on naming dependencies that changed."""
    assert shown(Acceptance(unchanged=1, older=2)) == text("""
        2 entries were measured with other versions of dependencies, which the file goes on naming; \
pytest --perf-update of all tests, when all pass, names those of now
        accepted into perf-baseline.json: new 0 · changed 0 · unchanged 1
    """)


@pytest.mark.parametrize(("verbose", "listed"), [(False, 20), (True, 30)])
def test_long_lists_are_cut(verbose: bool, listed: int) -> None:
    """Twenty changes are shown, then how many more there are; the count is of tests."""
    acceptance = Acceptance(
        changed=[Change(node_id=f"t.py::test_{n}", metric=TIME, was=1e6, now=2e6) for n in range(30)]
    )
    output = shown(acceptance, verbose=verbose)
    assert output.count("wall_time") == listed
    assert ("… and 10 more (-v lists them all)\n" in output) is not verbose
    assert "changed 30 ·" in output
