"""``querycache gate``: the runs of a split suite, judged as one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import RunFileError
from ..model.account import Account
from ..model.first_sight import judge_as_it_stands, vetoes_of
from ..model.policy import Policy
from ..model.shards import joined
from ..model.verdict import Verdict
from ..storage.run_file import read_run
from .project import section_in

_MOST_NAMED = 3


def gate(
    paths: Sequence[Path], baseline: Path, policy: Policy, *, shards: int | None = None, confirm: str = "auto"
) -> Account:
    """The runs held against a baseline; ``shards`` is how many there have to be.

    Raises RunFileError for runs that do not make up one session, BaselineError where nothing can be compared with.
    """
    if shards is not None and shards != len(paths):
        given = ", ".join(str(path) for path in paths)
        raise RunFileError(f"{len(paths)} runs were given ({given}), expected {shards}: a shard is missing")
    accounts = {str(path): read_run(path) for path in paths}
    if len(accounts) != len(paths):
        raise RunFileError(f"{_twice(paths)}: the same run was given twice")
    account, notes = joined(accounts)
    section = section_in(baseline, account.run.environment.key)
    vetoes = {key: why for each in accounts.values() for key, why in vetoes_of(each).items()}
    result = judge_as_it_stands(account, section, policy, confirm=confirm, vetoes=vetoes)
    return replace(account, section=section, result=replace(result, notes=[*result.notes, *notes]))


def _twice(paths: Sequence[Path]) -> Path:
    return next(path for number, path in enumerate(paths) if path in paths[:number])


def accept_command(paths: Sequence[Path], account: Account) -> str:
    """The command that accepts what regressed, a few records by name."""
    if account.result is None:
        return ""
    guilty = list(dict.fromkeys(finding.node_id for finding in account.result.of(Verdict.REGRESSED)))
    named = guilty if len(guilty) <= _MOST_NAMED and len(paths) == 1 else []
    return " && ".join(shlex.join(["querycache", "accept", str(path), *named]) for path in paths)
