"""RegressionTester: the same gate for scripts and pipelines, without pytest."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from .errors import BaselineError
from .model.acceptance import Acceptance, accept
from .model.baseline import Baseline, Section
from .model.environment import Environment, StoredEnvironment
from .model.gate import judge
from .model.measurement import PerfMetrics
from .model.policy import Policy
from .model.record import Record, Run
from .model.screener import screen
from .model.threshold import parse_thresholds
from .model.verdict import Finding, GateResult, Verdict
from .probes.allocations import NATIVE, NET, why_missing
from .probes.machine import disturbances, read_environment
from .reports.signs import visible
from .reports.terminal import gate_lines
from .storage.baseline_file import read_baseline, update_baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionResult:
    """What ``validate`` found."""

    gate: GateResult

    @property
    def success(self) -> bool:
        """False when something regressed, or when nothing was compared."""
        return self.gate.success

    @property
    def regressions(self) -> list[Finding]:
        """The metrics that exceed their limit, worst first."""
        return self.gate.of(Verdict.REGRESSED, Verdict.OVER_BUDGET)

    @property
    def improvements(self) -> list[Finding]:
        """The metrics that became better by 10 % or more."""
        return self.gate.of(Verdict.IMPROVED)

    @property
    def message(self) -> str:
        """One sentence for a log."""
        verdict = "no regression" if self.success else "; ".join(self.gate.failures)
        return f"{verdict} ({self.gate.counts_line})"


class RegressionTester:
    """Keeps a baseline of measured operations in a file, and validates later measurements against it.

    ``path`` is the baseline file, in the format of the plugin's. ``thresholds`` are as in the configuration:
    ``{"time": "20%", "allocated_bytes": "30% and 16KiB"}``; ConfigurationError says what cannot be understood.
    Several measurements of one operation make one record with the best value of each metric. Nothing is confirmed
    in fresh processes here: what exceeds its limit is a regression. Measure a time more than once.
    """

    def __init__(
        self, path: str | Path = "perf-baseline.json", *, thresholds: Mapping[str, object] | None = None
    ) -> None:
        self.path = Path(path)
        self._policy = Policy(table=parse_thresholds(thresholds or {}, "RegressionTester(thresholds=…)"))

    def establish_baseline(self, metrics: Iterable[PerfMetrics]) -> Acceptance:
        """Accept measurements into the file; entries that stay within their thresholds are not touched.

        Raises BaselineError when the old file is unreadable or the new one cannot be written.
        """
        records = _records(metrics)
        environment = _environment()
        written: list[Acceptance] = []

        def change(baseline: Baseline) -> None:
            stored = StoredEnvironment.of(environment)
            section = baseline.sections.setdefault(environment.key, Section(environment=stored))
            written.append(
                accept(section, records.values(), {}, self._policy, environment=environment, commit="")
            )

        update_baseline(self.path, change)
        return written[0]

    def validate(self, metrics: Iterable[PerfMetrics]) -> RegressionResult:
        """Hold measurements against the file, which is only read.

        Raises BaselineError when there is no file, no section for this Python, or it cannot be read.
        """
        environment = _environment()
        baseline = read_baseline(self.path)
        section = baseline.sections.get(environment.key)
        if section is None:
            raise BaselineError(
                f"{self.path}: no section for {environment.key}, it knows {baseline.known_keys()}; "
                "establish_baseline() records one"
            )
        records = _records(metrics)
        run = Run(
            environment=environment,
            records=records,
            claimed=set(records),
            disturbances=disturbances(),
        )
        screening = screen(run, section, self._policy)
        result = judge(screening, run, section, self._policy, {}, confirm="off")
        return RegressionResult(gate=result)

    def print_report(self, result: RegressionResult, file: TextIO | None = None) -> None:
        """Print a result for people, to standard output or another stream."""
        for text, _ in gate_lines(result.gate, verbose=True, accept=("establish_baseline()", "")):
            print(visible(text), file=file or sys.stdout)


def _environment() -> Environment:
    return read_environment(NATIVE if why_missing() is None else NET)


def _records(metrics: Iterable[PerfMetrics]) -> dict[str, Record]:
    """One record for each operation, with the best value of each metric: noise only ever makes one worse."""
    records: dict[str, Record] = {}
    for measured in metrics:
        record = records.setdefault(
            measured.operation,
            Record(
                node_id=measured.operation,
                values=dict(measured.values),
                unmeasured=measured.unmeasured,
                own_metrics=measured.own_metrics,
            ),
        )
        for name, value in measured.values.items():
            metric = record.metric(name)
            known = record.values.get(name, value)
            record.values[name] = metric.best((known, value)) if metric is not None else min(known, value)
    return records
