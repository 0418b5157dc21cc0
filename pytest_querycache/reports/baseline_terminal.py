"""What a baseline holds, for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import BaselineError
from ..model.baseline import Baseline, Section
from ..model.metric import METRICS
from ..model.quantity import format_quantity


def baseline_lines(baseline: Baseline, node_id: str | None, path: Path) -> Iterator[str]:
    """The sections with their sizes, or the figures of one test in every section that knows it.

    Raises BaselineError when no section knows the test.
    """
    if node_id is None:
        if not baseline.sections:
            yield f"{path}: no section yet; pytest --perf-update records one"
        for key, section in sorted(baseline.sections.items()):
            machine = section.environment
            yield f"{key}: {len(section.entries)} entries, Python {machine.full_version}, {machine.cpu_model}"
        return
    knowing = {key: section for key, section in baseline.sections.items() if node_id in section.entries}
    if not knowing:
        raise BaselineError(f"{path}: no section knows {node_id}; pytest --perf-update takes new tests in")
    for key, section in sorted(knowing.items()):
        yield key
        yield from _entry_lines(section, node_id)


def _entry_lines(section: Section, node_id: str) -> Iterator[str]:
    entry = section.entries[node_id]
    for name, figure in entry.figures():
        metric = METRICS.get(name)
        unit = metric.unit if metric is not None else ""
        parts = [f"cold {format_quantity(figure.cold, unit)}"]
        if figure.warm is not None:
            kind = "alone" if entry.alone else "warm"
            parts.append(f"{kind} {format_quantity(figure.warm, unit)}")
        if figure.spread is not None:
            parts.append(f"spread {format_quantity(figure.spread, unit)}")
        yield f"  {name:<16}  {', '.join(parts)}"
    if entry.commit:
        commit = section.commits.get(entry.commit)
        state = ", the tree was changed" if commit is not None and commit.dirty else ""
        yield f"  measured at {entry.commit}{state}"
