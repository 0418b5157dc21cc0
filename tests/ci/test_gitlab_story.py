"""A merge request as GitLab's pipeline lives it."""

from __future__ import annotations

import pytest

from tests.ci.steps import GITLAB, Checkout, parsed

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="the steps are bash's")


@pytest.fixture
def checkout(machine: Checkout) -> Checkout:
    """The quickstart's repository on a runner; nothing is installed from an index."""
    machine.environment["CI_PROJECT_DIR"] = str(machine.folder)
    machine.environment["PYTEST_ADDOPTS"] += " --perf-threshold=time=off"
    return machine


def job(checkout: Checkout, *, exit_status: int, **variables: str) -> None:
    """The job's own lines, but for the installation."""
    described = parsed(GITLAB)["performance gate"]
    installing, *lines = described["before_script"]
    assert installing.startswith("python -m pip install ")
    checkout.run("\n".join([*lines, *described["script"]]), env=variables, exit_status=exit_status)


def test_red_with_reports(checkout: Checkout) -> None:
    """Every report that the job promises is there when the gate fails, and the working tree is clean."""
    base = checkout.run("git rev-parse HEAD").strip()
    # what GitLab's runner checks out has no such folder
    checkout.run("rm -r .git/info")
    checkout.replace("ledger.py", "lines.append(row)", "lines = [*lines, row]")
    job(checkout, exit_status=1, CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    promised = parsed(GITLAB)["performance gate"]["artifacts"]
    for report in (*promised["reports"].values(), "perf-gate/page.html", "perf-gate/perf-run.json"):
        assert (checkout.folder / report).is_file()
        assert report.startswith(promised["paths"][0])
    assert not checkout.run("git status --porcelain")


def test_green_on_the_default_branch(checkout: Checkout) -> None:
    """Without a merge request there is no commit to prove times beside, and the job passes."""
    job(checkout, exit_status=0)


def test_the_default_branch_takes_no_files_from_others() -> None:
    """The cache stays apart from that of unprotected branches, whose jobs anybody may change."""
    cache = parsed(GITLAB)["performance gate"]["cache"]
    assert not cache.get("unprotect", False)
