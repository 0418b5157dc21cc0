"""The repository that pipelines are tried on, recorded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ci.steps import Checkout, copy_of, quickstart_under_git


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's repository with a baseline of this machine."""
    folder = tmp_path_factory.mktemp("quickstart")
    quickstart_under_git(folder)
    return folder


@pytest.fixture
def machine(recorded: Path, tmp_path: Path) -> Checkout:
    """A copy of that repository, which a test may do with what it likes."""
    return copy_of(recorded, tmp_path)
