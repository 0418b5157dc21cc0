"""What is said at a test's own line: the place, and one finding in one line of text."""

from __future__ import annotations

from pathlib import PurePosixPath

from ..model.account import Account
from ..model.record import file_of
from ..model.verdict import Finding
from .terminal import change_text, limit_text


def place_of(account: Account, node_id: str, folder: str) -> tuple[str, int]:
    """The file and the line of a record; ``folder`` is where the project stands in its repository."""
    record = account.run.records.get(node_id)
    known = record is not None and record.file and record.line
    file, line = (record.file, record.line) if record is not None and known else (file_of(node_id), 1)
    return str(PurePosixPath(folder, file.replace("\\", "/"))), line


def remark(finding: Finding) -> str:
    """Verdict, change, limit, proof and insight."""
    parts = [f"{finding.verdict.value.replace('_', ' ')}: {change_text(finding)}"]
    if finding.limit is not None:
        parts.append(f"limit {limit_text(finding.limit)}")
    parts.extend(text for text in (finding.proof, finding.insight) if text)
    return "; ".join(parts)


def without_surrogates(text: str) -> str:
    """A file name that is not UTF-8 arrives as lone surrogates, which no file of text can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
