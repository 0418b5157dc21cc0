"""A session's answer in one sentence, which every report opens with."""

from __future__ import annotations

from ..model.account import Account


def sentence(account: Account) -> str:
    """The answer in one sentence."""
    result = account.result
    if result is None:
        measured = sum(bool(record.values) for record in account.run.records.values())
        return f"{measured} record{'' if measured == 1 else 's'} measured, nothing judged"
    if not account.run.complete:
        return "the session was interrupted, so nothing is decided"
    if result.failures:
        return f"failed: {'; '.join(result.failures)}"
    if result.counts.regressed:
        return f"passed; the setting fail lets pass what regressed: {result.counts.regressed}"
    return "passed"
