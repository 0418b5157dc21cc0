"""Several runs of one suite as one: what was split over machines is judged together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..errors import RunFileError
from .account import Account
from .environment import Environment, changed_distributions, shortened
from .record import Run
from .verdict import Evidence

_AND = " and "
"""Between the names of processors: a word that no name of one is known to have."""


def joined(accounts: Mapping[str, Account]) -> tuple[Account, list[str]]:
    """The session that several shards make up, and what people should know of it.

    ``accounts`` are the shards by the name that messages give them. Raises RunFileError where they do not make up
    one session: mixed environments or commits, an interrupted one, or a test that two of them ran.
    """
    (first_name, first), *others = accounts.items()
    notes: list[str] = []
    for name, account in others:
        _check_same(first_name, first, name, account)
        notes.extend(_differences(first_name, first, name, account))
    for name, account in accounts.items():
        refuse_interrupted(name, account)
    run = _joined_run(accounts)
    if len(accounts) > 1 and run.deselected:
        notes.append(
            f"{len(run.deselected)} tests were left out by every shard, {shortened(sorted(run.deselected))}; "
            "is a shard missing?"
        )
    evidence: dict[tuple[str, str], Evidence] = {}
    for account in accounts.values():
        evidence.update(account.evidence)
    return Account(run=run, occasion=first.occasion, evidence=evidence), notes


def refuse_interrupted(name: str, account: Account) -> None:
    """Raise RunFileError for half a session, whose last tests whatever ended it may have disturbed."""
    if not account.run.complete:
        raise RunFileError(f"{name}: its session was interrupted, so nothing can be decided; run it again")


def is_of_several(cpu_model: str) -> bool:
    """Whether a run's shards were measured on several processors, so that its times are those of none."""
    return _AND in cpu_model


def _check_same(first_name: str, first: Account, name: str, account: Account) -> None:
    if first.run.environment.key != account.run.environment.key:
        raise RunFileError(
            f"{first_name} was measured in {first.run.environment.key}, {name} in "
            f"{account.run.environment.key}: runs of one environment are judged together, expected one of them"
        )
    here, there = first.occasion.commit, account.occasion.commit
    if here and there and here != there:
        raise RunFileError(
            f"{first_name} was measured at commit {here}, {name} at {there}: expected one commit"
        )


def _differences(first_name: str, first: Account, name: str, account: Account) -> Iterable[str]:
    changed = changed_distributions(
        first.run.environment.distributions, account.run.environment.distributions
    )
    if changed:
        yield f"installed in {first_name} → {name}: {shortened(changed)}"


def _joined_run(accounts: Mapping[str, Account]) -> Run:
    runs = {name: account.run for name, account in accounts.items()}
    run = Run(environment=_joined_environment([run.environment for run in runs.values()]))
    homes: dict[str, str] = {}
    for name, shard in runs.items():
        for node_id, record in shard.records.items():
            if node_id in homes and record.values and run.records[node_id].values:
                raise RunFileError(
                    f"{node_id} is in {homes[node_id]} and in {name}: the shards overlap, "
                    "expected each test in one of them"
                )
            if node_id not in homes or record.values:
                run.records[node_id] = record
                homes[node_id] = name
        run.claimed |= shard.claimed
        run.deselected |= shard.deselected
        run.wholly_collected |= shard.wholly_collected
        run.disturbances.update(shard.disturbances)
        run.whole &= shard.whole
    run.deselected -= run.claimed
    return run


def _joined_environment(environments: list[Environment]) -> Environment:
    """The shards' environment; machines of several kinds are none whose times compare with stored ones."""
    distributions: dict[str, str] = {}
    for environment in environments:
        distributions.update(environment.distributions)
    models = dict.fromkeys(environment.cpu_model for environment in environments)
    return replace(environments[0], cpu_model=_AND.join(models), distributions=distributions)
