"""How often changes are found where there are none, and where there are: ``change_point_rates.py [--series N]``.

Prints, for several kinds of noise, the share of steady series that show a change; how near to its place a step is
found; and after how many weeks a loss of 2 % a week is. Everything is drawn from fixed seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from math import erfc, sqrt
from random import Random
from time import perf_counter

from pytest_querycache.model.change_points import change_points
from pytest_querycache.model.course import course_of

Noise = Callable[[Random, int], list[float]]


def _mixed(share: float, noise: float, height: float) -> Noise:
    """Normal noise in which a share of the values stands higher."""

    def draw(random: Random, number: int) -> list[float]:
        return [
            100 * (1 + random.gauss(0, noise)) * (1 + height * (random.random() < share))
            for _ in range(number)
        ]

    return draw


def _skewed(random: Random, number: int) -> list[float]:
    return [100 * (1 + random.expovariate(20)) for _ in range(number)]


def _spiky(random: Random, number: int) -> list[float]:
    return [
        100 * (1 + random.gauss(0, 0.05)) * (random.uniform(1.5, 4) if random.random() < 0.05 else 1)
        for _ in range(number)
    ]


def _sluggish(random: Random, number: int) -> list[float]:
    state, values = random.gauss(0, 1), []
    for _ in range(number):
        state = 0.3 * state + sqrt(1 - 0.3**2) * random.gauss(0, 1)
        values.append(100 * (1 + 0.05 * state))
    return values


NOISES: dict[str, Noise] = {
    "normal, 5 %": _mixed(0, 0.05, 0),
    "skewed (exponential)": _skewed,
    "5 % far off (1.5 to 4 times)": _spiky,
    "two modes, 10 % half as high again": _mixed(0.1, 0.01, 0.5),
    "two modes, 30 %": _mixed(0.3, 0.01, 0.5),
    "a count that blips in 5 % of the runs": _mixed(0.05, 0, 0.5),
    "correlation 0.3 with the run before": _sluggish,
}


def _false_changes(series: int) -> None:
    print("steady series that show a change point / count as creeping")
    for name, noise in NOISES.items():
        cells = []
        for number in (12, 30, 100):
            random = Random(number)
            drawn = [noise(random, number) for _ in range(series)]
            start = perf_counter()
            courses = [course_of(values) for values in drawn]
            each_ms = (perf_counter() - start) / series * 1e3
            points = sum(bool(change_points(values)) for values in drawn) / series
            creeping = sum(course.creeping for course in courses) / series
            cells.append(f"{number} runs {points:5.1%} / {creeping:4.1%} ({each_ms:.2f} ms)")
        print(f"  {name:40} {'   '.join(cells)}")


def _steps(series: int) -> None:
    print("a step in normal noise of 5 %, by how many runs its place is missed")
    for height, place, number in (
        (0.1, 50, 100),
        (0.1, 90, 100),
        (0.1, 20, 30),
        (0.2, 50, 100),
        (0.2, 95, 100),
    ):
        random = Random(place)
        missed = []
        for _ in range(series):
            noise = NOISES["normal, 5 %"](random, number)
            values = [value * (1 + height * (run >= place)) for run, value in enumerate(noise)]
            missed.append(min((abs(point - place) for point in change_points(values)), default=number))
        shares = [sum(off <= most for off in missed) / series for most in (0, 1, 2, number - 1)]
        print(
            f"  {height:.0%} after {place} of {number} runs: "
            f"exact {shares[0]:.0%}, ±1 {shares[1]:.0%}, ±2 {shares[2]:.0%}, at all {shares[3]:.0%}"
        )


def _ramps(series: int) -> None:
    print(
        "a loss of 2 % a week, five runs a week: found by change points / told as creeping / by Mann-Kendall at 0.001"
    )
    for name in ("normal, 5 %", "5 % far off (1.5 to 4 times)"):
        for weeks in (4, 6, 8, 10, 12):
            random = Random(weeks)
            found = [0, 0, 0]
            for _ in range(series):
                noise = NOISES[name](random, 5 * weeks)
                values = [value * 1.02 ** (run / 5) for run, value in enumerate(noise)]
                found[0] += bool(change_points(values))
                found[1] += course_of(values).creeping
                found[2] += _mann_kendall(values) < 0.001
            shares = " / ".join(f"{each / series:.0%}" for each in found)
            print(f"  {name:30} after {weeks:2} weeks: {shares}")


def _mann_kendall(values: Sequence[float]) -> float:
    """The two-sided chance of so much of a trend (Mann 1945, Kendall 1975; no ties)."""
    number = len(values)
    score = sum(
        (later > earlier) - (later < earlier)
        for position, earlier in enumerate(values)
        for later in values[position + 1 :]
    )
    spread = sqrt(number * (number - 1) * (2 * number + 5) / 18)
    return erfc(max(0, abs(score) - 1) / spread / sqrt(2))


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--series", type=int, default=1_000, help="of each kind (default: 1,000)")
    series = parser.parse_args().series
    _false_changes(series)
    _steps(series)
    _ramps(max(1, series // 5))


if __name__ == "__main__":
    main()
