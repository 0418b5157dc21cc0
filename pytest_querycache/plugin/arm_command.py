"""The command line of an arm: the user's own, without what would turn one more process into a second session."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from ..confirm.arm import Launch
from ..confirm.base_tree import BaseTree
from ..confirm.virtual_environment import with_own_path
from ..model.record import file_of

_FLAGS = frozenset(
    "-x --exitfirst --lf --last-failed --ff --failed-first --nf --new-first --sw --stepwise --sw-skip "
    "--stepwise-skip --sw-reset --stepwise-reset --pdb --trace --co --collect-only --cache-clear --no-cov "
    "-d -f --looponfail --setup-only --setup-plan --setup-show --perf-track --testmon --store-durations "
    "--snapshot-update --force-regen --benchmark-autosave --clean-alluredir".split()
)
"""Flags that make no sense in an arm, or that would make it wait for somebody."""

_WITH_VALUE = frozenset(
    "-n --numprocesses --maxprocesses --dist --tx --px --rsyncdir --maxfail --junitxml --junit-xml "
    "--junit-prefix --junitprefix --html --report-log --json-report-file --basetemp --durations "
    "--cov-report --cov-config --cov-fail-under --cov-context --log-file --debug --pastebin --alluredir --csv "
    "--benchmark-json --benchmark-save --durations-path --perf-threshold --perf-confirm --perf-set "
    "--perf-against --perf-html --perf-json --perf-markdown".split()
)
"""Options that come with a value and would write, or spread over processes, a second time."""

_WITH_OPTIONAL_VALUE = frozenset({"--cov", "--perf-baseline", "--perf-update"})

_DROPPED = _FLAGS | _WITH_VALUE | _WITH_OPTIONAL_VALUE

_KEPT_WITH_VALUE = frozenset(
    "-k -m -p -c -o -W -r --rootdir --confcutdir --ignore --ignore-glob --deselect --import-mode "
    "--override-ini --tb --color --pythonwarnings --doctest-glob --log-level".split()
)

_INSIDE = "pytest_querycache.plugin.arm_hooks"

_COMBINED = re.compile(r"-[hlqsvx]{2,}")

_INHERITED = re.compile(
    r"(PYTEST_ADDOPTS|PYTEST_XDIST_.*|PYTEST_CURRENT_TEST|COV_CORE_.*|COVERAGE_PROCESS_.*)$"
)
"""Variables that would make an arm behave as a worker, or measure coverage."""


def launch_of(
    config: pytest.Config,
    node_ids: Iterable[str],
    *,
    folder: Path,
    hash_seed: int,
    counter: str,
    base: BaseTree | None = None,
) -> Launch:
    """How to start an arm that collects the files of these tests, in the tree as it is or in the old code.

    ``folder`` is for what it leaves behind, ``counter`` the kind of allocation counter it must have for its figures
    to compare.
    """
    in_tree: Callable[[Path], Path] = base.mapped if base is not None else Path
    files = sorted({file_of(node_id) for node_id in node_ids})
    places = [in_tree(place) for place in _to_collect(config, files)]
    args = [
        *arm_arguments(_all_arguments(config), config.option.file_or_dir or ()),
        "--rootdir",
        str(in_tree(config.rootpath)),
        *(["-c", str(in_tree(config.inipath))] if config.inipath is not None else []),
        "-o",
        "addopts=",
        # this plugin was imported to start the process, before pytest could rewrite its assertions
        "-W",
        "ignore:Module already imported so cannot be rewritten:pytest.PytestAssertRewriteWarning",
        # unknown, and refused under --strict-config, where its plugin is switched off
        *(["-o", f"cache_dir={folder / 'cache'}"] if config.pluginmanager.hasplugin("cacheprovider") else []),
        # pytest keeps the temporary folders of three sessions, of which none is to be an arm's
        *([f"--basetemp={folder / 'tmp'}"] if config.pluginmanager.hasplugin("tmpdir") else []),
        "--perf-track",
        *(str(place) for place in places if place.exists() or base is None),
    ]
    environment = arm_variables(base)
    environment["PYTHONHASHSEED"] = str(hash_seed)
    build = base.build if base is not None else None
    return Launch(
        command=(sys.executable if build is None else str(build.environment.python), "-c", _program()),
        folder=in_tree(config.invocation_params.dir),
        environment=environment,
        instructions={"args": args, "sys_path": _import_path(base), "counter": counter},
    )


def _to_collect(config: pytest.Config, files: Sequence[str]) -> list[Path]:
    """The files of the tests.

    One outside of the rootdir is named relative to the argument that led to it, which is collected in its place.
    What is not found is left out, unless it is all there is: without a file pytest would collect everything.
    """
    root = config.rootpath
    found = {root / file for file in files if file and (root / file).exists()}
    outside = [file for file in files if not file or not (root / file).exists()]
    for argument in config.args:
        place = config.invocation_params.dir / argument.partition("::")[0]
        if not place.resolve().is_relative_to(root.resolve()) and any(
            (place / file).exists() for file in outside
        ):
            found.add(place)
    return sorted(found) or [root / file for file in files]


def arm_variables(base: BaseTree | None = None) -> dict[str, str]:
    """The session's variables for an arm, or for the command that builds its code."""
    environment = {name: value for name, value in os.environ.items() if not _INHERITED.match(name)}
    if base is not None and environment.get("PYTHONPATH"):
        folders = environment["PYTHONPATH"].split(os.pathsep)
        absolute = [str(Path(folder).absolute()) if folder else folder for folder in folders]
        environment["PYTHONPATH"] = os.pathsep.join(base.mapped_path(absolute))
    return environment


