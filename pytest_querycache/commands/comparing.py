"""``querycache compare``: two runs, two baselines, or one of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import BaselineError, RunFileError
from ..model.account import Account
from ..model.baseline import Baseline, Section
from ..model.first_sight import judge_as_it_stands
from ..model.policy import Policy
from ..model.shards import refuse_interrupted
from ..model.sides import alike, own_metrics_of, run_of_section, section_of_run
from ..storage.baseline_file import read_baseline
from ..storage.run_file import is_run, read_run


@dataclass(frozen=True)
class _Side:
    path: Path
    account: Account | None = None
    baseline: Baseline | None = None

    @property
    def keys(self) -> set[str]:
        """The environments this side was measured in."""
        if self.account is not None:
            return {self.account.run.environment.key}
        return set(self.baseline.sections) if self.baseline is not None else set()

    def section(self, key: str) -> Section:
        """What this side holds of an environment."""
        if self.account is not None:
            return section_of_run(self.account.run)
        assert self.baseline is not None
        return self.baseline.sections[key]


def compare(old: Path, new: Path, policy: Policy, *, section: str = "", confirm: str = "auto") -> Account:
    """The new file held against the old one, by the project's thresholds.

    First executions are held against first executions, and between two baselines repeats against repeats.
    ``section`` names the environment where both files know several. Raises RunFileError, also for a run of an
    interrupted session, and BaselineError.
    """
    before, after = _side(old), _side(new)
    return _compared(before, after, _common_key(before, after, section), policy, confirm)


def compare_all(old: Path, new: Path, policy: Policy, *, confirm: str = "auto") -> list[Account]:
    """Every environment that both files know, one after the other."""
    before, after = _side(old), _side(new)
    if not before.keys & after.keys:
        _common_key(before, after, "")  # says what each of them knows
    return [_compared(before, after, key, policy, confirm) for key in sorted(before.keys & after.keys)]


def _compared(before: _Side, after: _Side, key: str, policy: Policy, confirm: str) -> Account:
    stored = before.section(key)
    if after.account is not None:
        account = after.account
    else:
        own = own_metrics_of(before.account.run) if before.account is not None else {}
        stored, measured = alike(stored, after.section(key))
        account = Account(run=run_of_section(measured, key, own))
    # evidence was found against another baseline than this one
    account = Account(run=account.run, occasion=account.occasion, section=stored)
    result = judge_as_it_stands(account, stored, policy, confirm=confirm)
    return Account(run=account.run, occasion=account.occasion, section=stored, result=result)


def _side(path: Path) -> _Side:
    if not path.exists():
        raise RunFileError(f"{path}: no such file, expected a run or a baseline")
    if is_run(path):
        account = read_run(path)
        refuse_interrupted(str(path), account)
        return _Side(path, account=account)
    return _Side(path, baseline=read_baseline(path))


def _common_key(before: _Side, after: _Side, asked: str) -> str:
    common = before.keys & after.keys
    if asked:
        common &= {asked}
    if len(common) == 1:
        return common.pop()
    if common:
        known = ", ".join(sorted(common))
        raise BaselineError(
            f"{before.path} and {after.path} both know {known}: choose one with --section KEY, or --all"
        )
    raise BaselineError(
        f"{before.path} knows {_listed(before)}, {after.path} {_listed(after)}: "
        f"expected {asked or 'an environment'} in both"
    )


def _listed(side: _Side) -> str:
    return ", ".join(sorted(side.keys)) or "no environment"
