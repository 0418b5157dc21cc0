"""The history's file: what goes in comes out, for any number of writers, killed ones and damaged files included."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.model.history import Cost, Machine, Moment
from pytest_querycache.model.record import own_metric
from pytest_querycache.storage.history import append_run
from pytest_querycache.storage.history_format import HistoryError
from pytest_querycache.storage.history_reader import history

HERE = Machine(key="cpython-3.12-linux-x86_64-native", cpu_model="CPU A")
THERE = Machine(key="cpython-3.12-linux-x86_64-native", cpu_model="CPU B")
ROWS = own_metric("rows_per_s", unit="rows/s", better="higher", deterministic=False)
NODE = "t.py::test_a"


def moment(number: int) -> Moment:
    """The moment of a numbered run."""
    return Moment(
        finished=f"2026-01-{number + 1:02}T04:00:00+00:00", commit=f"c0ffee{number}", dirty=bool(number % 2)
    )


def append(path: Path, number: int, machine: Machine = HERE, **values: float) -> Path | None:
    """Add a run of one record."""
    return append_run(
        path, machine, moment(number), {NODE: Cost(values=values or {"wall_time": 100 + number})}
    )


def walls(path: Path, node_id: str = NODE) -> list[float]:
    """The record's wall times, the oldest first."""
    with history(path) as reader:
        return [cost.values["wall_time"] for _, _, cost in reader.costs(node_id)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a history may be begun."""
    return tmp_path / "history.db"


def test_round_trip(path: Path) -> None:
    """Every value of every run comes back with its time, commit and machine, a user's own metrics with their unit."""
    first = Cost(values={"wall_time": 5, "allocated_bytes": 2**40, "cache_hits": 3})
    second = Cost(values={"wall_time": 6.5, "rows_per_s": 5100.5}, own_metrics={"rows_per_s": ROWS})
    append_run(path, HERE, moment(0), {NODE: first, "t.py::test_b": second})
    append_run(path, THERE, moment(1), {NODE: second})
    with history(path) as reader:
        assert reader.node_ids() == [NODE, "t.py::test_b"]
        assert list(reader.costs(NODE)) == [(HERE, moment(0), first), (THERE, moment(1), second)]
        assert list(reader.costs(NODE, since=2)) == [(THERE, moment(1), second)]
        assert list(reader.costs("t.py::test_c")) == []


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["wall_time", "allocated_bytes", "cache_hits"])
        | st.text(min_size=1).map("own ".__add__),
        st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**80), 2**80),
        min_size=1,
    ),
    st.text(min_size=1),
)
def test_any_name_and_any_number(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, float], name: str
) -> None:
    """Whatever a test is called and whatever it cost, the same comes back, to a float's precision."""
    path = tmp_path_factory.mktemp("history") / "h.db"
    own = {
        key: own_metric(key, unit="u", better="lower", deterministic=False) for key in values if "own " in key
    }
    append_run(path, HERE, moment(0), {name: Cost(values=values, own_metrics=own)})
    with history(path) as reader:
        ((_, _, cost),) = reader.costs(name)
    assert {key: float(value) for key, value in cost.values.items()} == {
        key: float(value) for key, value in values.items()
    }
    assert cost.own_metrics == own


def test_a_name_that_is_no_text(path: Path) -> None:
    """A file name that is not UTF-8 is kept, and found by the name under which pytest knows it."""
    append_run(path, HERE, moment(0), {"t\udcff.py::test": Cost(values={"wall_time": 7})})
    assert walls(path, "t\udcff.py::test") == [7]


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_what_is_no_number_is_left_out(path: Path, number: float) -> None:
    """A metric without a finite value has none in the history."""
    append(path, 0, wall_time=1, peak_rss=number)
    with history(path) as reader:
        ((_, _, cost),) = reader.costs(NODE)
    assert cost.values == {"wall_time": 1}


WRITER = """
import sys
from pathlib import Path
from pytest_querycache.model.history import Cost, Machine, Moment
from pytest_querycache.storage.history import append_run
path, name, runs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
sys.stdin.read(1)
for number in range(runs):
    costs = {f"t.py::test_{record}": Cost(values={"wall_time": number}) for record in range(50)}
    append_run(path, Machine(key=name), Moment(finished="2026", commit=name), costs)
"""


