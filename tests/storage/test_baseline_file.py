"""The baseline file on the disk: whole at every moment, and shared by several writers."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from pytest_querycache.errors import BaselineError
from pytest_querycache.model.baseline import Baseline, Entry, Figure, Section
from pytest_querycache.model.environment import StoredEnvironment
from pytest_querycache.storage.baseline_file import read_baseline, read_or_empty, update_baseline

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals, links or permissions")

CHILD = """
import itertools, os, signal, sys
from pathlib import Path
from pytest_querycache.model.baseline import Entry, Figure, Section
from pytest_querycache.model.environment import StoredEnvironment
from pytest_querycache.storage import replace
from pytest_querycache.storage.baseline_file import update_baseline

def add(baseline, name, value):
    section = baseline.sections.setdefault("k", Section(environment=StoredEnvironment()))
    section.entries[name] = Entry([("wall_time", Figure(value))])

path = Path(sys.argv[1])
"""


def child(body: str, *arguments: object) -> list[str]:
    """The command of another process that updates; the paths it needs are this process's own."""
    return [sys.executable, "-c", CHILD + dedent(body), *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}


def put(baseline: Baseline, **values: float) -> None:
    section = baseline.sections.setdefault("k", Section(environment=StoredEnvironment()))
    section.entries.update({name: Entry([("wall_time", Figure(value))]) for name, value in values.items()})


def write(path: Path, **values: float) -> None:
    update_baseline(path, lambda baseline: put(baseline, **values))


def read(path: Path) -> dict[str, float]:
    entries = read_baseline(path).sections["k"].entries
    return {name: figure.cold for name, entry in entries.items() for _, figure in entry.figures()}


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix == ".tmp"]


def test_an_update_is_read_back(tmp_path: Path) -> None:
    """What one update wrote, the next one finds, in a folder that is made for it."""
    path = tmp_path / "made" / "for it" / "perf-baseline.json"
    write(path, a=1)
    write(path, b=2)
    assert read(path) == {"a": 1, "b": 2}
    assert [entry.name for entry in path.parent.iterdir()] == ["perf-baseline.json"]


def test_no_baseline_yet(tmp_path: Path) -> None:
    """Reading names the file and the way out; an update starts from nothing."""
    path = tmp_path / "perf-baseline.json"
    with pytest.raises(BaselineError) as raised:
        read_baseline(path)
    assert str(raised.value) == f"{path}: no baseline yet; pytest --perf-update records one"
    assert read_or_empty(path) == Baseline()


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are refused with their place."""
    path = tmp_path / "perf-baseline.json"
    path.write_bytes(b'{"format": "\xff"}')
    with pytest.raises(BaselineError) as raised:
        read_baseline(path)
    assert str(raised.value) == (
        f"{path}: not a text in UTF-8 (invalid start byte at byte 12); "
        "restore it from the repository, or delete it, and pytest --perf-update writes a new one"
    )


@posix
def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    """What cannot be opened is named with the system's reason."""
    with pytest.raises(BaselineError) as raised:
        read_baseline(tmp_path)
    assert str(raised.value) == f"{tmp_path}: cannot be read (Is a directory); check the path"


def test_a_file_that_git_checked_out_with_other_line_ends(tmp_path: Path) -> None:
    """Line ends of another system change nothing, and do not make an update write."""
    path = tmp_path / "perf-baseline.json"
    write(path, a=1)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    write(path)
    assert read(path) == {"a": 1}
    assert b"\r\n" in path.read_bytes()


def test_an_update_that_changes_nothing(tmp_path: Path) -> None:
    """The same text is not written again, so that a file's time stamp tells something."""
    path = tmp_path / "perf-baseline.json"
    write(path, a=1)
    before = path.stat()
    write(path, a=1)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    "text", ["", "{", "<<<<<<< HEAD\n", '{"format": "pytest-querycache baseline", "version": 9}']
)
def test_an_unreadable_file_is_never_overwritten(tmp_path: Path, text: str) -> None:
    """An update over a damaged, conflicting or newer file stops, and leaves every byte of it."""
    path = tmp_path / "perf-baseline.json"
    path.write_text(text)
    with pytest.raises(BaselineError):
        write(path, a=1)
    assert path.read_text() == text
    assert leftovers(tmp_path) == []


def test_a_change_that_fails(tmp_path: Path) -> None:
    """An error while deciding what to write passes through, and the old file stays."""
    path = tmp_path / "perf-baseline.json"
    write(path, a=1)

    def fail(baseline: Baseline) -> None:
        put(baseline, a=2)
        raise KeyError("why")

    with pytest.raises(KeyError):
        update_baseline(path, fail)
    assert read(path) == {"a": 1}


