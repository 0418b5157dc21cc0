"""A pull request as its pipeline lives it: gated, red, its figures taken by the bot's pull request, and green."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.ci.steps import ACTION, GITHUB, Checkout, parsed, step_of, steps_of

REFRESH = GITHUB / "baseline-refresh.yml"
PROPOSING = step_of(REFRESH, "open a pull request, or renew the one that is open")
ACCEPTING = step_of(REFRESH, "accept the figures of a run")
APPEND, COPY = "lines.append(row)", "lines = [*lines, row]"

# what the steps need of GitHub's own program; it keeps what it was told in a file
FAKE_GH = """#!/bin/bash
set -euo pipefail
printf '%s ' "$@" >> "$RUNNER_TEMP/gh.log"
echo >> "$RUNNER_TEMP/gh.log"
case "$1 $2" in
    "run download") mkdir -p "$RUNNER_TEMP/accepted/perf-gate"
                    cp "$RUNNER_TEMP"/perf-reports/* "$RUNNER_TEMP/accepted/perf-gate" ;;
    "pr list") [ ! -e "$RUNNER_TEMP/open" ] || jq --raw-output "${@: -1}" "$RUNNER_TEMP/open" ;;
esac
"""

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="the steps are bash's")
needs_jq = pytest.mark.skipif(
    not shutil.which("jq"), reason="gh has jq built in, the paper one needs the program"
)


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


def propose(checkout: Checkout, *, ref: str = "main", **env: str) -> None:
    """The bot's step, started on a branch."""
    job = parsed(REFRESH)["jobs"]["propose"]["env"]
    expressions = {"github.ref_name": ref, "github.token": "none"}
    checkout.run(PROPOSING["run"], expressions=expressions, env={**job, **PROPOSING["env"], **env})


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
    assert output == f"reports={reports}\nexit-status=1\n"
    assert "failed&#58; 4 records" in (checkout.temporary / "summary.md").read_text(encoding="utf-8")
    assert not checkout.run("git status --porcelain")

    asked = {"inputs_of_run__id": "42", "inputs_of_tests": ""}
    assert "changed 4" in checkout.step(ACCEPTING, **asked)
    propose(checkout, ref="feature")
    log = (checkout.temporary / "gh.log").read_text(encoding="utf-8")
    assert "run download 42 --pattern perf-gate* --dir " in log
    assert "pr create --head perf-baseline-refresh-feature --base feature --title " in log
    text = (checkout.temporary / "text.md").read_text(encoding="utf-8")
    assert "Merging it accepts the new figures" in text
    assert "failed&#58; 4 records regressed" in text
    proposed = checkout.run("git diff --name-only feature origin/perf-baseline-refresh-feature")
    assert proposed == "perf-baseline.json\n"

    gate(checkout, exit_status=0)


@needs_jq
@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([(9, True), (7, False)], "pr edit 7 --body-file "),
        ([(9, True)], "pr create --head perf-baseline-refresh-main --base main "),
        ([], "pr create --head perf-baseline-refresh-main --base main "),
    ],
)
def test_an_open_pull_request_is_renewed(
    checkout: Checkout, numbers: list[tuple[int, bool]], expected: str
) -> None:
    """The bot's own open pull request is renewed; a fork's that has a branch of the same name is left alone."""
    found = [{"number": number, "isCrossRepository": fork} for number, fork in numbers]
    (checkout.temporary / "open").write_text(json.dumps(found), encoding="utf-8")
    checkout.run("querycache prune tests/test_ledger.py::test_index")
    propose(checkout)
    log = (checkout.temporary / "gh.log").read_text(encoding="utf-8")
    assert expected in log
    assert log.count("pr edit") + log.count("pr create") == 1


def test_nothing_to_propose(checkout: Checkout) -> None:
    """Where no figure changed there is no pull request."""
    propose(checkout)
    assert not (checkout.temporary / "gh.log").exists()


def test_a_text_that_is_too_long(checkout: Checkout) -> None:
    """What GitHub would refuse for its length is cut off at a line's end, which the text says first."""
    assert PROPOSING["env"]["LONGEST"] < 65_536
    checkout.run("querycache prune tests/test_ledger.py::test_index")
    propose(checkout, LONGEST="200")
    text = (checkout.temporary / "text.md").read_text(encoding="utf-8")
    whole = (checkout.temporary / "whole.md").read_text(encoding="utf-8")
    notice, _, rest = text.partition("\n\n")
    assert notice.startswith("This text is cut off: ")
    assert 0 < len(rest) < 200
    assert whole.startswith(rest)
    assert rest.endswith("\n")


def test_tests_that_only_some_runs_of_a_matrix_know(checkout: Checkout) -> None:
    """A test is taken from the runs that have it; one that no run has is no pass."""
    index, months = (f"tests/test_ledger.py::test_{name}" for name in ("index", "months"))
    gate(checkout, exit_status=0, **{"pytest-args": f"{months} --perf-threshold=time=off", "html": ""})
    other = checkout.temporary / "accepted/perf-gate-other"
    other.mkdir(parents=True)
    (checkout.temporary / "perf-reports/perf-run.json").rename(other / "perf-run.json")
    gate(checkout, exit_status=0, **{"pytest-args": f"{index} --perf-threshold=time=off", "html": ""})
    said = checkout.step(ACCEPTING, inputs_of_run__id="42", inputs_of_tests=f"{index} {months}")
    assert said.count("the run has no test") == 2
    said = checkout.step(
        ACCEPTING, exit_status=1, inputs_of_run__id="42", inputs_of_tests=f"{index} tests/test_ledger.py::x"
    )
    assert said.count("the run has no test tests/test_ledger.py::x") == 2


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
        ("'tests", 4, "pytest-args: No closing quotation, expected what a shell can read"),
        ("tests -k 'index or \"months\"' $(touch hacked)", 4, "not found: "),
        ("tests --no-such-option", 4, "unrecognized arguments: --no-such-option"),
    ],
)
def test_arguments_are_no_commands(
    checkout: Checkout, arguments: str, exit_status: int, message: str
) -> None:
    """What pytest is given is quoted as in a shell but executed by none; what cannot be read is no pass."""
    assert message in gate(checkout, exit_status=exit_status, **{"pytest-args": arguments})
    output = (checkout.temporary / "output").read_text(encoding="utf-8")
    assert f"exit-status={exit_status}\n" in output
    assert not (checkout.folder / "hacked").exists()


def test_arguments_arrive_as_they_are(checkout: Checkout) -> None:
    """An empty argument stays one, and one with several lines stays one."""
    program = checkout.folder.parent / "programs/telling"
    program.write_text(
        '#!/bin/sh\nif [ "$1" = - ]; then exec python "$@"; fi\nprintf \'<%s>\' "$@"\n', encoding="utf-8"
    )
    program.chmod(0o755)
    said = gate(checkout, exit_status=0, python="telling", **{"pytest-args": "tests '' -k 'a\nb' \\$x"})
    assert said.endswith("<tests><><-k><a\nb><$x>")


def test_a_python_that_is_missing(checkout: Checkout) -> None:
    """Without a Python the gate cannot be run, and the job says so by the status."""
    gate(checkout, exit_status=4, python="no-such-python")


def test_another_baseline_and_no_page(checkout: Checkout) -> None:
    """The inputs reach pytest, whose own status ends the job: here for a baseline that is not there."""
    assert "none.json: no baseline yet" in gate(checkout, exit_status=4, baseline="none.json", against="")
    gate(checkout, exit_status=0, html="", **{"pytest-args": "tests -k index --perf-threshold=time=off"})
    assert [path.name for path in (checkout.temporary / "perf-reports").iterdir()] == ["perf-run.json"]
