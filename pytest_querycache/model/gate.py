"""The gate's two decisions: what looks worse (``screen``), and what is (``judge``).

**Screening** holds a session's own executions against the baseline. They are first executions in their
process, *cold*, so a value also pays for caches that an earlier test may have filled when the baseline was
recorded. Let ``c`` and ``w`` be the stored cold and warm values, ``s`` the stored spread, ``r`` and ``f`` the
threshold's ratio and floor, and ``t = max(r·w, k·s)`` the tolerance, k being 3 for counts and 1 for times. Times
are first brought to the reference workload's stored speed. A value ``v`` is suspect when

* ``v − c > t`` and ``v − c ≥ f``: it costs more than the first execution did; or
* ``v`` is *below* ``c`` by the floor or more (a time: and by more than ``t``), and ``v − w > t`` and ``v − w ≥ f``:
  this execution found warmer caches than the stored one, so that ``c`` would hide an increase.

The tolerance is relative to the warm value because the regression is in the code, not in the caches' filling.

**Judging** a suspect asks for the evidence of fresh processes, in which the test was executed repeatedly. A
deterministic metric is regressed when in *every* process even the smallest repeat exceeds ``w + t``, and the
difference reaches ``f``; it is cleared when in any process it does not. Resident memory, whose noise only
hides, must exceed it in every repeat. Three spreads are granted because an update sees each test in about
three processes, too few to know the extremes of a test that draws unseeded random numbers. A time needs the
old code beside the new; ``pairs`` states that rule. Without evidence a suspect stays unconfirmed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from .baseline import Section
from .environment import changed_distributions
from .growth import growth_lines
from .insight import insight, rises
from .limit import Limit
from .metric import PEAK_RSS, Better, Family, Metric
from .pairs import interval, is_cleared, joint_estimate, shows
from .policy import Policy
from .record import Run
from .screening import Screening
from .verdict import (
    Counts,
    Duel,
    Evidence,
    Finding,
    GateResult,
    Suspect,
    Verdict,
)

EvidenceTable = Mapping[tuple[str, str], Evidence]


def _no_veto(finding: Finding) -> str | None:
    return None


def judge(
    screening: Screening,
    run: Run,
    section: Section | None,
    policy: Policy,
    evidence: EvidenceTable,
    *,
    confirm: str = "auto",
    veto: Callable[[Finding], str | None] = _no_veto,
) -> GateResult:
    """Decide once, from the evidence, what regressed, and whether the session may pass.

    ``veto`` is asked about every verdict that could fail the session; a reason it gives acquits.
    """
    findings = list(screening.findings)
    cleared = []
    newer = section is not None and bool(
        changed_distributions(section.environment.distributions, run.environment.distributions)
    )
    for suspect in screening.suspects:
        proof = evidence.get(suspect.key)
        if suspect.unseen and (proof is None or proof.duel is None):
            continue  # nothing was stored and the old code was not measured: the record is not judged
        screening.compared.add(suspect.node_id)
        finding = decide(suspect, proof, confirm=confirm, newer_dependencies=newer)
        if finding.verdict is Verdict.UNCHANGED:
            cleared.append(finding)
            continue
        reason = veto(finding)
        if reason:
            screening.notes.append(f"{finding.node_id}: {finding.verdict.value} was vetoed: {reason}")
            cleared.append(replace(finding, verdict=Verdict.UNCHANGED, proof=f"vetoed: {reason}"))
            continue
        findings.append(_with_insight(finding, run, section, proof))
    unseen = screening.unseen - screening.compared
    if unseen:
        problems = _problems_by_record(evidence)
        screening.not_judged.update(_why_unseen(problems.get(node_id, ())) for node_id in unseen)
        screening.not_judged_records += len(unseen)
    findings.sort(key=_by_harm)
    counts = _count(findings, screening)
    return GateResult(
        findings=findings,
        cleared=cleared,
        counts=counts,
        failures=_failures(findings, counts, run, policy, confirm),
        not_judged=dict(screening.not_judged),
        notes=tuple(screening.notes),
    )


def _problems_by_record(evidence: EvidenceTable) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    for (node_id, _), found in evidence.items():
        if found.problem:
            problems.setdefault(node_id, []).append(found.problem)
    return problems


def _why_unseen(problems: Sequence[str]) -> str:
    return f"not measured beside the old code: {min(problems)}" if problems else "nothing to compare with"


def decide(
    suspect: Suspect, evidence: Evidence | None, *, confirm: str, newer_dependencies: bool = False
) -> Finding:
    """The verdict on one suspect; the formula stands in this module's docstring.

    ``newer_dependencies`` says that installed packages changed since the baseline. Old and new code both run with
    the new ones, so that a duel cannot acquit what a package made slower.
    """
    guilty = Verdict.OVER_BUDGET if suspect.is_budget else Verdict.REGRESSED

    def finding(
        verdict: Verdict, proof: str, limit: Limit = suspect.limit, now: float = suspect.now
    ) -> Finding:
        return Finding(
            node_id=suspect.node_id,
            verdict=verdict,
            metric=suspect.metric,
            was=limit.reference,
            now=now,
            limit=limit,
            proof=proof,
        )

    if confirm == "off":
        return finding(guilty, "not confirmed: --perf-confirm=off")
    if not suspect.unseen and not suspect.limit.exceeded_by(suspect.now) and _is_empty(evidence):
        return finding(Verdict.UNCHANGED, "within its limit, and not measured again")
    if evidence is None:
        return finding(Verdict.UNCONFIRMED, _why_no_evidence(suspect))
    if evidence.duel is not None:
        return _decide_duel(suspect, evidence.duel, evidence.problem, newer_dependencies=newer_dependencies)
    if not confirmable(suspect) and any(looks_innocent(suspect, values) for values in evidence.processes):
        return finding(Verdict.UNCHANGED, "a second look in a fresh process does not show it")
    if evidence.problem or not evidence.processes or not confirmable(suspect):
        return finding(Verdict.UNCONFIRMED, evidence.problem or _why_no_evidence(suspect))
    best = [_representative(values, suspect.metric) for values in evidence.processes]
    limit = suspect.repeat_limit or suspect.limit
    worst_case = max(best) if suspect.metric.better is Better.HIGHER else min(best)
    number = len(best)
    if all(limit.exceeded_by(value) for value in best):
        kind = "first executions" if suspect.alone else "warm repeats"
        where = f"{number} fresh processes" if number > 1 else "a fresh process"
        return finding(guilty, f"{kind} in {where} show it", limit, worst_case)
    if suspect.repeat_limit is None:
        return finding(
            Verdict.UNCONFIRMED, "the baseline has no warm value: pytest --perf-update records one"
        )
    return finding(Verdict.UNCHANGED, "a fresh process does not show it", limit, worst_case)


def _is_empty(evidence: Evidence | None) -> bool:
    return evidence is None or (not evidence.processes and evidence.duel is None)


def _decide_duel(suspect: Suspect, duel: Duel, problem: str, *, newer_dependencies: bool) -> Finding:
    """The verdict on what pairs of processes showed; ``pairs`` states the rule."""
    ratios = duel.pair_ratios
    agreeing = sum(shows(ratio, suspect.ratio) for ratio in ratios)
    estimate = joint_estimate(ratios)
    proof = f"{agreeing} of {len(ratios)} pairs of processes show it, beside {duel.commit}"
    if duel.test_changed:
        proof += "; the test itself changed since"
    verdict = Verdict.UNCONFIRMED
    if is_cleared(ratios, suspect.ratio):
        verdict = Verdict.UNCHANGED
    elif len(ratios) >= duel.needed:
        matters = abs(duel.new - duel.old) >= suspect.limit.floor
        verdict = Verdict.REGRESSED if estimate > 1 + suspect.ratio and matters else Verdict.UNCHANGED
    elif problem:
        proof = f"{problem} ({proof})"
    if verdict is Verdict.UNCHANGED and newer_dependencies:
        verdict = Verdict.UNCONFIRMED
        proof = f"the old code shows it too, with dependencies that changed since the baseline ({proof})"
    low, high = interval(ratios)
    if suspect.metric.better is Better.HIGHER:
        low, high = 1 / high, 1 / low
    worse = -suspect.ratio if suspect.metric.better is Better.HIGHER else suspect.ratio
    return Finding(
        node_id=suspect.node_id,
        verdict=verdict,
        metric=suspect.metric,
        was=duel.old,
        now=duel.new,
        limit=replace(suspect.limit, value=duel.old * (1 + worse), reference=duel.old),
        proof=proof,
        estimate=1 / estimate if suspect.metric.better is Better.HIGHER else estimate,
        interval=(low, high),
    )


def _representative(values: Iterable[float], metric: Metric) -> float:
    """The repeat that speaks for the code: noise adds to a cost, so the smallest; a gain is hurt, so the largest."""
    return max(values) if metric.better is Better.HIGHER else min(values)


def _why_no_evidence(suspect: Suspect) -> str:
    if suspect.metric.family is Family.TIME and not suspect.is_budget:
        return "a single time proves nothing"
    return "it was not measured again"


def _with_insight(finding: Finding, run: Run, section: Section | None, evidence: Evidence | None) -> Finding:
    """The finding with its line of insight, drawn from the measurement that led to the verdict."""
    record = run.records.get(finding.node_id)
    entry = section.entries.get(finding.node_id) if section is not None else None
    if finding.metric is None:
        return finding
    if evidence is not None and evidence.duel is not None:
        text = insight(finding.metric.name, evidence.duel.rises, entry)
    elif record is not None and entry is not None:
        rise = rises(record, entry, section.reference_ns if section is not None else None)
        text = insight(finding.metric.name, rise, entry)
    else:
        text = ""
    if finding.metric.family is Family.QUERIES and record is not None and record.statements:
        # a budget is not about change: every statement is told
        over = finding.verdict is Verdict.OVER_BUDGET
        before = {} if over or entry is None else entry.statements or {}
        text = "\n  ".join(growth_lines(record.statements, before))
    return replace(finding, insight=text) if text else finding


def _by_harm(finding: Finding) -> tuple[int, float, str]:
    ratio = finding.ratio
    if ratio is None and finding.was is not None and finding.was <= 0:
        ratio = float("inf")
    better_higher = finding.metric is not None and finding.metric.better is Better.HIGHER
    worse = (1 / ratio if ratio else float("inf")) if better_higher else (ratio or 0.0)
    return finding.verdict.harm, -worse, finding.node_id


def _count(findings: Iterable[Finding], screening: Screening) -> Counts:
    worst: dict[str, Verdict] = {}
    for finding in findings:
        known = worst.get(finding.node_id)
        if known is None or finding.verdict.harm < known.harm:
            worst[finding.node_id] = finding.verdict
    numbers = Counter(worst.values())
    return Counts(
        compared=len(screening.compared),
        regressed=numbers[Verdict.REGRESSED] + numbers[Verdict.OVER_BUDGET],
        improved=len({f.node_id for f in findings if f.verdict is Verdict.IMPROVED}),
        unconfirmed=numbers[Verdict.UNCONFIRMED],
        new=numbers[Verdict.NEW],
        missing=numbers[Verdict.MISSING],
        not_judged=screening.not_judged_records,
    )


def _failures(
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
        failures.append(f"{_records(len(guilty))} regressed")
    doubtful = {
        finding.node_id
        for finding in findings
        if finding.verdict is Verdict.UNCONFIRMED and _may_fail(finding, policy)
    }
    if doubtful and confirm == "strict":
        failures.append(f"{_records(len(doubtful))} unconfirmed under --perf-confirm=strict")
    if counts.new and policy.new == "fail":
        failures.append(f'{_records(counts.new)} new, and new = "fail"')
    if counts.missing and policy.missing == "fail":
        failures.append(f'{_records(counts.missing)} missing, and missing = "fail"')
    failed = any(record.outcome.startswith("failed") for record in run.records.values())
    if counts.compared == 0 and run.claimed and not failed:
        # a session whose tests failed is red already, and says why
        failures.append("nothing was compared")
    return failures


def _may_fail(finding: Finding, policy: Policy) -> bool:
    return policy.fail == "all" or (finding.metric is not None and finding.metric.deterministic)


def _records(number: int) -> str:
    return f"{number} record{'' if number == 1 else 's'}"


def looks_innocent(suspect: Suspect, values: Iterable[float]) -> bool:
    """Whether repeats of the new code show less than half the tolerated change over the stored warm value.

    Less than half, and not less than all of it: a second look only saves the price of a duel, and what really is
    beyond the threshold must not slip through it.
    """
    limit = suspect.repeat_limit
    if limit is None or limit.reference is None:
        return False
    best = _representative(values, suspect.metric)
    if suspect.metric.better is Better.HIGHER:
        return best > limit.reference * (1 - suspect.ratio / 2)
    return best < limit.reference * (1 + suspect.ratio / 2)


def confirmable(suspect: Suspect) -> bool:
    """Whether repeats of the new code alone can confirm a suspect.

    Counts and resident memory can, against what the baseline's own fresh processes showed, and so can every
    budget. A time cannot: on a shared machine only the old code, measured beside the new, proves it.
    """
    return suspect.is_budget or suspect.metric.deterministic or suspect.metric.name == PEAK_RSS.name
