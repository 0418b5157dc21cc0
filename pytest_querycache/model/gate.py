"""The gate's two decisions: what looks worse (``screen``), and what is (``judge``).

**Screening** holds a session's own executions against the baseline. They are first executions in their process,
*cold*, so a value also pays for caches that an earlier test may have filled when the baseline was recorded. Let
``c`` and ``w`` be the stored cold and warm values, ``s`` the stored spread, ``r`` and ``f`` the threshold's ratio
and floor, and ``t = max(r·w, k·s)`` the tolerance, k being 3 for counts, 1 for measured memory, 0 for times.
Times are first brought to the reference workload's stored speed. A value ``v`` is suspect when

* ``v − c > t`` (a time that can be confirmed: ``t/2``) and ``v − c ≥ f``: more than the first execution cost; or
* ``v`` is *below* ``c`` by the floor or more (a time: and by more than ``t``), and ``v − w > t`` and ``v − w ≥ f``:
  this execution found warmer caches than the stored one, so that ``c`` would hide an increase.

The tolerance is relative to the warm value because the regression is in the code, not in the caches' filling. Of a
time, what the garbage collector took more or less than it used to is left out, if the test allocates as much as ever
(``chance``).

**Judging** a suspect asks for the evidence of fresh processes, in which the test was executed repeatedly. A
deterministic metric is regressed when in *every* process even the smallest repeat exceeds ``w + t``, and the
difference reaches ``f``; it is cleared when in any process it does not. Resident memory, whose noise only
hides, must exceed it in every repeat. Three spreads are granted because an update sees each test in about
three processes, too few to know the extremes of a test that draws unseeded random numbers. A time needs the
old code beside the new; ``pairs`` states that rule, and ``suite_shift`` what is done when a whole session is slower.
Without evidence a suspect stays unconfirmed. ``decision`` carries this out for one suspect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from .baseline import Section
from .decision import decide
from .environment import changed_distributions
from .failures import failures_of, strict_failures
from .growth import growth_lines
from .insight import about_one_time, insight, rises
from .metric import Better, Family
from .policy import Policy
from .record import Run
from .screening import Screening
from .ungated import ungated_times
from .verdict import Counts, Evidence, Finding, GateResult, Verdict

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
        if (suspect.unseen or suspect.sampled) and (proof is None or proof.duel is None):
            # nothing was stored, or nothing stored speaks against it, and the old code was not measured
            continue
        screening.compared.add(suspect.node_id)
        finding = decide(suspect, proof, confirm=confirm, newer_dependencies=newer)
        if finding.verdict is Verdict.UNCHANGED:
            cleared.append(finding)
            continue
        if suspect.sampled and finding.verdict is not Verdict.REGRESSED:
            continue  # nothing stored speaks against it, so nothing about it is doubtful
        reason = veto(finding)
        if reason:
            screening.notes.append(f"{finding.node_id}: {finding.verdict.value} was vetoed: {reason}")
            cleared.append(replace(finding, verdict=Verdict.UNCHANGED, proof=f"vetoed: {reason}"))
            continue
        findings.append(_with_insight(finding, run, section, proof))
    ungated = ungated_times(screening, evidence, confirm=confirm)
    ungated.count_in(screening)
    findings.sort(key=_by_harm)
    counts = _count(findings, screening)
    failures = failures_of(findings, counts, run, policy, confirm)
    if confirm == "strict" and policy.fail == "all":
        failures.extend(strict_failures(findings, ungated, doubtful=bool(counts.unconfirmed)))
    return GateResult(
        findings=findings,
        cleared=cleared,
        counts=counts,
        failures=failures,
        not_judged=dict(screening.not_judged),
        notes=(*screening.notes, *ungated.notes(screening)),
        ungated_times=ungated.reason,
    )


def _with_insight(finding: Finding, run: Run, section: Section | None, evidence: Evidence | None) -> Finding:
    """The finding with its line of insight, drawn from the measurement that led to the verdict."""
    record = run.records.get(finding.node_id)
    entry = section.entries.get(finding.node_id) if section is not None else None
    if finding.metric is None:
        return finding
    if evidence is not None and evidence.duel is not None:
        text = insight(finding.metric.name, evidence.duel.rises, entry)
    elif record is not None and entry is not None:
        if finding.metric.family is Family.TIME and finding.verdict is Verdict.UNCONFIRMED:
            text = about_one_time(record, (finding.now or 0) - (finding.was or 0))
        else:
            rise = rises(record, entry, section.reference_ns if section is not None else None)
            text = insight(finding.metric.name, rise, entry)
    else:
        text = ""
    if finding.metric.family is Family.QUERIES and record is not None and record.statements:
        # a budget is not about change: every statement is told
        over = finding.verdict is Verdict.OVER_BUDGET
        before = {} if over or entry is None else entry.statements or {}
        text = "\n  ".join(growth_lines(record.statements, before, metric=finding.metric.name))
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
