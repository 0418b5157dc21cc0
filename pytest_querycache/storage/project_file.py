"""The project's own settings file, pyproject.toml."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from ..errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = "tool.pytest_querycache"
_NAME = "pyproject.toml"


def read_table(rootdir: Path) -> tuple[Mapping[str, object], str]:
    """The project's table and how messages call it; empty where there is no file or no table.

    Raises ConfigurationError when the file is not TOML or the table is none.
    """
    where = f"{_NAME} [{TABLE}]"
    document = _document(rootdir)
    tools = document.get("tool", {})
    table = tools.get("pytest_querycache", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where}: expected a table, got {table!r}")
    return table, where


def project_name(rootdir: Path) -> str:
    """The name under which the project is installed, empty where its file gives none.

    Raises ConfigurationError when the file is not TOML.
    """
    project = _document(rootdir).get("project", {})
    name = project.get("name", "") if isinstance(project, dict) else ""
    return name if isinstance(name, str) else ""


def _document(rootdir: Path) -> Mapping[str, object]:
    path = rootdir / _NAME
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not TOML ({error})") from None
