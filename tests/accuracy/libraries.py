"""Real libraries, each turned into a git repository in which a function can be planted and sessions can be gated."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "examples" / "real_suite"))

from source_package import fetch_source, install_beside

from tests.accuracy.conditions import loaded

HERE = Path(__file__).parent
LONGEST_NS = 60_000_000
"""Tests that take longer are neither planted nor traced: their pairs would take most of a part's time."""

_WRAPPING = """

from planted_work import planted_in

{function} = planted_in({function}, {table})
"""
_IGNORED = "__pycache__/\n*.pyc\n.pytest_cache/\n.hypothesis/\n"
_MARK = "\n\n# planted by the accuracy study\n"


class StudyError(Exception):
    """A part of the study cannot go on; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Library:
    """A library whose source package holds its tests, and a function of it that most of them call.

    ``root`` is where its modules lie; ``needs`` are distributions that it or its tests import; ``arguments`` choose
    tests. Those of lark are the same for each of a dozen parsers; four parsers are taken.
    """

    module: str
    function: str
    root: str = "."
    needs: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


LIBRARIES = {
    "sqlparse": Library(module="sqlparse.lexer", function="Lexer.get_tokens", arguments=("tests",)),
    "jinja2": Library(
        module="jinja2.environment",
        function="Environment._parse",
        root="src",
        needs=("markupsafe", "trio"),
        arguments=("tests",),
    ),
    "lark": Library(
        module="lark.lark",
        function="Lark.parse",
        arguments=(
            "tests/__main__.py",
            "-kTestEarleyBasic or TestLalrBasic or TestLalrContextual or TestCykBasic or TestGrammar",
        ),
    ),
    "docutils": Library(module="docutils.nodes", function="document.__init__", arguments=("test",)),
}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How one pytest session ended."""

    status: int
    output: str
    seconds: float


