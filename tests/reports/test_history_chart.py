"""The history of a bad case on the page: a chart with the baseline and the limit drawn in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest

from pytest_querycache.model.account import Account
from pytest_querycache.model.history import Machine, Moment, Series, SeriesByMetric, with_history
from pytest_querycache.model.limit import Limit
from pytest_querycache.model.metric import Metric
from pytest_querycache.model.verdict import Finding, GateResult, Verdict
from pytest_querycache.reports.history_chart import history_chart
from pytest_querycache.reports.html import html_report
from tests.accounts import BYTES, HERE, LIST, LOAD, MB, RESULT, TIME, account
from tests.reports.test_html import HOSTILE, Tags

MACHINE = Machine.of(HERE)
FINDING = RESULT.findings[0]


def series(node_id: str, metric: Metric, values: list[float], commit: str = "c0ffee") -> Series:
    """A run a day from the 5th of January on."""
    moments = [
        Moment(finished=f"{date(2026, 1, 5) + timedelta(days=run)}T04:00:00+00:00", commit=f"{commit}{run}")
        for run in range(len(values))
    ]
    return Series(node_id=node_id, metric=metric, machine=MACHINE, moments=moments, values=values)


def with_charts() -> Account:
    """The session of paper with the history of three of its cases: a step, a creeping time, a budget."""
    random = Random(7)
    known: SeriesByMetric = {
        (LIST, "allocated_bytes"): series(LIST, BYTES, [1.2 * MB] * 40 + [2.4 * MB] * 6),
        (LIST, "wall_time"): series(
            LIST, TIME, [2e6 * 1.01**run * random.gauss(1, 0.04) for run in range(70)]
        ),
        (LOAD, "wall_time"): series(LOAD, TIME, [150e6 * random.gauss(1, 0.05) for _ in range(9)] + [250e6]),
    }
    return account(result=with_history(RESULT, known))


def test_the_chart() -> None:
    """A dot a run, the last being this one, the baseline and the limit at their heights, and words for all of it."""
    chart = history_chart(FINDING, series(LIST, BYTES, [1.2 * MB] * 9 + [2.4 * MB]), cold=1.2 * MB)
    assert chart is not None
    assert len(chart.dots) == 10
    assert chart.dots[-1].text == "2026-01-14 c0ffee9 2.40 MB"
    assert chart.dots[0].x < chart.dots[-1].x
    assert chart.dots[0].y > chart.dots[-1].y
    baseline, limit = chart.levels
    assert (baseline.text, limit.text) == ("baseline 1.20 MB", "limit 1.56 MB")
    assert baseline.y == chart.dots[0].y
    assert chart.dots[-1].y < limit.y < baseline.y
    assert (chart.first, chart.last) == ("2026-01-05", "2026-01-14")
    assert chart.description == (
        "From 1.20 MB on 2026-01-05 to 2.40 MB in this run; lowest 1.20 MB, highest 2.40 MB. "
        "The baseline is 1.20 MB. The limit is 1.56 MB."
    )


def test_the_limit_stands_on_the_first_execution() -> None:
    """A limit for repeats is drawn as far from the baseline's first execution as it is from its repeat."""
    assert FINDING.limit is not None
    repeat = replace(FINDING.limit, reference=1.0 * MB, value=1.3 * MB)
    chart = history_chart(
        replace(FINDING, limit=repeat), series(LIST, BYTES, [1 * MB, 2 * MB]), cold=1.2 * MB
    )
    assert chart is not None
    assert [level.text for level in chart.levels] == ["baseline 1.20 MB", "limit 1.50 MB"]


def test_a_budget() -> None:
    """A budget is drawn where it is, and there is no baseline."""
    limit = Limit(metric=TIME, value=200e6, origin="mark", rule="budget")
    finding = Finding(node_id=LOAD, verdict=Verdict.OVER_BUDGET, metric=TIME, limit=limit)
    chart = history_chart(finding, series(LOAD, TIME, [1e8, 3e8]), cold=None)
    assert chart is not None
    assert [level.text for level in chart.levels] == ["budget 200 ms"]


@pytest.mark.parametrize("values", [[], [5.0]])
def test_a_single_run_is_no_history(values: list[float]) -> None:
    """Fewer than two runs are not drawn, and neither is what nobody kept."""
    assert history_chart(FINDING, series(LIST, BYTES, values), cold=1.0) is None
    assert history_chart(FINDING, None, cold=1.0) is None


@pytest.mark.parametrize("values", [[0.0, 0.0], [5.0] * 30, [1e300, -1e300], [0.0, 1e-300]])
def test_every_point_lies_inside(values: list[float]) -> None:
    """Whatever the values, dots and lines stay inside the drawing."""
    chart = history_chart(FINDING, series(LIST, BYTES, values), cold=values[0])
    assert chart is not None
    assert all(0 <= dot.x <= chart.width and 0 <= dot.y <= chart.height for dot in chart.dots)
    assert all(0 <= level.y <= chart.height for level in chart.levels)


def test_labels_do_not_lie_upon_each_other() -> None:
    """Where the baseline is near the limit, their labels are apart."""
    assert FINDING.limit is not None
    near = replace(FINDING, limit=replace(FINDING.limit, value=1.21 * MB))
    chart = history_chart(near, series(LIST, BYTES, [1.2 * MB, 9 * MB]), cold=1.2 * MB)
    assert chart is not None
    first, second = chart.levels
    assert abs(first.label_y - second.label_y) >= 18


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.0] * 20 + [2.0] * 10, "the present level began with the run of 2026-01-25 c0ffee20"),
        ([100.0 + run for run in range(40)], "creeping from 100 B to 139 B"),
        ([1.0, 2.0], "first executions in the last 2 runs"),
    ],
)
def test_the_caption_tells_the_course(values: list[float], told: str) -> None:
    """Beneath the chart stands what became of the values, as far as more than noise did."""
    chart = history_chart(FINDING, series(LIST, BYTES, values), cold=None)
    assert chart is not None
    assert chart.caption.endswith(told)


def test_on_the_page() -> None:
    """Each bad case with a history has a chart with a title and a description, and no other has one."""
    text = html_report(with_charts())
    assert text.count('<figure class="history">') == 3
    assert text.count("<desc>") == 3
    assert "<title>wall_time over 70 runs</title>" in text
    assert "limit 1.56 MB" in text
    assert '<figure class="history">' not in html_report(account())


def test_hostile_names_stay_text() -> None:
    """Neither a commit nor a metric's name of a history can bring anything to life."""
    for name in HOSTILE:
        hostile = replace(FINDING, node_id=name)
        known = {(name, BYTES.name): series(name, BYTES, [1.0, 2.0], commit=name)}
        result = with_history(GateResult(findings=(hostile,)), known)
        tags = Tags(html_report(account(result=result)))
        assert not any(tag == "img" or any(key.startswith("on") for key in found) for tag, found in tags.tags)
        assert sum(tag == "script" for tag, _ in tags.tags) == 2
