"""The gate on a test suite that nobody here wrote: ``python examples/real_suite/run.py``.

Takes a library's source package from the package index into a temporary folder, records a baseline with the
library's own tests, gates a second run, which has to pass, and plants a five-fold slow-down with far more
allocation in one function of the library. The third run has to fail, and to name the tests that use the function
and no others; with ``--perf-confirm=off``, where first executions accuse unconfirmed, it has to name at least those.
Which tests use it is found beforehand, by counting calls. Exit status 0 only when all of this held.

``--library`` chooses the library, ``--keep`` leaves the temporary folder behind.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from source_package import DownloadError, fetch_source, install_beside

REPEATS = 4
BYTES_A_REPEAT = 8192
FLOOR_BYTES = 16 * 1024
RATIO = 0.30
SPREADS = 3
ALLOCATIONS = frozenset({"allocated_bytes", "allocated_blocks", "net_blocks"})

PLANT = """

def _five_times_slower(function):
    def slower(*args, **kwargs):
        for _ in range({repeats}):
            bytes({size})
            try:
                function(*args, **kwargs)
            except Exception:
                pass
        return function(*args, **kwargs)

    return slower


{name} = _five_times_slower({name})
"""


@dataclass(frozen=True, kw_only=True)
class Library:
    """A library, one function of it that may be called again with the same arguments, and its test command.

    ``root`` is where its modules lie in the source package; ``needs`` are distributions its tests import.
    ``arguments`` choose tests; those left out only wait or compute for many seconds.
    """

    module: str
    function: str
    root: str = "."
    needs: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


def _without(*tests: str) -> tuple[str, ...]:
    return tuple(part for test in tests for part in ("--deselect", test))


LIBRARIES = {
    "more-itertools": Library(
        module="more_itertools.more",
        function="peekable.__init__",
        arguments=_without(
            "tests/test_recipes.py::PrimeFunctionTests::test_primes",
            "tests/test_recipes.py::PrimeFunctionTests::test_nth_prime_approximate",
            "tests/test_more.py::DiscreteFourierTransformTests::test_roundtrip",
            "tests/test_more.py::TestConcurrentTee::test_concurrent_consumers",
            "tests/test_more.py::TestSerialize::test_concurrent_calls",
        ),
    ),
    "packaging": Library(
        module="packaging.utils",
        function="canonicalize_name",
        root="src",
        needs=("pretend", "tomli_w", "hypothesis"),
        arguments=(
            "tests/test_utils.py",
            "tests/test_tags.py",
            "tests/test_metadata.py",
            "tests/test_licenses.py",
            "tests/test_dependency_groups.py",
            "tests/test_pylock.py",
        ),
    ),
    "lark": Library(module="lark.parsers.earley_common", function="Item.__init__"),
}


@dataclass(frozen=True, kw_only=True)
class Session:
    """How one pytest session ended."""

    status: int
    output: str
    seconds: float

    @property
    def last_line(self) -> str:
        """pytest's own last line, without its rule."""
        return next((line.strip("= ") for line in reversed(self.output.splitlines()) if line.strip()), "")

    @property
    def counts(self) -> str:
        """The counts line of the gate."""
        return next((line for line in self.output.splitlines() if line.startswith("compared ")), "")

    def named(self) -> dict[str, set[str]]:
        """The records the gate called regressed, each with the metrics it gave for it."""
        found: dict[str, set[str]] = {}
        test = ""
        for line in self.output.splitlines():
            if line[:1] not in {"", " "}:
                test = line
            match = re.match(r"  regressed  (\w+)", line)
            if match:
                found.setdefault(test, set()).add(match[1])
        return found