class Workshop:
    """A library in its folder: repository, baselines, calibration."""

    def __init__(self, name: str, work: Path) -> None:
        self.name = name
        self.library = LIBRARIES[name]
        self.folder = work / name
        self.source = self.folder / "source"
        self.calibration = self.folder / "calibration.json"
        self._beside = self.folder / "beside"

    @property
    def is_ready(self) -> bool:
        """Whether it was prepared to the end."""
        return (self.folder / "ready").exists()

    def prepare(self) -> None:
        """Download the library, plant a function with nothing in it, and commit; and record both baselines."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._beside.mkdir(parents=True)
        fetch_source(self.name, self.folder / "download").rename(self.source)
        install_beside(self.library.needs, self._beside)
        self._add_hooks()
        self._git("init", "--quiet")
        exclude = self.source / ".git" / "info" / "exclude"
        exclude.write_text(_IGNORED, encoding="utf-8")
        self._commit("as published, with hooks that do nothing")
        # what the tests write into the tree must not make it look changed
        self.run(self.command("-n0", gated=False))
        exclude.write_text(
            _IGNORED + self._git("ls-files", "--others", "--exclude-standard"), encoding="utf-8"
        )
        self.restore()
        for baseline, load in (("idle", ""), ("busy", "busy")):
            with loaded(load, seed=0):
                self._record(baseline)
            self._commit(f"baseline recorded {baseline}")
        (self.folder / "ready").touch()

    def baseline(self, recorded: str) -> Path:
        """The baseline that was recorded ``idle`` or ``busy``."""
        suffix = "" if recorded == "idle" else f"-{recorded}"
        return self.source / f"perf-baseline{suffix}.json"

    def entries(self, recorded: str = "idle") -> dict[str, list[float | None]]:
        """Cold time, warm time and spread of every test in a baseline, in ns."""
        document = json.loads(self.baseline(recorded).read_text(encoding="utf-8"))
        sections = document["sections"].values()
        (section,) = (found for found in sections if isinstance(found, dict) and "entries" in found)
        return {
            test: [*entry["wall_time"], None, None][:3]
            for test, entry in section["entries"].items()
            if isinstance(entry, dict) and entry.get("wall_time")
        }

    def tests_between(self, least_ns: float, most_ns: float = LONGEST_NS) -> list[str]:
        """The tests whose warm time lies between the two, in the baseline recorded idle."""
        return [
            test
            for test, (_, warm, _) in sorted(self.entries().items())
            if warm is not None and least_ns <= warm < most_ns
        ]

    @cached_property
    def version(self) -> str:
        """The library's own folder name in its package, which holds its version."""
        return (self.folder / "version").read_text(encoding="utf-8").strip()

    def command(
        self, *options: str, gated: bool = True, clocked: bool = True, tests: Sequence[str] = ()
    ) -> list[str]:
        """A session with the library's tests, or with these only; ``clocked`` times the parts of a gated one."""
        arguments = [a for a in self.library.arguments if not tests or a.startswith("-")]
        plugins = ["-p", "no:randomly", "-p", "no:asyncio", "-p", "no:cacheprovider"]
        if not gated:
            plugins += ["-p", "no:querycache"]
        elif clocked:
            plugins += ["-p", "accuracy_clock"]
        return [sys.executable, "-m", "pytest", "-q", *plugins, *options, *arguments, *tests]

    def run(self, command: Sequence[str], *, timeout_s: float = 900) -> Ended:
        """Run a session in the library's folder."""
        paths = (self.source / self.library.root, self.source, self._beside, HERE / "plugins")
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        environment["PYTHONPATH"] = os.pathsep.join(map(str, dict.fromkeys(paths)))
        started = perf_counter()
        done = subprocess.run(
            command, cwd=self.source, env=environment, capture_output=True, text=True, timeout=timeout_s
        )
        return Ended(
            status=done.returncode, output=done.stdout + done.stderr, seconds=perf_counter() - started
        )

    def plant(self, table: Mapping[str, Sequence[Any]]) -> None:
        """Write into the function's module what it does for each test; an empty table is what was committed."""
        text = self._module.read_text(encoding="utf-8").partition(_MARK)[0]
        block = _WRAPPING.format(function=self.library.function, table=dict(table))
        self._module.write_text(text + _MARK + block, encoding="utf-8")

    def slow_everything(self, share: float) -> None:
        """Make every test slower by a share of its time; 0 is what was committed."""
        text = (HERE / "copied" / "slower_everywhere.py").read_text(encoding="utf-8")
        path = self.source / "slower_everywhere.py"
        path.write_text(text.replace("SHARE = 0.0", f"SHARE = {share}"), encoding="utf-8")

    def restore(self) -> None:
        """Put the working tree back to what was committed, also after a part that was killed."""
        self._git("checkout", "--quiet", "--", ".")
        changed = self._git("status", "--porcelain").strip()
        if changed:
            raise StudyError(
                f"{self.name}: the working tree differs from what was committed: {changed[:200]}"
            )

    @property
    def _module(self) -> Path:
        return self.source / self.library.root / Path(*self.library.module.split(".")).with_suffix(".py")

    def _add_hooks(self) -> None:
        (self.folder / "version").write_text(self._published_name(), encoding="utf-8")
        shutil.copy(HERE / "copied" / "planted_work.py", self.source / self.library.root / "planted_work.py")
        self.plant({})
        self.slow_everything(0.0)
        conftest = self.source / "conftest.py"
        known = conftest.read_text(encoding="utf-8") if conftest.exists() else ""
        imported = "from slower_everywhere import pytest_runtest_setup  # noqa: F401"
        conftest.write_text(f"{known}\n{imported}\n", encoding="utf-8")

    def _published_name(self) -> str:
        metadata = (self.source / "PKG-INFO").read_text(encoding="utf-8").splitlines()
        version = next(line.partition(": ")[2] for line in metadata if line.startswith("Version: "))
        return f"{self.name} {version}"

    def _record(self, recorded: str) -> None:
        path = self.baseline(recorded)
        ended = self.run(self.command("-n0", f"--perf-update={path}"))
        if not path.exists():
            raise StudyError(f"{self.name}: no baseline was recorded: {_last_lines(ended.output)}")

    def _commit(self, message: str) -> None:
        self._git("add", "--all")
        self._git("commit", "--quiet", "--no-verify", "-m", message)

    def _git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=accuracy study", "-c", "user.email=none", "-c", "commit.gpgsign=false")
        command = ["git", *identity, "-C", str(self.source), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _last_lines(output: str) -> str:
    return " | ".join(line for line in output.splitlines()[-15:] if line.strip())


def workshops(names: Sequence[str], work: Path) -> Iterator[Workshop]:
    """The libraries that were prepared; raises StudyError for one that was not."""
    for name in names:
        workshop = Workshop(name, work)
        if not workshop.is_ready:
            raise StudyError(f"{name} is not prepared in the working folder; run the part 'prepare' first")
        yield workshop
