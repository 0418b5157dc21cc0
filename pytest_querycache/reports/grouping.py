"""Findings of one record together, as every report lists them."""

from __future__ import annotations

from collections.abc import Iterable

from ..model.verdict import Finding


def by_record(findings: Iterable[Finding]) -> list[tuple[str, list[Finding]]]:
    """The records in the order of their first finding, each with all of its own."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.node_id, []).append(finding)
    return list(groups.items())
