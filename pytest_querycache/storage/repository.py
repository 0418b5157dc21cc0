"""The git repository a suite lives in, as far as a baseline refers to it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_SHORT = 12
_TIMEOUT_S = 20
_OF_ANOTHER_REPOSITORY = frozenset(
    "GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR "
    "GIT_NAMESPACE GIT_PREFIX GIT_SHALLOW_FILE GIT_GRAFT_FILE GIT_IMPLICIT_WORK_TREE".split()
)
"""Variables that a hook of the user's, from which pytest may have been started, sets for its own repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The commit that is checked out; ``dirty`` when files differ from it, or are not in it."""

    commit: str
    dirty: bool
    date: str


def read_head(folder: Path, *, ignoring: Path, history: Path | None = None) -> Head | None:
    """The commit a folder stands at, or None outside a repository, without a commit, or without git.

    Changes to the file ``ignoring`` do not count as dirt: it is the baseline that is about to be written. Nor do
    the ``history``, its journal, and what was set aside of it as damaged.
    """
    commit = _git(folder, "rev-parse", f"--short={_SHORT}", "HEAD")
    if commit is None:
        return None
    date = _git(folder, "show", "-s", "--format=%cs", "HEAD") or ""
    status = _git(folder, "status", "--porcelain", "--untracked-files=normal", "-z")
    top = _git(folder, "rev-parse", "--show-toplevel")
    return Head(commit=commit, dirty=_is_dirty(status, top, ignoring, history), date=date)


def top_folder(folder: Path) -> Path | None:
    """The working tree's root, or None outside a repository."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    return Path(top) if top else None


def resolve_commit(folder: Path, name: str) -> str | None:
    """The full name of a commit that can be checked out here, or None where it is unknown."""
    return _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}") or None


def is_shallow(folder: Path) -> bool:
    """Whether the history was cut off when the repository was cloned."""
    return _git(folder, "rev-parse", "--is-shallow-repository") == "true"


def why_no_old_code(folder: Path) -> str:
    """Why no older commit can be laid out here, empty where nothing speaks against it.

    Looks at files only, because it is asked before every session's first test.
    """
    resolved = folder.resolve()
    for parent in (resolved, *resolved.parents):
        git = parent / ".git"
        if git.is_dir() and (git / "shallow").exists():
            return "the clone is shallow (fetch-depth: 0 brings the history)"
        if git.exists():
            return ""
    return "this is no git repository"


def has_file(folder: Path, commit: str, name: str) -> bool:
    """Whether a commit holds a file, named relative to a folder of the working tree."""
    return _git(folder, "cat-file", "-e", f"{commit}:./{name}") is not None


def blamed_commits(path: Path, starts_of_lines: Collection[str], *, behind: str) -> dict[str, str]:
    """The commits that last changed some lines of a file, by how the lines start; without those not committed.

    Of each start it is the first such line after the line that starts with ``behind``. One process of git answers for
    all of them. Nor are those named at which a shallow clone's history was cut off: git gives them the blame for all
    that came before them.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    numbered = iter(enumerate(lines, 1))
    if not any(line.startswith(behind) for _, line in numbered):
        return {}
    wanted = set(starts_of_lines)
    numbers: dict[int, str] = {}
    for number, line in numbered:
        start = line[: line.find(_AFTER_START) + len(_AFTER_START)]
        if start in wanted:
            wanted.remove(start)
            numbers[number] = start
    if not numbers:
        return {}
    ranges = [f"-L{number},{number}" for number in numbers] if len(numbers) <= _MOST_RANGES else []
    blame = _git(path.parent, "blame", "--porcelain", *ranges, "--", path.name) or ""
    found = {int(match[2]): match[1] for match in _BLAMED.finditer(blame)}
    unknown = _cut_off(path.parent)
    return {
        start: found[number]
        for number, start in numbers.items()
        if found.get(number, "").strip("0") and found[number] not in unknown
    }


def _cut_off(folder: Path) -> set[str]:
    """The commits behind which a shallow clone knows nothing; none in a whole one."""
    place = _git(folder, "rev-parse", "--git-path", "shallow")
    try:
        return set((folder / place).read_text(encoding="ascii").split()) if place else set()
    except (OSError, ValueError):
        return set()


_AFTER_START = '": {'
"""What ends the name of an entry in a baseline; inside a name its quotation mark would be escaped."""

_MOST_RANGES = 1_000
_BLAMED = re.compile(r"^([0-9a-f]{40,64}) \d+ (\d+)", re.MULTILINE)
"""The line of ``git blame --porcelain`` that comes before each of the file's: commit, line there, line here."""


def variables_for_git() -> dict[str, str]:
    """The session's variables without those that would make git look at another repository than a folder's own."""
    return {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}


def _is_dirty(status: str | None, top: str | None, ignoring: Path, history: Path | None) -> bool:
    if status is None or top is None:
        return True
    own = [file.resolve() for file in (ignoring, history) if file is not None]
    for line in status.split("\0"):
        names = [line[3:]] if len(line) > 3 else []
        # of a folder that is not in the repository git names no files, but one of ours may be all there is
        if (
            names
            and names[0].endswith("/")
            and any(Path(top, names[0]).resolve() in file.parents for file in own)
        ):
            names = _untracked(Path(top), names[0])
        if not all(_is_own(Path(top, name), ignoring, history) for name in names):
            return True
    return False


def _untracked(top: Path, name: str) -> list[str]:
    """The files of a folder that are not in the repository, and not ignored by it."""
    found = _git(top, "--literal-pathspecs", "ls-files", "--others", "--exclude-standard", "-z", "--", name)
    return [name] if found is None else [file for file in found.split("\0") if file]


def _is_own(path: Path, baseline: Path, history: Path | None) -> bool:
    if path.resolve() == baseline.resolve():
        return True
    if history is None or path.parent.resolve() != history.parent.resolve():
        return False
    return re.fullmatch(rf"{re.escape(history.name)}(\.damaged-\d+)?(-journal)?", path.name) is not None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=variables_for_git(),
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # names of files may be any bytes
            timeout=_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # not stripped on the left, where the status of a file may be a blank
    return done.stdout.rstrip("\n")
