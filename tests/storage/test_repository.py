"""What a baseline knows of the repository it lives in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_querycache.storage.repository import read_head


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX")
def test_names_of_any_encoding(tmp_path: Path) -> None:
    """A file that git does not know and whose name is no UTF-8 makes the tree dirty, and nothing worse."""
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (("init", "--quiet"), ("commit", "--quiet", "--allow-empty", "--message=one")):
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    clean = read_head(tmp_path, ignoring=tmp_path / "x")
    assert clean is not None
    assert not clean.dirty
    (tmp_path / os.fsdecode(b"caf\xe9.py")).touch()
    dirty = read_head(tmp_path, ignoring=tmp_path / "x")
    assert dirty is not None
    assert dirty.dirty
