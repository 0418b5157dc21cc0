"""Accepting: the session's figures, measured again in fresh processes, go into the baseline file."""

from __future__ import annotations

import pytest

from ..confirm.learning import learn
from ..errors import ArmError, BaselineError
from ..model.acceptance import Acceptance, accept
from ..model.baseline import Baseline, Commit, Section
from ..model.environment import StoredEnvironment
from ..model.learned import Learned
from ..model.missing import missing_entries
from ..model.quantity import format_quantity
from ..storage.baseline_file import update_baseline
from .arms import executor_for
from .collecting import Collecting
from .head import read_session_head
from .progress import Progress
from .settings import Settings, shown_path

_EXECUTIONS = 3.5
_OVERHEAD_NS = 1e6
_START_NS = 1e9


class Update:
    """One acceptance; ``acceptance`` says what it wrote, ``error`` why it wrote nothing."""

    def __init__(self, config: pytest.Config, settings: Settings, collecting: Collecting) -> None:
        self._config = config
        self._settings = settings
        self._collecting = collecting
        self.acceptance = Acceptance()
        self.problems: dict[str, str] = {}
        self.error = ""
        self.path_text = shown_path(config, settings)

    def carry_out(self, progress: Progress) -> None:
        """Learn what fresh processes show, and write; an old file that cannot be read stops it before."""
        try:
            self._refuse_distorted_figures()
            learned = self._learn(progress)
            update_baseline(self._settings.baseline, lambda baseline: self._change(baseline, learned))
        except BaselineError as error:
            self.error = str(error)

    def _refuse_distorted_figures(self) -> None:
        """Without fresh processes a session under a tracer has nothing worth accepting."""
        disturbances = self._collecting.run.disturbances
        if disturbances and self._settings.confirm == "off":
            raise BaselineError(f"{min(disturbances.values())}: figures measured under it cannot be accepted")

    def _learn(self, progress: Progress) -> dict[str, Learned]:
        run = self._collecting.run
        tests = [
            node_id
            for node_id, record in run.records.items()
            if record.outcome == "passed" and not record.test_id and record.values
        ]
        if self._settings.confirm == "off" or not tests:
            return {}
        processes = self._settings.configuration.update_runs
        wall_ns = sum(run.records[test].values.get("wall_time", 0) for test in tests)
        estimate = processes * (_START_NS + _EXECUTIONS * (wall_ns + _OVERHEAD_NS * len(tests)))
        progress.announce(
            f"measuring {_counted(len(tests), 'test')} in {_counted(processes, 'fresh process', 'es')}, "
            f"about {format_quantity(estimate, 'ns')}"
        )
        with progress, executor_for(self._config, run) as executor:
            try:
                learned = learn(
                    tests,
                    executor,
                    processes=processes,
                    progress=lambda number, total, name: progress.show(
                        f"execution {number} of {total}: {name}"
                    ),
                )
            except ArmError as error:
                raise BaselineError(
                    f"{error}; without fresh processes there is nothing to hold later counts against "
                    "(--perf-confirm=off accepts this session's own figures all the same)"
                ) from None
        self.problems.update({test: found.problem for test, found in learned.items() if found.problem})
        return learned

    def _change(self, baseline: Baseline, learned: dict[str, Learned]) -> None:
        environment = self._collecting.run.environment
        section = baseline.sections.setdefault(
            environment.key, Section(environment=StoredEnvironment.of(environment))
        )
        self._collecting.finish(entries=section.entries)
        head = read_session_head(self._config, self._settings)
        self.acceptance = accept(
            section,
            self._collecting.run.records.values(),
            learned,
            self._settings.policy,
            environment=environment,
            disturbed=self._collecting.run.disturbances,
            gone=missing_entries(self._collecting.run, section),
            commit=head.commit if head is not None else "",
        )
        used = {entry.commit for entry in section.entries.values()}
        if head is not None:
            known = section.commits.get(head.commit)
            dirty = head.dirty or (known is not None and known.dirty)
            section.commits[head.commit] = Commit(dirty=dirty, date=head.date)
        section.commits = {name: commit for name, commit in section.commits.items() if name in used}


def _counted(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"
