"""A pull request as its pipeline lives it: gated, red, its figures taken by the bot's pull request, and green."""

from __future__ import annotations

import json

import pytest

from tests.ci.steps import ACTION, GITHUB, Checkout, parsed, step_of, steps_of

REFRESH = GITHUB / "baseline-refresh.yml"
PROPOSING = step_of(REFRESH, "open a pull request, or renew the one that is open")["run"]
APPEND, COPY = "lines.append(row)", "lines = [*lines, row]"

# what the steps need of GitHub's own program; it keeps what it was told in a file
FAKE_GH = """#!/bin/bash
set -euo pipefail
printf '%s ' "$@" >> "$RUNNER_TEMP/gh.log"
echo >> "$RUNNER_TEMP/gh.log"
case "$1 $2" in
    "run download") mkdir -p "$RUNNER_TEMP/accepted/perf-gate"
                    cp "$RUNNER_TEMP"/perf-reports/* "$RUNNER_TEMP/accepted/perf-gate" ;;
    "pr list") cat "$RUNNER_TEMP/open" 2> /dev/null || true ;;
esac
"""

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="the steps are bash's")


@pytest.fixture
def checkout(machine: Checkout) -> Checkout:
    """The quickstart's repository, on a machine with GitHub's program."""
    gh = machine.folder.parent / "programs/gh"
    gh.write_text(FAKE_GH, encoding="utf-8")
    gh.chmod(0o755)
    machine.environment.update(
        GITHUB_ACTIONS="true",
        GITHUB_WORKSPACE=str(machine.folder),
        GITHUB_OUTPUT=str(machine.temporary / "output"),
        GITHUB_STEP_SUMMARY=str(machine.temporary / "summary.md"),
        GH_TOKEN="none",
        BRANCH=parsed(REFRESH)["jobs"]["propose"]["env"]["BRANCH"],
    )
    return machine


def gate(checkout: Checkout, *, exit_status: int, **inputs: str) -> str:
    """The action's step, with its own defaults, as the workflow for pull requests calls it."""
    (call,) = (step for step in steps_of(GITHUB / "pull-request.yml") if "perf-gate" in step.get("uses", ""))
    values = {name: str(known["default"]) for name, known in parsed(ACTION)["inputs"].items()}
    values.update(call["with"], against="origin/main")
    # a machine's mood decides about times, not about this story
    values["pytest-args"] += " --perf-threshold=time=off"
    values.update(inputs)
    given = {f"inputs_of_{name.replace('-', '__')}": value for name, value in values.items()}
    return checkout.step(step_of(ACTION, "gate"), exit_status=exit_status, **given)


def test_red_accepted_green(checkout: Checkout) -> None:
    """What became dearer turns the job red with reports; a bot proposes its figures; merged, the gate is green."""
    checkout.run("git switch --quiet --create feature")
    checkout.replace("ledger.py", APPEND, COPY)
    said = gate(checkout, exit_status=1)
    assert "\n::error file=tests/test_ledger.py,line=" in said
    reports = checkout.temporary / "perf-reports"
    assert sorted(path.name for path in reports.iterdir()) == ["perf-report.html", "perf-run.json"]
    assert json.loads((reports / "perf-run.json").read_text(encoding="utf-8"))["dirty"] is False
    history = checkout.temporary / "perf-history/history.sqlite"
    assert "1 run" in checkout.run(f"querycache history --history {history}")
    output = (checkout.temporary / "output").read_text(encoding="utf-8")
    assert output == f"exit-status=1\nreports={reports}\n"
    assert "failed&#58; 4 records" in (checkout.temporary / "summary.md").read_text(encoding="utf-8")
    assert not checkout.run("git status --porcelain")

    accepting = step_of(REFRESH, "accept the figures of a run")
    asked = {"inputs_of_run__id": "42", "inputs_of_tests": ""}
    assert "changed 4" in checkout.step(accepting, **asked)
    checkout.run(PROPOSING, env={"BASE": "main"})
    log = (checkout.temporary / "gh.log").read_text(encoding="utf-8")
    assert "run download 42 --pattern perf-gate* --dir " in log
    assert "pr create --head perf-baseline-refresh --base main --title " in log
    text = (checkout.temporary / "text.md").read_text(encoding="utf-8")
    assert "Merging it accepts the new figures" in text
    assert "failed&#58; 4 records regressed" in text
    assert "perf-baseline.json" in checkout.run("git diff --name-only main origin/perf-baseline-refresh")

    gate(checkout, exit_status=0)


def test_an_open_pull_request_is_renewed(checkout: Checkout) -> None:
    """Where the last one is still open its branch and its text are renewed; without a change there is none."""
    assert "the baseline is as it was" in checkout.run(PROPOSING, env={"BASE": "main"})
    (checkout.temporary / "open").write_text("7\n", encoding="utf-8")
    checkout.run("querycache prune tests/test_ledger.py::test_index")
    checkout.run(PROPOSING, env={"BASE": "main"})
    assert "pr edit 7 --body-file " in (checkout.temporary / "gh.log").read_text(encoding="utf-8")


def test_what_each_version_recorded_becomes_one_file(checkout: Checkout) -> None:
    """The sections of a matrix are merged into the baseline, in which the others stay."""
    document = json.loads((checkout.folder / "perf-baseline.json").read_text(encoding="utf-8"))
    (key,) = (name for name in document["sections"] if name != "~")
    recorded = checkout.temporary / "recorded"
    for number in ("1", "2"):
        (recorded / number).mkdir(parents=True)
        other = {**document, "sections": {f"python-{number}": document["sections"][key], "~": {}}}
        (recorded / number / "perf-baseline.json").write_text(json.dumps(other), encoding="utf-8")
    said = checkout.step(step_of(REFRESH, "merge what was recorded"))
    assert said == "perf-baseline.json: python-1\nperf-baseline.json: python-2\n"


@pytest.mark.parametrize(
    ("arguments", "exit_status", "message"),
    [
        ("'tests", 1, "No closing quotation"),
        ("tests -k 'index or \"months\"' $(touch hacked)", 4, "not found: "),
        ("tests --no-such-option", 4, "unrecognized arguments: --no-such-option"),
    ],
)
def test_arguments_are_no_commands(
    checkout: Checkout, arguments: str, exit_status: int, message: str
) -> None:
    """What pytest is given is quoted as in a shell but executed by none; what cannot be read is no pass."""
    assert message in gate(checkout, exit_status=exit_status, **{"pytest-args": arguments})
    assert not (checkout.folder / "hacked").exists()


def test_another_baseline_and_no_page(checkout: Checkout) -> None:
    """The inputs reach pytest, whose own status ends the job: here for a baseline that is not there."""
    assert "none.json: no baseline yet" in gate(checkout, exit_status=4, baseline="none.json", against="")
    gate(checkout, exit_status=0, html="", **{"pytest-args": "tests -k index --perf-threshold=time=off"})
    assert [path.name for path in (checkout.temporary / "perf-reports").iterdir()] == ["perf-run.json"]
