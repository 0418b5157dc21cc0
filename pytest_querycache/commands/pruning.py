"""``querycache prune``: entries of tests that no longer exist leave the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import BaselineError
from ..model.baseline import Baseline
from ..model.record import SEPARATOR, file_of, is_of_a_test
from ..storage.baseline_file import read_baseline, update_baseline


def prune(path: Path, node_ids: Sequence[str], rootdir: Path) -> list[str]:
    """Drop the named tests with their sections, or else the tests whose files are gone; gives what was dropped.

    Raises BaselineError for a name that no entry has, and where not one file is there: then it is the folder that
    is wrong.
    """
    known = {name for section in read_baseline(path).sections.values() for name in section.entries}
    doomed = _named(known, node_ids, path) if node_ids else _gone(known, rootdir, path)

    def change(baseline: Baseline) -> None:
        for section in baseline.sections.values():
            for node_id in doomed & set(section.entries):
                del section.entries[node_id]

    update_baseline(path, change)
    return sorted(doomed)


def _named(known: set[str], asked: Sequence[str], path: Path) -> set[str]:
    doomed: set[str] = set()
    for name in asked:
        found = {node_id for node_id in known if node_id == name or node_id.startswith(f"{name}{SEPARATOR}")}
        if not found:
            raise BaselineError(f"{path}: no section knows {name}; expected a node id as the report shows it")
        doomed |= found
    return doomed


def _gone(known: set[str], rootdir: Path, path: Path) -> set[str]:
    tests = {name for name in known if is_of_a_test(name)}
    doomed = {node_id for node_id in tests if not (rootdir / file_of(node_id)).exists()}
    if tests and doomed == tests:
        raise BaselineError(
            f"{path}: {rootdir.resolve()} holds not one of its files, such as {file_of(min(tests))}; "
            "expected --rootdir to be the folder that node ids start from"
        )
    return doomed
