"""Annotations for GitHub Actions: what regressed, at the test's own line.

The format is GitHub's "workflow commands" (docs.github.com, *Workflow commands for GitHub Actions*): one line of
output each, in which per cent signs and line ends are escaped, in properties also colons and commas.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model.account import Account
from ..model.verdict import Verdict
from .grouping import by_record
from .remark import place_of, remark

MOST = 10
"""GitHub shows no more errors of a step, and no more warnings; a notice counts what is left, which is shown too."""

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
        file, line = place_of(account, node_id, folder)
        place = f"file={_property(file)},line={line}"
        text = "\n".join([node_id, *(remark(finding) for finding in findings)])
        yield f"::{level} {place},title={_property(_TITLE)}::{_message(text)}"
    if len(records) > MOST:
        rest = len(records) - MOST
        text = f"{rest} more record{'' if rest == 1 else 's'} regressed; the job's log names them all"
        yield f"::notice title={_property(_TITLE)}::{_message(text)}"
    elif result.failures and not records:
        yield f"::error title={_property(_TITLE)}::{_message('; '.join(result.failures))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