def started(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A process that waits for its input before it begins."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def test_two_processes_write_at_once(path: Path) -> None:
    """Of two processes that add runs at the same time, and begin the file together, neither loses one."""
    writers = [started(WRITER, str(path), name, "15") for name in ("a", "b")]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"x")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    with history(path) as reader:
        assert sorted(machine.key for machine, _ in reader.runs.values()) == ["a"] * 15 + ["b"] * 15
        for record in range(50):
            found = [
                (machine.key, cost.values["wall_time"])
                for machine, _, cost in reader.costs(f"t.py::test_{record}")
            ]
            assert sorted(found) == sorted((name, number) for name in "ab" for number in range(15))


DYING = """
import sys, time
from pathlib import Path
from pytest_querycache.model.history import Cost, Machine, Moment
from pytest_querycache.storage import history

ordered = sorted
def hanging(rows):
    for number, row in enumerate(ordered(rows)):
        if number == 15_000:
            print("half", flush=True)
            time.sleep(600)
        yield row

history.sorted = hanging
history._CACHE_KIB = 16  # so that the file itself is half written
costs = {f"t.py::test_{number}": Cost(values={"wall_time": number}) for number in range(20_000)}
history.append_run(Path(sys.argv[1]), Machine(key="dying"), Moment(finished="2026"), costs)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_writer_loses_only_its_own_run(path: Path) -> None:
    """A writer killed in the middle of its transaction leaves every earlier run, and stands in nobody's way."""
    for number in range(3):
        append(path, number)
    size = path.stat().st_size
    writer = started(DYING, str(path))
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"half\n"
    assert path.stat().st_size > size, "nothing of the run had reached the file yet"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert walls(path) == [100, 101, 102]
    assert append(path, 3) is None
    assert walls(path) == [100, 101, 102, 103]
    with history(path) as reader:
        assert len(reader.runs) == 4
        assert reader.node_ids() == [NODE]


def damaged(path: Path, how: str) -> bytes:
    """A history with runs in it that something has happened to."""
    for number in range(20):
        append_run(
            path,
            HERE,
            moment(number),
            {f"t.py::test_{record}": Cost(values={"wall_time": 1}) for record in range(400)},
        )
    content = path.read_bytes()
    if how == "garbage":
        content = b"\0\x01\xfe" * 400
    elif how == "cut off":
        content = content[: len(content) // 2]
    else:
        content = content[:100] + b"\xff" * (len(content) - 100)
    path.write_bytes(content)
    return content


def test_a_text_is_nobodys_damaged_history(path: Path) -> None:
    """A mistyped name moves no file of the user's: it is refused, and stays what it is."""
    path.write_text('{"somebody": "else"}\n' * 50)
    with pytest.raises(HistoryError, match="this is a text file, expected a history"):
        append_run(path, HERE, moment(0), {})
    assert path.read_text().startswith('{"somebody"')


@pytest.mark.parametrize("how", ["garbage", "cut off", "overwritten"])
def test_a_damaged_file_is_set_aside(path: Path, how: str) -> None:
    """What is damaged is renamed with every byte it has, a new history is begun, and both are said by name."""
    content = damaged(path, how)
    aside = append(path, 0)
    assert aside == path.with_name("history.db.damaged-1")
    assert aside.read_bytes() == content
    assert walls(path) == [100]


@pytest.mark.parametrize("size", [1, 99, 511, 1_024, 5_000])
def test_wherever_a_file_is_cut_off(path: Path, size: int) -> None:
    """A history of which only a beginning is left, however short, is set aside, and the next run is kept."""
    content = damaged(path, "cut off")[:size]
    path.write_bytes(content)
    aside = append(path, 0)
    assert aside is not None
    assert aside.read_bytes() == content
    assert walls(path) == [100]


def test_the_second_damaged_file_does_not_replace_the_first(path: Path) -> None:
    """Each damaged file gets a name of its own."""
    for number in (1, 2):
        path.write_bytes(b"garbage %d\0" % number * 100)
        assert append(path, 0) == path.with_name(f"history.db.damaged-{number}")
    assert path.with_name("history.db.damaged-1").read_bytes().startswith(b"garbage 1")


@pytest.mark.parametrize("how", ["garbage", "cut off", "overwritten"])
def test_a_reader_leaves_a_damaged_file_alone(path: Path, how: str) -> None:
    """Who only asks is told in one line, and nothing is renamed or made."""
    content = damaged(path, how)
    with pytest.raises(HistoryError, match=r"history\.db: the history is damaged \(.+\); move it away, and"):
        walls(path)
    assert path.read_bytes() == content
    assert [found.name for found in path.parent.iterdir()] == ["history.db"]


def altered(path: Path, statement: str) -> None:
    """Execute a statement on a history's file."""
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_reader_sees_nothing_of_what_is_added_meanwhile(path: Path) -> None:
    """Runs that another process adds while somebody reads are no part of the answer, and do not disturb it."""
    append(path, 0)
    with history(path) as reader:
        append(path, 1)
        assert [moment.commit for _, moment, _ in reader.costs(NODE)] == ["c0ffee0"]
        assert len(reader.runs) == 1
    assert walls(path) == [100, 101]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE figures SET more = '{'",
        "UPDATE figures SET more = '[1]'",
        "UPDATE figures SET more = '{\"own\": 5}'",
        'UPDATE figures SET more = \'{"own": [1, "u", "sideways"]}\'',
        'UPDATE figures SET more = \'{"own": [1, "u", "lower", 2]}\'',
        "UPDATE figures SET wall_time = 'long'",
        "DELETE FROM runs WHERE id = 1",
    ],
)
def test_rows_that_nobody_wrote(path: Path, statement: str) -> None:
    """A row that is none of ours is told as damage, with what to do, although SQLite finds nothing wrong."""
    append(path, 0)
    append(path, 1)
    altered(path, statement)
    with pytest.raises(
        HistoryError, match=r"history\.db: the history is damaged \(.+\); move it away, and the next"
    ):
        walls(path)


