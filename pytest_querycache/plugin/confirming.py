"""Confirms a session's suspects: counts by repeats of the new code, times by old code beside new."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ..confirm.arbiter import confirm_repeats
from ..errors import ArmError
from ..model.baseline import Section
from ..model.decision import confirmable
from ..model.record import Run
from ..model.screening import Screening
from ..model.verdict import Evidence, EvidenceByMetric, Suspect
from .arms import executor_for
from .budget import Budget, budget_of
from .progress import Progress
from .settings import Settings
from .time_trial import TimeTrial

_SHARE_OF_REPEATS = 0.5


def confirm(
    screening: Screening,
    *,
    config: pytest.Config,
    settings: Settings,
    run: Run,
    section: Section | None,
    suite_ns: float,
    progress: Progress,
) -> EvidenceByMetric:
    """The evidence of fresh processes for every suspect they can say something about.

    The screening learns what made the whole session slower, where it was.
    """
    suspects = screening.suspects
    budget = budget_of(settings, suite_ns)
    evidence: EvidenceByMetric = {}
    with progress:
        repeated = [suspect for suspect in suspects if confirmable(suspect)]
        timed = [suspect for suspect in suspects if not confirmable(suspect)]
        if repeated:
            # neither kind may use up what the other needs
            share = budget.share(_SHARE_OF_REPEATS) if timed else budget
            evidence.update(_by_repeats(repeated, config, run, share, progress))
        if timed:
            with TimeTrial(
                config, settings, run, section, screening, budget=budget, progress=progress
            ) as trial:
                evidence.update(trial.evidence(timed))
    return evidence


def _by_repeats(
    suspects: Sequence[Suspect], config: pytest.Config, run: Run, budget: Budget, progress: Progress
) -> EvidenceByMetric:
    with executor_for(config, run) as executor:
        try:
            return confirm_repeats(
                suspects,
                executor,
                clock=budget.clock,
                budget_ns=budget.left_ns,
                progress=lambda number, total, name: progress.show(
                    f"repeating suspect {number} of {total}, {budget}: {name}"
                ),
            )
        except ArmError as error:
            return {suspect.key: Evidence(problem=str(error)) for suspect in suspects}
