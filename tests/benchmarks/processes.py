"""Whole processes measured A B C A B C in one run; used by the commands beside this file."""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A command, and what its exit status has to be."""

    command: Sequence[str]
    expected: int = 0


class ProcessError(Exception):
    """A process ended as it should not have; the message holds the end of what it wrote."""


def alternate(contenders: Mapping[str, Contender], folder: Path, *, rounds: int) -> dict[str, list[float]]:
    """Seconds of every contender, one process of each in every round.

    The order turns from round to round, so that none always follows the same neighbour; a round before the first
    one fills the caches of the file system and is not counted. Raises ProcessError for a wrong exit status.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for round_ in range(rounds + 1):
        shift = round_ % len(names)
        for name in (*names[shift:], *names[:shift]):
            taken = elapsed(contenders[name], folder)
            if round_:
                seconds[name].append(taken)
    return seconds


def elapsed(contender: Contender, folder: Path) -> float:
    """Seconds of one process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    started = perf_counter()
    done = subprocess.run(contender.command, cwd=folder, env=environment, capture_output=True, text=True)
    taken = perf_counter() - started
    if done.returncode != contender.expected:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
        raise ProcessError(f"{' '.join(contender.command)}: exit status {done.returncode}\n{tail}")
    return taken


def print_ratios(seconds: Mapping[str, Sequence[float]], base: str, wanted: Mapping[str, str]) -> None:
    """A table: for each contender its median, and the median of its ratios to the base in the same round."""
    width = max(len(name) for name in seconds)
    rounds = len(seconds[base])
    print(f"{'':<{width}}  {'median s':>9}  {'ratio':>7}  quartiles      wanted   ({rounds} rounds)")
    for name, times in seconds.items():
        ratios = [mine / other for mine, other in zip(times, seconds[base], strict=True)]
        low, middle, high = quartiles(ratios)
        print(
            f"{name:<{width}}  {statistics.median(times):>9.3f}  {middle:>6.3f}x  "
            f"{low:.3f}–{high:.3f}  {wanted.get(name, ''):>8}"
        )


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile; of a single value three times itself."""
    if len(values) < 2:
        return (values[0],) * 3
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high


def is_installed(module: str) -> bool:
    """Whether a module could be imported here."""
    return find_spec(module) is not None


def trivial_suite(
    folder: Path, tests: int, *, files: int = 10, body: str = "pass", fixture: str = ""
) -> None:
    """Write a suite of functions that do nothing, over several files."""
    for number in range(files):
        functions = [f"def test_{test}({fixture}):\n    {body}\n" for test in range(number, tests, files)]
        (folder / f"test_{number}.py").write_text("\n\n".join(functions), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
