"""Progress of what happens behind the last test, on a line of its own."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from types import TracebackType

import pytest

from ..reports.signs import inert

_EVERY_S = 0.2
_EVERY_IN_LOG_S = 10.0


class Progress:
    """Shows one line that is written over on a terminal, and elsewhere a line now and then."""

    def __init__(self, config: pytest.Config, *, clock: Callable[[], float] = monotonic) -> None:
        self._terminal: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
        self._quiet = config.get_verbosity() < 0 if hasattr(config, "get_verbosity") else False
        self._clock = clock
        self._last = float("-inf")
        self._shown = False
        self._on_own_line = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._shown and self._terminal is not None and self._on_terminal():
            self._terminal.rewrite("", erase=True)
            self._terminal.flush()

    def announce(self, text: str) -> None:
        """Say on a line that stays what is about to happen."""
        if self._terminal is not None and not self._quiet:
            self._write(self._terminal, text)

    def warn(self, text: str) -> None:
        """Say on a line that stays what went wrong."""
        if self._terminal is not None:
            self._write(self._terminal, text, yellow=True)

    def show(self, text: str) -> None:
        """Say where we are."""
        if self._terminal is None or self._quiet:
            return
        now = self._clock()
        if now - self._last < (_EVERY_S if self._on_terminal() else _EVERY_IN_LOG_S):
            return
        if not self._on_terminal():
            self._last = now
            self.announce(text)
            return
        if not self._shown:
            self._own_line(self._terminal)
        self._last, self._shown = now, True
        self._terminal.rewrite(_line(text)[: _width(self._terminal) - 1], erase=True)
        self._terminal.flush()

    def _write(self, terminal: pytest.TerminalReporter, text: str, **style: bool) -> None:
        self._own_line(terminal)
        terminal.write_line(_line(text), **style)
        # what is read while it happens, in a log as on a terminal, must not wait for a buffer to be full
        terminal.flush()

    def _own_line(self, terminal: pytest.TerminalReporter) -> None:
        """Leave the line of pytest's own progress; under xdist the terminal does not know that one is open."""
        if not self._on_own_line and terminal.currentfspath is None:
            terminal.line("")
        terminal.ensure_newline()
        self._on_own_line = True

    def _on_terminal(self) -> bool:
        return self._terminal is not None and bool(self._terminal.isatty)


def _line(text: str) -> str:
    return inert(f"performance gate: {text}")


def _width(terminal: pytest.TerminalReporter) -> int:
    return terminal._tw.fullwidth
