"""The command line of ``querycache``: its commands and their arguments."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """The parser; ``run`` of what it gives is the command's name."""
    whole = argparse.ArgumentParser(
        prog="querycache",
        description="Ask about the performance gate of a project without running its tests.",
        epilog="examples:\n"
        "  querycache explain tests/test_api.py::test_list\n"
        "  querycache show tests/test_api.py::test_list\n"
        "  querycache prune\n"
        "  querycache history tests/test_api.py::test_list --since 2026-01-31\n"
        "  querycache compare main.json branch.json --format markdown\n"
        "  querycache gate shard-1.json shard-2.json --shards 2\n"
        "  querycache accept run.json tests/test_api.py::test_list\n"
        "  querycache merge linux/perf-baseline.json macos/perf-baseline.json --into perf-baseline.json\n"
        "  querycache report run.json --html page.html\n\n"
        "A run is a file that pytest --perf-json=FILE wrote.\n"
        "exit status: 0 nothing regressed, 1 something did, 2 wrong usage, 4 the command cannot be carried out",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")

    explain = commands.add_parser("explain", help="which threshold holds for a test, and where it was said")
    explain.add_argument("node_id", metavar="NODEID")
    explain.add_argument("--metric", help="only this metric")
    explain.set_defaults(run="explain")

    show = commands.add_parser("show", help="what the baseline holds, of all tests or of one")
    show.add_argument("node_id", metavar="NODEID", nargs="?")
    show.add_argument("--baseline", type=Path, metavar="FILE")
    show.set_defaults(run="show")

    prune = commands.add_parser("prune", help="drop the entries of tests that no longer exist")
    prune.add_argument("node_ids", metavar="NODEID", nargs="*", help="only these; default: gone files")
    prune.add_argument("--baseline", type=Path, metavar="FILE")
    prune.set_defaults(run="prune")

    for command in (explain, show, prune, _history_command(commands), *_run_commands(commands)):
        command.add_argument(
            "--rootdir", type=Path, default=Path(), metavar="DIR", help="the project's folder (default: here)"
        )
    return whole


def _history_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    """The command that reads the history."""
    history = commands.add_parser(
        "history", help="how a test's cost went over the runs; without a test: which tests changed for good"
    )
    history.add_argument("node_id", metavar="NODEID", nargs="?")
    history.add_argument("--metric", default="", metavar="M", help="only this metric")
    history.add_argument("--since", default="", metavar="DATE|COMMIT", help="only runs from then on")
    history.add_argument("--limit", type=_count, metavar="N", help="only the newest N runs (default: 100)")
    history.add_argument("--history", type=Path, metavar="FILE", help="default: the configured one")
    history.add_argument("--format", choices=("text", "json"), default="text")
    history.set_defaults(run="history")
    return history


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)


def _run_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> list[argparse.ArgumentParser]:
    """The commands that read runs."""
    compare = commands.add_parser("compare", help="hold one file against another, runs or baselines")
    compare.add_argument("old", metavar="A", type=Path)
    compare.add_argument("new", metavar="B", type=Path)
    which = compare.add_mutually_exclusive_group()
    which.add_argument("--section", default="", metavar="KEY", help="where both baselines know several")
    which.add_argument("--all", action="store_true", help="every section that both know, one after the other")
    compare.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    compare.set_defaults(run="compare")

    accept = commands.add_parser("accept", help="take a run's figures into the baseline")
    accept.add_argument("path", metavar="RUN", type=Path)
    accept.add_argument("node_ids", metavar="NODEID", nargs="*", help="only these; default: all that changed")
    accept.set_defaults(run="accept")

    gate = commands.add_parser("gate", help="judge the runs of a split suite as one")
    gate.add_argument("paths", metavar="RUN", nargs="+", type=Path)
    gate.add_argument(
        "--shards",
        type=int,
        metavar="N",
        help="how many runs there have to be; several runs that leave out tests the baseline knows are refused "
        "without it",
    )
    gate.set_defaults(run="gate")

    merge = commands.add_parser("merge", help="put the sections of several baselines into one")
    merge.add_argument("paths", metavar="BASELINE", nargs="+", type=Path)
    merge.add_argument("--into", metavar="FILE", type=Path, required=True)
    merge.set_defaults(run="merge")

    report = commands.add_parser("report", help="write the reports of a run")
    report.add_argument("path", metavar="RUN", type=Path)
    report.set_defaults(run="report")

    for command in (gate, report):
        command.add_argument("--html", type=Path, metavar="FILE", help="write the page")
        command.add_argument("--markdown", type=Path, metavar="FILE", help="write a pull request's summary")
        command.add_argument(
            "--gitlab", type=Path, metavar="FOLDER", help="write GitLab's metrics and code quality reports"
        )
    gate.add_argument("--json", type=Path, metavar="FILE", help="write the shards as one run")

    for command in (compare, gate):
        command.add_argument(
            "--confirm",
            choices=("auto", "strict", "off"),
            default="auto",
            help="auto (default): evidence in the run decides; without it counts are believed and times stay "
            "unconfirmed; strict: unconfirmed fails; off: every suspect fails",
        )
    for command in (accept, gate, report):
        command.add_argument("--baseline", type=Path, metavar="FILE", help="default: the configured one")
    return [compare, accept, gate, merge, report]
