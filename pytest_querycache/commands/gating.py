"""``querycache gate``: the runs of a split suite, judged as one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import RunFileError
from ..model.account import Account
from ..model.baseline import Section
from ..model.environment import shortened
from ..model.first_sight import judge_as_it_stands, vetoes_of
from ..model.policy import Policy
from ..model.record import Run, file_of, is_of_a_test
from ..model.shards import joined
from ..model.verdict import Verdict
from ..storage.run_file import read_run
from .project import section_in

HERE = Path()
"""The folder that a command asks about where it is not told otherwise."""

_MOST_NAMED = 3
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")


def gate(
    paths: Sequence[Path], baseline: Path, policy: Policy, *, shards: int | None = None, confirm: str = "auto"
) -> Account:
    """The runs held against a baseline; ``shards`` is how many there have to be.

    Without that number several runs have to make up all that the baseline knows; one run may be of a part of it.
    Raises RunFileError for runs that do not make up one session, BaselineError where nothing can be compared with.
    """
    for number, path in enumerate(paths):
        if path in paths[:number]:
            raise RunFileError(f"{path}: the same run was given twice")
    if shards is not None and shards != len(paths):
        raise RunFileError(_wrong_number(paths, shards))
    accounts = {str(path): read_run(path) for path in paths}
    account, notes = joined(accounts)
    section = section_in(baseline, account.run.environment.key)
    if len(paths) > 1 and shards is None:
        _refuse_half_a_suite(paths, account.run, section)
    notes.extend(_uncollected(account.run, section))
    vetoes = {key: why for each in accounts.values() for key, why in vetoes_of(each).items()}
    result = judge_as_it_stands(account, section, policy, confirm=confirm, vetoes=vetoes)
    return replace(account, section=section, result=replace(result, notes=[*result.notes, *notes]))


def _wrong_number(paths: Sequence[Path], shards: int) -> str:
    given = f"{len(paths)} run{'' if len(paths) == 1 else 's'} given ({', '.join(map(str, paths))})"
    if len(paths) > shards:
        return f"{given}, expected {shards}: these are too many"
    missing = _missing_names(paths, shards)
    if not missing:
        return f"{given}, expected {shards}: a shard is missing"
    return f"{given}, expected {shards}: {shortened(missing)} {'is' if len(missing) == 1 else 'are'} missing"


def _missing_names(paths: Sequence[Path], shards: int) -> list[str]:
    """How the missing runs would be called, where the others are numbered."""
    found = [_LAST_NUMBER.search(str(path)) for path in paths]
    numbers = {int(match[0]) for match in found if match is not None}
    around = {(match.string[: match.start()], match.string[match.end() :]) for match in found if match}
    first = min(numbers, default=1) and 1
    missing = sorted({*range(first, first + shards)} - numbers)
    if len(around) != 1 or len(missing) != shards - len(paths):
        return []
    (before, behind), width = around.pop(), min(len(match[0]) for match in found if match)
    return [f"{before}{number:0{width}}{behind}" for number in missing]


def _refuse_half_a_suite(paths: Sequence[Path], run: Run, section: Section) -> None:
    """Stop where a shard seems to be missing: a regression in it would pass unseen."""
    files = _uncollected_files(run, section)
    left_out = [node_id for node_id in section.entries if node_id in run.deselected]
    if files or left_out:
        raise RunFileError(
            f"{', '.join(map(str, paths))}: no run has {shortened(files or sorted(left_out))}, which the baseline "
            f"knows; is a shard missing? Where these are all, say --shards {len(paths)}"
        )


def _uncollected(run: Run, section: Section) -> Iterator[str]:
    """What people should know of a suite that was split by files: whole files that nobody ran."""
    files = _uncollected_files(run, section)
    if files:
        yield f"no run collected {shortened(files)}, which the baseline knows; is a shard missing?"


def _uncollected_files(run: Run, section: Section) -> list[str]:
    """The files of the baseline's tests that no run collected; what a script measured has no file."""
    collected = {file_of(node_id) for node_id in run.claimed | run.deselected}
    return sorted({file_of(node_id) for node_id in section.entries if is_of_a_test(node_id)} - collected)


def accept_command(
    paths: Sequence[Path], account: Account, *, baseline: Path | None = None, rootdir: Path = HERE
) -> str:
    """The command that accepts what regressed, a few records by name.

    ``baseline`` and ``rootdir`` are what this command was given, without which the next one would look elsewhere.
    """
    if account.result is None:
        return ""
    guilty = list(dict.fromkeys(finding.node_id for finding in account.result.of(Verdict.REGRESSED)))
    named = guilty if len(guilty) <= _MOST_NAMED and len(paths) == 1 else []
    where = [] if baseline is None else ["--baseline", str(baseline)]
    where += [] if rootdir == HERE else ["--rootdir", str(rootdir)]
    return " && ".join(shlex.join(["querycache", "accept", str(path), *named, *where]) for path in paths)
