"""Arms that end although nobody is left to end them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX process groups")

SESSION = """
import os, sys
from pathlib import Path
from pytest_querycache.confirm.arm import Arm, Launch
program, folder = sys.argv[1:]
launch = Launch(
    command=[sys.executable, "-c", program], folder=Path(folder), environment=os.environ, instructions={{}}
)
arm = Arm(launch, Path(folder) / "log.txt")
print(*arm.wait_until_ready(30), flush=True)
{then}
"""

ARM = """
import json, os, signal, sys, threading
from pytest_querycache.confirm import lifeline
told = json.loads(sys.stdin.readline())
{before}
lifeline.end_with(told["lifeline"])
child = os.fork()
if child == 0:
    while True: signal.pause()
print(json.dumps({{"ready": [str(os.getpid()), str(child), str(threading.active_count())]}}), flush=True)
while True: signal.pause()
"""

CANNOT_SIGNAL = """
def refuse(descriptor):
    raise OSError("not here")
lifeline._be_signalled = refuse
"""


@pytest.mark.parametrize("before", ["", CANNOT_SIGNAL], ids=["signal", "thread"])
@pytest.mark.parametrize(
    "then", ["os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 15)"], ids=["KILL", "TERM"]
)
def test_arm_in_a_hanging_test_ends_with_its_session(tmp_path: Path, before: str, then: str) -> None:
    """A killed session takes its arm with it, and what the arm's test had started, hanging or not."""
    session = subprocess.Popen(
        [sys.executable, "-c", SESSION.format(then=then), ARM.format(before=before), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    answer, _ = session.communicate(timeout=60)
    arm, child, threads = map(int, answer.split())
    assert threads == 1  # none that a test could see
    for process in (arm, child):
        wait_for_the_end_of(process)


def wait_for_the_end_of(process: int) -> None:
    """Return when a process that is no child of ours has ended; a zombie has."""
    try:
        watched = psutil.Process(process)
        for _ in range(300):
            if watched.status() == psutil.STATUS_ZOMBIE:
                return
            try:
                watched.wait(0.1)
                return
            except psutil.TimeoutExpired:
                continue
    except psutil.NoSuchProcess:
        return
    pytest.fail(f"process {process} is still there")
