"""The baseline's own fresh processes in place of the old code, where no commit holds it."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ArmError
from ..model.baseline import Entry, Section
from ..model.metric import METRICS, REFERENCE_TIME, Family
from .arm import Execution


class StoredValues:
    """Answers as a process with the old code would have, with what an update measured in fresh processes.

    Stored times are at the section's speed of the reference workload; each answer carries it.
    """

    def __init__(self, section: Section) -> None:
        self._section = section
        self._known: dict[str, Execution] = {}

    def launch(self, tests: Sequence[str], seed: int) -> None:
        """There is no process to start."""

    def wait_until_ready(self) -> None:
        """There is nothing to wait for."""

    def check_imports(self) -> None:
        """Nothing was imported."""

    def dismiss_process(self) -> None:
        """There is no process to tell."""

    def end_process(self) -> None:
        """There is no process to end."""

    def once(self, test: str, *, warm: bool) -> Execution:
        """The stored values of a test and of its sections; raises ArmError when there are none."""
        found = self._known.get(test)
        if found is None:
            found = self._known[test] = Execution(outcome="passed", figures=self._figures(test))
        if not any(found.figures.values()):
            raise ArmError("the baseline has no values of fresh processes: pytest --perf-update records them")
        return found

    def _figures(self, test: str) -> dict[str, dict[str, float]]:
        return {
            node_id: self._times(entry)
            for node_id, entry in self._section.entries.items()
            if node_id == test or node_id.startswith(f"{test}::")
        }

    def _times(self, entry: Entry) -> dict[str, float]:
        times: dict[str, float] = {}
        for name, figure in entry.figures():
            metric = METRICS.get(name)
            if metric is not None and metric.family is Family.TIME and figure.warm is not None:
                times[name] = figure.warm
        if times and self._section.reference_ns is not None:
            times[REFERENCE_TIME.name] = self._section.reference_ns
        return times
