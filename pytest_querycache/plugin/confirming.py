"""Confirms a session's suspects: counts by repeats of the new code, times by old code beside new."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic_ns

import pytest

from ..confirm.arbiter import confirm_repeats
from ..errors import ArmError
from ..model.baseline import Section
from ..model.decision import confirmable
from ..model.record import Run
from ..model.screening import Screening
from ..model.verdict import Evidence, EvidenceByMetric, Suspect
from .arms import executor_for
from .progress import Progress
from .settings import Settings
from .time_trial import TimeTrial

_LEAST_BUDGET_NS = 30e9
_SHARE_OF_SUITE = 0.25
_SHARE_OF_REPEATS = 0.5


def budget_ns(settings: Settings, suite_ns: float) -> float:
    """How long confirmation may take: as configured, or the larger of 30 s and a quarter of the suite's time."""
    configured = settings.configuration.confirm_budget_ns
    return max(_LEAST_BUDGET_NS, _SHARE_OF_SUITE * suite_ns) if configured is None else configured


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
    budget = budget_ns(settings, suite_ns)
    deadline = monotonic_ns() + int(budget)
    evidence: EvidenceByMetric = {}
    with progress:
        repeated = [suspect for suspect in suspects if confirmable(suspect)]
        timed = [suspect for suspect in suspects if not confirmable(suspect)]
        if repeated:
            # neither kind may use up what the other needs
            share = budget * _SHARE_OF_REPEATS if timed else budget
            evidence.update(_by_repeats(repeated, config, run, monotonic_ns() + int(share), progress))
        if timed:
            with TimeTrial(
                config, settings, run, section, screening, deadline=deadline, progress=progress
            ) as trial:
                evidence.update(trial.evidence(timed))
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
            return {suspect.key: Evidence(problem=str(error)) for suspect in suspects}
