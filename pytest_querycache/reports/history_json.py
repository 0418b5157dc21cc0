"""A history for other programs, as JSON.

``cpu_model`` is empty for a series of counts, which are the same on every model.

Format history:

1. The first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..model.history import Moment, Series

FORMAT = "pytest-querycache history"
VERSION = 1


def history_json(series: Iterable[Series], *, with_runs: bool) -> str:
    """Series with their courses, with every run's value where that is asked for; values are in the metric's unit."""
    members = [dict(_plain_series(each, with_runs)) for each in series]
    return json.dumps({"format": FORMAT, "version": VERSION, "series": members}, indent=1, allow_nan=False)


def _plain_series(series: Series, with_runs: bool) -> Iterator[tuple[str, Any]]:
    metric, course = series.metric, series.course
    yield "node_id", series.node_id
    yield "metric", metric.name
    yield "unit", metric.unit
    yield "better", metric.better.value
    yield "environment", series.machine.key
    yield "cpu_model", series.machine.cpu_model
    yield "start", course.start
    yield "end", course.end
    yield "creeping", course.creeping
    yield (
        "shifts",
        [
            {**_plain_moment(series.moments[shift.position]), "before": shift.before, "after": shift.after}
            for shift in course.shifts
        ],
    )
    if with_runs:
        yield (
            "runs",
            [
                {**_plain_moment(moment), "value": value}
                for moment, value in zip(series.moments, series.values, strict=True)
            ],
        )


def _plain_moment(moment: Moment) -> dict[str, Any]:
    return {"finished": moment.finished, "commit": moment.commit, "dirty": moment.dirty}
