"""Confirms a session's suspects: counts by repeats of the new code, times by old code beside new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import monotonic_ns

import pytest

from ..confirm.arbiter import confirm_repeats
from ..confirm.base_choice import choose_bases, in_both
from ..confirm.base_tree import BaseTree
from ..confirm.duels import duel
from ..confirm.second_look import second_look
from ..confirm.source_change import source_differs
from ..errors import ArmError
from ..model.baseline import Section
from ..model.gate import confirmable
from ..model.record import Run, file_of
from ..model.verdict import Evidence, EvidenceByMetric, Suspect
from ..storage.repository import top_folder
from .arms import executor_for, laid_out
from .progress import Progress
from .settings import Settings

_LEAST_BUDGET_NS = 30e9
_SHARE_OF_SUITE = 0.25


def budget_ns(settings: Settings, suite_ns: float) -> float:
    """How long confirmation may take: as configured, or the larger of 30 s and a quarter of the suite's time."""
    configured = settings.configuration.confirm_budget_ns
    return max(_LEAST_BUDGET_NS, _SHARE_OF_SUITE * suite_ns) if configured is None else configured


def confirm(
    suspects: Sequence[Suspect],
    *,
    config: pytest.Config,
    settings: Settings,
    run: Run,
    section: Section | None,
    suite_ns: float,
    progress: Progress,
) -> EvidenceByMetric:
    """The evidence of fresh processes for every suspect they can say something about."""
    deadline = monotonic_ns() + int(budget_ns(settings, suite_ns))
    evidence: EvidenceByMetric = {}
    with progress:
        repeated = [suspect for suspect in suspects if confirmable(suspect)]
        if repeated:
            evidence.update(_by_repeats(repeated, config, run, deadline, progress))
        timed = [suspect for suspect in suspects if not confirmable(suspect)]
        if timed:
            evidence.update(_by_duels(timed, config, settings, run, section, deadline, progress))
    return evidence


def _by_repeats(
    suspects: Sequence[Suspect], config: pytest.Config, run: Run, deadline: int, progress: Progress
) -> EvidenceByMetric:
    with executor_for(config, run) as executor:
        try:
            return confirm_repeats(
                suspects,
                executor,
                clock=monotonic_ns,
                budget_ns=deadline - monotonic_ns(),
                progress=lambda number, total, name: progress.show(
                    f"repeating suspect {number} of {total}: {name}"
                ),
            )
        except ArmError as error:
            return _problem(suspects, str(error))


def _by_duels(
    suspects: Sequence[Suspect],
    config: pytest.Config,
    settings: Settings,
    run: Run,
    section: Section | None,
    deadline: int,
    progress: Progress,
) -> EvidenceByMetric:
    evidence, suspects = _by_second_look(suspects, config, run, section, deadline, progress)
    if not suspects:
        return evidence
    by_commit, problems = choose_bases(
        suspects,
        section,
        baseline=settings.baseline,
        folder=config.rootpath,
        against=settings.against,
        section_key=run.environment.key,
    )
    evidence.update(_problem([s for s in suspects if s.node_id in problems], problems))
    top = top_folder(config.rootpath)
    for commit, accused in by_commit.items():
        if top is None:
            break
        try:
            with laid_out(top, commit, config=config, settings=settings, progress=progress) as base:
                deadline += int(base.built_ns)  # a build is not confirmation
                evidence.update(_duel_beside(base, accused, config, run, deadline, progress))
        except ArmError as error:
            evidence.update(_problem(accused, str(error)))
    return evidence


def _by_second_look(
    suspects: Sequence[Suspect],
    config: pytest.Config,
    run: Run,
    section: Section | None,
    deadline: int,
    progress: Progress,
) -> tuple[EvidenceByMetric, list[Suspect]]:
    stored = [suspect for suspect in suspects if not suspect.unseen]
    if section is None or not stored:
        return {}, list(suspects)
    with executor_for(config, run) as executor:
        acquitted, remaining = second_look(
            stored,
            executor,
            reference_ns=section.reference_ns,
            clock=monotonic_ns,
            deadline=deadline,
            progress=lambda number, total, name: progress.show(f"second look {number} of {total}: {name}"),
        )
    return acquitted, [*remaining, *(suspect for suspect in suspects if suspect.unseen)]


def _duel_beside(
    base: BaseTree,
    suspects: Sequence[Suspect],
    config: pytest.Config,
    run: Run,
    deadline: int,
    progress: Progress,
) -> EvidenceByMetric:
    old_root = base.mapped(config.rootpath)
    known = in_both((suspect.test_id for suspect in suspects), old_root)
    unknown = [suspect for suspect in suspects if suspect.test_id not in known]
    evidence = _problem(unknown, f"{base.commit[:12]} does not have the test")
    accused = [suspect for suspect in suspects if suspect.test_id in known]
    if not accused:
        return evidence
    with (
        executor_for(config, run, foreign=base.root) as new_code,
        executor_for(config, run, base=base, foreign=base.top) as old_code,
    ):
        evidence.update(
            duel(
                accused,
                new_code,
                old_code,
                commit=base.commit,
                test_changed=lambda test: source_differs(
                    old_root / file_of(test), config.rootpath / file_of(test), test
                ),
                clock=monotonic_ns,
                deadline=deadline,
                progress=lambda number, total, name: progress.show(f"suspect {number} of {total}, {name}"),
            )
        )
    return evidence


def _problem(suspects: Iterable[Suspect], problem: str | dict[str, str]) -> EvidenceByMetric:
    return {
        suspect.key: Evidence(problem=problem if isinstance(problem, str) else problem[suspect.node_id])
        for suspect in suspects
    }