def test_a_newer_format_is_refused(path: Path) -> None:
    """A history that a newer version wrote is neither read nor written nor set aside."""
    append(path, 0)
    altered(path, "PRAGMA user_version = 2")
    content = path.read_bytes()
    expected = r"history\.db: the history has format 2, this version reads up to 1; upgrade pytest-querycache"
    with pytest.raises(HistoryError, match=expected):
        append(path, 1)
    with pytest.raises(HistoryError, match=expected):
        walls(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(path: Path) -> None:
    """A database that is not a history is left as it is."""
    altered(path, "CREATE TABLE customers (name TEXT)")
    content = path.read_bytes()
    with pytest.raises(HistoryError, match="another program's database, expected a history"):
        append(path, 0)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_history(path: Path) -> None:
    """A file without a byte holds nothing that could be lost."""
    path.touch()
    assert append(path, 0) is None
    assert walls(path) == [100]


def test_a_folder_in_its_place(path: Path) -> None:
    """A folder where the file should be is said in one line."""
    path.mkdir()
    with pytest.raises(HistoryError, match=r"history\.db: the history is a folder, expected a file"):
        append(path, 0)


def test_a_missing_file(path: Path) -> None:
    """Asking a history that is not there says how to begin one, and makes none."""
    with pytest.raises(HistoryError, match=r"history\.db: no such file; with history = "):
        walls(path)
    assert not path.exists()


def test_a_missing_folder_is_made_and_kept_out_of_git(path: Path) -> None:
    """A folder of its own is made, with a .gitignore, so that no working tree looks changed because of it."""
    deep = path.parent / ".perf" / "history.db"
    append(deep, 0)
    assert walls(deep) == [100]
    assert (deep.parent / ".gitignore").read_text(encoding="utf-8").splitlines()[-1] == "*"
    assert not (path.parent / ".gitignore").exists()


@contextmanager
def without_rights() -> Iterator[None]:
    """Act as a user whom permissions hold for, even where the tests are run by root."""
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(65534)
    try:
        yield
    finally:
        if privileged:
            os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o555, 0o666), (0o755, 0o444), (0o555, 0o444)])
def test_without_permission(folder_mode: int, file_mode: int) -> None:
    """Where nothing may be written that is said in one line, and what is there can still be read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "history.db"
        append(path, 0)
        path.chmod(file_mode)
        folder.chmod(folder_mode)
        try:
            with without_rights():
                with pytest.raises(
                    HistoryError, match=r"history\.db: cannot be written \(.+\); check the path"
                ):
                    append(path, 1)
                assert walls(path) == [100]
        finally:
            folder.chmod(0o755)


def test_a_busy_history_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another process does not let go in time, the run is lost, and the line says why."""
    append(path, 0)
    monkeypatch.setattr("pytest_querycache.storage.history_format.BUSY_S", 0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HistoryError, match=r"cannot be written \(database is locked\)"):
        append(path, 1)
    other.close()
    assert append(path, 1) is None
