"""The command line: what is a file, what is a path, and what is refused before the first test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_querycache.errors import ConfigurationError
from pytest_querycache.plugin.options import spelled_out
from pytest_querycache.plugin.settings import Mode, Settings, read_settings

if TYPE_CHECKING:
    from tests.conftest import Project

PLUGIN = "pytest_querycache.plugin.hooks"
WRITES = "def test_writes(): open('ran', 'w').close()"


def settings(project: Project, *args: str) -> Settings:
    """The settings of a session that is only configured, in this process."""
    return read_settings(project.pytester.parseconfig("-p", PLUGIN, *args))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--perf-baseline", "tests/"], ["--perf-baseline=", "tests/"]),
        (["tests/", "--perf-update"], ["tests/", "--perf-update="]),
        (["--perf-baseline=b.json", "tests/"], ["--perf-baseline=b.json", "tests/"]),
        (["--perf-baseline", "a.py::b", "--perf-update"], ["--perf-baseline=", "a.py::b", "--perf-update="]),
        (["--perf-track", "x"], ["--perf-track", "x"]),
    ],
)
def test_an_option_without_a_value_takes_nothing(given: list[str], expected: list[str]) -> None:
    """A bare option gets an explicit empty value, and what follows it stays what it was."""
    assert spelled_out(given) == expected


@pytest.mark.parametrize("where", ["command line", "addopts", "PYTEST_ADDOPTS"])
def test_a_folder_behind_the_option_is_run(
    project: Project, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """--perf-baseline before a folder runs the folder, and the conftest in it can declare options."""
    project.write("tests/test_a.py", "def test_a(mine): assert mine")
    project.write(
        "tests/conftest.py",
        """
import pytest
def pytest_addoption(parser):
    parser.addoption("--mine", action="store_true")
@pytest.fixture
def mine(request):
    return request.config.getoption("--mine")
""",
    )
    project.write("other/test_b.py", "def test_b(): assert 0")
    project.record("tests", "--mine")
    args = ["tests", "--mine", "--perf-threshold=time=off"]
    if where == "command line":
        args.insert(0, "--perf-baseline")
    elif where == "addopts":
        project.write("pytest.ini", "[pytest]\naddopts = --perf-baseline\n")
    else:
        monkeypatch.setenv("PYTEST_ADDOPTS", "--perf-baseline")
    said = project.run(*args, exit_status=0)
    assert "compared 1 · regressed 0" in said


@pytest.mark.parametrize("option", ["--perf-baseline", "--perf-update", "--perf-update=b.json"])
def test_nothing_above_the_project_is_looked_at(
    project: Project, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """With the option as without it, neither a conftest nor a folder above the root directory is read."""
    project.write("conftest.py", "raise RuntimeError('this is another project')")
    project.write("inner/pytest.ini", "[pytest]")
    project.write("inner/tests/test_a.py", "def test_a(): pass")
    monkeypatch.chdir(project.folder / "inner")
    told = project.run("--collect-only", exit_status=0).splitlines()
    gated = project.run("--collect-only", option, exit_status=0).splitlines()
    tree = [line for line in told if "<" in line]
    assert tree[0] == "<Dir inner>"
    assert [line for line in gated if "<" in line] == tree


def test_node_id_behind_the_option_is_run(project: Project) -> None:
    """--perf-baseline before a node id runs that test, and calls no other one missing."""
    project.write("test_a.py", "def test_a(): pass\ndef test_b(): pass")
    project.record()
    said = project.run("--perf-baseline", "test_a.py::test_b", exit_status=0)
    assert "compared 1 · regressed 0 · improved 0 · unconfirmed 0 · new 0 · missing 0" in said


@pytest.mark.parametrize("option", ["--perf-baseline", "--perf-update"])
def test_a_file_without_equals_sign_is_explained(project: Project, option: str) -> None:
    """A baseline file given without the '=' is not taken for a test file; the right spelling is shown."""
    said = project.run(option, "mine.json", exit_status=4)
    assert f"a file needs the '=', {option}=mine.json" in said


def test_update_beats_a_configured_baseline(project: Project) -> None:
    """--perf-update wins over the --perf-baseline in addopts, and the header says so."""
    project.write("pytest.ini", "[pytest]\naddopts = --perf-baseline\n")
    project.write("test_a.py", "def test_a(): pass")
    said = project.run("--perf-update", "--perf-confirm=off", exit_status=0)
    assert "accepting into perf-baseline.json (--perf-update wins over --perf-baseline)" in said
    assert set(project.entries()) == {"test_a.py::test_a"}


def test_modes(project: Project) -> None:
    """Update beats baseline, baseline beats track."""
    assert settings(project, "--perf-track").mode is Mode.TRACK
    assert settings(project, "--perf-track", "--perf-baseline").mode is Mode.GATE
    both = settings(project, "--perf-baseline", "--perf-update")
    assert both.mode is Mode.UPDATE
    assert both.overruled
    assert not settings(project, "--perf-update").overruled


def test_where_a_file_is_looked_for(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FILE of the command line belongs to the invocation directory, a configured one to the rootdir."""
    folder = project.folder
    project.write(
        "pyproject.toml", "[tool.pytest.ini_options]\n[tool.pytest_querycache]\nbaseline = 'b.json'\n"
    )
    project.write("sub/test_a.py", "")
    monkeypatch.chdir(folder / "sub")
    assert settings(project, "--perf-baseline").baseline == folder / "b.json"
    assert settings(project, "--perf-baseline=c.json").baseline == folder / "sub" / "c.json"
    assert settings(project, "--perf-update=c.json").baseline == folder / "sub" / "c.json"
    assert settings(project, "--perf-baseline", "--perf-set=baseline=d.json").baseline == folder / "d.json"
    absolute = folder / "elsewhere" / "e.json"
    assert settings(project, f"--perf-baseline={absolute}").baseline == Path(absolute)


