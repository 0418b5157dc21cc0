"""What a session collected, left out on purpose, and executed: the run the gate judges."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ..model.environment import Environment
from ..model.record import Record, Run, file_of, is_of_a_test
from .measuring import WORKER_OUTPUT
from .readers import tell_worker
from .transport import ATTRIBUTE, records_of


class Collecting:
    """Gathers the run of a session from pytest's hooks, plain or as xdist's controller."""

    def __init__(self, config: pytest.Config, environment: Environment) -> None:
        self._config = config
        self.run = Run(environment=environment)
        self.duration_ns = 0.0
        self._setup_ns: dict[str, int] = {}
        self._sections: dict[str, list[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what was collected; xdist's controller collects nothing and is told below."""
        self.run.claimed.update(item.nodeid for item in session.items)

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        """Note what was left out on purpose."""
        self.run.deselected.update(item.nodeid for item in items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker what is read here."""
        tell_worker(self._config, node.workerinput)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """Note what a worker collected."""
        self.run.claimed.update(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take a worker's word for what only it saw; one that crashed leaves none."""
        output = getattr(node, "workeroutput", {}).get(WORKER_OUTPUT)
        if output is None:
            self.run.whole = False
            return
        if output["error"]:
            raise pytest.UsageError(output["error"])
        self.run.deselected.update(output["deselected"])
        self.run.disturbances.update(output["disturbances"])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Turn the reports of a test into its records; the last attempt of a repeated test counts."""
        if report.when == "call":
            if hasattr(report, ATTRIBUTE):
                self._add(report)
            return
        duration_ns = int(report.duration * 1e9)
        node_id = report.nodeid  # asked for once: pytest makes it anew for whoever asks
        if report.when == "setup":
            self._setup_ns[node_id] = duration_ns
            if report.outcome != "passed":
                self._set_aside(report, "skipped" if report.outcome == "skipped" else "failed in setup")
            return
        if report.when != "teardown":  # xdist's own report of the test during which a worker died
            self._set_aside(report, "crashed its xdist worker")
            return
        record = self.run.records.get(node_id)
        if record is not None:
            record.teardown_ns = duration_ns
        if report.outcome == "failed":
            for name in (node_id, *self._sections.get(node_id, ())):
                if name in self.run.records:
                    self.run.records[name].outcome = "failed in teardown"
        self._setup_ns.pop(node_id, None)

    def _add(self, report: pytest.TestReport) -> None:
        plain, node_id = getattr(report, ATTRIBUTE), report.nodeid
        # what travelled is not needed twice: reports stay in memory until the session ends
        delattr(report, ATTRIBUTE)
        outcome = str(report.outcome)
        if hasattr(report, "wasxfail"):
            outcome = "xpassed" if outcome == "passed" else "xfailed"
        worker = getattr(report, "worker_id", "")
        # an earlier attempt may have reached sections that this one did not
        for name in self._sections.pop(node_id, ()):
            self.run.records.pop(name, None)
        file, line, _ = report.location
        for record in records_of(node_id, plain, outcome=outcome, worker=worker):
            record.setup_ns = self._setup_ns.get(node_id, 0)
            if line is not None:
                record.file, record.line = file, line + 1
            self.run.records[record.node_id] = record
            if record.test_id:
                self._sections.setdefault(record.test_id, []).append(record.node_id)
        self.duration_ns += plain["values"].get("wall_time", 0)

    def _set_aside(self, report: pytest.TestReport, outcome: str) -> None:
        if hasattr(report, "wasxfail"):
            outcome = "xfailed"
        self.run.records[report.nodeid] = Record(node_id=report.nodeid, outcome=outcome)

    def finish(self, *, entries: Iterable[str]) -> None:
        """Settle which files were collected whole, once everything has been reported."""
        partly = self._partly_given()
        if self._config.option.__dict__.get("lf"):
            return  # --lf leaves tests out without saying so
        for node_id in self.run.claimed | self.run.deselected:
            file = file_of(node_id)
            if file not in partly:
                self.run.wholly_collected.add(file)
        self.run.wholly_collected.update(
            self._deleted_files({file_of(entry) for entry in entries if is_of_a_test(entry)})
        )

    def _partly_given(self) -> set[str]:
        """The files of which only some tests were asked for, by node id."""
        files = set()
        for arg in self._config.args:
            path, separator, _ = str(arg).partition("::")
            if separator:
                files.add(self._relative(self._config.invocation_params.dir / path))
        return files

    def _relative(self, path: Path) -> str:
        try:
            return path.resolve().relative_to(self._config.rootpath.resolve()).as_posix()
        except ValueError:
            return path.as_posix()

    def _deleted_files(self, files: set[str]) -> set[str]:
        """Files of entries that are gone from folders which were collected."""
        folders = [
            folder
            for folder in (self._config.invocation_params.dir / str(arg) for arg in self._config.args)
            if folder.is_dir()
        ]
        gone = set()
        for file in files - self.run.wholly_collected:
            path = self._config.rootpath / file
            if not path.exists() and any(folder in path.parents for folder in folders):
                gone.add(file)
        return gone
