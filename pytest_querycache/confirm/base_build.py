"""The old code, built by the project's own command (``confirm_setup``) in an environment that nobody else uses."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ArmError
from .virtual_environment import VirtualEnvironment

TIMEOUT_S = 600.0
_QUOTED = 300
_SAYS_NOTHING = ("note:", "hint:", "[notice]", "[end of output]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build that succeeded: the command, the environment it went into, and how long it took, in nanoseconds."""

    command: str
    environment: VirtualEnvironment
    took_ns: float


def build(
    command: str,
    *,
    folder: Path,
    environment: Callable[[], VirtualEnvironment],
    variables: Mapping[str, str],
    log: Path,
    clock: Callable[[], int],
    timeout_s: float = TIMEOUT_S,
) -> Build:
    """Run a command, without a shell, in the base commit's ``folder``; raises ArmError with what it said last."""
    began = clock()
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ArmError(f"confirm_setup {command!r} cannot be split into words: {error}") from None
    if not words:
        raise ArmError(f"confirm_setup {command!r} names no command")
    made = environment()
    inherited = made.variables(dict(variables))
    program = shutil.which(words[0], path=inherited["PATH"]) or words[0]
    status = _run([program, *words[1:]], folder, inherited, log, timeout_s, command)
    if status:
        said = _last_words(log)
        raise ArmError(
            f"the base commit could not be built: confirm_setup {command!r} ended with exit status {status}"
            + (f": {said}" if said else "")
        )
    return Build(command=command, environment=made, took_ns=clock() - began)


def _run(
    words: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    log: Path,
    timeout_s: float,
    command: str,
) -> int:
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                words,
                cwd=folder,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )
    except OSError as error:
        raise ArmError(
            f"the base commit could not be built: confirm_setup {command!r} cannot be started: {error}"
        ) from None
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        raise ArmError(
            f"the base commit could not be built: confirm_setup {command!r} took longer than {timeout_s:.0f} s"
        ) from None
    finally:
        if process.poll() is None:
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the command and what it started."""
    if os.name == "posix":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
    else:
        process.kill()
    process.wait()


def _last_words(log: Path) -> str:
    """The last line that says something; installers end with general advice."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.lower().startswith(_SAYS_NOTHING)]
    return (telling or lines or [""])[-1][:_QUOTED]
