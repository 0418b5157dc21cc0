"""What the tests of the plugin share: small projects whose sessions run in processes of their own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

# a session inside a test must not write into the summary of the job that runs the tests
os.environ.pop("GITHUB_ACTIONS", None)

PLUGIN = "pytest_querycache.plugin.hooks"


@dataclass
class Project:
    """A small project of a user's, and the sessions of pytest that are run in it.

    Every session is a process of its own, because the allocation counter belongs to the process. Plugins found
    by themselves are left out, which makes a start five times as fast; ``plugins`` names those to load.
    """

    pytester: pytest.Pytester

    @property
    def folder(self) -> Path:
        """The project's root directory."""
        return self.pytester.path

    @property
    def baseline(self) -> Path:
        """The baseline file under its default name."""
        return self.folder / "perf-baseline.json"

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project, in a folder that is made where it is missing."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *args: str, plugins: tuple[str, ...] = (), exit_status: int | None = None) -> str:
        """Run pytest, and give everything it printed; with ``exit_status`` it must end with that one."""
        loaded = [part for plugin in (PLUGIN, *plugins) for part in ("-p", plugin)]
        result = self.pytester.runpytest_subprocess(*loaded, *args, timeout=120)
        if exit_status is not None:
            assert result.ret == exit_status
        return result.stdout.str() + "\n" + result.stderr.str()

    def record(self, *args: str, plugins: tuple[str, ...] = ()) -> None:
        """Record the baseline from one session, without the fresh processes of a careful update."""
        self.run("--perf-update", "--perf-confirm=off", *args, plugins=plugins, exit_status=0)

    def gate(self, *args: str, plugins: tuple[str, ...] = (), exit_status: int | None = None) -> str:
        """Gate counts against the baseline at first sight; times would depend on the machine's mood."""
        first_sight = ("--perf-baseline", "--perf-confirm=off", "--perf-threshold=time=off")
        return self.run(*first_sight, *args, plugins=plugins, exit_status=exit_status)

    def entries(self, path: Path | None = None) -> dict[str, dict[str, Any]]:
        """The entries of the baseline's only section."""
        document = json.loads((path or self.baseline).read_text(encoding="utf-8"))
        (section,) = (value for key, value in document["sections"].items() if key != "~")
        return {name: entry for name, entry in section["entries"].items() if name != "~"}

    def figure(self, node_id: str, metric: str) -> float:
        """What a recorded baseline says a test costs."""
        value: float = self.entries()[node_id][metric][0]
        return value


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project, with nothing of the outer session in its environment."""
    for name in list(os.environ):
        if name.startswith(("PYTEST_XDIST", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "COV", "PYTHONWARN")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    return Project(pytester)
