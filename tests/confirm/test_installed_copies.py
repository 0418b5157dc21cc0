"""Which installed packages are copies of the project."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pytest_querycache.confirm.installed_copies import installed_copies


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of installed packages."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder)])
    return folder


def install(packages: Path, name: str, files: list[str], origin: object) -> None:
    """An installed distribution, as installers record it."""
    for file in files:
        (packages / file).parent.mkdir(parents=True, exist_ok=True)
        (packages / file).touch()
    information = packages / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    if origin is not None:
        (information / "direct_url.json").write_text(
            origin if isinstance(origin, str) else json.dumps(origin)
        )


def test_copies_made_from_the_tree(packages: Path, tmp_path: Path) -> None:
    """Packages installed from the tree or from a file in it are named by their outermost package or module."""
    tree = tmp_path / "tree"
    (tree / "dist").mkdir(parents=True)
    files = [
        "one/__init__.py",
        "one/sub/__init__.py",
        "one/sub/a.py",
        "space/two/__init__.py",
        "three.py",
        "../bin/x.py",
    ]
    install(packages, "a", files, {"url": tree.as_uri(), "dir_info": {}})
    install(packages, "b", ["four.so"], {"url": (tree / "dist" / "b.whl").as_uri(), "archive_info": {}})
    assert installed_copies(tree) == sorted(
        packages / name for name in ("one", "space/two", "three.py", "four.so")
    )


@pytest.mark.parametrize(
    "origin",
    [
        None,
        {"url": "https://example.org/p.whl", "archive_info": {}},
        {"url": "file:///somewhere/else", "dir_info": {}},
        "EDITABLE",
        "no JSON",
        "[]",
    ],
    ids=["index", "web", "elsewhere", "editable", "broken", "another shape"],
)
def test_everything_else_is_no_copy(packages: Path, tmp_path: Path, origin: object) -> None:
    """Packages from anywhere else, editable installations and records that say nothing are left alone."""
    tree = tmp_path / "tree"
    tree.mkdir()
    if origin == "EDITABLE":
        origin = {"url": tree.as_uri(), "dir_info": {"editable": True}}
    install(packages, "p", ["p/__init__.py"], origin)
    assert installed_copies(tree) == []


@pytest.mark.parametrize(
    ("name", "origin", "copies"),
    [
        ("my-project", None, ["mine"]),
        ("My.Project", None, ["mine"]),
        ("my-project", {"url": "file:///elsewhere", "dir_info": {"editable": True}}, []),
        ("another", None, []),
    ],
    ids=["from an index", "another spelling", "editable", "another project"],
)
def test_copies_of_the_project_from_anywhere(
    packages: Path, tmp_path: Path, name: str, origin: object, copies: list[str]
) -> None:
    """The project's own distribution is a copy wherever it came from, unless it is editable."""
    install(packages, name, ["mine/__init__.py"], origin)
    found = installed_copies(tmp_path / "tree", "my_project")
    assert found == [packages / copy for copy in copies]
