"""Why a record is left out of the judgement."""

from __future__ import annotations

from .record import Record


def why_not_judged(record: Record) -> str:
    """Why nothing of a record can be judged, empty where something may be."""
    if record.exempt is not None:
        return f"exempt: {record.exempt}" if record.exempt else "exempt"
    if record.outcome != "passed":
        return record.outcome
    return "" if record.values else _why_unmeasured(record, "not measured")


def why_nothing_judged(record: Record, incomparable: str | None) -> str:
    """Why of a record that could be judged no metric was."""
    if incomparable is not None:
        return f"incomparable: {incomparable}"
    return _why_unmeasured(record, "no gated metric in common with the baseline")


def _why_unmeasured(record: Record, otherwise: str) -> str:
    reason = min(record.unmeasured.values(), default=None)
    return otherwise if reason is None else f"not measured: {reason}"
