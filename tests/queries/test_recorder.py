"""The recorder, its watch over imports, and whose statement it is."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextvars import Context, copy_context
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_querycache.errors import ConfigurationError
from pytest_querycache.queries.attribution import SCOPE, Owner, ToldByOuter, begin, end, enter, uncounted
from pytest_querycache.queries.drivers import NAMES, Driver
from pytest_querycache.queries.import_watch import ImportWatch
from pytest_querycache.queries.recorder import Recorder, allowed_drivers
from pytest_querycache.queries.recording import Recording
from pytest_querycache.queries.statement import Source

SOURCE = Source("made up", "sqlite")


class MadeUpDriver(Driver):
    """A driver whose adapter notes what is done with it."""

    notes: list[str]

    def install(self, module: ModuleType) -> Any:
        """Note the patching, and its end."""
        NOTES.append(f"patched {module.__name__}")
        return lambda: NOTES.append(f"restored {module.__name__}")


class BrokenDriver(Driver):
    """A driver in a version that looks different."""

    def install(self, module: ModuleType) -> Any:
        """Miss what should be patched."""
        raise AttributeError("it has no cursor")


NOTES: list[str] = []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of modules that can be imported, forgotten again afterwards."""
    NOTES.clear()
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("madeup"):
            del sys.modules[name]


@pytest.fixture
def owner() -> Iterator[Owner]:
    """A running test with a recording."""
    owner = Owner("a test")
    begin(owner)
    owner.recording = Recording()
    yield owner
    end(owner)


def test_a_driver_is_patched_right_after_its_import(folder: Path) -> None:
    """Before the import nothing happens; the importing statement already finds the patched module."""
    (folder / "madeup.py").write_text("state = 'executed'\n", encoding="utf-8")
    recorder = Recorder(known=[MadeUpDriver("sqlite3", "madeup", "")])
    recorder.install()
    assert (NOTES, recorder.active, "madeup" in sys.modules) == ([], (), False)
    module = importlib.import_module("madeup")
    assert (NOTES, recorder.active) == (["patched madeup"], ("sqlite3",))
    recorder.uninstall()
    assert NOTES == ["patched madeup", "restored madeup"]
    assert type(module.__loader__).__name__ == "SourceFileLoader"
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__
    assert not [finder for finder in sys.meta_path if isinstance(finder, ImportWatch)]


def test_a_driver_imported_before_is_patched_at_once_and_a_disallowed_one_never(folder: Path) -> None:
    """Only what the configuration allows is touched."""
    (folder / "madeup_a.py").write_text("", encoding="utf-8")
    (folder / "madeup_b.py").write_text("", encoding="utf-8")
    importlib.import_module("madeup_a")
    importlib.import_module("madeup_b")
    known = [MadeUpDriver("sqlite3", "madeup_a", ""), MadeUpDriver("django", "madeup_b", "")]
    recorder = Recorder(["sqlite3"], known=known)
    recorder.install()
    recorder.uninstall()
    assert NOTES == ["patched madeup_a", "restored madeup_a"]


def test_what_came_past_the_import_watch_is_found_at_the_next_look(folder: Path) -> None:
    """Somebody may put a module into sys.modules by other means."""
    recorder = Recorder(known=[MadeUpDriver("sqlite3", "madeup_by_hand", "")])
    recorder.install()
    sys.modules["madeup_by_hand"] = ModuleType("madeup_by_hand")
    recorder.look()
    recorder.uninstall()
    recorder.look()
    assert NOTES == ["patched madeup_by_hand", "restored madeup_by_hand"]


def test_a_driver_that_is_reloaded_or_imported_again_is_patched_again(folder: Path) -> None:
    """What was patched is gone then: a suite may reload a module, or empty sys.modules between tests."""
    (folder / "madeup_twice.py").write_text("", encoding="utf-8")
    recorder = Recorder(known=[MadeUpDriver("sqlite3", "madeup_twice", "")])
    recorder.install()
    importlib.reload(importlib.import_module("madeup_twice"))
    del sys.modules["madeup_twice"]
    importlib.import_module("madeup_twice")
    sys.modules["madeup_twice"] = ModuleType("madeup_twice")
    recorder.look()
    recorder.look()
    recorder.uninstall()
    again = ["restored madeup_twice", "patched madeup_twice"]
    assert ["patched madeup_twice", *again, *again, *again, "restored madeup_twice"] == NOTES