@pytest.mark.parametrize("function", ["fsync", "replace", "chmod", "mkstemp"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, code: int
) -> None:
    """A full or read-only disk, at whatever step: one clear line, the old file whole, nothing left behind."""
    path = tmp_path / "perf-baseline.json"
    write(path, a=1)
    before = path.read_bytes()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    home = {
        "fsync": "os.fsync",
        "replace": "pathlib.Path.replace",
        "chmod": "pathlib.Path.chmod",
        "mkstemp": "tempfile.mkstemp",
    }[function]
    with monkeypatch.context() as patch:
        patch.setattr(home, refuse)
        with pytest.raises(BaselineError) as raised:
            write(path, a=2)
    assert str(raised.value) == (
        f"{path}: the baseline cannot be written ({os.strerror(code)}); the old file is untouched"
    )
    assert path.read_bytes() == before
    assert leftovers(tmp_path) == []


@posix
def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """A path that leads through a file is refused like any other that cannot be written."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BaselineError, match="the baseline cannot be written"):
        write(tmp_path / "file" / "perf-baseline.json", a=1)


@posix
def test_a_file_that_outgrows_the_disk(tmp_path: Path) -> None:
    """A real refusal in the middle of writing, by a limit on a file's size, leaves the old file whole."""
    path = tmp_path / "perf-baseline.json"
    write(path, a=1)
    before = path.read_bytes()
    body = """
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        update_baseline(path, lambda baseline: [add(baseline, f"t{n}", n) for n in range(500)])
    except Exception as error:
        print(type(error).__name__, error)
    """
    done = subprocess.run(child(body, path), env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == (
        f"BaselineError {path}: the baseline cannot be written (File too large); the old file is untouched\n"
    )
    assert path.read_bytes() == before
    assert leftovers(tmp_path) == []


@posix
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """A baseline kept elsewhere is updated there, and the link to it stays."""
    (tmp_path / "shared").mkdir()
    target = tmp_path / "shared" / "base.json"
    link = tmp_path / "perf-baseline.json"
    link.symlink_to(target)
    write(link, a=1)
    write(link, b=2)
    assert link.is_symlink()
    assert read(target) == {"a": 1, "b": 2}


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o400])
def test_permissions_are_kept(tmp_path: Path, mode: int) -> None:
    """The new file is as readable as the old one was."""
    path = tmp_path / "perf-baseline.json"
    write(path, a=1)
    path.chmod(mode)
    write(path, b=2)
    assert path.stat().st_mode & 0o777 == mode


@posix
def test_a_new_file_is_readable_as_the_user_wants(tmp_path: Path) -> None:
    """A first baseline gets the permissions of any other new file, not those of a temporary one."""
    write(tmp_path / "perf-baseline.json", a=1)
    (tmp_path / "other").write_text("")
    assert (tmp_path / "perf-baseline.json").stat().st_mode == (tmp_path / "other").stat().st_mode


@posix
@pytest.mark.parametrize("through_a_link", [False, True])
def test_writers_lose_nothing_of_each_other(tmp_path: Path, through_a_link: bool) -> None:
    """Processes that update one file at once, or one file and a link to it, all find their entries in it."""
    (tmp_path / "real").mkdir()
    path = tmp_path / "real" / "perf-baseline.json"
    link = tmp_path / "perf-baseline.json"
    link.symlink_to(path)
    body = """
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(40):
        update_baseline(path, lambda baseline: add(baseline, f"{sys.argv[2]}-{number}", number))
    """
    writers = [
        subprocess.Popen(
            child(body, link if through_a_link and name == "two" else path, name),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in ("one", "two", "three")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:  # all at once: each has its start signal before any is waited for
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert set(read(path)) == {f"{name}-{number}" for name in ("one", "two", "three") for number in range(40)}


@posix
@pytest.mark.parametrize("moment", ["fsync", "chmod", "replace", "_flush_folder"])
def test_a_writer_killed_at_a_given_moment(tmp_path: Path, moment: str) -> None:
    """Killed before any step of the writing, a writer leaves the old file or the new one, and no lock."""
    path = tmp_path / "perf-baseline.json"
    write(path, a=1)
    old = path.read_bytes()
    body = """
    home = {"fsync": os, "chmod": Path, "replace": Path, "_flush_folder": replace}[sys.argv[2]]
    setattr(home, sys.argv[2], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    update_baseline(path, lambda baseline: add(baseline, "b", 2))
    """
    done = subprocess.run(child(body, path, moment), env=environment(), check=False)
    assert done.returncode == -9
    if moment == "_flush_folder":
        assert read(path) == {"a": 1, "b": 2}
    else:
        assert path.read_bytes() == old
    write(path, c=3)
    assert {"a", "c"} <= set(read(path))
    assert leftovers(tmp_path) == []


@posix
def test_writers_killed_at_random(tmp_path: Path) -> None:
    """Killed whenever, a writer leaves a file in which every entry carries the value of one single update."""
    path = tmp_path / "perf-baseline.json"
    body = """
    def change(baseline, number):
        for name in range(300):
            add(baseline, f"t{name}", number)
    print("ready", flush=True)
    for number in itertools.count():
        update_baseline(path, lambda baseline: change(baseline, number))
        print(number, flush=True)
    """
    choose = random.Random(20240506)
    for _ in range(6):
        with subprocess.Popen(
            child(body, path), env=environment(), stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(choose.randrange(3, 9)):
                assert writer.stdout.readline()
            # the writer is now somewhere in an update of its own; how far depends on this loop
            sum(range(choose.randrange(400_000)))
            writer.kill()
        found = read(path)
        assert len(found) == 300
        assert len(set(found.values())) == 1
    write(path, done=1)
    assert leftovers(tmp_path) == []


def test_a_name_with_signs_of_a_pattern(tmp_path: Path) -> None:
    """Cleaning up behind a killed writer touches only files of this baseline, whatever it is called."""
    (tmp_path / ".other.abc.tmp").write_text("somebody else's")
    (tmp_path / ".[a].json.abc.tmp").write_text("left behind")
    write(tmp_path / "[a].json", a=1)
    assert leftovers(tmp_path) == [".other.abc.tmp"]
