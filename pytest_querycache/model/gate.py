"""The gate's two decisions: what looks worse (``screen``), and what is (``judge``).

**Screening** holds a session's own executions against the baseline. They are first executions in their
process, *cold*, so a value also pays for caches that an earlier test may have filled when the baseline was
recorded. Let ``c`` and ``w`` be the stored cold and warm values, ``s`` the stored spread, ``r`` and ``f`` the
threshold's ratio and floor, and ``t = max(r·w, 3·s)`` the tolerance. A value ``v`` is suspect when

* ``v − c > t`` and ``v − c ≥ f``: it costs more than the first execution did; or
* the metric is deterministic, ``v`` is *below* ``c`` by the floor or more, and ``v − w > t`` and ``v − w ≥ f``:
  this execution found warmer caches than the stored one, so that ``c`` would hide an increase.

The tolerance is relative to the warm value because the regression is in the code, not in the caches' filling.

**Judging** a suspect asks for the evidence of fresh processes, in which the test was executed repeatedly. A
deterministic metric is regressed when in *every* process even the smallest repeat exceeds ``w + t``, and the
difference reaches ``f``; it is cleared when in any process it does not. Resident memory, whose noise only
hides, must exceed it in every repeat. Three spreads are granted because an update sees each test in about
three processes, too few to know the extremes of a test that draws unseeded random numbers. A time needs the
old code beside the new; without that evidence it stays unconfirmed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .baseline import Figure, Section
from .environment import Environment, changed_distributions, incomparable_families, shortened
from .insight import insight
from .metric import PEAK_RSS, Better, Family, Metric
from .policy import Applied, Policy
from .record import Record, Run, file_of
from .threshold import OWN_PREFIX, parse_budgets, parse_thresholds
from .verdict import (
    Counts,
    Evidence,
    Finding,
    GateResult,
    Limit,
    Suspect,
    Verdict,
    limit_over,
    reference_figure,
)

SPREADS = 3
"""How many times its recorded spread a test may vary before anything counts."""

EvidenceTable = Mapping[tuple[str, str], Evidence]


@dataclass(slots=True)
class Screening:
    """What screening found: suspects to confirm, and what needs no confirmation."""

    suspects: list[Suspect] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    compared: set[str] = field(default_factory=set)
    not_judged: Counter[str] = field(default_factory=Counter)
    not_judged_records: int = 0
    notes: list[str] = field(default_factory=list)


def screen(run: Run, section: Section | None, policy: Policy, *, everything: bool = False) -> Screening:
    """Hold every record of a run against its entry; cheap, and free of false innocence rather than of false guilt.

    ``section`` is None where there is no baseline to compare with: then only budgets are judged. With
    ``everything`` each judged metric becomes a suspect, so that all are confirmed.
    """
    screening = Screening()
    blocked: dict[Family, str] = {}
    if section is not None:
        blocked = incomparable_families(run.environment, section.environment, run.disturbances)
        screening.notes.extend(_environment_notes(run.environment, section, blocked))
    for record in run.records.values():
        _screen_record(record, section, policy, blocked, everything, screening)
    if section is not None:
        for node_id in missing_entries(run, section):
            screening.findings.append(Finding(node_id=node_id, verdict=Verdict.MISSING))
    return screening


def missing_entries(run: Run, section: Section) -> list[str]:
    """The entries no test claimed although their file was collected whole and the session completed."""
    if not run.complete:
        return []
    known = run.claimed | run.deselected
    return [
        node_id
        for node_id in section.entries
        if node_id not in run.records
        and file_of(node_id) in run.wholly_collected
        and not _claimed(node_id, known, run)
    ]


def _claimed(node_id: str, known: set[str], run: Run) -> bool:
    """Whether an entry's test, or for a section its test when that was not measured, was in the session."""
    if node_id in known:
        return True
    parent = node_id.rpartition("::")[0]
    while "::" in parent:
        if parent in known:
            record = run.records.get(parent)
            return record is None or record.outcome != "passed"
        parent = parent.rpartition("::")[0]
    return False


