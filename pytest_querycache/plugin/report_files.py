"""The files a session was asked to leave behind: checked before the first test, written once after the judgement.

On GitHub Actions a session also leaves what that service shows by itself, without being asked: the job's summary,
and annotations in the job's log.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..errors import QueryCacheError, ReportError
from ..model.baseline import Section
from ..model.record import Run
from ..model.verdict import Evidence, GateResult, Verdict
from ..reports.signs import visible
from ..storage.checkout import folder_in_checkout
from ..storage.replace import write_text
from .head import read_session_head
from .options import FOLDERS, REPORTS
from .settings import Mode, Settings

if TYPE_CHECKING:
    from ..model.account import Account

_MOST_SUMMARY = 900_000
"""GitHub refuses a step's summary beyond 1 MiB; what comes after this many bytes is cut off."""


class ReportFiles:
    """Writes each report to the file its option names; raises ReportError for a name that cannot be one."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._lines: list[str] = []
        self._is_written = False
        folder = config.invocation_params.dir
        options = {name: getattr(config.option, f"perf_{name}") for name in (*REPORTS, *FOLDERS)}
        self._given: dict[str, str] = {name: file for name, file in options.items() if file is not None}
        self._paths = {name: folder / file for name, file in self._given.items()}
        for name, path in self._paths.items():
            expected, other = ("a folder", "a file") if name in FOLDERS else ("a file", "a folder")
            if not self._given[name] or (path.is_file() if name in FOLDERS else path.is_dir()):
                raise ReportError(f"--perf-{name}={self._given[name]}: expected {expected}, not {other}")
        if "html" in self._paths:
            from ..reports.html import why_no_page

            problem = why_no_page()
            if problem is not None:
                raise ReportError(f"--perf-html={self._given['html']}: {problem}")
        self._on_github = os.environ.get("GITHUB_ACTIONS") == "true" and settings.mode is not Mode.UPDATE

    def write(
        self,
        *,
        run: Run,
        result: GateResult | None,
        evidence: Mapping[tuple[str, str], Evidence],
        section: Section | None,
        accept: str,
    ) -> bool:
        """Write every file that was asked for, the first time this is called; False where one could not be."""
        if self._is_written:
            return True
        self._is_written = True
        if not self._paths and not self._on_github:
            return True
        account = self._account(run=run, result=result, evidence=evidence, section=section)
        problems = list(self._write_files(account, accept))
        self._lines.extend(problems)
        if self._on_github:
            self._lines.extend(self._tell_github(account, accept))
        return not problems

    def tell(self, terminal: pytest.TerminalReporter) -> None:
        """Say which files were written, and which could not be."""
        for line in self._lines:
            terminal.write_line(visible(line))

    def _write_files(self, account: Account, accept: str) -> Iterable[str]:
        """Write one file after the other; gives what went wrong."""
        for name, path in self._paths.items():
            try:
                self._write(name, path, account, accept)
                self._lines.append(f"wrote {self._given[name]}{self._next_step(name, account)}")
            except QueryCacheError as error:
                yield f"--perf-{name}: {error}"

    def _next_step(self, name: str, account: Account) -> str:
        """How the figures of a run that failed can be accepted without measuring them again."""
        result = account.result
        if name != "json" or result is None or not result.of(Verdict.REGRESSED):
            return ""
        return f"; to accept its figures as they are: {self._accept_command(self._given[name])}"

    def _accept_command(self, run_file: str) -> str:
        """``querycache accept`` as it has to be typed in this folder; what pytest was told, it has to be told too."""
        option, here = self._config.option, self._config.invocation_params.dir
        command = ["querycache", "accept", run_file]
        # the command knows the configuration, and nothing of this command line
        if option.perf_baseline:
            command += ["--baseline", option.perf_baseline]
        elif any(setting.partition("=")[0].strip() == "baseline" for setting in option.perf_set or ()):
            command += ["--baseline", _path_from(here, self._settings.baseline)]
        if here != self._config.rootpath:
            command += ["--rootdir", _path_from(here, self._config.rootpath)]
        return shlex.join(command)

    def _tell_github(self, account: Account, accept: str) -> Iterable[str]:
        """Append to the job's summary; gives the annotations, which the log carries.

        A summary that cannot be written was not asked for, so it fails nothing.
        """
        from ..reports.github import annotation_lines
        from ..reports.markdown import markdown_report

        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            try:
                with open(summary, "a", encoding="utf-8") as stream:  # noqa: PTH123 (a path GitHub made)
                    text = markdown_report(account, accept=accept).encode()[:_MOST_SUMMARY]
                    stream.write(text.decode("utf-8", "ignore") + "\n")
            except OSError as error:
                yield f"the job's summary cannot be written ({error.strerror})"
        yield from annotation_lines(account, folder=self._folder_in("GITHUB_WORKSPACE"))

    def _folder_in(self, variable: str) -> str:
        """Where the project stands in the checkout that a service's environment variable names."""
        return folder_in_checkout(self._config.rootpath, os.environ.get(variable, ""))

    def _account(
        self,
        *,
        run: Run,
        result: GateResult | None,
        evidence: Mapping[tuple[str, str], Evidence],
        section: Section | None,
    ) -> Account:
        from ..model.account import Account, Occasion  # most sessions leave no files behind

        head = read_session_head(self._config, self._settings)
        occasion = Occasion(
            command=shlex.join(["pytest", *map(str, self._config.invocation_params.args)]),
            finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            commit=head.commit if head is not None else "",
            dirty=head.dirty if head is not None else False,
        )
        return Account(run=run, occasion=occasion, result=result, evidence=evidence, section=section)

    def _write(self, name: str, path: Path, account: Account, accept: str) -> None:
        # each kind of report is imported where it is asked for
        if name == "json":
            from ..storage.run_file import write_run

            write_run(path, account)
        elif name == "html":
            from ..reports.html import html_report

            write_text(path, html_report(account, accept=accept))
        elif name == "markdown":
            from ..reports.markdown import markdown_report

            write_text(path, markdown_report(account, accept=accept))
        elif name == "gitlab":
            from ..reports.gitlab import METRICS_FILE, QUALITY_FILE, metrics_report, quality_report

            write_text(path / METRICS_FILE, metrics_report(account))
            write_text(path / QUALITY_FILE, quality_report(account, folder=self._folder_in("CI_PROJECT_DIR")))


def _path_from(folder: Path, path: Path) -> str:
    """A path as a command takes it that is started in a folder."""
    try:
        return os.path.relpath(path, folder)
    except ValueError:  # on another drive
        return str(path)
