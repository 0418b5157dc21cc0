"""The command ``querycache``: what can be asked of a project, its baseline and its runs without running a test.

What a command needs is imported when it runs, so that ``--help`` starts at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .commands.arguments import parser
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
        status = _carry_out(parser().parse_args(arguments))
    finally:
        problem = finish()
    if problem and status != EXIT_CANNOT:
        print_lines([f"querycache: the output cannot be written ({problem})"], sys.stderr)
        return EXIT_CANNOT
    return status


def _carry_out(options: argparse.Namespace) -> int:
    try:
        if not options.rootdir.is_dir():
            raise ConfigurationError(f"--rootdir {options.rootdir}: no such folder")
        return _COMMANDS[options.run](options)
    except QueryCacheError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    print_lines([f"querycache: {' '.join(problem.splitlines())}"], sys.stderr)
    return EXIT_CANNOT


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

    as_json = options.format == "json"
    lines = history_lines(
        options.rootdir,
        options.history,
        options.node_id,
        metric=options.metric,
        since=options.since,
        limit=options.limit,
        as_json=as_json,
    )
    print_lines(line for text in lines for line in (text.split("\n") if as_json else (text,)))
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
        print_lines(_json_of(accounts, by_key=options.all).split("\n"))
    elif options.format == "markdown":
        from .reports.markdown import markdown_report

        print_lines(
            line for account in accounts for line in markdown_report(account).rstrip("\n").split("\n")
        )
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
    if taken.left_times:
        print_lines(
            [f"times stay as they were: {taken.left_times}; pytest --perf-update of all tests takes new ones"]
        )
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
    accept = accept_command(options.paths, account, baseline=options.baseline, rootdir=options.rootdir)
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
    accept = accept_command([options.path], account, baseline=options.baseline, rootdir=options.rootdir)
    _write_reports(options, account, accept)
    return EXIT_OK


def _wanted_reports(options: argparse.Namespace) -> dict[str, Path]:
    kinds = ("html", "markdown", "gitlab", "json")
    return {kind: path for kind in kinds if (path := getattr(options, kind, None)) is not None}


def _write_reports(options: argparse.Namespace, account: Account, accept: str) -> None:
    from .commands.reporting import write_reports

    print_lines(write_reports(account, _wanted_reports(options), accept=accept, rootdir=options.rootdir))


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "explain": _explain,
    "show": _show,
    "prune": _prune,
    "history": _history,
    "compare": _compare,
    "accept": _accept,
    "gate": _gate,
    "merge": _merge,
    "report": _report,
}


if __name__ == "__main__":
    sys.exit(main())
