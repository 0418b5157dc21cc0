"""What a baseline knows of the repository it lives in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_querycache.storage.repository import read_head, top_folder

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
