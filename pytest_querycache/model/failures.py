"""Why a session fails, as the policy has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .policy import Policy
from .record import Run
from .ungated import UngatedTimes, records
from .verdict import Counts, Finding, Verdict


def failures_of(
    findings: Iterable[Finding], counts: Counts, run: Run, policy: Policy, confirm: str
) -> list[str]:
    """Why the session fails: one reason each, worst first; empty where it passes."""
    if policy.fail == "never":
        return []
    failures = []
    guilty = {
        finding.node_id
        for finding in findings
        if finding.verdict in (Verdict.REGRESSED, Verdict.OVER_BUDGET) and _may_fail(finding, policy)
    }
    if guilty:
        failures.append(f"{records(len(guilty))} regressed")
    doubtful = {
        finding.node_id
        for finding in findings
        if finding.verdict is Verdict.UNCONFIRMED and _may_fail(finding, policy)
    }
    if doubtful and confirm == "strict":
        failures.append(f"{records(len(doubtful))} unconfirmed under --perf-confirm=strict")
    if counts.new and policy.new == "fail":
        failures.append(f'{records(counts.new)} new, and new = "fail"')
    if counts.missing and policy.missing == "fail":
        failures.append(f'{records(counts.missing)} missing, and missing = "fail"')
    failed = any(record.outcome.startswith("failed") for record in run.records.values())
    if counts.compared == 0 and run.claimed and not failed:
        # a session whose tests failed is red already, and says why
        failures.append("nothing was compared")
    return failures


def _may_fail(finding: Finding, policy: Policy) -> bool:
    return policy.fail == "all" or (finding.metric is not None and finding.metric.deterministic)


def strict_failures(findings: Iterable[Finding], ungated: UngatedTimes, *, doubtful: bool) -> Iterator[str]:
    """What strict confirmation does not let pass although nothing is called unconfirmed."""
    if ungated.reason and not doubtful:
        yield "times were not gated under --perf-confirm=strict"
        return
    incomparable = {finding.node_id for finding in findings if finding.verdict is Verdict.INCOMPARABLE}
    if incomparable:
        yield f"{records(len(incomparable))} incomparable under --perf-confirm=strict"
    if ungated.beside:
        number = records(len(ungated.beside))
        yield f"{number} not measured beside the old code under --perf-confirm=strict"
