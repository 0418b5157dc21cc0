"""The files a session was asked to leave behind: checked before the first test, written once after the judgement."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ..errors import QueryCacheError, ReportError
from ..model.account import Account, Occasion
from ..model.baseline import Section
from ..model.record import Run
from ..model.verdict import Evidence, GateResult
from ..storage.repository import read_head
from .options import REPORTS
from .settings import Settings


class ReportFiles:
    """Writes each report to the file its option names; raises ReportError for a name that cannot be one."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._lines: list[str] = []
        self._is_written = False
        folder = config.invocation_params.dir
        given = {name: getattr(config.option, f"perf_{name}") for name in REPORTS}
        self._paths = {name: folder / file for name, file in given.items() if file is not None}
        for name, path in self._paths.items():
            if not given[name] or path.is_dir():
                raise ReportError(f"--perf-{name}={given[name]}: expected a file, not a folder")

    def write(
        self,
        *,
        run: Run,
        result: GateResult | None,
        evidence: Mapping[tuple[str, str], Evidence],
        section: Section | None,
    ) -> bool:
        """Write every file that was asked for, the first time this is called; False where one could not be."""
        if self._is_written:
            return True
        self._is_written = True
        if not self._paths:
            return True
        account = Account(
            run=run, occasion=self._occasion(), result=result, evidence=evidence, section=section
        )
        problems = [
            problem for name, path in self._paths.items() if (problem := self._one(name, path, account))
        ]
        self._lines.extend(problems)
        return not problems

    def tell(self, terminal: pytest.TerminalReporter) -> None:
        """Say which files were written, and which could not be."""
        for line in self._lines:
            terminal.write_line(line)

    def _one(self, name: str, path: Path, account: Account) -> str:
        """Write one file; gives what went wrong, or nothing."""
        try:
            _write(name, path, account)
        except QueryCacheError as error:
            return f"--perf-{name}: {error}"
        self._lines.append(f"wrote {path}")
        return ""

    def _occasion(self) -> Occasion:
        head = read_head(self._config.rootpath, ignoring=self._settings.baseline)
        return Occasion(
            command=shlex.join(["pytest", *map(str, self._config.invocation_params.args)]),
            finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            commit=head.commit if head is not None else "",
            dirty=head.dirty if head is not None else False,
        )


def _write(name: str, path: Path, account: Account) -> None:
    # each kind of report is imported where it is asked for
    if name == "json":
        from ..storage.run_file import write_run

        write_run(path, account)
