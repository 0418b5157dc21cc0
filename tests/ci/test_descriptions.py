"""The action and the example pipelines as files: valid, pinned, and closed to scripts from outside."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci.steps import ACTION, EXAMPLES, GITHUB, GITLAB, ROOT, parsed, step_of, steps_of

EXAMPLE_WORKFLOWS = sorted(GITHUB.glob("*.yml"))
OWN_WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-actions", [ACTION]),
        ("github-workflows", [*EXAMPLE_WORKFLOWS, *OWN_WORKFLOWS]),
        ("gitlab-ci", [GITLAB]),
    ],
)
def test_schema(schema: str, files: list[Path]) -> None:
    """Every file is what its service's JSON Schema, as check-jsonschema carries it, describes."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    if schema == "gitlab-ci":
        command += ["--data-transform", "gitlab-ci"]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [ACTION, *EXAMPLE_WORKFLOWS], ids=_name)
def test_scripts(path: Path) -> None:
    """Scripts are bash's, stop at the first failure, and take nothing but environment variables from outside."""
    for step in steps_of(path):
        script = step.get("run", "")
        assert "${{" not in script
        if "\n" in script.strip():
            assert script.startswith("set -euo pipefail\n")
        if path == ACTION and script:
            assert step["shell"] == "bash"
        done = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", [ACTION, *EXAMPLE_WORKFLOWS], ids=_name)
def test_actions_are_pinned(path: Path) -> None:
    """Actions of others are named with their major version, our own with the folder it is copied to."""
    for step in steps_of(path):
        used = step.get("uses", "actions/checkout@v4")
        assert re.fullmatch(r"actions/[a-z-]+(/[a-z]+)?@v\d+", used) or used == "./.github/actions/perf-gate"


@pytest.mark.parametrize("path", EXAMPLE_WORKFLOWS, ids=_name)
def test_rights(path: Path) -> None:
    """A workflow's token may read, unless one of its jobs says what else it needs."""
    assert parsed(path)["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("path", EXAMPLE_WORKFLOWS, ids=_name)
def test_inputs_are_known(path: Path) -> None:
    """Workflows give the action no input that it does not have."""
    for step in steps_of(path):
        if step.get("uses", "").endswith("perf-gate"):
            assert set(step.get("with", {})) <= set(parsed(ACTION)["inputs"])


def holds(condition: str, known: dict[str, str]) -> bool:
    """Whether a condition of GitHub's holds, as far as Python means the same by it."""
    text = condition.replace("&&", "and").replace("||", "or")
    text = re.sub(r"\b(?:inputs|github)(?:\.\w+)+", lambda name: repr(known.get(name[0], "")), text)
    return bool(eval(text, {"always": lambda: True, "format": str.format}))


@pytest.mark.parametrize(
    ("event", "ref", "kept"),
    [
        ("push", "refs/heads/main", True),
        ("workflow_dispatch", "refs/heads/main", True),
        ("schedule", "refs/heads/main", True),
        ("push", "refs/heads/feature", False),
        ("workflow_dispatch", "refs/heads/feature", False),
        ("push", "refs/tags/main", False),
        ("pull_request", "refs/pull/7/merge", False),
        ("pull_request_target", "refs/heads/main", False),
        ("issue_comment", "refs/heads/main", False),
        ("workflow_run", "refs/heads/main", False),
    ],
)
def test_who_adds_to_the_history(event: str, ref: str, kept: bool) -> None:
    """Only the default branch's own figures are kept, never those that a stranger's pull request can choose."""
    known = {"inputs.history": "true", "github.event_name": event, "github.ref": ref}
    if event != "schedule":  # its payload has no repository
        known["github.event.repository.default_branch"] = "main"
    condition = step_of(ACTION, "save the history")["if"]
    assert holds(condition, known) is kept
    assert not holds(condition, {**known, "inputs.history": "false"})


def test_every_example_is_introduced() -> None:
    """The folder's README says of each file when to take it."""
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in (*EXAMPLE_WORKFLOWS, GITLAB):
        assert f"]({path.relative_to(EXAMPLES).as_posix()})" in text
