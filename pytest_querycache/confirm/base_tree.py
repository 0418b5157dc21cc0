"""The old code, laid out in a temporary folder without touching anything of the user's.

``git clone --shared --no-checkout`` and a checkout there: no hook of the user's runs, and index, stash and list of
work trees stay as they are. Submodules and the contents of large files are taken from the working tree's own
repository; nothing is fetched.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..errors import ArmError
from .base_build import Build
from .git_command import git

_LARGEST_POINTER = 1024
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/.*\noid sha256:([0-9a-f]{64})\n", re.DOTALL
)


class BaseTree:
    """One commit of a repository, checked out below ``folder``.

    ``build`` is what the project's own command made of it, None where the code runs as it is.
    """

    def __init__(self, top: Path, commit: str, folder: Path) -> None:
        self.top = top.resolve()
        self.commit = commit
        self.build: Build | None = None
        self.root = folder / "base"
        _lay_out(self.top, commit, self.root)

    def mapped(self, path: Path) -> Path:
        """Where a path of the working tree lies in the old code; a path outside stays what it is.

        Installed packages are outside even where the environment lies inside the working tree.
        """
        resolved = path.resolve()
        if not resolved.is_relative_to(self.top) or "site-packages" in resolved.parts:
            return path
        return self.root / resolved.relative_to(self.top)

    def mapped_path(self, folders: Iterable[str]) -> list[str]:
        """An import path, its folders mapped; what is not absolute depends on the process's own folder."""
        return [str(self.mapped(Path(place))) if Path(place).is_absolute() else place for place in folders]

    @property
    def built_ns(self) -> float:
        """How long the build took."""
        return 0.0 if self.build is None else self.build.took_ns


def _lay_out(repository: Path, commit: str, root: Path) -> None:
    git(repository, "clone", "--quiet", "--shared", "--no-checkout", str(repository), str(root))
    git(root, "checkout", "--quiet", "--detach", commit)
    _check_complete(root)
    _fill_large_files(repository, root)
    for name, submodule_commit in _submodules(root):
        # one that was never initialised here, or lacks the commit, stays the empty folder that it is
        if (repository / name / ".git").exists():
            try:
                _lay_out(repository / name, submodule_commit, root / name)
            except ArmError:
                continue


def _check_complete(root: Path) -> None:
    """Git leaves out, and does not fail for, files whose content a partial clone has not fetched."""
    missing = [name for name in git(root, "ls-files", "--deleted", "-z").split("\0") if name]
    if missing:
        raise ArmError(
            f"the base commit could not be laid out: {missing[0]} is not in this partial clone "
            "(git fetch --refetch --no-filter brings what is missing)"
        )


def _submodules(root: Path) -> Iterable[tuple[str, str]]:
    for line in git(root, "ls-files", "--stage", "-z").split("\0"):
        mode, _, rest = line.partition(" ")
        if mode == "160000":
            numbers, _, name = rest.partition("\t")
            yield name, numbers.partition(" ")[0]


def _fill_large_files(repository: Path, root: Path) -> None:
    """Put in place of each pointer of git-lfs the content that the user's repository holds."""
    names = [name for name in git(root, "ls-files", "-z", "--", ":(attr:filter=lfs)").split("\0") if name]
    if not names:
        return
    common = repository / git(repository, "rev-parse", "--git-common-dir").rstrip("\n")
    for name in names:
        file = root / name
        if file.is_symlink() or not file.is_file() or file.stat().st_size > _LARGEST_POINTER:
            continue
        pointer = _POINTER.match(file.read_bytes())
        if pointer is not None:
            digest = pointer[1].decode()
            content = common / "lfs" / "objects" / digest[:2] / digest[2:4] / digest
            if content.is_file():
                shutil.copyfile(content, file)  # a link would let a test write into the user's repository
