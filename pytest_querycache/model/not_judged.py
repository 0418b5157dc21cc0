"""Why a record is left out of the judgement."""

from __future__ import annotations

from .record import Record


def why_not_judged(record: Record) -> str:
    """Why nothing of a record can be judged, empty where something may be."""
    if record.exempt is not None:
        return f"exempt: {record.exempt}" if record.exempt else "exempt"
    if record.outcome != "passed":
        return record.outcome
    if not record.values:
        reasons = sorted(set(record.unmeasured.values()))
        return f"not measured: {reasons[0]}" if reasons else "not measured"
    return ""


def why_nothing_judged(record: Record, incomparable: str | None) -> str:
    """Why of a record that could be judged no metric was."""
    if incomparable is not None:
        return f"incomparable: {incomparable}"
    reasons = sorted(set(record.unmeasured.values()))
    return f"not measured: {reasons[0]}" if reasons else "no gated metric in common with the baseline"
