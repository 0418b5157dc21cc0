"""The time trial: a session's slower times, from the first doubt to the evidence.

A session that was slower as a whole is explained by a sample first; a second look then acquits whom a few repeats
show to be innocent; what remains is executed beside the old code, and where there is none beside the baseline's own
values, under the stricter bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import cache
from time import monotonic_ns

import pytest

from ..confirm.base_choice import choose_bases, in_both
from ..confirm.base_tree import BaseTree
from ..confirm.duels import BATCH, duel
from ..confirm.second_look import second_look
from ..confirm.source_change import is_in, source_differs
from ..confirm.stored_values import StoredValues
from ..errors import ArmError, IncomparableError
from ..model.baseline import Section
from ..model.decision import decide
from ..model.environment import changed_distributions
from ..model.metric import CPU_TIME
from ..model.record import Run, file_of
from ..model.screening import Screening
from ..model.suite_shift import Cause, SuiteShift, explained
from ..model.verdict import Evidence, EvidenceByMetric, Suspect, Verdict
from ..storage.repository import top_folder
from .arms import executor_for, laid_out
from .progress import Progress
from .settings import Settings

SAME_DIRECTION = (
    "slower in the same direction as the whole suite, which the sample proved; not measured again"
)

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
        deadline: int,
        progress: Progress,
    ) -> None:
        self._config = config
        self._settings = settings
        self._run = run
        self._section = section
        self._screening = screening
        self._deadline = deadline
        self._progress = progress
        self._laid_out = ExitStack()
        self._bases: dict[str, BaseTree | ArmError] = {}
        self._controls = _control_times(run, section, screening)

    def __enter__(self) -> TimeTrial:
        return self

    def __exit__(self, *raised: object) -> None:
        self._laid_out.close()

    def evidence(self, suspects: Sequence[Suspect]) -> EvidenceByMetric:
        """The evidence on each suspect that something could be found out about."""
        found: EvidenceByMetric = {}
        self._explain_the_whole(found)
        remaining = [s for s in suspects if s.key not in found and not s.sampled]
        acquitted, remaining = self._second_look(self._worst_first(remaining))
        found.update(acquitted)
        remaining = self._worst_first(remaining)
        suite = self._screening.suite
        if suite is not None and suite.cause is Cause.CODE:
            # what all have in common is proved; the worst are worth more, and the others no more of anybody's time
            found.update(_problem(remaining[BATCH:], SAME_DIRECTION))
            remaining = remaining[:BATCH]
        if remaining:
            found.update(self._beside_old_code(remaining))
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
        """Those whose exact counts rose too come first, then those with the largest excess."""
        rising = {s.node_id for s in self._screening.suspects if s.metric.deterministic and not s.is_budget}
        return sorted(suspects, key=lambda suspect: (suspect.node_id not in rising, -suspect.excess))

    def _explain_the_whole(self, found: EvidenceByMetric) -> None:
        """Find out from the sample what made the whole session slower, and acquit those whom the machine explains."""
        screening = self._screening
        if not screening.sample:
            return
        sampled = self._beside_old_code(screening.sample, controls=False)
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
        stored = [suspect for suspect in suspects if not suspect.unseen]
        if self._section is None or not stored:
            return {}, list(suspects)
        time_left = max(self._deadline - monotonic_ns(), 0)
        with executor_for(self._config, self._run) as executor:
            acquitted, remaining = second_look(
                stored,
                executor,
                reference_ns=self._section.reference_ns,
                clock=monotonic_ns,
                deadline=monotonic_ns() + int(time_left * _SHARE_OF_SECOND_LOOK),
                progress=lambda number, total, name: self._progress.show(
                    f"second look {number} of {total}, {self._time_left()}: {name}"
                ),
            )
        return acquitted, [*remaining, *(suspect for suspect in suspects if suspect.unseen)]

    def _beside_old_code(self, suspects: Sequence[Suspect], *, controls: bool = True) -> EvidenceByMetric:
        """Duels beside the commits that hold the suspects' old code."""
        by_commit, problems = choose_bases(
            suspects,
            self._section,
            baseline=self._settings.baseline,
            folder=self._config.rootpath,
            against=self._settings.against,
            section_key=self._run.environment.key,
        )
        found = {s.key: Evidence(problem=problems[s.node_id]) for s in suspects if s.node_id in problems}
        for commit, accused in by_commit.items():
            base = self._base(commit)
            if isinstance(base, ArmError):
                found.update(_problem(accused, str(base), incomparable=isinstance(base, IncomparableError)))
            else:
                found.update(self._beside(base, accused, controls=controls))
        return found

    def _base(self, commit: str) -> BaseTree | ArmError:
        """A commit's code, laid out once in a session; or why it could not be."""
        if commit not in self._bases:
            top = top_folder(self._config.rootpath)
            begun = monotonic_ns()
            try:
                if top is None:
                    raise ArmError("no old code to compare with: this is not a git repository")
                base = self._laid_out.enter_context(
                    laid_out(
                        top, commit, config=self._config, settings=self._settings, progress=self._progress
                    )
                )
                self._bases[commit] = base
            except ArmError as error:
                self._bases[commit] = error
            self._deadline += monotonic_ns() - begun  # neither a checkout nor a build is confirmation
        return self._bases[commit]

    def _beside(self, base: BaseTree, suspects: Sequence[Suspect], *, controls: bool) -> EvidenceByMetric:
        """Duels beside one commit."""
        old_root, root = base.mapped(self._config.rootpath), self._config.rootpath
        known = in_both((suspect.test_id for suspect in suspects), old_root, root)
        found = _problem(
            [suspect for suspect in suspects if suspect.test_id not in known],
            f"{base.commit[:12]} does not have the test",
        )
        accused = [suspect for suspect in suspects if suspect.test_id in known]
        if not accused:
            return found

        @cache
        def test_changed(test: str) -> bool:
            return source_differs(old_root / file_of(test), root / file_of(test), test)

        def is_unfit(test: str) -> bool:
            return not is_in(old_root / file_of(test), test) or test_changed(test)

        with (
            executor_for(self._config, self._run, foreign=base.root) as new_code,
            executor_for(self._config, self._run, base=base, foreign=base.top) as old_code,
        ):
            found.update(
                duel(
                    accused,
                    new_code,
                    old_code,
                    commit=base.commit,
                    test_changed=test_changed,
                    clock=monotonic_ns,
                    deadline=self._deadline,
                    progress=self._tell_suspect,
                    controls=self._controls if controls and not self._is_suite_wide() else {},
                    is_unfit=is_unfit,
                )
            )
        return found

    def _beside_stored_values(self, suspects: Sequence[Suspect]) -> EvidenceByMetric:
        """Duels beside the baseline's own fresh processes, for whom no commit could be had, or none could acquit."""
        section = self._section
        stored = [suspect for suspect in suspects if not suspect.unseen]
        if section is None or section.reference_ns is None or not stored:
            return {}
        if self._screening.foreign or self._is_suite_wide() or monotonic_ns() > self._deadline:
            return {}  # stored values say nothing of another processor, nor of what hits every test
        with executor_for(self._config, self._run) as new_code:
            return duel(
                stored,
                new_code,
                StoredValues(section),
                commit="",
                test_changed=lambda test: False,
                clock=monotonic_ns,
                deadline=self._deadline,
                progress=self._tell_suspect,
                controls=self._controls,
                stored_reference_ns=section.reference_ns,
            )

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

    def _tell_suspect(self, number: int, total: int, name: str) -> None:
        self._progress.show(f"suspect {number} of {total}, {self._time_left()}, {name}")

    def _time_left(self) -> str:
        return f"{max(self._deadline - monotonic_ns(), 0) / 1e9:.0f} s left"


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


def _problem(suspects: Iterable[Suspect], problem: str, *, incomparable: bool = False) -> EvidenceByMetric:
    return {suspect.key: Evidence(problem=problem, incomparable=incomparable) for suspect in suspects}
