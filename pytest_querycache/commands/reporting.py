"""``querycache report``: the reports of a run that is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..model.account import Account
from ..reports.html import html_report
from ..reports.markdown import markdown_report
from ..storage.baseline_file import read_baseline
from ..storage.replace import write_text
from ..storage.run_file import read_run


def account_beside(path: Path, baseline: Path, *, required: bool) -> Account:
    """A run with what it may be compared with; a baseline that nobody asked for may be missing."""
    account = read_run(path)
    if not required and not baseline.exists():
        return account
    return replace(account, section=read_baseline(baseline).sections.get(account.run.environment.key))


def write_reports(
    account: Account, *, html: Path | None, markdown: Path | None, accept: str
) -> Iterator[str]:
    """Write the files that were asked for, and say so; raises ReportError."""
    if html is not None:
        write_text(html, html_report(account, accept=accept))
        yield f"wrote {html}"
    if markdown is not None:
        write_text(markdown, markdown_report(account, accept=accept))
        yield f"wrote {markdown}"
