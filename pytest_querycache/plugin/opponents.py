"""Whom the new code is executed beside: the commits that hold the old code, or the baseline's own values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache

import pytest

from ..confirm.base_choice import MOST_COMMITS, choose_bases, in_both
from ..confirm.base_tree import BaseTree
from ..confirm.duels import duel
from ..confirm.source_change import is_in, source_differs
from ..confirm.stored_values import StoredValues
from ..errors import ArmError, IncomparableError
from ..model.baseline import Section
from ..model.record import Run, file_of
from ..model.verdict import Evidence, EvidenceByMetric, Suspect
from ..storage.repository import top_folder
from .arms import executor_for, laid_out
from .budget import Budget
from .progress import Progress
from .settings import Settings


class Opponents:
    """Lays out each base commit once in a session, and lets suspects fight; ``close`` clears what was laid out."""

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        run: Run,
        section: Section | None,
        *,
        budget: Budget,
        progress: Progress,
    ) -> None:
        self._config = config
        self._settings = settings
        self._run = run
        self._section = section
        self._budget = budget
        self._progress = progress
        self._laid_out = ExitStack()
        self._bases: dict[str, BaseTree | ArmError] = {}

    def close(self) -> None:
        """Remove everything from the disk again."""
        self._laid_out.close()

    def old_code(self, suspects: Sequence[Suspect], controls: Mapping[str, float]) -> EvidenceByMetric:
        """Duels beside the commits that hold the suspects' old code; ``controls`` are times of innocent tests."""
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
                found.update(self._beside(base, accused, controls))
        return found

    def stored_values(self, suspects: Sequence[Suspect], controls: Mapping[str, float]) -> EvidenceByMetric:
        """Duels beside what the baseline's own fresh processes showed; none where it knows no speed of theirs."""
        section = self._section
        if section is None or section.reference_ns is None:
            return {}
        with executor_for(self._config, self._run) as new_code:
            return duel(
                suspects,
                new_code,
                StoredValues(section),
                commit="",
                test_changed=lambda test: False,
                clock=self._budget.clock,
                deadline=self._budget.deadline,
                progress=self._tell,
                controls=controls,
                stored_reference_ns=section.reference_ns,
            )

    def _base(self, commit: str) -> BaseTree | ArmError:
        """A commit's code, laid out once in a session; or why it could not be."""
        if commit in self._bases:
            return self._bases[commit]
        if len(self._bases) >= MOST_COMMITS:
            return ArmError(f"no more than {MOST_COMMITS} base commits are laid out in a session")
        begun = self._budget.clock()
        try:
            self._bases[commit] = self._lay_out(commit)
        except ArmError as error:
            self._bases[commit] = error
        self._budget.give_back(begun)  # neither a checkout nor a build is confirmation
        return self._bases[commit]

    def _lay_out(self, commit: str) -> BaseTree:
        top = top_folder(self._config.rootpath)
        if top is None:
            raise ArmError("no old code to compare with: this is not a git repository")
        return self._laid_out.enter_context(
            laid_out(top, commit, config=self._config, settings=self._settings, progress=self._progress)
        )

    def _beside(
        self, base: BaseTree, suspects: Sequence[Suspect], controls: Mapping[str, float]
    ) -> EvidenceByMetric:
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
                    clock=self._budget.clock,
                    deadline=self._budget.deadline,
                    progress=self._tell,
                    controls=controls,
                    is_unfit=is_unfit,
                )
            )
        return found

    def _tell(self, number: int, total: int, name: str) -> None:
        self._progress.show(f"suspect {number} of {total}, {self._budget}, {name}")


def _problem(suspects: Iterable[Suspect], problem: str, *, incomparable: bool = False) -> EvidenceByMetric:
    return {suspect.key: Evidence(problem=problem, incomparable=incomparable) for suspect in suspects}
