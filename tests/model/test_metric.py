"""Directions: what is better, what is worse, and by how much."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_querycache.model.metric import CACHE_HITS, METRICS, WALL_TIME, Better, Metric

COSTS = [WALL_TIME, CACHE_HITS]
"""A metric that improves downwards, and one that improves upwards."""

values = st.floats(min_value=0, max_value=1e12)


@pytest.mark.parametrize(
    ("metric", "best", "worst"), [(WALL_TIME, 1, 3), (CACHE_HITS, 3, 1)], ids=["lower", "higher"]
)
def test_best_and_worst_follow_the_direction(metric: Metric, best: float, worst: float) -> None:
    """The smallest cost and the largest gain are best, whatever the order they come in."""
    assert (metric.best([2, 1, 3]), metric.worst(iter([2, 1, 3]))) == (best, worst)


@pytest.mark.parametrize(
    ("metric", "was", "now", "rise", "times"),
    [
        (WALL_TIME, 10, 15, 5, 1.5),
        (WALL_TIME, 10, 5, -5, 0.5),
        (WALL_TIME, 0, 5, 5, inf),
        (CACHE_HITS, 15, 10, 5, 1.5),
        (CACHE_HITS, 5, 10, -5, 0.5),
        (CACHE_HITS, 5, 0, 5, inf),
    ],
)
def test_more_is_always_worse(metric: Metric, was: float, now: float, rise: float, times: float) -> None:
    """A rise is positive and a ratio above one where a value became worse, in either direction."""
    assert metric.rise(was, now) == rise
    assert metric.times_worse(was, now) == times
    assert metric.is_worse(now, than=was) is (rise > 0)


@pytest.mark.parametrize("metric", COSTS, ids=lambda metric: metric.better.value)
@given(was=values, now=values)
def test_the_answers_agree_with_each_other(metric: Metric, was: float, now: float) -> None:
    """Best, worst, worse and rise are one order, so that no two places of the gate can disagree."""
    assert metric.is_worse(now, than=was) is (metric.rise(was, now) > 0)
    assert {metric.best([was, now]), metric.worst([was, now])} == {was, now}
    assert not metric.is_worse(metric.best([was, now]), than=metric.worst([was, now]))
    assert isclose(metric.worse_by(was, metric.rise(was, now)), now, abs_tol=1e-3)


@given(was=values, now=values)
def test_the_directions_are_mirror_images(was: float, now: float) -> None:
    """What one direction calls worse, the other calls better."""
    higher = replace(WALL_TIME, better=Better.HIGHER)
    assert WALL_TIME.rise(was, now) == -higher.rise(was, now)
    assert WALL_TIME.best([was, now]) == higher.worst([was, now])


def test_metrics_are_found_by_their_own_names() -> None:
    """The table of built-in metrics knows each by the name it carries."""
    assert all(name == metric.name for name, metric in METRICS.items())