def _screen_record(
    record: Record,
    section: Section | None,
    policy: Policy,
    blocked: Mapping[Family, str],
    everything: bool,
    screening: Screening,
) -> None:
    reason = _why_not_judged(record)
    if reason:
        screening.not_judged[reason] += 1
        screening.not_judged_records += 1
        return
    if record.budgets:
        _screen_budgets(record, screening)
    entry = section.entries.get(record.node_id) if section is not None else None
    if entry is None:
        if section is not None:
            screening.findings.append(Finding(node_id=record.node_id, verdict=Verdict.NEW))
        return
    marks = parse_thresholds(record.thresholds, "mark perf_threshold") if record.thresholds else None
    table = policy.thresholds_for(
        record.node_id, test_id=record.test_id, marks=marks, own_metrics=record.own_metrics
    )
    judged = False
    incomparable: str | None = None
    values = record.values
    for name, applied in table.items():
        now = values.get(name)
        if now is None:
            continue
        figure = entry.figure(name)
        if figure is None:
            continue
        if blocked and applied.metric.family in blocked:
            incomparable = blocked[applied.metric.family]
            continue
        judged = True
        limit = _first_sight_limit(applied, figure, now, everything)
        if limit is not None:
            screening.suspects.append(
                Suspect(
                    node_id=record.node_id,
                    test_id=record.test_id or record.node_id,
                    metric=applied.metric,
                    now=now,
                    limit=limit,
                    repeat_limit=_repeat_limit(applied, figure),
                    alone=entry.alone,
                )
            )
        elif _improved(applied.metric, figure, now, applied, policy):
            screening.findings.append(
                Finding(
                    node_id=record.node_id,
                    verdict=Verdict.IMPROVED,
                    metric=applied.metric,
                    was=figure.cold,
                    now=now,
                )
            )
    if judged:
        screening.compared.add(record.node_id)
    else:
        screening.not_judged[_why_nothing_judged(record, incomparable)] += 1
        screening.not_judged_records += 1


def _why_not_judged(record: Record) -> str:
    if record.exempt is not None:
        return f"exempt: {record.exempt}" if record.exempt else "exempt"
    if record.outcome != "passed":
        return record.outcome
    if not record.values:
        reasons = sorted(set(record.unmeasured.values()))
        return f"not measured: {reasons[0]}" if reasons else "not measured"
    return ""


def _why_nothing_judged(record: Record, incomparable: str | None) -> str:
    if incomparable is not None:
        return f"incomparable: {incomparable}"
    reasons = sorted(set(record.unmeasured.values()))
    return f"not measured: {reasons[0]}" if reasons else "no gated metric in common with the baseline"


def tolerance(applied: Applied, figure: Figure) -> float:
    """How far a value may lie from the stored one, in the metric's unit: ``max(r·w, 3·s)``."""
    relative = applied.ratio * abs(reference_figure(figure))
    return relative if figure.spread is None else max(relative, SPREADS * figure.spread)


def _first_sight_limit(applied: Applied, figure: Figure, now: float, everything: bool) -> Limit | None:
    """The limit that a session's value exceeds, or None where it exceeds none."""
    allowed = tolerance(applied, figure)
    sign = -1 if applied.metric.better is Better.HIGHER else 1
    rise = sign * (now - figure.cold)
    if everything or (rise > allowed and rise >= applied.floor):
        return limit_over(figure.cold, allowed, applied)
    if figure.warm is not None and applied.metric.deterministic and -rise >= applied.floor and rise < 0:
        warm_rise = sign * (now - figure.warm)
        if warm_rise > allowed and warm_rise >= applied.floor:
            return limit_over(figure.warm, allowed, applied)
    return None


def _repeat_limit(applied: Applied, figure: Figure) -> Limit | None:
    """What repeats in a fresh process are held against.

    Without a stored warm value the cold one serves: a repeat that costs more than the first execution may is
    worse beyond doubt, and one that does not proves nothing.
    """
    if figure.warm is None:
        return None
    return limit_over(figure.warm, tolerance(applied, figure), applied)


def _improved(metric: Metric, figure: Figure, now: float, applied: Applied, policy: Policy) -> bool:
    """Whether even a first execution beats the stored warm value; a single time never proves that."""
    if not metric.deterministic:
        return False
    reference = reference_figure(figure)
    gain = (reference - now) * (-1 if metric.better is Better.HIGHER else 1)
    return gain > 0 and gain >= policy.improvement * abs(reference) and gain >= applied.floor


