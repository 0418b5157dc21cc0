"""Whether the tree was changed, as far as what the gate itself writes is no change."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pytest_querycache.storage.repository import read_head
from tests.storage.test_repository import IDENTITY

NAMES = ("perf.db", "perf.db-journal", "perf.db.damaged-1", "perf.db.damaged-1-journal")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one file in one commit."""
    (tmp_path / "code.py").write_text("1\n", encoding="utf-8")
    for command in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message=one")):
        subprocess.run(["git", *IDENTITY, *command], cwd=tmp_path, check=True)
    return tmp_path


def is_dirty(repository: Path, folder: str) -> bool:
    """What is said of a project whose baseline and history lie in a folder."""
    place = repository / folder
    head = read_head(repository, ignoring=place / "perf-baseline.json", history=place / "perf.db")
    assert head is not None
    return head.dirty


@pytest.mark.parametrize("folder", ["", "perf"])
@pytest.mark.parametrize("name", ["perf-baseline.json", *NAMES])
def test_own_files_are_no_change(repository: Path, folder: str, name: str) -> None:
    """Baseline and history, with what belongs to it, leave the tree clean, also in a folder new to git."""
    (repository / folder).mkdir(exist_ok=True)
    for each in {name, "perf.db"}:
        (repository / folder / each).touch()
    assert not is_dirty(repository, folder)


@pytest.mark.parametrize("folder", ["", "perf"])
@pytest.mark.parametrize("name", ["perf.db2", "perf.db.damaged-x", "xperf.db", "deep/perf.db", "new.py"])
def test_other_files_are_a_change(repository: Path, folder: str, name: str) -> None:
    """A file of another name beside the history makes the tree dirty."""
    path = repository / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for each in (path, repository / folder / "perf.db"):
        each.touch()
    assert is_dirty(repository, folder)


def test_a_history_in_the_repository(repository: Path) -> None:
    """A history that is committed changes with every session, and the code does not."""
    (repository / "perf.db").touch()
    for command in (("add", "."), ("commit", "--quiet", "--message=two")):
        subprocess.run(["git", *IDENTITY, *command], cwd=repository, check=True)
    (repository / "perf.db").write_text("more", encoding="utf-8")
    assert not is_dirty(repository, "")
    (repository / "code.py").write_text("2\n", encoding="utf-8")
    assert is_dirty(repository, "")
