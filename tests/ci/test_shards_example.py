"""The last job of a suite that is split over several."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accounts import HERE
from tests.ci.steps import GITHUB, Checkout, parsed, step_of
from tests.commands.test_runs import shard, write_sections

WORKFLOW = GITHUB / "shards.yml"

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="the steps are bash's")


@pytest.fixture
def checkout(machine: Checkout, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A repository whose baseline knows three tests, of which each shard ran one."""
    monkeypatch.chdir(machine.folder)
    write_sections("perf-baseline.json", {HERE.key: ["t.py::a", "t.py::b", "t.py::c"]})
    Path("shards").mkdir()
    names = {"a", "b", "c"}
    for number, name in enumerate(sorted(names), 1):
        shard(f"shards/shard-{number}.json", {name: 100_000}, deselected=tuple(sorted(names - {name})))
    machine.environment.update(
        GITHUB_STEP_SUMMARY=str(machine.temporary / "summary.md"),
        **{name: str(value) for name, value in parsed(WORKFLOW)["env"].items()},
    )
    return machine


def judged(checkout: Checkout, exit_status: int) -> str:
    return checkout.step(step_of(WORKFLOW, "judge the shards as one"), exit_status=exit_status)


def test_one_verdict(checkout: Checkout) -> None:
    """All shards together pass, or one of them fails them all; the summary and the page are written in both cases."""
    assert "compared 3 · regressed 0" in judged(checkout, 0)
    assert "passed" in (checkout.temporary / "summary.md").read_text(encoding="utf-8")
    shard("shards/shard-2.json", {"b": 200_000}, deselected=("a", "c"))
    assert "compared 3 · regressed 1" in judged(checkout, 1)
    assert "failed" in (checkout.temporary / "summary.md").read_text(encoding="utf-8")
    assert Path("perf-gate/page.html").exists()


def test_a_shard_that_is_missing(checkout: Checkout) -> None:
    """A job that left no run behind is named, and nothing is passed without it."""
    Path("shards/shard-3.json").unlink()
    assert "expected 3: shards/shard-3.json is missing" in judged(checkout, 4)


def test_as_many_shards_as_are_expected() -> None:
    """The number that the last job expects is the matrix's own."""
    workflow = parsed(WORKFLOW)
    assert len(workflow["jobs"]["shard"]["strategy"]["matrix"]["shard"]) == workflow["env"]["SHARDS"]