def test_command_line_beats_configuration(project: Project) -> None:
    """What the command line says of confirmation holds, and without it the configuration."""
    project.write("pyproject.toml", "[tool.pytest_querycache]\nconfirm = 'strict'\n")
    assert settings(project, "--perf-baseline").confirm == "strict"
    assert settings(project, "--perf-baseline", "--perf-confirm=off").confirm == "off"
    assert settings(project, "--perf-baseline", "--perf-set", "confirm=always").confirm == "always"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["--perf-threshold=speed=20%"],
            "--perf-threshold speed=20%, key 'speed': unknown metric, expected a",
        ),
        (["--perf-threshold=time"], "--perf-threshold time: expected METRIC=VALUE, such as time=20%"),
        (["--perf-threshold=time=-20%"], "'-20%' is not a threshold, expected '20%', '20% and 1ms' or 'off'"),
        (["--perf-threshold=time=nan%"], "'nan%' is not a threshold"),
        (["--perf-threshold=time=inf%"], "'inf%' is not a threshold"),
        (["--perf-threshold=time=20"], "'20' is not a threshold"),
        (["--perf-threshold=time=20% and 3KiB"], "has the wrong unit, expected a time such as '1ms'"),
        (["--perf-threshold=time=20% and 3 parsecs"], "unknown unit 'parsecs'"),
        (["--perf-threshold=gc=50% and -3"], "'-3' is not a number with a unit"),
        (["--perf-set=x=1"], "--perf-set x=1: unknown key 'x', expected one of baseline, fail, new, missing"),
        (["--perf-set=fail"], "--perf-set fail: expected KEY=VALUE"),
        (["--perf-set=fail=maybe"], "unexpected 'maybe', expected one of 'all', 'counts', 'never'"),
        (["--perf-set=confirm_budget=-1s"], "'-1s' is not a number with a unit"),
        (["--perf-set=confirm_budget=3MB"], "unexpected '3MB', expected a time such as '30s'"),
        (["--perf-set=update_runs=0"], "unexpected 0, expected a whole number from 1 to 20"),
        (["--perf-baseline=."], "the baseline is a folder, expected a file"),
    ],
)
def test_refused_options(project: Project, args: list[str], message: str) -> None:
    """An option that cannot be understood is refused with where, what and what was expected."""
    with pytest.raises(ConfigurationError) as caught:
        settings(project, "--perf-track", *args)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[tool.pytest_querycache]\nbase = 'x'", "unknown key 'base', expected one of baseline, fail, new,"),
        ("[tool.pytest_querycache]\nthresholds = 3", "key 'thresholds': expected a table, got 3"),
        ("[tool.pytest_querycache.thresholds]\ntime = 3", "3 is not a threshold"),
        ("[tool.pytest_querycache.thresholds]\nspeed = '3%'", "key 'speed': unknown metric"),
        (
            "[tool.pytest_querycache]\nnew = 'perhaps'",
            "unexpected 'perhaps', expected one of 'ok', 'warn', 'fail'",
        ),
        ("[[tool.pytest_querycache.rules]]\ntime = '3%'", "rules[1], key 'tests': unexpected None"),
        ("[[tool.pytest_querycache.rules]]\ntests = 'a'", "rules[1]: the rule has no threshold"),
        ("[tool.pytest_querycache.rules]\ntests = 'a'", "key 'rules': expected an array of tables"),
        ("[tool]\npytest_querycache = 3", "[tool.pytest_querycache]: expected a table, got 3"),
        ("[tool.pytest_querycache", "not TOML"),
    ],
)
def test_refused_configuration(project: Project, table: str, message: str) -> None:
    """A table that cannot be understood is refused with where, what and what was expected."""
    config = project.pytester.parseconfig("-p", PLUGIN, "--perf-track")
    project.write("pyproject.toml", table)
    with pytest.raises(ConfigurationError) as caught:
        read_settings(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refusal_comes_before_the_first_test(project: Project) -> None:
    """A wrong configuration ends the session with exit status 4 and one line, without running anything."""
    project.write("pyproject.toml", "[tool.pytest_querycache]\nbase = 'x'\n")
    project.write("test_a.py", WRITES)
    said = project.run("--perf-track", exit_status=4)
    assert said.strip().startswith("ERROR: pyproject.toml [tool.pytest_querycache]: unknown key 'base'")
    assert len(said.strip().splitlines()) == 1
    assert not (project.folder / "ran").exists()


def test_wrong_configuration_is_no_matter_without_an_option(project: Project) -> None:
    """A session that measures nothing does not read the configuration."""
    project.write("pyproject.toml", "[tool.pytest_querycache]\nbase = 'x'\n")
    project.write("test_a.py", WRITES)
    project.run(exit_status=0)


MARKS = [
    ("perf_threshold(speed='20%')", "mark perf_threshold, key 'speed': unknown metric"),
    (
        "perf_threshold('20%')",
        "mark perf_threshold takes named values only, such as perf_threshold(time='50%')",
    ),
    ("perf_threshold(time='-1%')", "'-1%' is not a threshold"),
    ("perf_budget(time='1s')", "a budget is for one metric"),
    ("perf_budget(wall_time='3MB')", "'3MB', expected a time such as '1ms'"),
    ("perf_budget(wall_time=float('nan'))", "nan is not a finite number"),
    ("perf_budget()", "mark perf_budget takes named values only"),
    ("perf_skip(3)", "mark perf_skip takes one text"),
]


@pytest.mark.parametrize(("mark", "message"), MARKS[:1] + MARKS[-1:])
def test_wrong_mark_stops_the_session(project: Project, mark: str, message: str) -> None:
    """A mark that cannot be understood names its test, and ends the session before the first test."""
    project.write("test_a.py", f"import pytest\n{WRITES}\n@pytest.mark.{mark}\ndef test_marked(): pass\n")
    said = project.run("--perf-track", exit_status=4)
    assert f"ERROR: test_a.py::test_marked: {message}" in said
    assert not (project.folder / "ran").exists()


def test_wrong_mark_under_xdist(project: Project) -> None:
    """Workers leave the message of a wrong mark to their controller, which ends with exit status 4."""
    mark, message = MARKS[0]
    project.write("test_a.py", f"import pytest\n{WRITES}\n@pytest.mark.{mark}\ndef test_marked(): pass\n")
    said = project.run("--perf-track", "-n2", plugins=("xdist.plugin",), exit_status=4)
    assert f"ERROR: test_a.py::test_marked: {message}" in said
    assert "INTERNALERROR" not in said
    assert not (project.folder / "ran").exists()


@pytest.mark.parametrize(("mark", "message"), MARKS)
def test_refused_marks(project: Project, mark: str, message: str) -> None:
    """Every way to get a mark wrong is refused with the test's name and what was expected."""
    from pytest_querycache.plugin.marks import plain_marks

    item = project.pytester.getitem(
        f"import pytest\n@pytest.mark.{mark}\ndef test_marked(): pass\n", "test_marked"
    )
    with pytest.raises(ConfigurationError) as caught:
        plain_marks(item)
    assert str(caught.value).startswith(f"{item.nodeid}: ")
    assert message in str(caught.value)


def test_closest_mark_wins_key_by_key(project: Project) -> None:
    """A test's own mark wins over its class's for one key, and leaves the other keys to the class."""
    from pytest_querycache.plugin.marks import plain_marks

    (item,) = project.pytester.getitems(
        """
import pytest
@pytest.mark.perf_threshold(time="10%", memory="10%")
class TestClass:
    @pytest.mark.perf_threshold(time="90%")
    def test_marked(self): pass
"""
    )
    assert plain_marks(item) == {"thresholds": {"time": "90%", "memory": "10%"}}


def rival(project: Project) -> None:
    """Install a stand-in for pytest-perf, which defines --perf-baseline as well."""
    project.write(
        "pytest_perf/plugin.py",
        "def pytest_addoption(parser): parser.addoption('--perf-baseline', help='a repository')\n",
    )
    project.write("pytest_perf/__init__.py", "")
    project.write(
        "pytest_perf-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pytest-perf\nVersion: 1.0\n"
    )
    project.write("pytest_perf-1.0.dist-info/entry_points.txt", "[pytest11]\nperf = pytest_perf.plugin\n")


def test_another_plugin_with_our_option(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside pytest-perf, one line names it and both ways out, and each way out works."""
    rival(project)
    project.write("test_a.py", "def test_a(): pass")
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    others = ["randomly", "asyncio", "benchmark", "memray", "hypothesispytest", "anyio"]
    without = [part for name in others for part in ("-p", f"no:{name}")]
    result = project.pytester.runpytest_subprocess(*without)
    said = result.stdout.str() + result.stderr.str()
    assert result.ret == 4
    assert "ERROR: pytest-perf defines --perf-baseline too" in said
    assert "-p no:perf" in said
    assert "Traceback" not in said
    assert project.pytester.runpytest_subprocess(*without, "-p", "no:perf", "--perf-track").ret == 0
    assert project.pytester.runpytest_subprocess(*without, "-p", "no:querycache").ret == 0


@pytest.mark.parametrize("option", ["--perf-confirm=strict", "--perf-threshold=time=5%"])
def test_option_that_gates_nothing_by_itself_is_refused(project: Project, option: str) -> None:
    """A pipeline that forgot --perf-baseline is told so, before the first test and with exit status 4."""
    project.write("test_one.py", "def test_one(): pass\n")
    said = project.run(option, exit_status=4)
    assert f"{option.partition('=')[0]} gates nothing by itself, expected --perf-baseline beside it" in said


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("--markers", "@pytest.mark.perf_budget"),
        ("--fixtures", "perf_tracker"),
        ("--fixtures-per-test", "fixtures used by test_writes"),
        ("--help", "--perf-gitlab=FOLDER"),
        ("--version", "pytest "),
        ("--cache-show", "cachedir"),
        ("--collect-only", "<Function test_writes>"),
    ],
)
def test_what_only_shows_needs_no_baseline(project: Project, option: str, shown: str) -> None:
    """With the gate in addopts, and no baseline yet, pytest still shows what it is asked to show."""
    project.write("pytest.ini", "[pytest]\naddopts = --perf-baseline --perf-threshold=time=off\n")
    project.write("test_a.py", WRITES.replace("()", "(perf_tracker)", 1))
    assert shown in project.run(option, exit_status=0)
    assert not (project.folder / "ran").exists()
