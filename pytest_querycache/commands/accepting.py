"""``querycache accept``: a run's figures go into the baseline, so that nobody has to measure on a laptop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import RunFileError
from ..model.acceptance import Acceptance, accept
from ..model.account import Account
from ..model.baseline import Baseline, Commit, Entry, Section
from ..model.environment import StoredEnvironment
from ..model.learned import Learned
from ..model.policy import Policy
from ..model.record import SEPARATOR, Record
from ..storage.baseline_file import update_baseline
from ..storage.run_file import read_run
from .project import baseline_of


def accept_run(path: Path, node_ids: Sequence[str], baseline: Path, policy: Policy) -> Acceptance:
    """Take a run's figures, or those of a few of its tests, into a baseline file.

    Only metrics whose figures changed by more than their threshold tolerates are taken; of the others the old
    figures stay. Raises RunFileError where a node id is not in the run or a tracer distorted its figures,
    BaselineError where the file cannot be written.
    """
    account = read_run(path)
    if baseline.exists():
        baseline_of(baseline)
    if account.run.disturbances:
        why = min(account.run.disturbances.values())
        raise RunFileError(f"{path}: {why}: figures measured under it cannot be accepted; run without it")
    records = _asked(account, node_ids, path)
    taken: list[Acceptance] = []

    def change(stored: Baseline) -> None:
        environment = account.run.environment
        section = stored.sections.setdefault(
            environment.key, Section(environment=StoredEnvironment.of(environment))
        )
        before = dict(section.entries)
        acceptance = accept(
            section,
            records,
            _learned(account, section),
            policy,
            environment=environment,
            commit=account.occasion.commit,
        )
        _keep_unchanged(section, before, acceptance)
        _note_commit(section, account)
        taken.append(acceptance)

    update_baseline(baseline, change)
    return taken[0]


def _asked(account: Account, node_ids: Sequence[str], path: Path) -> list[Record]:
    records = list(account.run.records.values())
    for asked in node_ids:
        if not any(_is_meant(record, asked) for record in records):
            raise RunFileError(
                f"{path}: the run has no test {asked}; expected a node id as the report shows it"
            )
    if not node_ids:
        return records
    return [record for record in records if any(_is_meant(record, asked) for asked in node_ids)]


def _is_meant(record: Record, asked: str) -> bool:
    return record.node_id == asked or record.node_id.startswith(f"{asked}{SEPARATOR}")


def _learned(account: Account, section: Section) -> dict[str, Learned]:
    """What the session's own fresh processes showed of its suspects, as an update would have learned it.

    Whether a test can be repeated in one process is not known of a run; the baseline's word stands.
    """
    learned = {name: Learned(alone=True) for name, entry in section.entries.items() if entry.alone}
    for (node_id, kept), evidence in account.evidence.items():
        metric = kept.removesuffix(" budget")
        processes = [[{metric: value} for value in values] for values in evidence.processes if values]
        if processes:
            learned.setdefault(node_id, Learned()).warm.extend(processes)
    return learned


def _keep_unchanged(section: Section, before: Mapping[str, Entry], acceptance: Acceptance) -> None:
    """Of an entry that changed, put back the figures that did not: a run knows first executions alone."""
    changed = {(change.node_id, change.metric.name) for change in acceptance.changed}
    for node_id, old in before.items():
        new = section.entries.get(node_id)
        if new is None or new is old or node_id in acceptance.new:
            continue
        figures = []
        for name, figure in new.figures():
            known = old.figure(name)
            figures.append((name, figure if known is None or (node_id, name) in changed else known))
        section.entries[node_id] = Entry(figures, commit=new.commit, alone=old.alone)


def _note_commit(section: Section, account: Account) -> None:
    occasion = account.occasion
    if occasion.commit:
        known = section.commits.get(occasion.commit)
        # figures of a changed tree stay figures of a changed tree
        dirty = occasion.dirty or (known is not None and known.dirty)
        section.commits[occasion.commit] = Commit(dirty=dirty, date=occasion.finished[:10])
    used = {entry.commit for entry in section.entries.values()}
    section.commits = {name: commit for name, commit in section.commits.items() if name in used}
