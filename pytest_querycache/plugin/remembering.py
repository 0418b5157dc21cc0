"""The history at the end of a session: its figures are added, and what its bad cases cost before is looked up."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ..model.baseline import Section
from ..model.history import Machine, Moment, costs_to_keep
from ..model.record import Run
from ..model.verdict import GateResult
from ..reports.signs import terminal_encoding, written_out
from ..storage.history_format import HistoryError, check_header
from ..storage.remembered import remembered
from .exit_status import fail_session
from .head import read_session_head
from .settings import Settings


class Remembering:
    """Adds the session to the history that the configuration names.

    What stands in the history's place and is none raises UsageError, before the first test. An interrupted session is
    not kept: its last tests may have been disturbed by whatever ended it.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._lines: list[str] = []
        self._is_over = False
        self._path = config.rootpath / settings.configuration.history
        try:
            check_header(self._path)
        except HistoryError as error:
            raise pytest.UsageError(str(error)) from None

    def keep(
        self, session: pytest.Session, run: Run, result: GateResult | None, section: Section | None
    ) -> GateResult | None:
        """Add the run, the first time this is called; gives the result with the history of its bad cases.

        As a report that was asked for, a history that cannot be written fails the session.
        """
        if self._is_over or not run.complete:
            return result
        self._is_over = True
        try:
            moment = self._moment()
            self._add(run, moment)
            return self._with_history(run, result, section, moment)
        except HistoryError as error:
            self._lines.append(f"history: {error}")
            fail_session(session)
            return result

    def tell(self, terminal: pytest.TerminalReporter) -> None:
        """Say what was kept, what was set aside, or what went wrong."""
        for line in self._lines:
            terminal.write_line(written_out(line, terminal_encoding()))

    def _add(self, run: Run, moment: Moment) -> None:
        costs = costs_to_keep(run, self._settings.policy)
        if not costs:
            return
        # only a command that was asked for is imported where it is needed: sqlite3 is nobody else's business
        from ..storage.history import append_run

        aside = append_run(self._path, Machine.of(run.environment), moment, costs)
        named = self._settings.configuration.history
        if aside is not None:
            self._lines.append(
                f"history: {named} was damaged: it is now {aside.name}, and a new one was begun"
            )
        self._lines.append(f"history: {len(costs)} record{'' if len(costs) == 1 else 's'} kept in {named}")

    def _moment(self) -> Moment:
        head = read_session_head(self._config, self._settings)
        return Moment(
            finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            commit=head.commit if head is not None else "",
            dirty=head.dirty if head is not None else False,
        )

    def _with_history(
        self, run: Run, result: GateResult | None, section: Section | None, moment: Moment
    ) -> GateResult | None:
        """The result with series for the page, the only report that draws them."""
        if result is None or self._config.option.perf_html is None:
            return result
        return remembered(self._path, run, result, section, finished=moment.finished)
