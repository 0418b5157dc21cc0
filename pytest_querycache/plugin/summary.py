"""What a person sees of the gate: the header, the summary section, and the entry in a JUnit file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import pytest

from ..model.baseline import Section
from ..model.environment import Environment, another_processor, incomparable_families
from ..model.metric import Family
from ..model.record import Run
from ..model.verdict import GateResult, Verdict
from ..reports.signs import inert, terminal_encoding, written_out
from ..reports.terminal import Line, gate_lines, quoted, track_lines
from ..storage.repository import why_no_old_code
from .exit_status import failure_report
from .settings import Mode, Settings, is_provable, shown_path

if TYPE_CHECKING:
    from .updating import Update

ACCEPT = "pytest --perf-update"
_MOST_NAMED = 5


class Summary:
    """Writes with pytest's own terminal reporter, which knows about width and colour."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings

    def header(
        self,
        environment: Environment,
        section: Section | None,
        disturbances: Mapping[str, str],
        no_counter: str | None,
    ) -> list[str]:
        """The lines under pytest's own: mode, baseline, environment, and what cannot be compared, and why."""
        settings = self._settings
        if settings.mode is Mode.TRACK:
            lines = ["performance gate: tracking, no baseline"]
        elif settings.mode is Mode.UPDATE:
            overruled = " (--perf-update wins over --perf-baseline)" if settings.overruled else ""
            lines = [f"performance gate: accepting into {shown_path(self._config, settings)}{overruled}"]
        else:
            known = f"{len(section.entries)} entries" if section is not None else "no entries"
            beside = f", times beside {settings.against}" if settings.against else ""
            lines = [
                f"performance gate: {shown_path(self._config, settings)} "
                f"({known}, {environment.key}), confirm {settings.confirm}{beside}"
            ]
        if no_counter is not None:
            lines.append(f"  {no_counter}: net blocks stand in, which miss what is freed again")
        if section is not None:
            provable = is_provable(self._config, settings)
            other = another_processor(environment, section.environment)
            blocked = incomparable_families(
                environment, section.environment, disturbances, across_processors=provable
            )
            by_reason: dict[str, list[str]] = {}
            for family, reason in blocked.items():
                by_reason.setdefault(reason, []).append(family.value)
            lines.extend(
                f"  not compared: {', '.join(families)}: {reason}" for reason, families in by_reason.items()
            )
            if Family.TIME not in blocked and provable and other:
                lines.append(f"  times: {other}, so tests are compared with each other")
            elif Family.TIME not in blocked and not provable and settings.confirm != "off":
                problem = why_no_old_code(self._config.rootpath)
                lines.append(f"  times: {problem}; without old code beside them a stricter bar holds")
        elif disturbances:
            lines.append(f"  figures are distorted: {', '.join(sorted(set(disturbances.values())))}")
        return [inert(line) for line in lines]

    def write(
        self,
        terminal: pytest.TerminalReporter,
        *,
        run: Run,
        result: GateResult | None,
        update: Update | None,
    ) -> None:
        """The summary section."""
        verbose = self._config.option.verbose > 0
        if self._settings.mode is Mode.TRACK:
            lines: Iterable[Line] = track_lines(run.records.values())
        elif update is not None:
            from ..reports.update_terminal import update_lines  # gating is what has to start quickly

            lines = update_lines(
                update.acceptance, update.path_text, update.problems, update.error, verbose=verbose
            )
        elif result is not None:
            lines = gate_lines(
                result, verbose=verbose, accept=self.accept(run, result), complete=run.complete
            )
        else:
            lines = [("the session was interrupted: nothing was accepted", {"yellow": True})]
        terminal.write_sep("=", "performance gate")
        encoding = terminal_encoding()
        for text, style in lines:
            terminal.write_line(written_out(text, encoding), **style)

    def report_to_junit(self, result: GateResult) -> None:
        """Let a JUnit file show the gate's failure; only its plugin is told, so that no other one counts it."""
        manager = self._config.pluginmanager
        others = [plugin for plugin in manager.get_plugins() if type(plugin).__name__ != "LogXML"]
        manager.subset_hook_caller("pytest_runtest_logreport", others)(report=failure_report(result))

    def accept(self, run: Run, result: GateResult) -> tuple[str, str]:
        """The command that accepts, and what to run for it: a few guilty tests, else all that was run now."""
        config = self._config
        given = config.option.perf_baseline
        command = f"{ACCEPT}={quoted(given)}" if given else ACCEPT
        guilty = [
            record.test_id or record.node_id
            for finding in result.of(Verdict.REGRESSED)
            if (record := run.records.get(finding.node_id)) is not None
        ]
        tests = list(dict.fromkeys(guilty))
        if not 0 < len(tests) <= _MOST_NAMED or config.invocation_params.dir != config.rootpath:
            tests = [str(arg) for arg in getattr(config.option, "file_or_dir", None) or ()]
        return command, " ".join(quoted(test) for test in tests)
