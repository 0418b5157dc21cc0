"""The command ``querycache``: what can be asked of a project, its baseline and its runs without running a test.

What a command needs is imported when it runs, so that ``--help`` starts at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .commands.output import finish, print_lines
from .errors import ConfigurationError, QueryCacheError

if TYPE_CHECKING:
    from .model.account import Account

EXIT_OK = 0
EXIT_WORSE = 1
"""As pytest's own status for tests that failed."""
EXIT_CANNOT = 4
"""As pytest's own status for a command line that cannot be carried out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit status."""
    try:
        return _carry_out(_parser().parse_args(arguments))
    finally:
        finish()


def _carry_out(options: argparse.Namespace) -> int:
    try:
        if not options.rootdir.is_dir():
            raise ConfigurationError(f"--rootdir {options.rootdir}: no such folder")
        return int(options.run(options))
    except QueryCacheError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    print_lines([f"querycache: {' '.join(problem.splitlines())}"], sys.stderr)
    return EXIT_CANNOT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
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
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    explain = commands.add_parser("explain", help="which threshold holds for a test, and where it was said")
    explain.add_argument("node_id", metavar="NODEID")
    explain.add_argument("--metric", help="only this metric")
    explain.set_defaults(run=_explain)

    show = commands.add_parser("show", help="what the baseline holds, of all tests or of one")
    show.add_argument("node_id", metavar="NODEID", nargs="?")
    show.add_argument("--baseline", type=Path, metavar="FILE")
    show.set_defaults(run=_show)

    prune = commands.add_parser("prune", help="drop the entries of tests that no longer exist")
    prune.add_argument("node_ids", metavar="NODEID", nargs="*", help="only these; default: gone files")
    prune.add_argument("--baseline", type=Path, metavar="FILE")
    prune.set_defaults(run=_prune)

    for command in (explain, show, prune, _history_command(commands), *_run_commands(commands)):
        command.add_argument(
            "--rootdir", type=Path, default=Path(), metavar="DIR", help="the project's folder (default: here)"
        )
    return parser


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
    history.set_defaults(run=_history)
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
    compare.set_defaults(run=_compare)

    accept = commands.add_parser("accept", help="take a run's figures into the baseline")
    accept.add_argument("path", metavar="RUN", type=Path)
    accept.add_argument("node_ids", metavar="NODEID", nargs="*", help="only these; default: all that changed")
    accept.set_defaults(run=_accept)

    gate = commands.add_parser("gate", help="judge the runs of a split suite as one")
    gate.add_argument("paths", metavar="RUN", nargs="+", type=Path)
    gate.add_argument("--shards", type=int, metavar="N", help="how many runs there have to be")
    gate.set_defaults(run=_gate)

    merge = commands.add_parser("merge", help="put the sections of several baselines into one")
    merge.add_argument("paths", metavar="BASELINE", nargs="+", type=Path)
    merge.add_argument("--into", metavar="FILE", type=Path, required=True)
    merge.set_defaults(run=_merge)

    report = commands.add_parser("report", help="write the reports of a run")
    report.add_argument("path", metavar="RUN", type=Path)
    report.set_defaults(run=_report)

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


def _explain(options: argparse.Namespace) -> int:
    from .explaining import explain_lines
    from .model.configuration import configuration_of
    from .storage.project_file import read_table

    configuration = configuration_of(*read_table(options.rootdir))
    print_lines(explain_lines(options.node_id, configuration, options.rootdir, only=options.metric))
    return EXIT_OK


def _baseline_path(options: argparse.Namespace) -> Path:
    from .commands.project import baseline_in

    return baseline_in(options.rootdir, options.baseline)


def _show(options: argparse.Namespace) -> int:
    from .reports.baseline_terminal import baseline_lines
    from .storage.baseline_file import read_baseline

    path = _baseline_path(options)
    print_lines(baseline_lines(read_baseline(path), options.node_id, path))
    return EXIT_OK


def _prune(options: argparse.Namespace) -> int:
    from .commands.pruning import prune

    path = _baseline_path(options)
    dropped = prune(path, options.node_ids, options.rootdir)
    print_lines(f"dropped {node_id}" for node_id in dropped)
    number = len(dropped)
    print_lines([f"{path}: {number} {'entry' if number == 1 else 'entries'} dropped"])
    return EXIT_OK


