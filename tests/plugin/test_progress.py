"""The line that says what happens behind the last test."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_querycache.plugin.progress import Progress


class FakeTerminal:
    """Keeps the lines that pytest's reporter is told to write."""

    isatty = False
    currentfspath = "t.py"

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.seen: list[str] = []

    def ensure_newline(self) -> None:
        pass

    def write_line(self, line: str, **style: bool) -> None:
        self.lines.append(line)

    def line(self, line: str) -> None:
        pass

    def rewrite(self, line: str, erase: bool) -> None:
        self.lines.append(line)

    def flush(self) -> None:
        self.seen = list(self.lines)


class FakeConfig:
    """A session with one terminal."""

    def __init__(self, terminal: FakeTerminal) -> None:
        self.pluginmanager = self
        self.get_plugin = {"terminalreporter": terminal}.get

    def get_verbosity(self) -> int:
        return 0


def test_names_in_it_steer_nothing() -> None:
    """It stays one line without control characters, whatever the test in it is called."""
    terminal = FakeTerminal()
    progress = Progress(FakeConfig(terminal))  # type: ignore[arg-type]
    progress.show("execution 1 of 2: t[\x1b[2J\n::add-mask::x]")
    progress.warn("t[\u202e]")
    assert terminal.lines == [
        r"performance gate: execution 1 of 2: t[\x1b[2J\n::add-mask::x]",
        r"performance gate: t[\u202e]",
    ]


@pytest.mark.parametrize(("isatty", "every"), [(True, 0.2), (False, 10.0)])
def test_is_seen_at_once_and_not_too_often(isatty: bool, every: float) -> None:
    """A terminal is written over a few times a second, a log gets a line now and then, and neither waits."""
    terminal = FakeTerminal()
    terminal.isatty = isatty
    terminal._tw = SimpleNamespace(fullwidth=80)  # type: ignore[attr-defined]
    moments = iter([0.0, 0.9 * every, 1.1 * every])
    progress = Progress(FakeConfig(terminal), clock=lambda: next(moments))  # type: ignore[arg-type]
    for number in range(3):
        progress.show(f"suspect {number}")
        assert terminal.seen == terminal.lines
    assert [line.rpartition(" ")[2] for line in terminal.lines] == ["0", "2"]
    progress.announce("built")
    progress.warn("broken")
    assert terminal.seen == terminal.lines
    assert len(terminal.lines) == 4
