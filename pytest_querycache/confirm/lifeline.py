"""How a process ends when the one that started it is gone, even in the middle of a test that hangs.

Linux sends a signal by itself when a pipe's last writer is gone, which costs nothing until then. A thread that
waits would do as well, but Python warns of every fork in a process with threads, and suites that turn warnings
into errors would fail in an arm alone; so it is kept for systems that cannot send the signal.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys


def end_with(lifeline: int) -> None:
    """Kill this process's group as soon as nobody holds the other end of a pipe any more."""
    if sys.platform == "win32":
        return
    try:
        _be_signalled(lifeline)
    except (OSError, AttributeError):
        # not threading.Thread: tests count those
        _thread.start_new_thread(_wait, (lifeline,))


if sys.platform != "win32":
    import fcntl

    def _be_signalled(lifeline: int) -> None:
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)  # type: ignore[attr-defined,unused-ignore]
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
        if _is_gone(lifeline):
            os.killpg(0, signal.SIGKILL)  # it went before the signal was asked for

    def _is_gone(lifeline: int) -> bool:
        os.set_blocking(lifeline, False)
        try:
            return not os.read(lifeline, 1)
        except BlockingIOError:
            return False

    def _wait(lifeline: int) -> None:
        os.read(lifeline, 1)
        os.killpg(0, signal.SIGKILL)
