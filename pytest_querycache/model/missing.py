"""Entries of the baseline that no test claims any more."""

from __future__ import annotations

from .baseline import Section
from .record import Run, file_of


def missing_entries(run: Run, section: Section) -> list[str]:
    """The entries no test claimed although their file was collected whole and the session completed."""
    if not (run.complete and run.whole):
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
