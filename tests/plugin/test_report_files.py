"""The options that leave a file behind."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from pytest_querycache.cli import main
from pytest_querycache.storage.run_file import SCHEMA, read_run

if TYPE_CHECKING:
    from tests.conftest import Project

SUITE = """
import pytest

def test_list():
    assert [bytes(1_000) for _ in range(100)]

@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a\\"b'c&d"])
def test_text(text):
    assert text

def test_section(perf_tracker):
    with perf_tracker.scoped("load"):
        pass
    perf_tracker.record("<b>rows</b>", 3, unit="<i>")

@pytest.mark.skip
def test_skipped():
    pass
"""


def validated(project: Project, name: str = "run.json") -> dict[str, Any]:
    """The run file of a session, held against the schema."""
    document: dict[str, Any] = json.loads((project.folder / name).read_text(encoding="utf-8"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    return document


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["plain", "n2"])
def test_json_alone_tracks(project: Project, workers: tuple[str, ...]) -> None:
    """Without another option the session is measured, nothing is judged, and every record is in the file."""
    project.write("test_shop.py", SUITE)
    plugins = ("xdist.plugin",) if workers else ()
    said = project.run("--perf-json=deep/run.json", *workers, plugins=plugins, exit_status=0)
    assert "performance gate: tracking, no baseline" in said
    assert "wrote " in said
    document = validated(project, "deep/run.json")
    assert document["gate"] is None
    assert document["complete"] is True
    assert document["command"].startswith("pytest ")
    assert len(document["records"]) == 6
    assert document["records"]["test_shop.py::test_section"]["values"]["<b>rows</b>"] == 3
    assert document["records"]["test_shop.py::test_list"]["line"] == 4
    assert document["records"]["test_shop.py::test_skipped"]["outcome"] == "skipped"


def test_json_of_a_gate(project: Project) -> None:
    """A gated session's file holds what the gate said, and reading it gives the same."""
    project.write("test_shop.py", SUITE)
    project.record()
    project.write("test_shop.py", SUITE.replace("range(100)", "range(3_000)"))
    said = project.gate("--perf-json=run.json", exit_status=1)
    assert "wrote run.json; to accept its figures as they are: querycache accept run.json" in said
    document = validated(project)
    assert document["gate"]["success"] is False
    assert document["gate"]["findings"][0]["node_id"] == "test_shop.py::test_list"
    account = read_run(project.folder / "run.json")
    assert account.result is not None
    assert account.result.counts.regressed == 1


def test_json_of_an_update(project: Project) -> None:
    """An accepting session leaves its figures behind too."""
    project.write("test_shop.py", SUITE)
    project.record("--perf-json=run.json")
    assert validated(project)["gate"] is None


def test_interrupted_session(project: Project) -> None:
    """What was measured before the interruption is kept, and marked as incomplete."""
    project.write("test_shop.py", SUITE + "\ndef test_stop():\n    raise KeyboardInterrupt\n")
    project.run("--perf-json=run.json", exit_status=2)
    document = validated(project)
    assert document["complete"] is False
    assert "test_shop.py::test_list" in document["records"]


def test_a_folder_is_refused_before_the_first_test(project: Project) -> None:
    """The option never swallows a folder of tests for its file."""
    project.write("tests/test_shop.py", SUITE)
    said = project.run("--perf-json", "tests", exit_status=4)
    assert "--perf-json=tests: expected a file, not a folder" in said


def test_what_cannot_be_written_fails_the_session(project: Project) -> None:
    """A pipeline that asked for a file must not go on without it."""
    project.write("test_shop.py", SUITE)
    project.write("file", "")
    said = project.run("--perf-json=file/run.json", exit_status=1)
    assert "--perf-json: " in said
    assert "cannot be written" in said


def test_nothing_is_written_where_nothing_is_collected(project: Project) -> None:
    """With --collect-only no file appears."""
    project.write("test_shop.py", SUITE)
    project.run("--perf-json=run.json", "--collect-only", exit_status=0)
    assert not (project.folder / "run.json").exists()


def test_markdown(project: Project) -> None:
    """A gated session's summary names what regressed and the next command."""
    project.write("test_shop.py", SUITE)
    project.record()
    project.write("test_shop.py", SUITE.replace("range(100)", "range(3_000)"))
    project.gate("--perf-markdown=summary.md", exit_status=1)
    said = (project.folder / "summary.md").read_text(encoding="utf-8")
    assert said.startswith("### Performance gate: failed")
    assert "pytest --perf-update test_shop.py::test_list" in said