def test_a_failing_import_stays_the_suites_own_failure(folder: Path) -> None:
    """The error passes as it is, and a second try is watched again."""
    path = folder / "madeup_broken.py"
    path.write_text("raise ImportError('no library')\n", encoding="utf-8")
    recorder = Recorder(known=[MadeUpDriver("sqlite3", "madeup_broken", "")])
    recorder.install()
    with pytest.raises(ImportError, match="no library"):
        importlib.import_module("madeup_broken")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("madeup_that_does_not_exist")
    path.write_text("fine = True  # longer than before\n", encoding="utf-8")
    importlib.invalidate_caches()
    assert importlib.import_module("madeup_broken").fine
    recorder.uninstall()
    assert NOTES == ["patched madeup_broken", "restored madeup_broken"]


def test_a_driver_that_looks_different_is_told_and_does_no_harm(folder: Path) -> None:
    """The suite goes on, and the reason is there to be printed."""
    (folder / "madeup_odd.py").write_text("__version__ = '9.9'\n", encoding="utf-8")
    recorder = Recorder(known=[BrokenDriver("duckdb", "madeup_odd", "")])
    recorder.install()
    importlib.import_module("madeup_odd")
    recorder.uninstall()
    assert recorder.unseen == [
        "duckdb 9.9 cannot be watched (it has no cursor); its statements are not counted"
    ]
    assert recorder.active == ()


def test_what_only_carries_the_context_is_patched_with_the_first_driver(folder: Path) -> None:
    """A runner of tests is left alone until there is a driver, whichever comes first, and is none itself."""
    for name in ("madeup_runner", "madeup_first", "madeup_later"):
        (folder / f"{name}.py").write_text("", encoding="utf-8")
    recorder = Recorder(
        ["duckdb"],
        known=[
            MadeUpDriver("runner", "madeup_runner", "", counts=False),
            MadeUpDriver("duckdb", "madeup_first", ""),
            MadeUpDriver("runner", "madeup_later", "", counts=False),
        ],
    )
    recorder.on_arrival = lambda: NOTES.append("arrived")
    recorder.install()
    importlib.import_module("madeup_runner")
    recorder.look()
    assert (NOTES, recorder.active, recorder.is_active) == ([], (), False)
    importlib.import_module("madeup_first")
    assert NOTES == ["patched madeup_first", "patched madeup_runner", "arrived"]
    assert (recorder.active, recorder.is_active) == (("duckdb",), True)
    importlib.import_module("madeup_later")
    recorder.uninstall()
    assert NOTES[3] == "patched madeup_later"
    assert sorted(NOTES[4:]) == ["restored madeup_first", "restored madeup_later", "restored madeup_runner"]


def test_who_records_from_the_start_has_the_context_carried(folder: Path) -> None:
    """Asked for, a runner of tests is patched without a driver, and recording does not begin with it."""
    (folder / "madeup_runner.py").write_text("", encoding="utf-8")
    recorder = Recorder(["sqlite3"], known=[MadeUpDriver("runner", "madeup_runner", "", counts=False)])
    recorder.on_arrival = lambda: NOTES.append("arrived")
    recorder.install()
    importlib.import_module("madeup_runner")
    recorder.hand_on()
    assert (NOTES, recorder.active, recorder.is_active) == (["patched madeup_runner"], (), False)
    recorder.uninstall()
    assert NOTES == ["patched madeup_runner", "restored madeup_runner"]


def test_an_import_never_fails_because_recording_cannot_begin(folder: Path) -> None:
    """The suite gets its driver, and is told what was not counted."""
    (folder / "madeup_first.py").write_text("", encoding="utf-8")
    recorder = Recorder(known=[MadeUpDriver("duckdb", "madeup_first", "")])

    def refuse() -> None:
        raise AssertionError("no test is running")

    recorder.on_arrival = refuse
    recorder.install()
    importlib.import_module("madeup_first")
    recorder.uninstall()
    (said,) = recorder.unseen
    assert said.startswith(
        "recording did not begin with the import of duckdb (AssertionError: no test is running)"
    )


@pytest.mark.parametrize(
    ("setting", "drivers"),
    [
        (True, NAMES),
        ("true", NAMES),
        (False, ()),
        ("false", ()),
        ([], ()),
        (["django", "sqlite3", "django"], ("django", "sqlite3")),
        ("django, sqlite3", ("django", "sqlite3")),
    ],
)
def test_the_setting_sql_names_the_drivers(setting: object, drivers: tuple[str, ...]) -> None:
    """True, false, or a list; the same as text, as from a command line."""
    assert allowed_drivers(setting, "here") == drivers


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (3, "here: unexpected 3, expected true, false or a list of drivers"),
        (["mysql"], f"here: unknown driver 'mysql', expected some of {', '.join(NAMES)}"),
    ],
)
def test_a_wrong_setting_is_refused(setting: object, message: str) -> None:
    """The message says where, what, and what was expected."""
    with pytest.raises(ConfigurationError) as caught:
        allowed_drivers(setting, "here")
    assert str(caught.value) == message


