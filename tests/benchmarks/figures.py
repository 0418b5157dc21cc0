"""A pytest plugin that writes each test's figures to a file, and shuffles tests: for the commands beside it."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where to write, and how to shuffle."""
    parser.addoption("--figures-to", metavar="FILE", type=Path)
    parser.addoption("--shuffle-with", metavar="SEED", type=int)


def pytest_configure(config: pytest.Config) -> None:
    """Keep figures only where they are asked for, and not in an xdist worker."""
    file = config.getoption("figures_to")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Figures(file))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle all tests, across files and classes."""
    seed = config.getoption("shuffle_with")
    if seed is not None:
        Random(seed).shuffle(items)


class Figures:
    """The figures that the plugin puts on the reports of tests that passed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._figures: dict[str, dict[str, float]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep one test's figures."""
        found = {name[5:]: value for name, value in report.user_properties if name.startswith("perf.")}
        if report.when == "call" and report.passed and found:
            self._figures[report.nodeid] = found

    def pytest_sessionfinish(self) -> None:
        """Write them all."""
        self._file.write_text(json.dumps(self._figures), encoding="utf-8")
