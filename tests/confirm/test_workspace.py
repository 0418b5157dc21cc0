"""The temporary folder of a session: its own while it lives, cleared by the next one when it was killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

from pytest_querycache.confirm import workspace as workspace_module
from pytest_querycache.confirm.workspace import Workspace

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and links")

HOLDER = """
import signal, sys
from pytest_querycache.confirm.workspace import Workspace
workspace = Workspace()
(workspace.path / "base").mkdir()
(workspace.path / "base" / "file.txt").write_text("left")
print(workspace.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that no other session looks into."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def killed_session() -> Path:
    """What a session that was killed has left."""
    session = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with session:
        assert session.stdout is not None
        left = Path(session.stdout.readline().decode().strip())
        session.kill()
    assert (left / "base" / "file.txt").exists()
    return left


def test_a_folder_is_gone_when_it_is_closed(temporary: Path) -> None:
    """What was laid out in it goes with it, folders that nobody may write to included."""
    with Workspace() as workspace:
        (workspace.path / "locked").mkdir()
        (workspace.path / "locked" / "file").write_text("")
        (workspace.path / "locked").chmod(0o500)
        assert workspace.path.parent == temporary
    assert not any(temporary.iterdir())


def test_a_folder_cleared_before_it_was_held_is_made_anew(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another session may come between making a folder and holding it; nobody is warned of what it cleared."""
    hold = workspace_module._hold
    cleared: list[Path] = []

    def too_late(folder: Path, *, wait: bool) -> int | None:
        if not cleared:
            cleared.append(folder)
            shutil.rmtree(folder)
        return hold(folder, wait=wait)

    monkeypatch.setattr(workspace_module, "_hold", too_late)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with Workspace() as workspace:
            assert workspace.path.is_dir()
            assert cleared != [workspace.path]
    assert said == []


@posix
def test_what_a_killed_session_left_is_cleared(temporary: Path) -> None:
    """The next session removes the folder, whatever its permissions."""
    left = killed_session()
    (left / "base").chmod(0o500)
    with Workspace() as workspace:
        assert list(temporary.iterdir()) == [workspace.path]


def test_the_folder_of_a_living_session_stays(temporary: Path) -> None:
    """Neither another process nor this one clears what is still in use."""
    with Workspace() as mine:
        killed = killed_session()
        with Workspace() as another:
            assert sorted(temporary.iterdir()) == sorted([mine.path, another.path])
    assert not killed.exists()


@posix
def test_links_and_files_are_left_alone(temporary: Path, tmp_path: Path) -> None:
    """A link of such a name is not followed, inside an abandoned folder neither."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    (temporary / "pytest-querycache-link").symlink_to(precious)
    (temporary / "pytest-querycache-file").write_text("mine")
    left = killed_session()
    (left / "base" / "link").symlink_to(precious)
    with Workspace():
        pass
    assert sorted(path.name for path in temporary.iterdir()) == [
        "pytest-querycache-file",
        "pytest-querycache-link",
    ]
    assert (precious / "file").read_text() == "mine"


@posix
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs to give a folder away")
def test_folders_of_other_users_are_left_alone(temporary: Path) -> None:
    """What belongs to somebody else is theirs to clear, even where it could be removed."""
    left = killed_session()
    os.chown(left, 12345, -1)
    with Workspace():
        pass
    assert left.exists()


@posix
def test_a_terminated_session_is_cleared_too(temporary: Path) -> None:
    """SIGTERM is left as it is: the folder goes with the next session."""
    session = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with session:
        assert session.stdout is not None
        session.stdout.readline()
        session.send_signal(signal.SIGTERM)
    with Workspace() as workspace:
        assert list(temporary.iterdir()) == [workspace.path]