def count_one(sql: str = "SELECT 1") -> None:
    """Execute a statement, as a driver without layers below it."""
    opened = enter(SOURCE, sql)
    if opened is not None:
        opened.close(-1)


def test_a_statement_inside_another_is_not_counted(owner: Owner) -> None:
    """The outermost layer counts."""
    outer = enter(SOURCE, "SELECT 1")
    assert outer is not None
    SCOPE.set(outer.execution)
    assert enter(SOURCE, "SELECT 1 /* as the driver sees it */") is None
    SCOPE.set(outer.scope)
    outer.close(3)
    assert owner.recording is not None
    summary = owner.recording.summary()
    assert (summary.count, summary.rows) == (1, 3)


def test_a_context_copied_before_the_call_belongs_to_the_test(owner: Owner) -> None:
    """Event loops copy the context in the setup; the phase is the owner's, not the context's."""
    copied = copy_context()
    call = owner.recording = Recording()
    thread = threading.Thread(target=copied.run, args=(count_one,))
    thread.start()
    thread.join()
    assert (call.count(), call.unattributed) == (1, 0)


def test_threads_and_tasks_of_an_earlier_test_are_not_this_ones(owner: Owner) -> None:
    """What an ended test left running is said as unattributed, and so is a thread without a context."""
    earlier = Owner("an earlier test")
    begin(earlier)
    left_over = copy_context()
    end(earlier)
    left_over.run(count_one)
    thread = threading.Thread(target=count_one)
    thread.start()
    thread.join()
    assert owner.recording is not None
    assert (owner.recording.count(), owner.recording.unattributed, owner.recording.left_over) == (0, 2, 1)


def test_transaction_control_of_others_is_not_told(owner: Owner) -> None:
    """A thread without a context that begins and ends its transactions has executed one statement all the same."""
    for sql in ("BEGIN", "SAVEPOINT a", "SELECT 1", "RELEASE a", "COMMIT"):
        thread = threading.Thread(target=count_one, args=(sql,))
        thread.start()
        thread.join()
    assert owner.recording is not None
    assert owner.recording.unattributed == 1


class Told(ToldByOuter):
    """A cursor that can be told."""


@pytest.mark.parametrize("cursor", [None, Told()], ids=["by scope", "by cursor"])
def test_what_an_outer_layer_does_not_count_the_layers_below_do_not_either(owner: Owner, cursor: Any) -> None:
    """A layer says so to its cursor or to all, and takes it back, also when the statement fails."""

    def execute_below() -> None:
        if getattr(cursor, "_outer", None) is None:
            count_one()

    def fail() -> None:
        with uncounted(cursor):
            execute_below()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert owner.recording is not None
    assert owner.recording.count() == 0
    execute_below()
    assert owner.recording.count() == 1


class Unhashable(str):
    """A text that compares in its own way."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return NotImplemented


def test_a_text_that_cannot_be_hashed_counts(owner: Owner) -> None:
    """It is the statement it reads as."""
    for _ in range(2):
        count_one(Unhashable("SELECT 1"))
    assert owner.recording is not None
    assert [(use.text, use.count) for use in owner.recording.summary().uses] == [("SELECT ?", 2)]


def test_an_empty_context_in_the_tests_own_thread_is_the_tests(owner: Owner) -> None:
    """Nothing else runs there."""
    Context().run(count_one)
    assert owner.recording is not None
    assert owner.recording.count() == 1


def test_between_phases_and_without_any_test_nothing_counts(owner: Owner) -> None:
    """A test without a phase wants nothing counted, and an ended one has no say."""
    recording = owner.recording
    assert recording is not None
    owner.recording = None
    count_one()
    end(owner)
    count_one()
    assert (recording.count(), recording.unattributed) == (0, 0)


def test_a_session_inside_a_test_gives_back_the_outer_owner(owner: Owner) -> None:
    """Owners nest, as where a plugin's own tests run pytest in their process."""
    inner = Owner("an inner test")
    begin(inner)
    inner.recording = Recording()
    count_one()
    inner_recording = inner.recording
    end(inner)
    count_one()
    assert owner.recording is not None
    assert (inner_recording.count(), owner.recording.count()) == (1, 1)
