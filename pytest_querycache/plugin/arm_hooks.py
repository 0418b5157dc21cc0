"""The inside of an arm: a pytest session that executes tests on command instead of in order.

Started as a program of its own by ``confirm.arm``; standard input and output are kept for commands and answers
before any test can write to them.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import pytest

from ..confirm.lifeline import end_with
from ..probes.memory import return_free_memory
from .fixtures import METER_KEY, REFERENCE_KEY
from .transport import ATTRIBUTE, records_of

ARM_PLUGIN = "querycache-arm"


class ArmLoop:
    """Takes the place of pytest's own loop over the tests."""

    def __init__(self, commands: IO[str], answers: IO[str], counter: str) -> None:
        self._counter = counter
        self._commands = commands
        self._answers = answers
        self._reports: list[pytest.TestReport] = []
        self._ready = False
        self._previous: pytest.Item | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the reports of the test that is being executed."""
        self._reports.append(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Execute what is asked for until the input closes."""
        items = {item.nodeid: item for item in session.items}
        self._ready = True
        # What is alive now stays alive. Set aside, it is not looked through again by the full collection before
        # each repeat, which would take longer than most tests; collections happen as often as without.
        gc.collect()
        gc.freeze()
        kind = session.config.stash[METER_KEY].counter.kind
        if kind != self._counter:
            self._answer({"problem": f"counts allocations another way ({kind}, not {self._counter})"})
            return True
        problems = {report.nodeid: _last_words(report) for report in self._reports if report.failed}
        self._answer({"ready": list(items), "problems": problems})
        for line in self._commands:
            command = json.loads(line)
            if "imported_from" in command:
                self._answer({"imported": _imported_from(command["imported_from"], command["but"])})
                continue
            item = items.get(command["run"])
            if item is None:
                self._answer({"outcome": "missing", "detail": "a fresh process does not collect it"})
            else:
                self._answer(self._execute(item, warm=command["warm"]))
        return True

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Say that there was nothing to execute, if the loop was never reached."""
        if not self._ready:
            errors = [_last_words(report) for report in self._reports if report.longrepr]
            detail = errors[0] if errors else "see its output"
            self._answer({"problem": f"could not collect the tests ({detail})"})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what went wrong while collecting."""
        if report.failed:
            self._reports.append(report)  # type: ignore[arg-type]

    def _execute(self, item: pytest.Item, *, warm: bool) -> dict[str, Any]:
        protocol = item.config.hook.pytest_runtest_protocol
        if self._previous is not None and self._previous.parent is not item.parent:
            # end what the previous test's class and module have set up and this test does not share
            protocol(item=self._previous, nextitem=item)
        self._reports.clear()
        following = _Between.from_parent(item.parent or item.session, name="between two executions")
        # ahead of the full collection, which empties the free lists: a test's allocations must not depend on whether
        # it was time to work
        item.config.stash[REFERENCE_KEY].refresh()
        if warm:
            gc.collect()
            return_free_memory()
        process = os.getpid()
        protocol(item=item, nextitem=following)
        if os.getpid() != process:
            os._exit(1)  # a child the test forked came back; it must not answer beside its parent
        self._previous = following
        # the terminal keeps every report, for every full collection after it to look through
        terminal = item.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.stats.clear()
        return _answer_of(item.nodeid, self._reports)

    def _answer(self, answer: dict[str, Any]) -> None:
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()


class _Between(pytest.Item):
    """An empty test beside the one that was executed.

    Named as the next test, it lets only the function's own fixtures end, so that a repeat finds those of its
    class and module as another test of the module would; executed itself, it ends the rest.
    """

    def runtest(self) -> None:
        """Do nothing: only its place in the tree is of use."""

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, None, self.name


def _imported_from(names: list[str], but: list[str]) -> list[str]:
    """The modules that came from these places; packages installed below them and this one do not count."""
    places, others = tuple(names), tuple(but)
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    found = {_within(file, places, others) for file in files if isinstance(file, str)}
    return sorted(found - {""})


@cache  # asked again after every test, of a thousand modules that most often are the same
def _within(file: str, places: tuple[str, ...], but: tuple[str, ...]) -> str:
    """The file's own path, if it lies in one of some places; empty otherwise."""
    path = Path(file).resolve()
    inside = [path.relative_to(place) for place in places if path.is_relative_to(place)]
    if not any("site-packages" not in part.parts for part in inside):
        return ""
    own = [Path(__file__).resolve().parent.parent, *map(Path, but)]
    return "" if any(path.is_relative_to(folder) for folder in own) else str(path)


def _last_words(report: pytest.TestReport) -> str:
    """What went wrong, in one line."""
    representation = report.longrepr
    if isinstance(representation, tuple):
        return str(representation[2])  # why it was skipped, behind the place
    crash = getattr(representation, "reprcrash", None)
    lines = (str(representation) if crash is None else crash.message).strip().splitlines()
    marked = [line for line in lines if line.startswith("E ")]
    if crash is not None:
        return lines[0] if lines else ""
    return (marked or lines or [""])[-1].removeprefix("E ").strip()


def _answer_of(node_id: str, reports: list[pytest.TestReport]) -> dict[str, Any]:
    # a subtest that was skipped is a report of its own kind, and no outcome of the test
    own = [report for report in reports if type(report) is pytest.TestReport or report.outcome == "failed"]
    worst = next((report for report in own if report.outcome not in {"passed", "rerun"}), None)
    answer: dict[str, Any] = {"outcome": worst.outcome if worst is not None else "passed"}
    if worst is not None:
        if hasattr(worst, "wasxfail"):
            answer["outcome"] = "xfailed"
        answer["detail"] = _last_words(worst)
    plain = next((getattr(r, ATTRIBUTE) for r in reversed(reports) if hasattr(r, ATTRIBUTE)), None)
    if plain is not None:
        records = list(records_of(node_id, plain, outcome="passed", worker=""))
        answer["figures"] = {record.node_id: record.values for record in records}
        answer["unmeasured"] = {record.node_id: dict(record.unmeasured) for record in records}
    return answer


@contextmanager
def _private_channels() -> Iterator[tuple[IO[str], IO[str]]]:
    """Keep standard input and output for ourselves; tests find an empty input, and write to the log."""
    commands = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    with commands, answers:
        yield commands, answers


def main() -> int:
    """Run as told by the instructions the first line names: ``{"args": […], "sys_path": […], "counter": …}``."""
    with _private_channels() as (commands, answers):
        told = json.loads(commands.readline())
        if told["lifeline"] is not None:
            end_with(told["lifeline"])
        instructions = json.loads(Path(told["instructions"]).read_text(encoding="utf-8"))
        sys.path[:] = instructions["sys_path"]
        loop = ArmLoop(commands, answers, instructions["counter"])
        return int(pytest.main(instructions["args"], plugins=[_named(loop)]))


def _named(loop: ArmLoop) -> object:
    """The loop as a plugin that registers itself under its name."""

    class Registration:
        @staticmethod
        def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
            pluginmanager.register(loop, ARM_PLUGIN)

    return Registration()


if __name__ == "__main__":
    sys.exit(main())
