"""Change points and courses: laws that hold for every series, and series whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_querycache.model.change_points import SHORTEST, change_points
from pytest_querycache.model.course import Course, course_of
from pytest_querycache.model.student import critical_square, two_sided_tail

NOISE = 0.05


def noisy(seed: int, number: int, noise: float = NOISE) -> list[float]:
    """A steady series of 100 with normal noise."""
    random = Random(seed)
    return [100 * (1 + random.gauss(0, noise)) for _ in range(number)]


def stepped(seed: int, place: int, number: int, height: float) -> list[float]:
    """A noisy series that rises once."""
    return [value * (1 + height * (run >= place)) for run, value in enumerate(noisy(seed, number))]


SERIES = st.builds(
    stepped,
    st.integers(0, 10_000),
    st.integers(0, 40),
    st.integers(8, 60),
    st.sampled_from([-0.4, -0.1, 0.0, 0.1, 0.2, 1.0]),
)
ANY = st.lists(st.floats(-1e12, 1e12) | st.integers(0, 3).map(float), max_size=40)


@given(ANY)
def test_points_are_levels_apart(values: list[float]) -> None:
    """Whatever the series, points are in order, and no level is shorter than the shortest."""
    bounds = [0, *change_points(values), len(values)]
    if len(bounds) > 2:
        assert all(end - start >= SHORTEST for start, end in pairwise(bounds))


@given(SERIES, st.sampled_from([0.001, 0.5, 3.0, 1e9]), st.sampled_from([-1e3, 0.0, 1.0, 1e4]))
def test_neither_unit_nor_zero_matters(values: list[float], scale: float, shift: float) -> None:
    """Another unit or another zero moves no change point."""
    assert change_points([value * scale + shift * scale for value in values]) == change_points(values)


@given(SERIES)
def test_up_or_down_does_not_matter(values: list[float]) -> None:
    """A fall is found where a rise is."""
    assert change_points([-value for value in values]) == change_points(values)


@given(SERIES)
def test_reversal(values: list[float]) -> None:
    """Read from the end, the series changes in the same places."""
    number = len(values)
    backwards = [number - point for point in change_points(values[::-1])]
    assert sorted(backwards) == change_points(values)


@given(st.floats(-1e6, 1e6), st.integers(0, 200))
def test_nothing_happens_to_a_constant(value: float, number: int) -> None:
    """A series of one value has no change point and is not creeping."""
    assert change_points([value] * number) == []
    assert not course_of([value] * number).changed


@given(st.integers(SHORTEST, 60), st.integers(SHORTEST, 60), st.integers(-1000, 1000).filter(bool))
def test_a_step_without_noise_is_found_exactly(before: int, after: int, height: int) -> None:
    """A count that changes once has one change point, in its place, with both levels exact."""
    course = course_of([5000.0] * before + [5000.0 + height] * after)
    (shift,) = course.shifts
    assert (shift.position, shift.before, shift.after) == (before, 5000, 5000 + height)


@given(st.integers(0, 59), st.integers(1, 10_000))
def test_a_single_blip_is_no_change(place: int, height: int) -> None:
    """One odd run among equal ones is neither a level nor a trend, wherever it stands."""
    values = [70.0] * 60
    values[place] += height
    assert not course_of(values).changed


@pytest.mark.parametrize("height", [1e2, 1e5, 1e9, 1e15])
def test_a_huge_blip_makes_no_noise_significant(height: float) -> None:
    """One run that took a hundred thousand times as long changes nothing of what is said of the rest."""
    changed = 0
    for seed in range(200):
        values = noisy(seed, 40)
        values[seed % 40] *= height
        changed += course_of(values).changed
    assert changed <= 3
    values = stepped(1, 20, 40, 0.4)
    values[7] *= height
    assert [shift.position for shift in course_of(values).shifts] == [20]


@pytest.mark.parametrize("height", [1e3, 1e5, 1e7])
def test_a_calm_stretch_beside_a_far_level(height: float) -> None:
    """Where the level rises ten million times, that is the change, and the noise before it stays noise."""
    found = []
    for seed in range(50):
        values = noisy(seed, 60)
        values[30:] = [value * height for value in values[30:]]
        found.append(change_points(values))
    assert found.count([30]) >= 48


@pytest.mark.parametrize(("number", "allowed"), [(12, 8), (30, 5), (100, 3)])
def test_steady_series_hardly_ever_show_a_change(number: int, allowed: int) -> None:
    """Of 400 steady series with 5 % of noise next to none shows a change (measured: 1.3, 0.5 and 0.1 %)."""
    assert sum(bool(change_points(noisy(seed, number))) for seed in range(400)) <= allowed


def spiky(seed: int, number: int) -> list[float]:
    random = Random(-seed)
    return [
        value * (random.uniform(1.5, 4) if random.random() < 0.05 else 1) for value in noisy(seed, number)
    ]


def in_two_modes(seed: int, number: int) -> list[float]:
    random = Random(-seed)
    return [value * (1.5 if random.random() < 0.3 else 1) for value in noisy(seed, number, 0.01)]


@pytest.mark.parametrize("draw", [spiky, in_two_modes])
def test_outliers_and_modes_are_no_change(draw: Callable[[int, int], list[float]]) -> None:
    """Series with a value in twenty far off, or that jump between two modes, hardly ever show a change."""
    assert sum(bool(change_points(draw(seed, 100))) for seed in range(1, 201)) <= 3


def test_a_step_of_two_deviations_is_found_in_its_place() -> None:
    """A step of 10 % in noise of 5 % is always found, and within two runs of its place in 9 of 10 series."""
    off = [
        min(abs(point - 50) for point in change_points(stepped(seed, 50, 100, 0.1))) for seed in range(200)
    ]
    assert sum(distance <= 2 for distance in off) >= 175


def test_a_fresh_step_is_found() -> None:
    """A step of 20 % is found when it is five runs old."""
    assert all(change_points(stepped(seed, 95, 100, 0.2)) for seed in range(100))


def test_a_peak_in_a_long_series_is_not_drowned() -> None:
    """Twenty expensive runs among four hundred are found, with both their ends."""
    values = noisy(3, 400)
    values[200:220] = [value * 1.2 for value in values[200:220]]
    course = course_of(values)
    assert [shift.position for shift in course.shifts] == pytest.approx([200, 220], abs=1)
    assert course.end == pytest.approx(course.start, rel=0.02)


def test_a_creeping_loss_is_told_from_start_to_end() -> None:
    """2 % a week over noise of 5 % is a creeping rise of a fifth in ten weeks; no two runs were a step apart."""
    values = [value * 1.02 ** (run / 5) for run, value in enumerate(noisy(1, 50))]
    course = course_of(values)
    assert course.creeping
    assert not course.shifts
    assert course.end / course.start == pytest.approx(1.02 ** (49 / 5), abs=0.06)


def test_a_creeping_loss_is_found_after_ten_weeks() -> None:
    """Of a hundred losses of 2 % a week every one is found after ten weeks of five runs."""
    found = [
        course_of([value * 1.02 ** (run / 5) for run, value in enumerate(noisy(seed, 50))]).changed
        for seed in range(100)
    ]
    assert all(found)


def test_a_count_that_creeps_in_steps_is_told_as_a_whole() -> None:
    """A count that grows by 2 % every week is one creeping rise, not a staircase of nine."""
    course = course_of([round(10_000 * 1.02 ** (run // 5)) for run in range(50)])
    assert course.creeping
    assert course.end / course.start == pytest.approx(1.02**9, abs=0.03)


def test_a_straight_line_is_creeping() -> None:
    """A series on a line without any noise is one line, not a staircase."""
    course = course_of([100.0 + run for run in range(40)])
    assert course.creeping
    assert (course.start, course.end) == pytest.approx((100, 139), abs=0.5)


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 9.0], [1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0]])
def test_too_few_runs_say_nothing(values: list[float]) -> None:
    """Fewer runs than two levels need have a level, and no change."""
    assert not course_of(values).changed
    assert course_of(values) == Course() or course_of(values).start in {3.0, 6.0, 9.0}


@pytest.mark.parametrize(
    ("t", "freedom", "chance"),
    [
        (2.228, 10, 0.05),
        (12.706, 1, 0.05),
        (3.169, 10, 0.01),
        (1.984, 98, 0.05),
        (5.959, 5, 0.0019),
        (0, 7, 1),
    ],
)
def test_student(t: float, freedom: int, chance: float) -> None:
    """The distribution agrees with printed tables, in both directions."""
    assert two_sided_tail(t * t, freedom) == pytest.approx(chance, rel=0.003)
    if t:
        assert critical_square(chance, freedom) == pytest.approx(t * t, rel=0.01)


@given(st.floats(1e-12, 0.999), st.integers(1, 500))
def test_student_inverse(chance: float, freedom: int) -> None:
    """The critical value is the one whose tail is the chance asked for."""
    assert two_sided_tail(critical_square(chance, freedom), freedom) == pytest.approx(chance, rel=1e-6)
