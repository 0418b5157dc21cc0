"""What a baseline knows of the repository it lives in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_querycache.storage.repository import blamed_commits, read_head, top_folder

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.org")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit and no files."""
    for command in (("init", "--quiet"), ("commit", "--quiet", "--allow-empty", "--message=one")):
        subprocess.run(["git", *IDENTITY, *command], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX")
def test_names_of_any_encoding(repository: Path) -> None:
    """A file that git does not know and whose name is no UTF-8 makes the tree dirty, and nothing worse."""
    clean = read_head(repository, ignoring=repository / "x")
    assert clean is not None
    assert not clean.dirty
    (repository / os.fsdecode(b"caf\xe9.py")).touch()
    dirty = read_head(repository, ignoring=repository / "x")
    assert dirty is not None
    assert dirty.dirty


def test_variables_of_a_hook_are_not_obeyed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that a hook of git's has started, in a folder below the root, finds the same repository."""
    below = repository / "below"
    below.mkdir()
    expected = read_head(below, ignoring=repository / "x")
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert top_folder(below) == repository
    assert read_head(below, ignoring=repository / "x") == expected


def test_many_lines_are_blamed_at_once(repository: Path) -> None:
    """Each line has the commit that changed it last; one that is not committed, or not there, has none."""
    file = repository / "b.json"

    def commit(text: str) -> str:
        file.write_text(text)
        for command in (("add", "b.json"), ("commit", "--quiet", "--message=more")):
            subprocess.run(["git", *IDENTITY, *command], cwd=repository, check=True)
        head = read_head(repository, ignoring=repository / "x")
        assert head is not None
        return head.commit

    begin = ' "key": {\n'
    first = commit(begin + '    "a": {1}\n    "b": {1}\n')
    second = commit(begin + '    "a": {1}\n    "b": {2}\n')
    file.write_text(begin + '    "a": {1}\n    "b": {2}\n    "c": {1}\n')
    starts = [f'    "{name}": {{' for name in "abcd"]
    found = blamed_commits(file, starts, behind=' "key": {')
    short = {start.strip(): commit[: len(first)] for start, commit in found.items()}
    assert short == {'"a": {': first, '"b": {': second}
    assert blamed_commits(file, starts, behind=' "other": {') == {}