def _program() -> str:
    """What the process runs: this plugin as the session sees it, whatever lies in the folder it is started in."""
    path = [str(folder) or str(Path.cwd()) for folder in sys.path]
    return f"import sys; sys.path[:] = {path!r}; from {_INSIDE} import main; sys.exit(main())"


def _import_path(base: BaseTree | None) -> list[str]:
    """The session's own import path; for the old code with every folder of the working tree replaced.

    A project that setuptools installed with an import hook has no folder on the path: its finder's table tells
    where its packages lie, and what stands on the path is found before the finder is asked. What a build of the
    old code installed comes before the session's own packages.
    """
    if base is None:
        return [str(folder) for folder in sys.path]
    path = base.mapped_path(map(str, sys.path))
    hooked = [
        str(base.mapped(Path(place).parent))
        for name, finder in list(sys.modules.items())
        if name.startswith("__editable___")
        for place in getattr(finder, "MAPPING", {}).values()
        if base.mapped(Path(place)) != Path(place)
    ]
    if base.build is None:
        return [*hooked, *path]
    return with_own_path(path, [*base.build.environment.own_path(), *hooked])


def _all_arguments(config: pytest.Config) -> list[str]:
    """What pytest was told, in its own order of precedence: the configured options, the variable, the call."""
    return [
        *config.getini("addopts"),
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *_with_files(str(arg) for arg in config.invocation_params.args),
    ]


def _with_files(arguments: Iterable[str]) -> Iterable[str]:
    """The arguments with those in place of ``@file`` that the file holds, one on each line."""
    for argument in arguments:
        file = Path(argument[1:])
        if argument.startswith("@") and file.is_file():
            yield from file.read_text(encoding="utf-8").splitlines()
        else:
            yield argument


def arm_arguments(arguments: Sequence[str], positional: Sequence[str]) -> list[str]:
    """The arguments an arm keeps: neither paths nor what runs, reports or stops as a whole session does."""
    kept: list[str] = []
    waiting = iter(range(len(arguments)))
    for index in waiting:
        argument = arguments[index]
        name = argument.partition("=")[0]
        following = arguments[index + 1] if index + 1 < len(arguments) else ""
        if argument == "--":
            break  # only paths follow
        if argument in _WITH_VALUE:
            next(waiting, None)
        elif argument in _WITH_OPTIONAL_VALUE:
            if argument == "--cov" and following[:1] not in {"", "-"} and following not in positional:
                next(waiting, None)
        elif name in _DROPPED or re.fullmatch(r"-n(\d+|auto|logical)", argument):
            continue
        elif argument in _KEPT_WITH_VALUE:
            kept.extend((argument, following))
            next(waiting, None)
        elif _COMBINED.fullmatch(argument):
            kept.extend([argument.replace("x", "")] if set(argument) > {"-", "x"} else [])
        elif argument not in positional:
            kept.append(argument)
    return kept
