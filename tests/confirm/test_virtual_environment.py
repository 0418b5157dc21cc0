"""An arm's own environment: it sees what the session has, keeps off the working tree, and writes nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from pytest_querycache.confirm.virtual_environment import VirtualEnvironment, with_own_path
from pytest_querycache.errors import ArmError

FINDER = """
import sys
from importlib.util import spec_from_file_location

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == {name!r}:
            return spec_from_file_location(name, {place!r} + "/" + name + ".py")

def install():
    sys.meta_path.insert(0, Finder)
"""


class Session:
    """What a user's session has: a folder of packages, another project's folder, and the project itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.packages = folder / "user" / "site-packages"
        self.tree = folder / "tree"
        for place in (self.packages, self.tree, folder / "tree-other"):
            place.mkdir(parents=True)

    def module(self, place: Path, name: str, value: str) -> None:
        (place / f"{name}.py").write_text(f"VALUE = {value!r}\n")

    def hook(self, name: str, place: Path) -> None:
        """An editable installation of one module by an import hook, as build backends make them."""
        (self.packages / f"__editable___{name}_finder.py").write_text(
            FINDER.format(name=name, place=str(place))
        )
        line = f"import __editable___{name}_finder; __editable___{name}_finder.install()\n"
        (self.packages / f"__editable__.{name}.pth").write_text(line)

    def environment(self, *more: Path) -> VirtualEnvironment:
        path = [*sys.path[1:], str(self.packages), *map(str, more)]
        return VirtualEnvironment(self.folder / "environment", path, self.tree)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def say(environment: VirtualEnvironment, program: str) -> str:
    """What a program prints in an environment."""
    done = subprocess.run(
        [str(environment.python), "-I", "-c", dedent(program)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_packages_of_the_session_are_reached(session: Session) -> None:
    """What the session can import can be imported; what is installed in the environment wins."""
    session.module(session.packages, "shared", "the session's")
    session.module(session.packages, "replaced", "the session's")
    environment = session.environment()
    session.module(environment.packages, "replaced", "its own")
    assert say(environment, "import shared; print(shared.VALUE)") == "the session's"
    assert say(environment, "import replaced; print(replaced.VALUE)") == "its own"
    assert say(environment, "import pytest; print(pytest.__name__)") == "pytest"


def test_hooks_of_other_projects_work_and_those_of_the_tree_do_not(session: Session) -> None:
    """An editable installation of another project is found; that of the working tree, which would win, is not."""
    session.module(session.tree, "project", "the new code")
    session.module(session.folder / "tree-other", "other", "another project")
    session.hook("project", session.tree)
    session.hook("other", session.folder / "tree-other")
    environment = session.environment()
    assert say(environment, "import other; print(other.VALUE)") == "another project"
    assert say(environment, "import importlib.util as u; print(u.find_spec('project'))") == "None", (
        "the hook of the working tree was carried over"
    )
    session.module(environment.packages, "project", "the old code")
    assert say(environment, "import project; print(project.VALUE)") == "the old code"


def test_path_lines_of_the_session_are_not_read_again(session: Session) -> None:
    """The folder of the user's editable installation stays away, unless the import path holds it, mapped."""
    session.module(session.tree, "project", "the new code")
    (session.packages / "__editable__.project.pth").write_text(f"{session.tree}\n")
    old = session.folder / "base"
    old.mkdir()
    session.module(old, "project", "the old code")
    environment = session.environment(old)
    assert say(environment, "import project; print(project.VALUE)") == "the old code"


def test_hooks_that_ask_for_their_folder(session: Session) -> None:
    """A line that looks up the folder of its .pth file in its caller finds the session's."""
    line = "import sys; sys.asked = sys._getframe(1).f_locals['sitedir']\n"
    (session.packages / "namespace.pth").write_text(line)
    assert say(session.environment(), "import sys; print(sys.asked)") == str(session.packages)


def test_a_hook_that_fails_stops_no_other(session: Session) -> None:
    """As at any start of Python, a broken line is told and the next is carried out."""
    (session.packages / "a.pth").write_text("import nothing_of_this_name\n")
    (session.packages / "b.pth").write_text("import sys; sys.after = 'carried out'\n")
    assert say(session.environment(), "import sys; print(sys.after)") == "carried out"


def test_own_path(session: Session) -> None:
    """Its packages come first, then the folders that editable installations in it name."""
    environment = session.environment()
    (environment.packages / "__editable__.p.pth").write_text("/elsewhere/src\nimport sys\n# no folder\n\n")
    assert environment.own_path() == [str(environment.packages), "/elsewhere/src"]


def test_variables_send_installers_here(session: Session) -> None:
    """Scripts of the environment come first on PATH, and nothing sends packages to another place."""
    environment = session.environment()
    variables = environment.variables(
        {"PATH": "/usr/bin", "PIP_TARGET": "/home", "UV_SYSTEM_PYTHON": "1", "PIP_USER": "1", "MINE": "kept"}
    )
    assert variables["PATH"] == f"{environment.scripts}{os.pathsep}/usr/bin"
    assert variables["VIRTUAL_ENV"] == str(environment.folder)
    assert variables["MINE"] == "kept"
    assert not {"PIP_TARGET", "UV_SYSTEM_PYTHON"} & set(variables)
    assert variables["PIP_USER"] == "0"


def test_pip_is_found_and_installs_here(session: Session) -> None:
    """The command pip is the environment's, although pip itself is the session's."""
    pytest.importorskip("pip", reason="needs pip beside the tests, to reach it from another environment")
    environment = session.environment()
    program = "import shutil, subprocess, sys; print(shutil.which('pip', path=sys.argv[1]))"
    found = subprocess.run(
        [sys.executable, "-c", program, environment.variables({"PATH": os.environ["PATH"]})["PATH"]],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert Path(found).parent == environment.scripts
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("pip ")


def test_environment_that_cannot_be_made(session: Session) -> None:
    """The reason is told, with the setting it belongs to."""
    (session.folder / "environment").write_text("in the way")
    with pytest.raises(ArmError, match=r"^no virtual environment could be made for confirm_setup: "):
        session.environment()


@pytest.mark.parametrize(
    ("session", "path"),
    [
        (["/s", "/lib", "/a/site-packages", "/b"], ["/s", "/lib", "own", "/a/site-packages", "/b"]),
        (["/usr/dist-packages", "/a/site-packages"], ["own", "/usr/dist-packages", "/a/site-packages"]),
        (["/lib"], ["/lib", "own"]),
        ([], ["own"]),
    ],
)
def test_own_folders_come_before_installed_packages(session: list[str], path: list[str]) -> None:
    """What a session prefers to installed packages it still prefers; installed ones come after the arm's own."""
    assert with_own_path(session, ["own"]) == path
