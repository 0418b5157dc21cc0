"""Runs and baselines in which one value is of a wrong kind, as no version of this program writes them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_querycache.cli import main
from pytest_querycache.model.baseline import Baseline
from pytest_querycache.storage.baseline_text import write_baseline
from pytest_querycache.storage.run_file import run_text
from tests.accounts import HERE, LIST, account

Place = tuple[str | int, ...]
WRONG = st.sampled_from([None, True, -1, 10**400, 1.5, "x", [], {}, [1], {"a": 1}, float("inf"), "\ud800"])

WHOLE = account()
WHOLE.run.disturbances.clear()
RUN = json.loads(run_text(WHOLE))
assert WHOLE.section is not None
BASELINE = json.loads(write_baseline(Baseline(sections={HERE.key: WHOLE.section})))


def places(value: object, above: Place = ()) -> Iterator[Place]:
    """Where a document holds a value, at any depth."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, member in members:
        yield (*above, name)
        yield from places(member, (*above, name))


def damaged(document: dict[str, Any], place: Place, wrong: object) -> str:
    """The document's text with another value at one place."""
    whole = copy.deepcopy(document)
    holder: Any = whole
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = wrong
    return json.dumps(whole)


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
    """The command comes to an answer, or refuses in one line; it never ends in an exception."""
    status = main(arguments)
    problem = capsys.readouterr().err
    assert status in (0, 1) or (
        status == 4 and problem.startswith("querycache: ") and problem.count("\n") == 1
    )


few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(st.sampled_from(sorted(places(RUN), key=str)), WRONG)
@example(("evidence", 0, "processes", 0), [])
@example(("evidence", 0, "processes", 0, 0), None)
@example(("evidence", 0, "duel"), {})
@example(("gate", "counts", "compared"), 10**400)
def test_a_damaged_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: Place, wrong: object
) -> None:
    """Whatever is wrong in a run, every command that reads runs says so or can do without it."""
    run, stored, fresh = (str(tmp_path / name) for name in ("run.json", "b.json", "fresh.json"))
    Path(run).write_text(damaged(RUN, place, wrong), encoding="utf-8")
    for path in (stored, fresh):
        Path(path).write_text(json.dumps(BASELINE), encoding="utf-8")
    outcome(capsys, "gate", run, "--baseline", stored)
    outcome(capsys, "accept", run, "--baseline", fresh)
    outcome(capsys, "compare", stored, run)
    reports = ("--html", str(tmp_path / "p.html"), "--markdown", str(tmp_path / "s.md"))
    outcome(capsys, "report", run, "--baseline", stored, *reports, "--gitlab", str(tmp_path / "gl"))


@few
@given(st.sampled_from(sorted(places(BASELINE), key=str)), WRONG)
@example(("sections", HERE.key, "entries", LIST, "wall_time", 0), 10**400)
def test_a_damaged_baseline(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: Place, wrong: object
) -> None:
    """Whatever is wrong in a baseline, every command that reads baselines says so or can do without it."""
    run, stored, into = (str(tmp_path / name) for name in ("run.json", "b.json", "into.json"))
    Path(run).write_text(json.dumps(RUN), encoding="utf-8")
    Path(into).unlink(missing_ok=True)
    Path(stored).write_text(damaged(BASELINE, place, wrong), encoding="utf-8")
    outcome(capsys, "show", "--baseline", stored)
    outcome(capsys, "compare", stored, run)
    outcome(capsys, "merge", stored, "--into", into)
    outcome(capsys, "gate", run, "--baseline", stored)
    outcome(capsys, "accept", run, "--baseline", stored)
