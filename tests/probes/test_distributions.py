"""What is installed, and what of it is under test itself."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from pytest_querycache.probes.distributions import installed_distributions


def test_installed_distributions() -> None:
    """Names as packages are asked for, with the version that an import finds, in order."""
    found = installed_distributions()
    assert found["pytest"] == version("pytest")
    assert found["pytest-xdist"] == version("pytest-xdist")
    assert list(found) == sorted(found)
    assert all(isinstance(text, str) for text in found.values())


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are installed into, and nothing else in sight."""
    folder = tmp_path / "project" / ".venv" / "site-packages"
    folder.mkdir(parents=True)
    monkeypatch.setattr("sys.path", [str(folder)])
    return folder


def install(site: Path, name: str, origin: object = None) -> None:
    folder = site / f"{name}-1.0.dev7.dist-info"
    folder.mkdir()
    if origin is not None:
        (folder / "direct_url.json").write_text(json.dumps(origin), encoding="utf-8")


def local(folder: Path) -> dict[str, object]:
    return {"url": folder.as_uri(), "dir_info": {"editable": True}}


def test_the_project_itself_has_no_version(site: Path, tmp_path: Path) -> None:
    """By its name, however that is written, and by the folder it was installed from, also in a folder of many."""
    root = tmp_path / "project"
    install(site, "my_shop")
    install(site, "shop_core", local(root / "packages" / "cöre"))
    install(site, "shop", local(root))
    found = installed_distributions(rootdir=root, project="My.Shop")
    assert found == {"my-shop": "", "shop": "", "shop-core": ""}


@pytest.mark.parametrize(
    "origin",
    [
        None,
        {"url": "https://example.org/shop.git", "vcs_info": {"vcs": "git"}},
        {"url": "file:///project/shop.whl", "archive_info": {}},
        ["no object"],
        {"url": 7, "dir_info": {}},
    ],
    ids=str,
)
def test_what_comes_from_elsewhere_is_a_dependency(site: Path, tmp_path: Path, origin: object) -> None:
    """Also when it lies in an environment inside the project, and also when its origin cannot be read."""
    install(site, "dependency", origin)
    assert installed_distributions(rootdir=tmp_path / "project", project="shop") == {"dependency": "1.0.dev7"}


def test_a_neighbour_is_a_dependency(site: Path, tmp_path: Path) -> None:
    """A folder beside the project's is no part of it, though its name begins like the project's."""
    install(site, "dependency", local(tmp_path / "project-two"))
    assert installed_distributions(rootdir=tmp_path / "project") == {"dependency": "1.0.dev7"}


def test_without_a_project_everything_is_a_dependency(site: Path, tmp_path: Path) -> None:
    """A script that names no folder has nothing under test."""
    install(site, "shop", local(tmp_path / "project"))
    assert installed_distributions() == {"shop": "1.0.dev7"}
