"""Git, run so that it neither talks to a network nor runs anything of the user's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ..errors import ArmError
from ..storage.repository import variables_for_git

_TIMEOUT_S = 120

_SETTINGS = (
    f"core.hooksPath={os.devnull}",
    "advice.detachedHead=false",
    # large files would be downloaded; who lays a tree out fills them in from what is here
    "filter.lfs.smudge=",
    "filter.lfs.process=",
    "filter.lfs.required=false",
)


def git(folder: Path, *arguments: str) -> str:
    """What git prints, in the file system's encoding; raises ArmError with its reason when it fails."""
    environment = variables_for_git()
    environment.update(GIT_NO_LAZY_FETCH="1", GIT_TERMINAL_PROMPT="0", LC_ALL="C")
    try:
        done = subprocess.run(
            ["git", *(part for setting in _SETTINGS for part in ("-c", setting)), *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ArmError(f"the base commit could not be laid out: {error}") from None
    if done.returncode:
        raise ArmError(f"the base commit could not be laid out: {_reason(os.fsdecode(done.stderr))}")
    return os.fsdecode(done.stdout)


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (telling or lines or ["git failed"])[0]