def test_on_github(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """On GitHub Actions the summary is appended to and the log annotated, without an option."""
    project.write("test_shop.py", SUITE)
    project.record()
    project.write("test_shop.py", SUITE.replace("range(100)", "range(3_000)"))
    summary = project.write("step.md", "before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.folder.parent))
    said = project.gate(exit_status=1)
    assert f"\n::error file={project.folder.name}/test_shop.py,line=4,title=performance gate::" in said
    assert summary.read_text(encoding="utf-8").startswith("before\n### Performance gate: failed")


def test_a_summary_that_cannot_be_written(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody asked for fails nothing."""
    project.write("test_shop.py", SUITE)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.folder))
    assert "the job's summary cannot be written" in project.run("--perf-track", exit_status=0)


def test_elsewhere_nothing_is_annotated(project: Project) -> None:
    """Only GitHub understands its commands."""
    project.write("test_shop.py", SUITE)
    project.record()
    project.write("test_shop.py", SUITE.replace("range(100)", "range(3_000)"))
    assert "::error" not in project.gate(exit_status=1)


def test_gitlab(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gated session leaves both of GitLab's reports in a folder, with paths from the repository's root."""
    project.write("test_shop.py", SUITE)
    project.record()
    project.write("test_shop.py", SUITE.replace("range(100)", "range(3_000)"))
    monkeypatch.setenv("CI_PROJECT_DIR", str(project.folder.parent))
    assert "wrote gl" in project.gate("--perf-gitlab=gl", exit_status=1)
    (entry, *_) = json.loads((project.folder / "gl/gl-code-quality-report.json").read_text(encoding="utf-8"))
    assert entry["location"] == {"path": f"{project.folder.name}/test_shop.py", "lines": {"begin": 4}}
    metrics = (project.folder / "gl/metrics.txt").read_text(encoding="utf-8")
    assert 'perf_gate_records{outcome="regressed"} 1\n' in metrics
    assert metrics.endswith("\n# EOF\n")


def test_gitlab_alone_tracks(project: Project) -> None:
    """Without another option the session is measured, and the metrics report is the suite's."""
    project.write("test_shop.py", SUITE)
    assert "tracking, no baseline" in project.run("--perf-gitlab=gl", exit_status=0)
    assert "perf_suite_allocated_bytes " in (project.folder / "gl/metrics.txt").read_text(encoding="utf-8")
    said = project.run("--perf-gitlab=test_shop.py", exit_status=4)
    assert "--perf-gitlab=test_shop.py: expected a folder, not a file" in said


def test_html(project: Project) -> None:
    """A gated session's page says what regressed, and hostile parameters stay text."""
    project.write("test_shop.py", SUITE)
    project.record()
    project.write("test_shop.py", SUITE.replace("range(100)", "range(3_000)"))
    project.gate("--perf-html=page.html", exit_status=1)
    said = (project.folder / "page.html").read_text(encoding="utf-8")
    assert "<h1>Performance gate: failed: 1 record regressed</h1>" in said
    assert "<script>alert" not in said
    assert "<b>rows" not in said


def test_html_needs_the_template_engine(project: Project) -> None:
    """Without jinja2 the session stops before its first test, and names the extra."""
    project.write("test_shop.py", SUITE)
    project.write("conftest.py", "import sys\nsys.modules['jinja2'] = None\n")
    said = project.run("--perf-html=page.html", exit_status=4)
    assert "--perf-html=page.html: it needs the package jinja2: pip install 'pytest-querycache[html]'" in said


def test_a_terminal_without_unicode(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a narrow terminal that knows ASCII alone the gate's own signs are written out."""
    project.write("test_shop.py", SUITE)
    project.record()
    project.write("test_shop.py", SUITE.replace("range(100)", "range(3_000)"))
    for name, value in {"PYTHONIOENCODING": "ascii", "NO_COLOR": "1", "COLUMNS": "40"}.items():
        monkeypatch.setenv(name, value)
    said = project.gate(exit_status=1)
    assert "compared 5 | regressed 1 | improved 0" in said
    assert " KB -> " in said
    assert "\\xb7" not in said
    assert "\\u2192" not in said


@pytest.mark.parametrize(
    ("options", "folder", "command"),
    [
        (
            ("--perf-baseline=ci file.json",),
            "",
            "querycache accept run.json --baseline 'ci file.json'",
        ),
        (
            ("--perf-baseline", "--perf-set=baseline=ci file.json"),
            "tests",
            "querycache accept run.json --baseline '../ci file.json' --rootdir ..",
        ),
        (
            ("--perf-baseline=../ci file.json",),
            "tests",
            "accept run.json --baseline '../ci file.json' --rootdir ..",
        ),
    ],
    ids=["given", "set", "given from below"],
)
def test_the_next_command_is_for_the_same_baseline(
    project: Project, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], folder: str, command: str
) -> None:
    """What was said of the baseline on the command line is said to the next command too, as a shell takes it."""
    project.write("pyproject.toml", "[tool.pytest.ini_options]\n")
    project.write("tests/test_shop.py", SUITE)
    project.record("--perf-set=baseline=ci file.json")
    project.write("tests/test_shop.py", SUITE.replace("range(100)", "range(3_000)"))
    monkeypatch.chdir(project.folder / folder)
    gate = (*options, "--perf-confirm=off", "--perf-threshold=time=off", "--perf-json=run.json")
    said = project.run(*gate, exit_status=1)
    assert f"{command}\n" in said
    if options[0] != "--perf-baseline":
        assert f"accept it: pytest --perf-update='{options[0].partition('=')[2]}'" in said
    given = command.partition("accept ")[2]
    assert main(["accept", *shlex.split(given)]) == 0
    project.run(*gate, exit_status=0)


def test_names_steer_nothing(project: Project) -> None:
    """A name with control characters or line ends is shown, and obeyed neither by the terminal nor by a log."""
    hostile = "lo\\x1b[2J\\n::add-mask::ad"
    project.write(
        "test_shop.py",
        "def test_list(perf_tracker):\n"
        f"    with perf_tracker.scoped('{hostile}'):\n"
        "        assert [bytes(1_000) for _ in range(100)]\n",
    )
    said = project.run("--perf-track", exit_status=0)
    assert f"  test_shop.py::test_list::{hostile}\n" in said
    assert "\x1b[2J" not in said
    project.record()
    suite = (project.folder / "test_shop.py").read_text(encoding="utf-8")
    project.write("test_shop.py", suite.replace("range(100)", "range(3_000)"))
    said = project.gate("-v", exit_status=1)
    assert f"\ntest_shop.py::test_list::{hostile}\n" in said
    assert "\x1b[2J" not in said
