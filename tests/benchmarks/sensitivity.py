"""Whether 5 % more allocation is always found: ``python tests/benchmarks/sensitivity.py``.

A small suite is recorded once. Then session after session one of its tests, another one each time, allocates 5 %
more, and the gate has to name that test and no other at the threshold "2% and 1KiB". Behind every tenth session comes
one in which nothing is changed, and which has to pass. Plain, and with ``-n2`` where pytest-xdist is installed. Each
session has a hash seed of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import is_installed

SIZE, GROWN = 2_000, 2_100
KINDS = ("texts", "byte_strings", "lists", "sets", "instances", "parsed", "sorted_copies", "decorated")
UNCHANGED_EVERY = 10
THRESHOLD = "memory=2% and 1KiB"

WORK = """
import json
from functools import partial


class Point:
    __slots__ = ("x", "y", "z")

    def __init__(self, x):
        self.x, self.y, self.z = x, x + 1000, x + 2000


def texts(size):
    return sum(len(f"{number:0120}") for number in range(size))


def byte_strings(size):
    return sum(len(bytes(number % 50 + 90)) for number in range(size))


def lists(size):
    return sum(len([number] * 25) for number in range(size))


def sets(size):
    return sum(len({number, -number, str(number)}) for number in range(size))


def instances(size):
    return sum(Point(number).z for number in range(size))


def parsed(size):
    return sum(len(json.loads('{"a": [1000, 2000, 3000], "b": "%d"}' % number)) for number in range(size))


def sorted_copies(size):
    row = list(range(30, 0, -1))
    return sum(sorted(row)[0] for _ in range(size))


def decorated(size):
    return sum(partial(max, number)(1000) for number in range(size))
"""

TESTS = """
import json
from pathlib import Path

import pytest
import work

SIZES = json.loads(Path(__file__).with_name("sizes.json").read_text())


@pytest.mark.parametrize("kind", sorted(SIZES))
def test_work(kind):
    assert getattr(work, kind)(SIZES[kind])
"""

CONFIGURATION = '[tool.pytest.ini_options]\npythonpath = ["."]\n'


@dataclass
class Tally:
    """What the sessions of one kind showed."""

    found: int = 0
    changed: int = 0
    passed: int = 0
    unchanged: int = 0

    @property
    def held(self) -> bool:
        """Whether everything was found, and nothing else."""
        return self.found == self.changed and self.passed == self.unchanged


class Suite:
    """The made-up suite in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "pyproject.toml").write_text(CONFIGURATION, encoding="utf-8")
        (folder / "work.py").write_text(WORK, encoding="utf-8")
        (folder / "test_work.py").write_text(TESTS, encoding="utf-8")
        self.grow(None)

    def grow(self, kind: str | None) -> None:
        """Let one test allocate 5 % more, and every other what it did."""
        sizes = {name: GROWN if name == kind else SIZE for name in KINDS}
        (self._folder / "sizes.json").write_text(json.dumps(sizes), encoding="utf-8")

    def run(self, seed: int, *options: str) -> tuple[int, set[str], str]:
        """One session: its exit status, the tests called regressed, and what it wrote."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        environment["PYTHONHASHSEED"] = str(seed)
        command = (sys.executable, "-m", "pytest", "-q", *options)
        done = subprocess.run(command, cwd=self._folder, env=environment, capture_output=True, text=True)
        named, test = set(), ""
        for line in done.stdout.splitlines():
            if line[:1] not in {"", " "}:
                test = line
            if line.startswith("  regressed  "):
                named.update(re.findall(r"\[(\w+)\]", test))
        return done.returncode, named, done.stdout + done.stderr


def sessions(suite: Suite, number: int, *options: str) -> Tally:
    """So many sessions, each with another test grown."""
    tally = Tally()
    gate = ("--perf-baseline", "--perf-threshold", THRESHOLD, "--perf-threshold", "time=off", *options)
    for session in range(1, number + 1):
        kind = KINDS[session % len(KINDS)]
        tally.changed += 1
        tally.found += _is_right(suite, session, kind, gate)
        if session % UNCHANGED_EVERY == 0:
            tally.unchanged += 1
            tally.passed += _is_right(suite, session, None, gate)
    suite.grow(None)
    return tally


def _is_right(suite: Suite, session: int, kind: str | None, options: Sequence[str]) -> bool:
    """Whether a session said what it had to; one that did not is shown."""
    suite.grow(kind)
    status, named, output = suite.run(session, *options)
    right = (status, named) == ((0, set()) if kind is None else (1, {kind}))
    if not right:
        print(f"session {session}: grown {kind}, exit status {status}, named {sorted(named)}")
        print("\n".join(f"  | {line}" for line in output.splitlines()[-25:]), flush=True)
    return right


def main() -> int:
    """Run the sessions and print how many found it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--sessions", type=int, default=50, help="sessions of each kind (default: 50)")
    options = parser.parse_args()
    kinds = {"plain": ("-p", "no:randomly")}
    if is_installed("xdist"):
        kinds["with -n2"] = ("-p", "no:randomly", "-n2")
    else:
        print("pytest-xdist is not installed: without -n2")
    held = True
    with tempfile.TemporaryDirectory(prefix="sensitivity-") as folder:
        suite = Suite(Path(folder))
        status, _, output = suite.run(0, "--perf-update")
        if status:
            sys.exit(output)
        for name, arguments in kinds.items():
            tally = sessions(suite, options.sessions, *arguments)
            print(
                f"{name:<10} 5 % more found in {tally.found} of {tally.changed} sessions, "
                f"unchanged passed in {tally.passed} of {tally.unchanged}",
                flush=True,
            )
            held = held and tally.held
    print("wanted: all of them")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