class Suite:
    """The library's tests in its unpacked source package."""

    def __init__(self, library: Library, source: Path, beside: Path) -> None:
        self._library = library
        self.source = source
        self._paths = [source / library.root, beside]
        self.baseline = beside / "perf-baseline.json"

    def run(self, *options: str, more_paths: Sequence[Path] = ()) -> Session:
        """One session of pytest with the tests of the library."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        environment["PYTHONPATH"] = os.pathsep.join(str(path) for path in (*self._paths, *more_paths))
        command = [sys.executable, "-m", "pytest", *options, *self._library.arguments, "-p", "no:randomly"]
        started = perf_counter()
        done = subprocess.run(command, cwd=self.source, env=environment, capture_output=True, text=True)
        return Session(
            status=done.returncode, output=done.stdout + done.stderr, seconds=perf_counter() - started
        )

    def callers(self) -> dict[str, int]:
        """How often each test calls the function."""
        file = self.baseline.with_name("callers.json")
        function = f"{self._library.module}:{self._library.function}"
        options = ("-p", "callers", f"--callers-of={function}", f"--callers-to={file}")
        session = self.run(*options, more_paths=[Path(__file__).parent])
        if session.status:
            raise StoryError(f"the tests of the library do not pass: {session.last_line}")
        return json.loads(file.read_text(encoding="utf-8"))

    def plant(self) -> None:
        """Make the function five times slower, and let it allocate far more."""
        module = self.source / self._library.root / Path(*self._library.module.split(".")).with_suffix(".py")
        text = PLANT.format(repeats=REPEATS, size=BYTES_A_REPEAT, name=self._library.function)
        with module.open("a", encoding="utf-8") as stream:
            stream.write(text)

    def limits(self) -> dict[str, float]:
        """For each test, how many more bytes it may allocate before it is called regressed."""
        sections = json.loads(self.baseline.read_text(encoding="utf-8"))["sections"].values()
        entries = next(section["entries"] for section in sections if isinstance(section, dict))
        limits = {}
        for test, entry in entries.items():
            figure = entry.get("allocated_bytes") if isinstance(entry, dict) else None
            if figure:
                cold, warm, spread = (*figure, None, None)[:3]
                relative = max(RATIO * (cold if warm is None else warm), SPREADS * (spread or 0))
                limits[test] = max(FLOOR_BYTES, relative)
        return limits

    def commit(self) -> None:
        """Put the source under git where there is one, so that times can be proved beside the old code."""
        if shutil.which("git") is None:
            return
        git = ["git", "-c", "user.name=real suite", "-c", "user.email=none", "-C", str(self.source)]
        subprocess.run([*git, "init", "--quiet"], check=True)
        ignored = "__pycache__/\n.pytest_cache/\n.hypothesis/\n"
        (self.source / ".git" / "info").mkdir(exist_ok=True)
        (self.source / ".git" / "info" / "exclude").write_text(ignored, encoding="utf-8")
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--no-verify", "-m", "as published"], check=True)


class StoryError(Exception):
    """The story cannot go on; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """Whom the gate named, beside those who use the function.

    ``users`` call the function; ``above`` are those whose planted allocations alone exceed their limit, so
    that the gate has to name them.
    """

    named: set[str]
    users: set[str]
    above: set[str]

    @property
    def precision(self) -> float:
        """The share of the named that use the function."""
        return len(self.named & self.users) / len(self.named) if self.named else 0.0

    @property
    def recall(self) -> float:
        """The share of the users above the floors that were named."""
        return len(self.named & self.above) / len(self.above) if self.above else 0.0


def score(named: set[str], calls: Mapping[str, int], limits: Mapping[str, float]) -> Score:
    """Hold what was named against what was counted."""
    users = {test for test, number in calls.items() if number}
    planted = {test: calls[test] * REPEATS * BYTES_A_REPEAT for test in users}
    above = {test for test in users if test in limits and planted[test] > limits[test]}
    return Score(named=named, users=users, above=above)


