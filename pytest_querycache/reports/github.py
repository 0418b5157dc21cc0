"""Annotations for GitHub Actions: what regressed, at the test's own line.

The format is GitHub's "workflow commands" (docs.github.com, *Workflow commands for GitHub Actions*): one line of
output each, in which per cent signs and line ends are escaped, in properties also colons and commas.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from ..model.account import Account
from ..model.record import file_of
from ..model.verdict import Finding, Verdict
from .grouping import by_record
from .terminal import change_text, limit_text

MOST = 10
"""GitHub shows no more of one kind for a step."""

_TITLE = "performance gate"


def annotation_lines(account: Account, *, folder: str = "") -> Iterator[str]:
    """One annotation for each record that regressed, at most ten, then how many more there are.

    They are errors where the session fails, else warnings. ``folder`` is where the project stands in its
    repository, since GitHub wants a file's path from there.
    """
    result = account.result
    if result is None or not account.run.complete:
        return
    level = "warning" if result.success else "error"
    guilty = result.of(Verdict.REGRESSED, Verdict.OVER_BUDGET)
    records = by_record(guilty)
    for node_id, findings in records[:MOST]:
        file, line = _place(account, node_id)
        place = f"file={_property(str(PurePosixPath(folder, file)))},line={line}"
        text = "\n".join([node_id, *(_told(finding) for finding in findings)])
        yield f"::{level} {place},title={_property(_TITLE)}::{_message(text)}"
    if len(records) > MOST:
        rest = len(records) - MOST
        text = f"{rest} more record{'' if rest == 1 else 's'} regressed; the job's log names them all"
        yield f"::{level} title={_property(_TITLE)}::{_message(text)}"
    elif result.failures and not records:
        yield f"::error title={_property(_TITLE)}::{_message('; '.join(result.failures))}"


def _place(account: Account, node_id: str) -> tuple[str, int]:
    record = account.run.records.get(node_id)
    if record is None or not record.line:
        return file_of(node_id), 1
    return record.file.replace("\\", "/"), record.line


def _told(finding: Finding) -> str:
    parts = [f"{finding.verdict.value.replace('_', ' ')}: {change_text(finding)}"]
    if finding.limit is not None:
        parts.append(f"limit {limit_text(finding.limit)}")
    parts.extend(text for text in (finding.proof, finding.insight) if text)
    return "; ".join(parts)


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
