"""Times that nothing could judge: what is said of them, and when they fail a session."""

from __future__ import annotations

import pytest

from pytest_querycache.model.baseline import Figure
from pytest_querycache.model.gate import judge
from pytest_querycache.model.policy import Policy
from pytest_querycache.model.screener import screen
from pytest_querycache.model.verdict import Evidence, EvidenceByMetric, GateResult, Verdict
from tests.model.sessions import record, run_of, section_of

MS = 1_000_000
SLOW, FAST = "t.py::test_slow", "t.py::test_fast"


def judged(evidence: EvidenceByMetric, *, confirm: str = "auto", fail: str = "all") -> GateResult:
    """A session with one test that took three times its time, and one that did not."""
    run = run_of(
        record(SLOW, values={"wall_time": 30 * MS, "allocated_bytes": 100_000}),
        record(FAST, values={"wall_time": 10 * MS, "allocated_bytes": 100_000}),
    )
    known = {"wall_time": Figure(10 * MS, 10 * MS), "allocated_bytes": Figure(100_000, 100_000)}
    section = section_of({SLOW: known, FAST: known})
    policy = Policy(fail=fail)
    return judge(screen(run, section, policy), run, section, policy, evidence, confirm=confirm)


WRONG_CODE: EvidenceByMetric = {
    (SLOW, "wall_time"): Evidence(problem="incomparable: it imported lib.py; do this", incomparable=True)
}


def test_incomparable_time_is_told_and_does_not_fail() -> None:
    """It is no regression and nothing doubtful, but the counts line says that times were not gated."""
    result = judged(WRONG_CODE)
    assert result.success
    assert [finding.verdict for finding in result.findings] == [Verdict.INCOMPARABLE]
    assert result.counts.unconfirmed == 0
    assert result.counts_line.endswith(" · times not gated")
    assert result.notes == ("times were not gated: incomparable: it imported lib.py; do this",)


@pytest.mark.parametrize(
    ("fail", "failures"),
    [("all", ["times were not gated under --perf-confirm=strict"]), ("counts", []), ("never", [])],
)
def test_strict_lets_no_ungated_time_pass(fail: str, failures: list[str]) -> None:
    """Where times may fail a session, strict fails when none could be gated."""
    assert judged(WRONG_CODE, confirm="strict", fail=fail).failures == failures


def against(evidence: EvidenceByMetric, *, confirm: str = "auto") -> GateResult:
    """A session whose times only the old code can judge, beside counts that compare."""
    run = run_of(record(SLOW, values={"wall_time": 30 * MS, "allocated_bytes": 100_000}))
    section = section_of({SLOW: {"allocated_bytes": Figure(100_000, 100_000)}})
    screening = screen(run, section, Policy(), against="origin/main")
    return judge(screening, run, section, Policy(), evidence, confirm=confirm)


def test_time_that_old_code_did_not_judge_is_not_silent() -> None:
    """A record whose counts compare and whose time could not be measured beside the old code is said, with why."""
    evidence: EvidenceByMetric = {(SLOW, "wall_time"): Evidence(problem="no module named lib")}
    result = against(evidence)
    assert result.success
    assert result.counts_line.endswith("not judged 0 · times not gated")
    assert result.notes == ("times were not gated: no module named lib",)
    assert against(evidence, confirm="strict").failures == [
        "times were not gated under --perf-confirm=strict"
    ]