def tell(story: Library, suite: Suite) -> bool:
    """The whole story; whether it held."""
    held = [_green(suite)]
    calls = suite.callers()
    suite.plant()
    print(f"\nplanted: {story.module}.{story.function} is five times slower, and allocates far more")
    limits = suite.limits()
    gate = ("--perf-baseline=" + str(suite.baseline), "--perf-set", "confirm_budget=120s")
    unconfirmed = suite.run(*gate, "--perf-confirm=off")
    allocating = {test for test, metrics in unconfirmed.named().items() if metrics & ALLOCATIONS}
    others = set(unconfirmed.named()) - allocating
    held.append(_step("third run, --perf-confirm=off", unconfirmed, expected=1))
    found = score(allocating, calls, limits)
    _print_score(found, "named for allocations")
    # first executions, which nothing confirmed, may accuse others too; whom they have to accuse, they must
    held.append(found.recall == 1.0)
    if others:
        users = len(others & found.users)
        print(
            f"  named for a time or collections, which nothing confirmed: {len(others)}, of them users {users}"
        )
    confirmed = suite.run(*gate)
    held.append(_step("third run, default (confirmed)", confirmed, expected=1))
    named = confirmed.named()
    found = score(set(named), calls, limits)
    _print_score(found, "named")
    held.append(found.precision == found.recall == 1.0)
    _print_tests(named, calls)
    return all(held)


def _green(suite: Suite) -> bool:
    suite.commit()
    recorded = suite.run(f"--perf-update={suite.baseline}", "--perf-set", "update_runs=2")
    held = _step("first run, --perf-update", recorded, expected=0)
    if not suite.baseline.exists():
        raise StoryError("\n".join(recorded.output.splitlines()[-15:]))
    second = suite.run(f"--perf-baseline={suite.baseline}")
    return _step("second run, --perf-baseline", second, expected=0) and held


def _step(name: str, session: Session, *, expected: int) -> bool:
    mark = "as expected" if session.status == expected else f"EXPECTED {expected}"
    print(f"{name}: exit status {session.status}, {mark} ({session.seconds:.0f} s)")
    print(f"  {session.counts or session.last_line}", flush=True)
    if session.status not in {0, 1}:
        raise StoryError("\n".join(session.output.splitlines()[-15:]))
    return session.status == expected


def _print_score(found: Score, name: str) -> None:
    rows = (
        (f"{name}", len(found.named)),
        ("  of them use the function", len(found.named & found.users)),
        ("users of the function", len(found.users)),
        ("  above the floors", len(found.above)),
        ("  of them named", len(found.above & found.named)),
    )
    for label, number in rows:
        print(f"  {label:<32}{number:>6}")
    print(f"  precision {found.precision:.3f}, recall {found.recall:.3f}", flush=True)
    for test in sorted(found.named - found.users):
        print(f"  named, but no user: {test}")
    for test in sorted(found.above - found.named):
        print(f"  not named: {test}")


def _print_tests(named: Mapping[str, set[str]], calls: Mapping[str, int], most: int = 12) -> None:
    print(f"\n  {'calls':>7}  named for")
    for test in sorted(named, key=lambda name: -calls.get(name, 0))[:most]:
        print(f"  {calls.get(test, 0):>7}  {test}: {', '.join(sorted(named[test]))}")
    if len(named) > most:
        print(f"           … and {len(named) - most} more")


@contextmanager
def folder(*, keep: bool) -> Iterator[Path]:
    """A temporary folder, removed at the end unless it is to be kept."""
    path = Path(tempfile.mkdtemp(prefix="real-suite-"))
    try:
        yield path
    finally:
        if keep:
            print(f"kept: {path}")
        else:
            shutil.rmtree(path, ignore_errors=True)


def main() -> int:
    """Run the story; 0 when it held, 1 when it did not, 2 when it could not be told."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--library", choices=LIBRARIES, default="more-itertools")
    parser.add_argument("--keep", action="store_true", help="leave the temporary folder behind")
    options = parser.parse_args()
    library = LIBRARIES[options.library]
    with folder(keep=options.keep) as path:
        try:
            source = fetch_source(options.library, path)
            beside = path / "beside"
            beside.mkdir()
            install_beside(library.needs, beside)
            print(f"{source.name}: its own tests, on Python {sys.version.split()[0]}", flush=True)
            held = tell(library, Suite(library, source, beside))
        except (DownloadError, StoryError) as error:
            print(f"the story could not be told: {error}", file=sys.stderr)
            return 2
    print("\nthe story held" if held else "\nTHE STORY DID NOT HOLD")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
