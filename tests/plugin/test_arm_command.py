"""What a fresh process is told of the user's own command line."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_querycache.plugin.arm_command import arm_arguments, launch_of

if TYPE_CHECKING:
    from tests.conftest import Project


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("tests/a.py::test_b tests", ""),
        ("-n2", ""),
        ("-n 2 -v", "-v"),
        ("-nauto --dist loadfile", ""),
        ("--numprocesses=4 --maxprocesses 8 --tx 2*popen", ""),
        ("-p no:xdist", "-p no:xdist"),
        ("-p xdist -n2 -p no:randomly", "-p xdist -p no:randomly"),
        ("--cov", ""),
        ("--cov src --cov-report html --cov-fail-under=80", ""),
        ("--cov=src --cov-branch", "--cov-branch"),
        ("--cov tests", ""),
        ("-x --lf --sw --pdb --maxfail=1 --maxfail 3", ""),
        ("-vx", "-v"),
        ("-xvs", "-vs"),
        ("-xx", ""),
        ("-xq -ra", "-q -ra"),
        ("-k 'not slow' -m 'unit and not db'", "-k 'not slow' -m 'unit and not db'"),
        ("-k tests", "-k tests"),
        ("--junitxml=out.xml --junit-xml out.xml", ""),
        ("--basetemp=/tmp/x --basetemp /tmp/x", ""),
        ("--perf-baseline --perf-update=b.json --perf-track", ""),
        ("--perf-threshold time=3% --perf-set new=ok --perf-confirm=always", ""),
        ("--perf-html=a.html --perf-json a.json --perf-against main", ""),
        ("-W error -o xfail_strict=true --strict-markers", "-W error -o xfail_strict=true --strict-markers"),
        ("-c other.ini --rootdir .", "-c other.ini --rootdir ."),
        ("--ignore tests --import-mode=importlib", "--ignore tests --import-mode=importlib"),
        ("--timeout 5 --own-option=value", "--timeout 5 --own-option=value"),
        ("--benchmark-json out.json --snapshot-update", ""),
        ("-v -- tests", "-v"),
    ],
)
def test_arguments(given: str, kept: str) -> None:
    """Paths go, and so does what runs, reports, writes or stops as a session of its own; the rest stays."""
    positional = ["tests", "tests/a.py::test_b"]
    assert arm_arguments(shlex.split(given), positional) == shlex.split(kept)


def told(project: Project, *args: str) -> list[str]:
    """The arguments of a fresh process of a session with these."""
    config = project.pytester.parseconfig("-p", "pytest_querycache.plugin.hooks", *args)
    launch = launch_of(
        config, ["t/test_b.py::b", "t/test_a.py::a"], folder=Path("c"), hash_seed=1, counter="x"
    )
    arguments: list[str] = launch.instructions["args"]
    return arguments


def test_files_of_the_tests_are_collected(project: Project) -> None:
    """A fresh process collects the files of its tests only, under the rootdir and the ini file of the session."""
    project.write("pytest.ini", "[pytest]\naddopts = -n2 -k fast -x\n")
    project.write("t/test_a.py", "")
    project.write("t/test_b.py", "")
    arguments = told(project, "-p", "no:cacheprovider", "-p", "xdist.plugin", "t")
    root = project.folder
    assert arguments[-2:] == [str(root / "t/test_a.py"), str(root / "t/test_b.py")]
    assert arguments[arguments.index("--rootdir") + 1] == str(root)
    assert arguments[arguments.index("-c") + 1] == str(root / "pytest.ini")
    assert arguments[arguments.index("-k") + 1] == "fast"
    assert "addopts=" in arguments
    assert not {"-n2", "-x", "t"} & set(arguments)


@pytest.mark.parametrize(
    ("argument", "node_id"),
    [("../outside", "test_out.py::out"), ("../outside/test_out.py", "::out")],
    ids=["folder", "file"],
)
def test_tests_outside_of_the_rootdir(
    project: Project, monkeypatch: pytest.MonkeyPatch, argument: str, node_id: str
) -> None:
    """A file outside is collected by the argument that led to it, because its tests are named after that."""
    project.write("outside/test_out.py", "")
    project.write("root/test_in.py", "")
    root = project.write("root/pytest.ini", "[pytest]\n").parent
    monkeypatch.chdir(root)
    config = project.pytester.parseconfig("-p", "pytest_querycache.plugin.hooks", ".", argument)
    launch = launch_of(config, [node_id, "test_in.py::a"], folder=Path("c"), hash_seed=1, counter="x")
    places = [Path(place).resolve() for place in launch.instructions["args"][-2:]]
    assert sorted(places) == sorted([(root / argument).resolve(), root / "test_in.py"])


def test_variables_of_the_session_are_left_out(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that would make a worker of a fresh process, or measure its coverage, are not handed down."""
    names = ["PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS", "COV_CORE_SOURCE", "COVERAGE_PROCESS_START"]
    for name in names:
        monkeypatch.setenv(name, "-v")
    monkeypatch.setenv("MINE", "kept")
    config = project.pytester.parseconfig("-p", "pytest_querycache.plugin.hooks")
    launch = launch_of(config, ["test_a.py::a"], folder=Path("c"), hash_seed=7, counter="x")
    assert not set(names) & set(launch.environment)
    assert launch.environment["MINE"] == "kept"
    assert launch.environment["PYTHONHASHSEED"] == "7"
    assert "-v" in launch.instructions["args"]


def test_import_path_of_any_kind(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path object that somebody put into sys.path reaches a fresh process as text."""
    monkeypatch.setattr(sys, "path", [*sys.path, Path("somewhere")])
    config = project.pytester.parseconfig("-p", "pytest_querycache.plugin.hooks")
    launch = launch_of(config, ["test_a.py::a"], folder=Path("c"), hash_seed=7, counter="x")
    assert launch.instructions["sys_path"][-1] == "somewhere"
    assert "PosixPath" not in launch.command[-1]


@pytest.mark.skipif(pytest.version_tuple < (8, 2), reason="files of arguments came with pytest 8.2")
def test_files_of_arguments(project: Project) -> None:
    """What stands in an @file is treated as if it stood on the command line."""
    project.write("args.txt", "-n2\n-k\nfast\n--perf-baseline\n")
    arguments = told(project, "-p", "xdist.plugin", "@args.txt")
    assert arguments[arguments.index("-k") + 1] == "fast"
    assert not {"-n2", "@args.txt", "--perf-baseline"} & set(arguments)
