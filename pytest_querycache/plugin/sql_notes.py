"""What is said of statements at the end of a session: what was not seen, and what setups execute."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from .sql_recording import SQL_KEY, WORKER_OUTPUT

if TYPE_CHECKING:
    from ..model.record import Record

_SETUPS_SHOWN = 5


class SqlNotes:
    """Tells it once, for a plain session, and as the controller for all workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._unseen: dict[str, None] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take a worker's word."""
        self._unseen.update(dict.fromkeys(getattr(node, "workeroutput", {}).get(WORKER_OUTPUT, ())))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was not seen; under ``-v`` also the setups with most statements, which are not gated."""
        # a session without an option loads no report
        from ..reports.signs import terminal_encoding, written_out

        encoding = terminal_encoding()
        plugin = self._config.stash.get(SQL_KEY, None)
        for problem in (*(plugin.recorder.unseen if plugin is not None else ()), *self._unseen):
            terminalreporter.write_line(written_out(f"note: {problem}", encoding), yellow=True)
        collecting = self._config.pluginmanager.get_plugin("querycache-collecting")
        if collecting is not None and self._config.option.verbose > 0:
            for line in setup_lines(collecting.run.records.values()):
                terminalreporter.write_line(written_out(line, encoding))


def setup_lines(records: Iterable[Record]) -> list[str]:
    """The tests whose setup executes most statements; the first that needs a shared fixture pays for all of it."""
    busy = sorted(
        (record for record in records if record.setup_statements),
        key=lambda record: (-record.setup_statements, record.node_id),
    )
    lines = [f"  {record.setup_statements:>6}  {record.node_id}" for record in busy[:_SETUPS_SHOWN]]
    if len(busy) > _SETUPS_SHOWN:
        lines.append(f"  … and {len(busy) - _SETUPS_SHOWN} more tests")
    return ["SQL statements of setups (context, not gated):", *lines] if lines else []
