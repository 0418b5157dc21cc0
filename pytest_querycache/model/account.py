"""Everything of one session that a report may tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .baseline import Section
from .history import RememberedResult, Series
from .record import Run
from .verdict import Evidence, GateResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """When a run was made, by which command, and at which commit.

    ``finished`` is a UTC time in ISO 8601; texts are empty where nobody knows. ``dirty`` says that the working
    tree differed from the commit.
    """

    command: str = ""
    finished: str = ""
    commit: str = ""
    dirty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One session: its run, what the gate said of it, and what that was said from.

    ``result`` is None where nothing was judged. ``section`` is what the run was held against, None without a
    baseline. ``evidence`` is what fresh processes measured, by node id and metric.
    """

    run: Run
    occasion: Occasion = field(default_factory=Occasion)
    result: GateResult | None = None
    evidence: Mapping[tuple[str, str], Evidence] = field(default_factory=dict)
    section: Section | None = None

    def history(self, node_id: str, metric: str) -> Series | None:
        """What earlier runs and this one cost, where a history is kept and the gate found the record worse."""
        result = self.result
        return result.history.get((node_id, metric)) if isinstance(result, RememberedResult) else None