def _history(options: argparse.Namespace) -> int:
    from .commands.history import history_lines

    print_lines(
        history_lines(
            options.rootdir,
            options.history,
            options.node_id,
            metric=options.metric,
            since=options.since,
            limit=options.limit,
            as_json=options.format == "json",
        )
    )
    return EXIT_OK


def _compare(options: argparse.Namespace) -> int:
    from .commands.comparing import compare, compare_all
    from .commands.project import policy_in

    policy = policy_in(options.rootdir)
    if options.all:
        accounts = compare_all(options.old, options.new, policy, confirm=options.confirm)
    else:
        accounts = [
            compare(options.old, options.new, policy, section=options.section, confirm=options.confirm)
        ]
    if options.format == "json":
        print_lines([_json_of(accounts, by_key=options.all)])
    elif options.format == "markdown":
        from .reports.markdown import markdown_report

        print_lines(line for account in accounts for line in markdown_report(account).splitlines())
    else:
        from .reports.comparison import comparison_lines

        for account in accounts:
            if options.all:
                print_lines([account.run.environment.key])
            if account.result is not None:
                print_lines(comparison_lines(account.result))
    failed = any(account.result is not None and account.result.failures for account in accounts)
    return EXIT_WORSE if failed else EXIT_OK


def _json_of(accounts: Sequence[Account], *, by_key: bool) -> str:
    import json

    from .model.plain import plain_result

    results = {
        account.run.environment.key: plain_result(account.result)
        for account in accounts
        if account.result is not None
    }
    return json.dumps(results if by_key else next(iter(results.values())), indent=1)


def _accept(options: argparse.Namespace) -> int:
    from .commands.accepting import accept_run
    from .commands.project import policy_in
    from .reports.update_terminal import update_lines

    path = _baseline_path(options)
    taken = accept_run(options.path, options.node_ids, path, policy_in(options.rootdir))
    print_lines(text for text, _ in update_lines(taken.acceptance, str(path), {}, "", verbose=True))
    if taken.unproved:
        tests = "1 test" if taken.unproved == 1 else f"{taken.unproved} tests"
        print_lines([f"times of {tests} differ, and one execution proves nothing: name a test to take them"])
    return EXIT_OK


def _gate(options: argparse.Namespace) -> int:
    from .commands.gating import accept_command, gate
    from .commands.project import policy_in
    from .reports.terminal import gate_lines

    account = gate(
        options.paths,
        _baseline_path(options),
        policy_in(options.rootdir),
        shards=options.shards,
        confirm=options.confirm,
    )
    assert account.result is not None
    accept = accept_command(options.paths, account)
    print_lines(text for text, _ in gate_lines(account.result, verbose=True, accept=(accept, "")))
    _write_reports(options, account, accept)
    return EXIT_WORSE if account.result.failures else EXIT_OK


def _merge(options: argparse.Namespace) -> int:
    from .commands.merging import merge

    merged = merge(options.paths, options.into).items()
    print_lines(f"{options.into}: {key}{'' if changed else ' is unchanged'}" for key, changed in merged)
    return EXIT_OK


def _report(options: argparse.Namespace) -> int:
    from .commands.gating import accept_command
    from .commands.reporting import account_beside
    from .errors import ReportError

    if not _wanted_reports(options):
        raise ReportError("no report was asked for: expected --html FILE, --markdown FILE or --gitlab FOLDER")
    account = account_beside(options.path, _baseline_path(options), required=options.baseline is not None)
    _write_reports(options, account, accept_command([options.path], account))
    return EXIT_OK


def _wanted_reports(options: argparse.Namespace) -> dict[str, Path]:
    kinds = ("html", "markdown", "gitlab", "json")
    return {kind: path for kind in kinds if (path := getattr(options, kind, None)) is not None}


def _write_reports(options: argparse.Namespace, account: Account, accept: str) -> None:
    from .commands.reporting import write_reports

    print_lines(write_reports(account, _wanted_reports(options), accept=accept, rootdir=options.rootdir))


if __name__ == "__main__":
    sys.exit(main())
