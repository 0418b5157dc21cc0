"""One gated session, from its start to its exit status: read, collect, screen, confirm, judge, tell.

A session that only tracks, or that accepts, takes the same way and leaves it earlier or later.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from ..model.baseline import Section
from ..model.gate import judge
from ..model.screener import screen
from ..model.screening import Screening
from ..model.verdict import EvidenceByMetric, GateResult
from ..probes.allocations import why_missing
from ..probes.machine import disturbances
from .collecting import Collecting
from .exit_status import fail_session, show_failure
from .progress import Progress
from .report_files import ReportFiles
from .settings import Mode, Settings, is_provable
from .summary import Summary

if TYPE_CHECKING:
    from .remembering import Remembering
    from .updating import Update


def _ended_by_pytest(error: BaseException, session: pytest.Session) -> bool:
    """Whether -x, --maxfail or --stepwise ended the session: who presses Ctrl-C does not want to wait for more.

    pytest and xdist then raise a KeyboardInterrupt of their own kind each.
    """
    own_kind = isinstance(error, KeyboardInterrupt) and type(error) is not KeyboardInterrupt
    return own_kind or isinstance(error, session.Failed)


def _remembering(config: pytest.Config, settings: Settings) -> Remembering | None:
    """What keeps the history, where the configuration names one; others do not pay for what it imports."""
    if not settings.configuration.history:
        return None
    from .remembering import Remembering

    return Remembering(config, settings)


class GateSession:
    """Judges the run when the last test is over, and makes the answer count."""

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        collecting: Collecting,
        section: Section | None,
        reports: ReportFiles,
    ) -> None:
        self._process = os.getpid()
        self._config = config
        self._hook = config.hook
        self._settings = settings
        self._collecting = collecting
        self._section = section
        self._reports = reports
        self._evidence: EvidenceByMetric = {}
        self._result: GateResult | None = None
        self._update: Update | None = None
        self._summary = Summary(config, settings)
        self._remembering = _remembering(config, settings)

    def pytest_report_header(self) -> list[str]:
        """Say what is compared with what, and what this set-up is blind to."""
        return self._summary.header(
            self._collecting.run.environment, self._section, disturbances(), why_missing()
        )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Conclude behind the last test, while the exit status can still be decided."""
        try:
            done = yield
            if not self._is_forked():
                self._conclude(session)
        except BaseException as error:
            self._collecting.run.complete = False
            if _ended_by_pytest(error, session) and not self._is_forked():
                self._accept_what_ran(session)
            raise
        return done

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Judge an interrupted session by what it measured, without confirming anything."""
        if self._is_forked() or exitstatus == pytest.ExitCode.USAGE_ERROR:
            return
        if self._result is None and self._settings.mode is Mode.GATE:
            self._collecting.finish(entries=())
            self._result = self._judge(self._screen(), {})
        self._write_reports(session)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Print the section of the gate; a session that was called wrongly ends with its own message."""
        if exitstatus == pytest.ExitCode.USAGE_ERROR or self._is_forked():
            return
        self._summary.write(
            terminalreporter,
            run=self._collecting.run,
            result=self._result,
            update=self._update,
        )
        if self._remembering is not None:
            self._remembering.tell(terminalreporter)
        self._reports.tell(terminalreporter)
        if self._result is not None and self._result.failures and self._collecting.run.complete:
            show_failure(terminalreporter, self._result)

    def _is_forked(self) -> bool:
        """Whether a test forked and its child came back into pytest: a second end of the same session."""
        return os.getpid() != self._process

    def _conclude(self, session: pytest.Session) -> None:
        run = self._collecting.run
        measuring = self._config.pluginmanager.get_plugin("querycache-measuring")
        run.disturbances.update(getattr(measuring, "disturbances", {}))
        self._collecting.finish(entries=self._section.entries if self._section is not None else ())
        if self._settings.mode is Mode.UPDATE:
            from .updating import Update

            self._update = Update(self._config, self._settings, self._collecting)
            self._update.carry_out(self._progress())
            if self._update.error:
                fail_session(session)
        elif self._settings.mode is Mode.GATE:
            screening = self._screen()
            self._evidence = self._confirm(screening)
            self._result = self._judge(screening, self._evidence)
            self._hook.pytest_querycache_report(config=self._config, run=run, result=self._result)
            if self._result.failures:
                fail_session(session)
                self._summary.report_to_junit(self._result)
        self._write_reports(session)

    def _accept_what_ran(self, session: pytest.Session) -> None:
        """Update, when pytest stopped by itself, the entries of the tests that it reached."""
        if self._settings.mode is Mode.UPDATE and self._collecting.run.records:
            self._conclude(session)

    def _write_reports(self, session: pytest.Session) -> None:
        """Write the files that were asked for, once; one that cannot be written fails the session."""
        run, result, section = self._collecting.run, self._result, self._section
        if self._remembering is not None:
            result = self._remembering.keep(session, run, result, section)
        accept = " ".join(self._summary.accept(run, result)).rstrip() if result is not None else ""
        if not self._reports.write(
            run=run, result=result, evidence=self._evidence, section=section, accept=accept
        ):
            fail_session(session)

    def _screen(self) -> Screening:
        return screen(
            self._collecting.run,
            self._section,
            self._settings.policy,
            everything=self._settings.confirm == "always",
            against=self._settings.against,
            relative=self._settings.confirm != "off",
            provable=is_provable(self._config, self._settings),
        )

    def _judge(self, screening: Screening, evidence: EvidenceByMetric) -> GateResult:
        return judge(
            screening,
            self._collecting.run,
            self._section,
            self._settings.policy,
            evidence,
            confirm=self._settings.confirm,
            veto=lambda finding: self._hook.pytest_querycache_judge(config=self._config, finding=finding),
        )

    def _confirm(self, screening: Screening) -> EvidenceByMetric:
        """Measure the suspects again, unless that was switched off."""
        if self._settings.confirm == "off" or not screening.suspects:
            return {}
        from .confirming import confirm  # a session without suspects does not pay for what starts processes

        return confirm(
            screening,
            config=self._config,
            settings=self._settings,
            run=self._collecting.run,
            section=self._section,
            suite_ns=self._collecting.duration_ns,
            progress=self._progress(),
        )

    def _progress(self) -> Progress:
        return Progress(self._config)
