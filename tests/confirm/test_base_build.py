"""The command that builds the old code: run in its folder, timed, ended when it hangs, quoted when it fails."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

import pytest

from pytest_querycache.confirm import base_build
from pytest_querycache.confirm.base_build import Build, build
from pytest_querycache.confirm.virtual_environment import VirtualEnvironment
from pytest_querycache.errors import ArmError

PREFIX = "the base commit could not be built: confirm_setup "


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> VirtualEnvironment:
    folder = tmp_path_factory.mktemp("own")
    return VirtualEnvironment(folder / "environment", sys.path[1:], folder / "tree")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def built(
    command: str, folder: Path, environment: VirtualEnvironment, *, timeout_s: float = 60.0, **variables: str
) -> Build:
    clock = itertools.count(0, 7)
    return build(
        command,
        folder=folder,
        environment=lambda: environment,
        variables={"PATH": os.environ["PATH"], **variables},
        log=folder / "log.txt",
        clock=lambda: next(clock),
        timeout_s=timeout_s,
    )


def test_command_runs_in_the_folder_with_the_environment(
    folder: Path, environment: VirtualEnvironment
) -> None:
    """Its python is the environment's, its folder the old code's; how long it took is told."""
    (folder / "generate.py").write_text(
        "import os, sys; open('made', 'w').write(sys.prefix + os.linesep + os.environ['MINE'])"
    )
    result = built("python generate.py", folder, environment, MINE="kept")
    assert (folder / "made").read_text().splitlines() == [str(environment.folder), "kept"]
    assert result.took_ns == 7
    assert result.command == "python generate.py"


def test_words_are_split_and_no_shell_runs(folder: Path, environment: VirtualEnvironment) -> None:
    """Quotes hold words together; what a shell would do with the rest is not done."""
    (folder / "say.py").write_text("import sys; open('words', 'w').write('|'.join(sys.argv[1:]))")
    built("python say.py 'one word' $HOME && >out", folder, environment)
    assert (folder / "words").read_text() == "one word|$HOME|&&|>out"


@pytest.mark.parametrize(
    ("program", "quoted"),
    [
        ("print('cc: error'); sys.exit(3)", "3: cc: error"),
        (
            "print('the cause'); print('note: general advice'); print('Hint: more'); sys.exit(1)",
            "1: the cause",
        ),
        ("print('note: only this'); sys.exit(1)", "1: note: only this"),
        ("sys.exit(2)", "2"),
    ],
)
def test_failure_quotes_the_last_words(
    folder: Path, environment: VirtualEnvironment, program: str, quoted: str
) -> None:
    """The message names the setting and its command, the status, and the last line that says something."""
    (folder / "b.py").write_text(f"import sys; {program}")
    with pytest.raises(ArmError) as raised:
        built("python b.py", folder, environment)
    assert str(raised.value) == f"{PREFIX}'python b.py' ended with exit status {quoted}"


def test_command_that_does_not_exist(folder: Path, environment: VirtualEnvironment) -> None:
    """So is one that cannot be started."""
    with pytest.raises(ArmError, match=f"^{PREFIX}'no-such-thing -x' cannot be started: "):
        built("no-such-thing -x", folder, environment)


@pytest.mark.parametrize("command", ["'unclosed", "# only a comment", "''"])
def test_command_that_is_none(folder: Path, environment: VirtualEnvironment, command: str) -> None:
    """What cannot be split into words, or holds none, is refused with the setting's name."""
    with pytest.raises(ArmError, match="confirm_setup"):
        built(command, folder, environment)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX process groups")
def test_command_that_takes_too_long(
    folder: Path, environment: VirtualEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed with all it started, and the message says after how long."""
    killed = []
    kill = os.killpg
    monkeypatch.setattr(
        base_build.os, "killpg", lambda group, number: killed.append(number) or kill(group, number)
    )
    (folder / "hang.py").write_text("import signal; signal.pause()")
    with pytest.raises(ArmError, match=rf"^{PREFIX}'python hang\.py' took longer than 0 s$"):
        built("python hang.py", folder, environment, timeout_s=0.05)
    assert killed == [signal.SIGKILL]