def _screen_budgets(record: Record, screening: Screening) -> None:
    for name, most in parse_budgets(record.budgets, "mark perf_budget").items():
        plain = name.removeprefix(OWN_PREFIX)
        metric = record.metric(plain)
        if metric is None:
            continue
        limit = Limit(metric=metric, value=most, origin="mark", rule="budget")
        now = record.values.get(plain)
        if now is None:
            continue
        screening.compared.add(record.node_id)
        if limit.exceeded_by(now):
            screening.suspects.append(
                Suspect(
                    node_id=record.node_id,
                    test_id=record.test_id or record.node_id,
                    metric=metric,
                    now=now,
                    limit=limit,
                    repeat_limit=limit,
                )
            )


def _environment_notes(
    environment: Environment, section: Section, blocked: Mapping[Family, str]
) -> Iterable[str]:
    for family, reason in blocked.items():
        yield f"{family.value} is not compared: {reason}"
    changed = changed_distributions(section.environment.distributions, environment.distributions)
    if changed and section.environment.distributions:
        yield f"dependencies changed since the baseline: {shortened(changed, 5)}"


def judge(
    screening: Screening,
    run: Run,
    section: Section | None,
    policy: Policy,
    evidence: EvidenceTable,
    *,
    confirm: str = "auto",
) -> GateResult:
    """Decide once, from the evidence, what regressed, and whether the session may pass."""
    findings = list(screening.findings)
    cleared = []
    for suspect in screening.suspects:
        proof = evidence.get((suspect.node_id, suspect.metric.name))
        finding = decide(suspect, proof, confirm=confirm)
        if finding.verdict is Verdict.UNCHANGED:
            cleared.append(finding)
            continue
        findings.append(_with_insight(finding, run, section))
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


def decide(suspect: Suspect, evidence: Evidence | None, *, confirm: str) -> Finding:
    """The verdict on one suspect; the formula stands in this module's docstring."""
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
    if evidence is None or not evidence.processes:
        return finding(Verdict.UNCONFIRMED, evidence.problem if evidence else _why_no_evidence(suspect))
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


def _representative(values: Iterable[float], metric: Metric) -> float:
    """The repeat that speaks for the code: noise adds to a cost, so the smallest; a gain is hurt, so the largest."""
    return max(values) if metric.better is Better.HIGHER else min(values)


def _why_no_evidence(suspect: Suspect) -> str:
    if suspect.metric.family is Family.TIME and not suspect.is_budget:
        return "a single time proves nothing"
    return "it was not measured again"


def _with_insight(finding: Finding, run: Run, section: Section | None) -> Finding:
    record = run.records.get(finding.node_id)
    entry = section.entries.get(finding.node_id) if section is not None else None
    if record is None or entry is None or finding.metric is None:
        return finding
    text = insight(finding.metric.name, record.values, entry)
    if not text:
        return finding
    return Finding(
        node_id=finding.node_id,
        verdict=finding.verdict,
        metric=finding.metric,
        was=finding.was,
        now=finding.now,
        limit=finding.limit,
        proof=finding.proof,
        insight=text,
    )


def _by_harm(finding: Finding) -> tuple[int, float, str]:
    ratio = finding.ratio
    if ratio is None and finding.was == 0:
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
        improved=numbers[Verdict.IMPROVED],
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
    if counts.compared == 0 and run.claimed:
        failures.append("nothing was compared")
    return failures


def _may_fail(finding: Finding, policy: Policy) -> bool:
    return policy.fail == "all" or (finding.metric is not None and finding.metric.deterministic)


def _records(number: int) -> str:
    return f"{number} record{'' if number == 1 else 's'}"


def confirmable(suspect: Suspect) -> bool:
    """Whether repeats of the new code alone can confirm a suspect.

    Counts and resident memory can, against what the baseline's own fresh processes showed, and so can every
    budget. A time cannot: on a shared machine only the old code, measured beside the new, proves it.
    """
    return suspect.is_budget or suspect.metric.deterministic or suspect.metric.name == PEAK_RSS.name
