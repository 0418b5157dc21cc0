"""The command ``querycache``: what can be asked of a project and its baseline without running a test."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import QueryCacheError

EXIT_OK = 0
EXIT_CANNOT = 4
"""As pytest's own status for a command line that cannot be carried out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except QueryCacheError as error:
        print(f"querycache: {error}", file=sys.stderr)
        return EXIT_CANNOT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="querycache",
        description="Ask about the performance gate of a project without running its tests.",
        epilog="examples:\n"
        "  querycache explain tests/test_api.py::test_list\n"
        "  querycache show tests/test_api.py::test_list\n"
        "  querycache prune",
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

    for command in (explain, show, prune):
        command.add_argument(
            "--rootdir", type=Path, default=Path(), metavar="DIR", help="the project's folder (default: here)"
        )
    return parser


def _explain(options: argparse.Namespace) -> int:
    from .explaining import explain_lines
    from .model.configuration import configuration_of
    from .storage.project_file import read_table

    configuration = configuration_of(*read_table(options.rootdir))
    for line in explain_lines(options.node_id, configuration, options.rootdir, only=options.metric):
        print(line)
    return EXIT_OK


def _baseline_path(options: argparse.Namespace) -> Path:
    from .model.configuration import configuration_of
    from .storage.project_file import read_table

    if options.baseline is not None:
        return Path(options.baseline)
    return Path(options.rootdir) / configuration_of(*read_table(options.rootdir)).baseline


def _show(options: argparse.Namespace) -> int:
    from .reports.baseline_terminal import baseline_lines
    from .storage.baseline_file import read_baseline

    path = _baseline_path(options)
    for line in baseline_lines(read_baseline(path), options.node_id, path):
        print(line)
    return EXIT_OK


def _prune(options: argparse.Namespace) -> int:
    from .model.baseline import Baseline
    from .model.record import file_of
    from .storage.baseline_file import read_baseline, update_baseline

    path = _baseline_path(options)
    read_baseline(path)
    dropped: list[str] = []

    def change(baseline: Baseline) -> None:
        for section in baseline.sections.values():
            for node_id in list(section.entries):
                named = any(node_id == name or node_id.startswith(f"{name}::") for name in options.node_ids)
                gone = not options.node_ids and not (options.rootdir / file_of(node_id)).exists()
                if named or gone:
                    dropped.append(node_id)
                    del section.entries[node_id]

    update_baseline(path, change)
    for node_id in dict.fromkeys(dropped):
        print(f"dropped {node_id}")
    print(f"{path}: {len(dropped)} entries dropped")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
