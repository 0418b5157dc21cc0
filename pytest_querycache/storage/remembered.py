"""What a history knows of a verdict's bad cases, for the page that draws it beside them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from ..model.baseline import Section
from ..model.history import Machine, Series, series_of, with_history
from ..model.record import Run
from ..model.verdict import GateResult, Verdict

_SHOWN = 100
"""How many of the newest runs a chart shows."""

_MOST_RECORDS = 50
"""A hundred charts of a hundred dots are a megabyte of page."""

_SAME_RUN = timedelta(seconds=10)
"""A session keeps its run before it writes its reports, which name the moment at which that begins."""


def remembered(
    path: Path, run: Run, result: GateResult, section: Section | None, *, finished: str
) -> GateResult:
    """The result beside the history of what went wrong in it, up to the run itself, which ended at ``finished``.

    A record without a history up to this run has none. Raises HistoryError for one that cannot be read.
    """
    bad = result.of(Verdict.REGRESSED, Verdict.OVER_BUDGET, Verdict.UNCONFIRMED)
    wanted = dict.fromkeys((each.node_id, each.metric.name) for each in bad if each.metric is not None)
    if not wanted:
        return result
    node_ids = list(dict.fromkeys(node_id for node_id, _ in wanted))[:_MOST_RECORDS]
    found = {
        (series.node_id, series.metric.name): series
        for series in _series(path, node_ids, run, section, finished)
        if (series.node_id, series.metric.name) in wanted
    }
    return with_history(result, found)


def _series(
    path: Path, node_ids: list[str], run: Run, section: Section | None, finished: str
) -> Iterator[Series]:
    """The series of some records on this machine, at the speed of the baseline's reference workload.

    What does not depend on the processor goes on from one to the next, as the gate compares it.
    """
    from .history_reader import history  # sqlite3 is nobody else's business

    here = Machine.of(run.environment)
    speed = section.reference_ns if section is not None else None
    with history(path) as reader:
        for node_id in node_ids:
            costs = (
                cost
                for cost in reader.costs(node_id)
                if cost[0].key == here.key and cost[1].finished <= finished
            )
            for series in series_of(node_id, costs, reference_ns=speed, limit=_SHOWN):
                ended = series.moments[-1].finished
                if series.machine in (here, here.any_processor) and _is_same_run(ended, finished):
                    yield series


def _is_same_run(kept: str, told: str) -> bool:
    try:
        return datetime.fromisoformat(told) - datetime.fromisoformat(kept) <= _SAME_RUN
    except (TypeError, ValueError):
        return False
