"""The line that says what happens behind the last test."""

from __future__ import annotations

from pytest_querycache.plugin.progress import Progress


class FakeTerminal:
    """Keeps the lines that pytest's reporter is told to write."""

    isatty = False
    currentfspath = "t.py"

    def __init__(self) -> None:
        self.lines: list[str] = []

    def ensure_newline(self) -> None:
        pass

    def write_line(self, line: str, **style: bool) -> None:
        self.lines.append(line)

    def flush(self) -> None:
        pass


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
