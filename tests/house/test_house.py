"""The rules of the house, so that one command says whether a change may land."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    "arguments",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)],
    ids=["lint", "format", "types"],
)
def test_tool_has_nothing_to_say(arguments: tuple[str, ...]) -> None:
    """Shows that the linter, the formatter and the strict type checker accept the tree."""
    done = _run(sys.executable, "-m", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_floors_import_only_what_stands_below() -> None:
    """Shows that the import contract of pyproject.toml holds."""
    done = _run(
        sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_counter_was_built() -> None:
    """Shows that this environment counts allocations natively: elsewhere the plugin does without, here it may not."""
    done = _run(sys.executable, "-c", "import pytest_querycache.probes._allocations")
    assert done.returncode == 0, done.stderr


def test_import_is_cheap() -> None:
    """Shows that importing the package brings in neither pytest nor sqlglot nor psutil."""
    program = (
        "import sys, pytest_querycache; "
        "print(sorted({'pytest', 'sqlglot', 'psutil', 'sqlite3', 'asyncio'} & set(sys.modules)))"
    )
    done = _run(sys.executable, "-c", program)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_public_name_can_be_imported() -> None:
    """Shows that what __all__ lists exists."""
    import pytest_querycache

    assert [
        name for name in pytest_querycache.__all__ if getattr(pytest_querycache, name, None) is None
    ] == []
