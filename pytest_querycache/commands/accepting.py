"""``querycache accept``: a run's figures go into the baseline, so that nobody has to measure on a laptop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import RunFileError
from ..model.acceptance import Acceptance, accept
from ..model.account import Account
from ..model.baseline import Baseline, Commit, Entry, Section
from ..model.change import Change
from ..model.environment import StoredEnvironment, another_processor
from ..model.learned import Learned
from ..model.metric import DB_DISTINCT, DB_QUERIES, DB_REPEATED
from ..model.policy import Policy
from ..model.record import SEPARATOR, Record
from ..model.shards import is_of_several
from ..model.verdict import Verdict
from ..storage.baseline_file import update_baseline
from ..storage.run_file import read_run

_COUNTED_STATEMENTS = frozenset({DB_QUERIES.name, DB_DISTINCT.name, DB_REPEATED.name})


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a run's figures did to the baseline.

    ``unproved`` counts tests whose old times stay, for want of proof; ``left_times`` says why no time was taken at
    all, empty where times may be.
    """

    acceptance: Acceptance
    unproved: int
    left_times: str = ""


def accept_run(path: Path, node_ids: Sequence[str], baseline: Path, policy: Policy) -> Taken:
    """Take a run's figures, or those of a few of its tests, into a baseline file.

    Only metrics whose figures changed by more than their threshold tolerates are taken; of the others the old
    figures stay. What varies from run to run, such as a time, is taken of a known test only where the run's own gate
    proved it, or where the test is named: a single slow moment would loosen the gate for good. Where old times stay,
    so does the CPU they were measured on: a run of another one brings its counts alone. Raises RunFileError where a
    node id is not in the run, a tracer distorted its figures, or several CPUs would have to be noted as one,
    BaselineError where the file cannot be written.
    """
    account = read_run(path)
    if account.run.disturbances:
        why = min(account.run.disturbances.values())
        raise RunFileError(f"{path}: {why}: figures measured under it cannot be accepted; run without it")
    records = _asked(account, node_ids, path)
    taken: list[Taken] = []

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
            keeps_times=True,
            commit=account.occasion.commit,
        )
        _refuse_several_processors(path, environment.cpu_model, section)
        unproved = set() if node_ids else _unproved(account, acceptance)
        acceptance.changed = [change for change in acceptance.changed if _key(change) not in unproved]
        _keep_unchanged(section, before, acceptance)
        _note_commit(section, account)
        taken.append(
            Taken(
                acceptance=acceptance,
                unproved=len({node_id for node_id, _ in unproved}),
                left_times=another_processor(environment, section.environment),
            )
        )

    update_baseline(baseline, change)
    return taken[0]


def _refuse_several_processors(path: Path, cpu_model: str, section: Section) -> None:
    """No machine's times would ever compare with those of a section that names several processors."""
    if is_of_several(cpu_model) and section.environment.cpu_model == cpu_model:
        raise RunFileError(
            f"{path}: its shards were measured on {cpu_model}, and a baseline holds times of one "
            "CPU; accept the shards one by one, the first one's CPU is noted"
        )


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


def _unproved(account: Account, acceptance: Acceptance) -> set[tuple[str, str]]:
    """The changes that one execution alone speaks for, and cannot."""
    findings = account.result.of(Verdict.REGRESSED) if account.result is not None else []
    proved = {(finding.node_id, finding.metric.name) for finding in findings if finding.metric is not None}
    known = (change for change in acceptance.changed if change.was is not None)
    return {_key(change) for change in known if not change.metric.deterministic} - proved


def _key(change: Change) -> tuple[str, str]:
    return change.node_id, change.metric.name


def _keep_unchanged(section: Section, before: Mapping[str, Entry], acceptance: Acceptance) -> None:
    """Of an entry that changed, put back the figures that did not: a run knows first executions alone."""
    changed = {_key(change) for change in acceptance.changed}
    for node_id, old in before.items():
        new = section.entries.get(node_id)
        if new is None or new is old or node_id in acceptance.new:
            continue
        names = {name for name, _ in new.figures() if (node_id, name) in changed}
        if not names:
            section.entries[node_id] = old
            acceptance.unchanged += 1
            continue
        figures = [
            (name, figure if name in names else old.figure(name) or figure) for name, figure in new.figures()
        ]
        statements = new.statements if names & _COUNTED_STATEMENTS else old.statements
        section.entries[node_id] = Entry(figures, commit=new.commit, alone=old.alone, statements=statements)


def _note_commit(section: Section, account: Account) -> None:
    occasion = account.occasion
    if occasion.commit:
        known = section.commits.get(occasion.commit)
        # figures of a changed tree stay figures of a changed tree
        dirty = occasion.dirty or (known is not None and known.dirty)
        section.commits[occasion.commit] = Commit(dirty=dirty, date=occasion.finished[:10])
    used = {entry.commit for entry in section.entries.values()}
    section.commits = {name: commit for name, commit in section.commits.items() if name in used}
