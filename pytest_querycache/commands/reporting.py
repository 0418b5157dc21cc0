"""``querycache report``: the reports of a run that is over."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..errors import ReportError
from ..model.account import Account
from ..storage.baseline_file import read_baseline
from ..storage.checkout import folder_in_checkout
from ..storage.history_format import HistoryError
from ..storage.remembered import remembered
from ..storage.replace import write_text
from ..storage.run_file import read_run
from .project import configuration_in


def account_beside(path: Path, baseline: Path, *, required: bool) -> Account:
    """A run with what it may be compared with; a baseline that nobody asked for may be missing."""
    account = read_run(path)
    if not required and not baseline.exists():
        return account
    return replace(account, section=read_baseline(baseline).sections.get(account.run.environment.key))


def write_reports(
    account: Account, paths: Mapping[str, Path], *, accept: str, rootdir: Path
) -> Iterator[str]:
    """Write the reports that were asked for, and say so; raises ReportError.

    ``paths`` are folders for ``gitlab``, files for every other kind. ``accept`` is the command that accepts new
    figures, ``rootdir`` the project's folder, whose history the page draws where one is configured and there.
    """
    if "html" in paths:
        account, problem = _beside_its_history(account, rootdir)
        if problem:
            yield f"no history on the page: {problem}"
    for kind, path in paths.items():
        if path.is_file() if kind == "gitlab" else path.is_dir():
            expected, other = ("a folder", "a file") if kind == "gitlab" else ("a file", "a folder")
            raise ReportError(f"--{kind} {path}: expected {expected}, not {other}")
        _write(kind, path, account, accept, rootdir)
        yield f"wrote {path}"


def _beside_its_history(account: Account, rootdir: Path) -> tuple[Account, str]:
    """The account with the history of its bad cases, where the project keeps one; or why it cannot be read."""
    named = configuration_in(rootdir).history
    if account.result is None or not named or not (rootdir / named).exists():
        return account, ""
    try:
        result = remembered(
            rootdir / named,
            account.run,
            account.result,
            account.section,
            finished=account.occasion.finished,
        )
    except HistoryError as error:
        return account, str(error)
    return replace(account, result=result), ""


def _write(kind: str, path: Path, account: Account, accept: str, rootdir: Path) -> None:
    # each kind is imported where it is asked for, because not every one can be made everywhere
    if kind == "html":
        from ..reports.html import html_report

        write_text(path, html_report(account, accept=accept))
    elif kind == "markdown":
        from ..reports.markdown import markdown_report

        write_text(path, markdown_report(account, accept=accept))
    elif kind == "json":
        from ..storage.run_file import write_run

        write_run(path, account)
    else:
        from ..reports.gitlab import METRICS_FILE, QUALITY_FILE, metrics_report, quality_report

        folder = folder_in_checkout(rootdir, os.environ.get("CI_PROJECT_DIR", ""))
        write_text(path / METRICS_FILE, metrics_report(account))
        write_text(path / QUALITY_FILE, quality_report(account, folder=folder))
