"""The time trial: a session's slower times, from the first doubt to the evidence.

A session that was slower as a whole is explained by a sample first; a second look then acquits whom a few repeats
show to be innocent; what remains is executed beside the old code, and where there is none beside the baseline's own
values, under the stricter bar.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ..confirm.second_look import second_look
from ..confirm.turns import ONCE_NS
from ..model.baseline import Section
from ..model.decision import decide
from ..model.environment import changed_distributions
from ..model.metric import CPU_TIME, WALL_TIME
from ..model.record import Run
from ..model.screening import Screening
from ..model.suite_shift import Cause, SuiteShift, explained
from ..model.verdict import Evidence, EvidenceByMetric, Suspect, Verdict
from .arms import executor_for
from .budget import Budget
from .opponents import Opponents
from .progress import Progress
from .settings import Settings

SAME_DIRECTION = (
    "slower in the same direction as the whole suite, which the sample proved; not measured again"
)

_MOST_PROVED = 12
"""So many of the worst are proved one by one where all tests are slower."""

_SHARE_OF_SECOND_LOOK = 1 / 3
"""… of the time there is: a look at thousands must leave some for proving what it finds."""


class TimeTrial:
    """Gathers the evidence on a session's slower times; use it as a context manager, for what it lays out."""

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        run: Run,
        section: Section | None,
        screening: Screening,
        *,
        budget: Budget,
        progress: Progress,
    ) -> None:
        self._config = config
        self._run = run
        self._section = section
        self._screening = screening
        self._budget = budget
        self._progress = progress
        self._opponents = Opponents(config, settings, run, section, budget=budget, progress=progress)
        self._controls = _control_times(run, section, screening)

    def __enter__(self) -> TimeTrial:
        return self

    def __exit__(self, *raised: object) -> None:
        self._opponents.close()

    def evidence(self, suspects: Sequence[Suspect]) -> EvidenceByMetric:
        """The evidence on each suspect that something could be found out about."""
        found: EvidenceByMetric = {}
        self._explain_the_whole(found)
        remaining = [s for s in suspects if s.key not in found and not s.sampled]
        acquitted, remaining = self._second_look(self._worst_first(remaining))
        found.update(acquitted)
        if self._is_suite_wide():
            # what all have in common is proved; the worst are worth more, and the others no more of anybody's time
            found.update({s.key: Evidence(problem=SAME_DIRECTION) for s in remaining[_MOST_PROVED:]})
            remaining = remaining[:_MOST_PROVED]
        if remaining:
            controls = {} if self._is_suite_wide() else self._controls
            found.update(self._opponents.old_code(remaining, controls))
            still_open = self._still_open(remaining, found)
            stored = self._beside_stored_values(still_open)
            # where they show nothing either, the first reason is the one to mend
            told = [s for s in still_open if s.key in stored and self._is_told_by(stored[s.key], s)]
            found.update({suspect.key: stored[suspect.key] for suspect in told})
        return found

    def _is_told_by(self, proof: Evidence, suspect: Suspect) -> bool:
        """Whether stored values say anything: while nobody knows why all became slower, they acquit nobody."""
        if proof.duel is None:
            return False
        suite = self._screening.suite
        unexplained = suite is not None and suite.cause is Cause.UNKNOWN
        return not unexplained or decide(suspect, proof, confirm="auto").verdict is not Verdict.UNCHANGED

    def _worst_first(self, suspects: Sequence[Suspect]) -> list[Suspect]:
        """Those whose exact counts rose too come first, then those with the largest excess for the time they take.

        One test of a second takes as much of the budget as fifty short ones, and a single proof fails the session.
        """
        rising = {s.node_id for s in self._screening.suspects if s.metric.deterministic and not s.is_budget}

        def rank(suspect: Suspect) -> tuple[bool, float]:
            record = self._run.records.get(suspect.test_id)
            takes = record.values.get(WALL_TIME.name, 0.0) if record is not None else 0.0
            worth = suspect.excess
            return suspect.node_id not in rising, -(worth / max(takes / ONCE_NS, 1) if worth > 0 else worth)

        return sorted(suspects, key=rank)

    def _explain_the_whole(self, found: EvidenceByMetric) -> None:
        """Find out from the sample what made the whole session slower, and acquit those whom the machine explains."""
        screening = self._screening
        if not screening.sample:
            return
        sampled = self._opponents.old_code(screening.sample, {})
        suite = explained(screening.shift, [e.duel for e in sampled.values() if e.duel is not None])
        if suite.cause is Cause.MACHINE and self._dependencies_changed():
            # old and new code both ran with the new ones, so that they may be what made all of it slower
            suite = SuiteShift(shift=suite.shift, measured=suite.measured)
        screening.suite = suite
        only_sampled = {suspect.key for suspect in screening.sample if suspect.sampled}
        found.update({k: e for k, e in sampled.items() if e.duel is not None or k in only_sampled})
        if suite.cause is Cause.MACHINE and not screening.foreign:
            for suspect in screening.suspects:
                if _is_timed(suspect) and self._is_explained(suspect, suite.machine_share):
                    found.setdefault(suspect.key, Evidence(machine_share=suite.machine_share))

    def _is_explained(self, suspect: Suspect, machine_share: float) -> bool:
        """Whether a machine that is slower by a factor explains a time; waiting does not become slower with it."""
        record = self._run.records.get(suspect.node_id)
        working = record.values.get(CPU_TIME.name) if record is not None else None
        part = min(suspect.now, working) if working is not None else 0.0
        return not suspect.limit.exceeded_by(suspect.now - part * (1 - 1 / machine_share))

    def _second_look(self, suspects: Sequence[Suspect]) -> tuple[EvidenceByMetric, list[Suspect]]:
        """What acquits, and who remains: those who look slower again first, whose one time may be chance last."""
        stored = [suspect for suspect in suspects if not suspect.unseen]
        if self._section is None or not stored:
            return {}, list(suspects)
        budget = self._budget.share(_SHARE_OF_SECOND_LOOK)
        with executor_for(self._config, self._run) as executor:
            acquitted, seen, unseen = second_look(
                stored,
                executor,
                reference_ns=self._section.reference_ns,
                clock=budget.clock,
                deadline=budget.deadline,
                progress=lambda number, total, name: self._progress.show(
                    f"second look {number} of {total}, {self._budget}: {name}"
                ),
            )
        unstored = [suspect for suspect in suspects if suspect.unseen]
        return acquitted, [*self._worst_first(seen), *self._worst_first([*unseen, *unstored])]

    def _beside_stored_values(self, suspects: Sequence[Suspect]) -> EvidenceByMetric:
        """Duels beside the baseline's own fresh processes, for whom no commit could be had, or none could acquit.

        Stored values say nothing of another processor, nor of what hits every test.
        """
        stored = [suspect for suspect in suspects if not suspect.unseen]
        if not stored or self._screening.foreign or self._is_suite_wide() or self._budget.is_over:
            return {}
        return self._opponents.stored_values(stored, self._controls)

    def _still_open(self, suspects: Sequence[Suspect], found: EvidenceByMetric) -> list[Suspect]:
        """Suspects without old code to stand beside, and those whom it cannot acquit, since dependencies changed."""
        newer = self._dependencies_changed()
        return [suspect for suspect in suspects if _is_open(suspect, found.get(suspect.key), newer=newer)]

    def _dependencies_changed(self) -> bool:
        if self._section is None:
            return False
        stored, now = self._section.environment.distributions, self._run.environment.distributions
        return bool(changed_distributions(stored, now))

    def _is_suite_wide(self) -> bool:
        suite = self._screening.suite
        return suite is not None and suite.cause is Cause.CODE


def _is_open(suspect: Suspect, proof: Evidence | None, *, newer: bool) -> bool:
    if proof is None or proof.incomparable:
        return proof is None
    if proof.duel is None:
        return True
    return newer and decide(suspect, proof, confirm="auto").verdict is Verdict.UNCHANGED


def _control_times(run: Run, section: Section | None, screening: Screening) -> dict[str, float]:
    """The wall times of the tests that nobody suspects, and that can be executed again."""
    # where every test is confirmed, those within their limits still control the others
    accused = {s.test_id for s in screening.suspects if s.unseen or s.limit.exceeded_by(s.now)}
    times = {}
    for node_id, record in run.records.items():
        entry = section.entries.get(node_id) if section is not None else None
        innocent = node_id not in accused and record.outcome == "passed" and record.exempt is None
        if innocent and not record.test_id and entry is not None and not entry.alone:
            times[node_id] = record.values.get("wall_time", 0.0)
    return times


def _is_timed(suspect: Suspect) -> bool:
    return not suspect.unseen and not suspect.is_budget and suspect.metric.unit == "ns"
