"""The shell steps of pipelines, executed here as a service's runner would, in an environment made of paper."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github/actions/perf-gate/action.yml"
EXAMPLES = ROOT / "examples/ci"
GITHUB = EXAMPLES / "github"
GITLAB = EXAMPLES / "gitlab/.gitlab-ci.yml"

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
# a file that is not committed would make a tree differ from its commit
_IGNORED = "__pycache__/\n.pytest_cache/\n"


def parsed(path: Path) -> dict[str, Any]:
    """A pipeline's description."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def steps_of(path: Path) -> list[dict[str, Any]]:
    """Every step of an action or of all jobs of a workflow, in order."""
    document = parsed(path)
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job["steps"]]


def step_of(path: Path, name: str) -> dict[str, Any]:
    """The step with a name."""
    (found,) = (step for step in steps_of(path) if step.get("name") == name)
    return found


@dataclass
class Checkout:
    """A repository of the quickstart example with a remote, and the machine that a pipeline runs on."""

    folder: Path
    temporary: Path
    environment: dict[str, str]

    def run(
        self,
        script: str,
        *,
        exit_status: int = 0,
        expressions: Mapping[str, str] | None = None,
        env: Mapping[str, object] | None = None,
    ) -> str:
        """Execute a script as a step does; gives what it printed. ``expressions`` are what ``${{ … }}`` stand for."""
        own = {name: _filled(value, expressions or {}) for name, value in (env or {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env={**self.environment, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
        )
        assert done.returncode == exit_status, done.stdout
        return done.stdout

    def step(self, step: Mapping[str, Any], *, exit_status: int = 0, **expressions: str) -> str:
        """Execute one step of a workflow or an action."""
        values = {name.replace("__", "-").replace("_of_", "."): value for name, value in expressions.items()}
        return self.run(step["run"], exit_status=exit_status, expressions=values, env=step.get("env"))

    def replace(self, file: str, old: str, new: str) -> None:
        """Change a line of the project, and commit it."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        self.run("git commit --quiet --all --message changed")


def _filled(value: object, expressions: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda match: expressions[match[1]], str(value))


def quickstart_under_git(folder: Path) -> None:
    """Make the quickstart's repository, with a recorded baseline on its branch main, which a remote has too."""
    checkout = _checkout(folder)
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", "perf-baseline.json")
    shutil.copytree(ROOT / "examples/quickstart", checkout.folder, ignore=ignored)
    (checkout.folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
    checkout.temporary.mkdir()
    programs = folder / "programs"
    programs.mkdir()
    for name, command in {"python": "", "querycache": "-m pytest_querycache.cli"}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    checkout.run(
        "git init --quiet --initial-branch main && git add . && git commit --quiet --message code\n"
        "python -m pytest --perf-update --perf-set update_runs=1\n"
        "git add . && git commit --quiet --message baseline\n"
        "git init --quiet --bare ../remote && git remote add origin ../remote && git push --quiet origin main"
    )


def copy_of(original: Path, folder: Path) -> Checkout:
    """A copy of a repository, its remote and its machine."""
    shutil.copytree(original, folder, dirs_exist_ok=True)
    return _checkout(folder)


def _checkout(folder: Path) -> Checkout:
    return Checkout(
        folder / "project",
        folder / "temporary",
        {
            "PATH": f"{folder / 'programs'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "RUNNER_TEMP": str(folder / "temporary"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.org",
            # other plugins of this environment are none of the project's
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "-p pytest_querycache.plugin.hooks",
        },
    )
