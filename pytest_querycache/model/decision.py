"""The verdict on one suspect, from the evidence; ``gate`` and ``pairs`` state the formulas and their reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from .limit import Limit
from .metric import PEAK_RSS, Better, Family
from .pairs import APART, IN_TURNS, Bar, interval, is_cleared, is_convincing, joint_estimate, shows
from .verdict import Duel, Evidence, Finding, Suspect, Verdict

_NEXT_TO_NOTHING = 0.1
"""The part of the tolerated change that a repeat may show by which alone it acquits."""

_WORTH_TELLING = 0.1
"""Control tests that show a smaller change than this show what two identical processes do."""


def decide(
    suspect: Suspect, evidence: Evidence | None, *, confirm: str, newer_dependencies: bool = False
) -> Finding:
    """The verdict on one suspect.

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
    if evidence.incomparable and evidence.duel is None:
        return finding(Verdict.INCOMPARABLE, evidence.problem.removeprefix("incomparable: "))
    if evidence.machine_share is not None and not newer_dependencies:
        return finding(
            Verdict.UNCHANGED,
            f"the whole session was {evidence.machine_share:.2f}x slower, and a sample beside the old code shows "
            "that it was the machine",
        )
    if evidence.duel is not None:
        return _decide_duel(suspect, evidence.duel, evidence.problem, newer_dependencies=newer_dependencies)
    if not confirmable(suspect) and any(looks_innocent(suspect, values) for values in evidence.processes):
        return finding(Verdict.UNCHANGED, "a second look in a fresh process does not show it")
    if evidence.problem or not evidence.processes or not confirmable(suspect):
        return finding(Verdict.UNCONFIRMED, evidence.problem or _why_no_evidence(suspect))
    best = [suspect.metric.best(values) for values in evidence.processes]
    limit = suspect.repeat_limit or suspect.limit
    worst_case = suspect.metric.best(best)
    number = len(best)
    if all(limit.exceeded_by(value) for value in best):
        # a process that could not repeat the test has given its first execution alone
        cold = suspect.alone or all(len(values) == 1 for values in evidence.processes)
        kind = "first executions" if cold else "warm repeats"
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
    bar = APART if duel.apart else IN_TURNS
    proof = _shown_by(suspect, duel)
    verdict = Verdict.UNCONFIRMED
    if is_cleared(ratios, suspect.worse_ratio, bar):
        verdict = Verdict.UNCHANGED
    elif len(ratios) >= duel.needed:
        matters = abs(duel.new - duel.old) >= suspect.limit.floor
        if matters and is_convincing(ratios, suspect.worse_ratio, bar):
            verdict = Verdict.REGRESSED
        elif not matters or not is_convincing(ratios, suspect.worse_ratio, IN_TURNS):
            verdict = Verdict.UNCHANGED
        else:
            proof = f"slower than allowed, and not beyond the stricter bar ({proof})"
    elif (
        not suspect.unseen
        and not suspect.limit.exceeded_by(suspect.now)
        and not _all_show(ratios, suspect, bar)
    ):
        verdict = Verdict.UNCHANGED  # suspected early, within its limit, and not every pair speaks against it
    elif problem:
        proof = f"{problem} ({proof})"
    if verdict is Verdict.UNCHANGED and newer_dependencies and duel.commit:
        verdict = Verdict.UNCONFIRMED
        proof = f"the old code shows it too, with dependencies that changed since the baseline ({proof})"
    estimate, (low, high) = joint_estimate(ratios), interval(ratios)
    if suspect.metric.better is Better.HIGHER:
        estimate, low, high = 1 / estimate, 1 / high, 1 / low
    return Finding(
        node_id=suspect.node_id,
        verdict=verdict,
        metric=suspect.metric,
        was=duel.old,
        now=duel.new,
        limit=replace(
            suspect.limit,
            value=_limit(suspect, duel.old, bar),
            reference=duel.old,
        ),
        proof=proof,
        estimate=estimate,
        interval=(low, high),
    )


def _all_show(ratios: Sequence[float], suspect: Suspect, bar: Bar) -> bool:
    return all(shows(ratio, suspect.worse_ratio, bar) for ratio in ratios)


def _limit(suspect: Suspect, old: float, bar: Bar) -> float:
    """What the new value may be beside the old one."""
    times = 1 + bar.joint * suspect.worse_ratio
    return old / times if suspect.metric.better is Better.HIGHER else old * times


def _shown_by(suspect: Suspect, duel: Duel) -> str:
    """How many pairs show it, beside what, and what else was noticed of them."""
    bar = APART if duel.apart else IN_TURNS
    number = len(duel.pair_ratios)
    agreeing = sum(shows(ratio, suspect.worse_ratio, bar) for ratio in duel.pair_ratios)
    if duel.commit:
        parts = [f"{agreeing} of {number} pairs of processes show it, beside {duel.commit}"]
        if duel.apart:
            parts.append(
                "under the stricter bar, because it is executed once in each"
                if duel.single
                else "one after the other, because the two sides get in each other's way"
            )
    else:
        parts = [f"{agreeing} of {number} fresh processes show it, against the baseline's own"]
    if duel.controls is not None and abs(duel.controls - 1) > _WORTH_TELLING:
        parts.append(f"tests nobody suspects took {duel.controls:.2f}x")
    if duel.disturbed:
        parts.append(f"{duel.disturbed} of them on a disturbed machine")
    if duel.test_changed:
        parts.append("the test itself changed since")
    return "; ".join(parts)


def _why_no_evidence(suspect: Suspect) -> str:
    if suspect.metric.family is Family.TIME and not suspect.is_budget:
        return "a single time proves nothing"
    return "it was not measured again"


def looks_innocent(suspect: Suspect, values: Sequence[float]) -> bool:
    """Whether a third of the repeats of the new code, two at least, show less than half the tolerated change.

    Less than half, and not less than all of it: a second look only saves the price of a duel, and what really is
    beyond the threshold must not slip through it. A third, because the stored warm value is the middle one of several
    smaller ones of two, which lies a third of the way up too: the best of many repeats would come up to it by chance.
    On a busy machine most repeats are disturbed, so one that shows next to nothing is enough.
    """
    stored = suspect.repeat_limit.reference if suspect.repeat_limit is not None else None
    if stored is None:
        return False

    def within(share: float) -> int:
        bar = suspect.metric.worse_by(stored, stored * suspect.ratio * share)
        return sum(suspect.metric.is_worse(bar, value) for value in values)

    enough = min(len(values), max(2, ceil(len(values) / 3)))
    return within(_NEXT_TO_NOTHING) > 0 or (bool(values) and within(0.5) >= enough)


def confirmable(suspect: Suspect) -> bool:
    """Whether repeats of the new code alone can confirm a suspect.

    Counts and resident memory can, against what the baseline's own fresh processes showed, and so can every
    budget. A time cannot: on a shared machine only the old code, measured beside the new, proves it.
    """
    return suspect.is_budget or suspect.metric.deterministic or suspect.metric.name == PEAK_RSS.name
