"""An arm: a fresh process that executes one test when told to, as often as told, and answers with its figures.

Commands and answers are lines of JSON over the process's standard input and output, which the process keeps for
this alone. This side knows no pytest: what the process runs is given as a command, and a test is a name. The first
line is ``{"instructions": file, "lifeline": descriptor}``: the instructions may be long, and a process that never
reads would block whoever writes more than a pipe holds. The lifeline is a pipe on which nothing is ever said; it
ends when this side is gone, even while the process is inside a test that hangs.

An answer to ``{"run": name, "warm": true}`` is ``{"outcome": …, "figures": {entry: {metric: value}}}``, where
``entry`` is the test or a section of it. An arm ends by itself when its input closes.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..errors import ArmError

_LOG_TAIL = 400
_LAST_WAIT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start an arm: command, folder, environment, and what it is to do."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    instructions: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What one execution of a test cost.

    ``outcome`` is the test's own: ``passed``, ``failed``, ``skipped``. ``figures`` are by entry and metric, in
    the metrics' units; ``unmeasured`` says for an entry's metric why there is none.
    """

    outcome: str
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unmeasured: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    detail: str = ""


def _start(launch: Launch, log: Path, inherited: Sequence[int]) -> subprocess.Popen[str]:
    with log.open("wb") as stream:
        return subprocess.Popen(
            launch.command,
            cwd=launch.folder,
            env=dict(launch.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            encoding="utf-8",
            errors="replace",
            pass_fds=inherited,
            # a Ctrl-C in the terminal is for the session, which closes its arms itself
            start_new_session=os.name == "posix",
        )


class Arm:
    """A running arm; ``collection_problems`` says by file why tests in it were not found.

    Every method raises ArmError, with a reason for people, when the process died, hung, or answered nonsense;
    the arm is then closed.
    """

    def __init__(self, launch: Launch, log: Path) -> None:
        """Start the process; the instructions are laid beside the file it logs to."""
        self._log = log
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._lifeline: int | None = None
        self.collection_problems: Mapping[str, str] = {}
        instructions = log.with_suffix(".instructions.json")
        theirs: list[int] = []
        try:
            instructions.write_text(json.dumps(launch.instructions), encoding="utf-8")
            if os.name == "posix":
                end, self._lifeline = os.pipe()
                theirs.append(end)
            self._process = _start(launch, log, theirs)
        except OSError as error:
            self._let_go()
            raise ArmError(f"a fresh process could not be started: {error}") from None
        except BaseException:
            self._let_go()  # after Ctrl-C a process that is half started ends when nothing holds its lifeline
            raise
        finally:
            for end in theirs:
                os.close(end)
        self._reader = threading.Thread(target=self._read_answers, daemon=True)
        self._reader.start()
        self._tell({"instructions": str(instructions), "lifeline": theirs[0] if theirs else None})

    def wait_until_ready(self, timeout_s: float) -> list[str]:
        """The names of the tests the arm found."""
        answer = self._ask(None, timeout_s, "did not finish collecting")
        names = answer.get("ready")
        if not isinstance(names, list):
            raise self._failure(str(answer.get("problem", "did not collect")))
        problems = answer.get("problems")
        self.collection_problems = problems if isinstance(problems, dict) else {}
        return names

    def execute(self, name: str, *, warm: bool, timeout_s: float) -> Execution:
        """Execute one test once; with ``warm`` a full collection comes first."""
        answer = self._ask({"run": name, "warm": warm}, timeout_s, "hung")
        return Execution(
            outcome=str(answer.get("outcome", "failed")),
            figures=answer.get("figures", {}),
            unmeasured=answer.get("unmeasured", {}),
            detail=str(answer.get("detail", "")),
        )

    def imported_from(
        self, places: Sequence[Path], timeout_s: float, *, but: Sequence[Path] = ()
    ) -> list[str]:
        """The files in some places that the process imported as modules.

        Packages installed below do not count, nor what lies below ``but``.
        """
        command = {"imported_from": [str(place) for place in places], "but": [str(place) for place in but]}
        answer = self._ask(command, timeout_s, "hung")
        files = answer.get("imported")
        if not isinstance(files, list):
            raise self._failure("did not say what it imported")
        return files

    def dismiss(self) -> None:
        """Tell the process to end, and do not wait for it; ``close`` has to follow."""
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                pass  # the process is gone and took the pipe with it

    def close(self, *, patience_s: float = _LAST_WAIT_S) -> None:
        """End the process, kindly first, and after ``patience_s`` by force."""
        process = self._process
        self.dismiss()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._kill()
        self._reader.join(_LAST_WAIT_S)
        if self._reader.is_alive():
            self._kill()  # something that the process started holds the other end
            self._reader.join(_LAST_WAIT_S)
        # closing a file that is being read would wait for the reader, so a reader that stays keeps its file
        if process.stdout is not None and not self._reader.is_alive():
            process.stdout.close()
        self._let_go()

    def __enter__(self) -> Arm:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _let_go(self) -> None:
        lifeline, self._lifeline = self._lifeline, None
        if lifeline is not None:
            os.close(lifeline)

    def _read_answers(self) -> None:
        stream: IO[str] | None = self._process.stdout
        if stream is not None:
            for line in stream:
                self._answers.put(line)
        self._answers.put(None)

    def _tell(self, command: Mapping[str, Any]) -> None:
        stream = self._process.stdin
        if stream is None:
            raise self._failure("has no input")
        try:
            stream.write(json.dumps(command) + "\n")
            stream.flush()
        except (OSError, ValueError):
            raise self._failure(self._how_it_ended()) from None

    def _ask(self, command: Mapping[str, Any] | None, timeout_s: float, too_late: str) -> dict[str, Any]:
        if command is not None:
            self._tell(command)
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            self._kill()
            raise self._failure(f"{too_late} (no answer after {timeout_s:.0f} s)") from None
        if line is None:
            raise self._failure(self._how_it_ended())
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise self._failure("answered nonsense")
        return answer

    def _how_it_ended(self) -> str:
        try:
            status = self._process.wait(_LAST_WAIT_S)
        except subprocess.TimeoutExpired:
            return "closed its output"
        if status < 0:
            try:
                return f"was killed by {signal.Signals(-status).name}"
            except ValueError:
                return f"was killed by signal {-status}"
        return f"ended with exit status {status}"

    def _kill(self) -> None:
        """Kill the process and what it started."""
        if os.name == "posix":
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._process.kill()
        else:
            self._process.kill()
        self._process.wait()

    def _failure(self, what: str) -> ArmError:
        self.close()
        tail = self._log_tail()
        return ArmError(f"a fresh process {what}" + (f": {tail}" if tail else ""))

    def _log_tail(self) -> str:
        """The last line with something in it that the process wrote, for the message."""
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1][:_LOG_TAIL] if lines else ""
