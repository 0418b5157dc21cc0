"""Which commit holds the old code of each suspect."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from ..model.baseline import Section
from ..model.record import file_of
from ..model.verdict import Suspect
from ..storage.repository import blamed_commits, has_file, is_shallow, resolve_commit, top_folder

MOST_COMMITS = 3
"""Each base commit is laid out and started anew; a session takes on no more."""


def choose_bases(
    suspects: Sequence[Suspect],
    section: Section | None,
    *,
    baseline: Path,
    folder: Path,
    section_key: str,
    against: str = "",
) -> tuple[dict[str, list[Suspect]], dict[str, str]]:
    """The suspects by base commit, and for each entry without one the reason.

    The commit is ``against`` where one was asked for; else the one an entry was measured at, if the tree was clean
    then and the commit is known here; else the one that last changed the entry's line, because an update is
    committed together with the code it measured.
    """
    if top_folder(folder) is None:
        reason = f"no old code to compare with: {_why_no_repository(folder)}"
        return {}, {suspect.node_id: reason for suspect in suspects}
    chosen: dict[str, str] = {}
    problems: dict[str, str] = {}

    # one process of git for each question, not for each of hundreds of suspects
    @cache
    def resolve(name: str) -> str | None:
        return resolve_commit(folder, name)

    @cache
    def holds(commit: str, file: str) -> bool:
        return has_file(folder, commit, file)

    node_ids = list(dict.fromkeys(suspect.node_id for suspect in suspects))
    for node_id in node_ids:
        commit = resolve(against) if against else _recorded_base(node_id, section, resolve, holds)
        if commit is not None:
            chosen[node_id] = commit
    without = [node_id for node_id in node_ids if node_id not in chosen]
    if without and not against:
        chosen.update(_blamed_bases(without, section, baseline, section_key))
    shallow = len(chosen) < len(node_ids) and is_shallow(folder)
    for node_id in without:
        if node_id not in chosen:
            problems[node_id] = _why_none(node_id, section, shallow=shallow, against=against)
    kept = [commit for commit, _ in Counter(chosen.values()).most_common(MOST_COMMITS)]
    by_commit: dict[str, list[Suspect]] = {commit: [] for commit in kept}
    for suspect in suspects:
        commit = chosen.get(suspect.node_id)
        if commit in by_commit:
            by_commit[commit].append(suspect)
        elif commit is not None:
            problems[suspect.node_id] = f"its base commit is not among the {MOST_COMMITS} most frequent ones"
    return by_commit, problems


def _recorded_base(
    node_id: str,
    section: Section | None,
    resolve: Callable[[str], str | None],
    holds: Callable[[str, str], bool],
) -> str | None:
    """The commit an entry was measured at, if the tree was clean then and the commit holds the test's file."""
    entry = section.entries.get(node_id) if section is not None else None
    if section is None or entry is None:
        return None
    recorded = section.commits.get(entry.commit)
    commit = resolve(entry.commit) if recorded is not None and not recorded.dirty else None
    return commit if commit is not None and holds(commit, file_of(node_id)) else None


def _blamed_bases(
    node_ids: Iterable[str], section: Section | None, baseline: Path, section_key: str
) -> dict[str, str]:
    """The commits that last changed the entries' lines, by entry."""
    if section is None:
        return {}
    starts = {_line_start(node_id): node_id for node_id in node_ids if node_id in section.entries}
    blamed = blamed_commits(baseline, starts, behind=f" {json.dumps(section_key)}: {{")
    return {starts[start]: commit for start, commit in blamed.items()}


def _line_start(node_id: str) -> str:
    return f"    {json.dumps(node_id, ensure_ascii=False)}: {{"


def _why_none(node_id: str, section: Section | None, *, shallow: bool, against: str) -> str:
    if shallow:
        return "no old code to compare with: the clone is shallow (fetch-depth: 0 brings the history)"
    if against:
        return f"no old code to compare with: {against!r} names no commit here"
    if section is None or node_id not in section.entries:
        return "no old code to compare with: the baseline does not know the test"
    return "no old code to compare with: commit the baseline together with the code it measured"


def _why_no_repository(folder: Path) -> str:
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return "this is not a git repository"
    if shutil.which("git") is None:
        return "git is not installed"
    return f"git refuses to read this repository ('git status' in {folder} says why; safe.directory?)"


def in_both(tests: Iterable[str], old: Path, new: Path) -> set[str]:
    """The tests whose file exists in the old tree as well; one that lies in neither is outside of both."""
    files = {test: file_of(test) for test in tests}
    return {test for test, file in files.items() if (old / file).is_file() or not (new / file).is_file()}
