"""Judging figures that nobody can measure again: those of a run that is long over.

What fresh processes measured in that session decides, as ``gate`` describes. Where nothing was measured again,
counts are believed as they stand if they exceed what a first execution may cost, because they hardly vary; a time
is not, so that it stays unconfirmed. A veto of the session's own plugins stays in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .account import Account
from .baseline import Section
from .decision import decide
from .gate import judge
from .policy import Policy
from .screener import screen
from .screening import Screening
from .verdict import Finding, GateResult, Suspect

_VETOED = "vetoed: "

Vetoes = Mapping[tuple[str, str], str]


def judge_as_it_stands(
    account: Account,
    section: Section,
    policy: Policy,
    *,
    confirm: str = "auto",
    vetoes: Vetoes | None = None,
) -> GateResult:
    """Judge a run that is over; ``confirm`` is ``auto``, ``strict`` (unconfirmed fails) or ``off``."""
    known = vetoes or {}
    screening = screen(account.run, section, policy)
    if confirm != "off":
        _believe_counts(screening, account, section, known)
    result = judge(
        screening,
        account.run,
        section,
        policy,
        account.evidence,
        confirm=confirm,
        veto=lambda finding: known.get(_key(finding)),
    )
    if result.success and not result.counts.compared and policy.fail != "never":
        # a session whose tests failed is red by itself; here nobody else says so
        result = replace(result, failures=["nothing was compared"])
    return result


def vetoes_of(account: Account) -> dict[tuple[str, str], str]:
    """The verdicts that the session's own plugins vetoed, with their reasons."""
    cleared = account.result.cleared if account.result is not None else ()
    return {
        _key(finding): finding.proof.removeprefix(_VETOED)
        for finding in cleared
        if finding.proof.startswith(_VETOED)
    }


def _believe_counts(screening: Screening, account: Account, section: Section, vetoes: Vetoes) -> None:
    """Turn the suspects that need no confirmation into findings."""
    remaining = []
    for suspect in screening.suspects:
        is_vetoed = (suspect.node_id, suspect.metric.name) in vetoes
        if suspect.key in account.evidence or is_vetoed or not _stands(suspect, section):
            remaining.append(suspect)
            continue
        finding = decide(suspect, None, confirm="off")
        screening.findings.append(
            replace(finding, proof="its first execution shows it, no other was measured")
        )
        screening.compared.add(suspect.node_id)
    screening.suspects[:] = remaining


def _stands(suspect: Suspect, section: Section) -> bool:
    """Whether a count exceeds what a first execution may cost; above a warm value alone it may be half cold."""
    if not suspect.metric.deterministic:
        return False
    if suspect.is_budget:
        return True
    entry = section.entries.get(suspect.node_id)
    figure = entry.figure(suspect.metric.name) if entry is not None else None
    return figure is not None and suspect.limit.reference == figure.cold


def _key(finding: Finding) -> tuple[str, str]:
    return finding.node_id, finding.metric.name if finding.metric is not None else ""
