"""The old code, laid out in a temporary folder without touching anything of the user's.

``git clone --shared --no-checkout`` and a checkout there: no hook of the user's runs, and index, stash and list of
work trees stay as they are.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ..errors import ArmError
from .base_build import Build

_TIMEOUT_S = 120


class BaseTree:
    """One commit of a repository, checked out below ``folder``.

    ``build`` is what the project's own command made of it, None where the code runs as it is.
    """

    def __init__(self, top: Path, commit: str, folder: Path) -> None:
        self.top = top.resolve()
        self.commit = commit
        self.build: Build | None = None
        self.root = folder / "base"
        _git(self.top, "clone", "--quiet", "--shared", "--no-checkout", str(self.top), str(self.root))
        _git(self.root, "checkout", "--quiet", "--detach", commit)

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


def _git(folder: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-c", f"core.hooksPath={os.devnull}", "-c", "advice.detachedHead=false", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ArmError(f"the base commit could not be laid out: {error}") from None
    if done.returncode:
        reason = done.stderr.strip().splitlines()
        raise ArmError(f"the base commit could not be laid out: {reason[-1] if reason else 'git failed'}")
