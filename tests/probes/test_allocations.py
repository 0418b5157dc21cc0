"""The allocation counter; whatever hooks the allocators happens in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

import pytest_querycache
from pytest_querycache.probes import allocations
from pytest_querycache.probes.allocations import NetBlockCounter

needs_cpython = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="only CPython has allocators to hook"
)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

ALLOCATORS = {
    "default": {},
    "malloc": {"PYTHONMALLOC": "malloc"},
    "debug": {"PYTHONMALLOC": "debug"},
    "malloc_debug": {"PYTHONMALLOC": "malloc_debug"},
    "dev mode": {"PYTHONDEVMODE": "1"},
}

PREAMBLE = """
from pytest_querycache.probes import _allocations as native

def measured(work, span=native.Span()):
    span.start()
    work()
    span.stop()
    return span.bytes, span.blocks, span.reason

def figures(work):
    for _ in range(3):  # the first calls fill caches and free lists
        requested_bytes, blocks, reason = measured(work)
    assert reason is None, reason
    return requested_bytes, blocks

MEGABYTE = 1_000_000

def allocate_a_megabyte():
    bytes(MEGABYTE)

A_MEGABYTE = (MEGABYTE + bytes().__sizeof__(), 1)  # what figures(allocate_a_megabyte) has to be
"""

HOOKS_OF_OTHERS = """
import ctypes

class Allocator(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("ctx", "malloc", "calloc", "realloc", "free")]

MEM, OBJ = 1, 2

def top(domain):
    allocator = Allocator()
    ctypes.pythonapi.PyMem_GetAllocator(domain, ctypes.byref(allocator))
    return allocator

def put(domain, allocator):
    ctypes.pythonapi.PyMem_SetAllocator(domain, ctypes.byref(allocator))

def with_ctx(allocator, ctx):
    # CPython's own functions ignore ctx, so this works like the original and is yet another allocator
    return Allocator(ctx, allocator.malloc, allocator.calloc, allocator.realloc, allocator.free)
"""


def run(script: str, *preludes: str, env: dict[str, str] | None = None) -> str:
    """What a fresh interpreter prints while it executes the script; it has to end well and in silence."""
    outer = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV", "PYTEST"))
    }
    home = str(Path(pytest_querycache.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", "".join([PREAMBLE, *preludes, dedent(script)])],
        env={**outer, "PYTHONPATH": home, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0 or done.stderr:
        pytest.fail(f"exit status {done.returncode}\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout.strip()


@needs_cpython
class TestFigures:
    def test_known_allocations_are_counted_to_the_byte(self) -> None:
        """One object of known size is one block of that size, and a thousand of them are a thousand."""
        run("""
        native.install()
        assert figures(allocate_a_megabyte) == A_MEGABYTE, figures(allocate_a_megabyte)

        MANY = (None,) * 1000

        def allocate_for(each):
            for _ in each:
                bytes(600)

        loop, found = figures(lambda: allocate_for(())), figures(lambda: allocate_for(MANY))
        assert found[0] - loop[0] == 1000 * (600 + bytes().__sizeof__())
        assert found[1] - loop[1] == 1000
        """)

    @pytest.mark.parametrize("domain", ["PyMem_", "PyObject_"])
    def test_each_kind_of_request(self, domain: str) -> None:
        """malloc, calloc and realloc are one block of the full new size each; the RAW domain is not counted."""
        run(f"""
        import ctypes

        def function(name):
            found = getattr(ctypes.pythonapi, name)
            found.restype = ctypes.c_void_p
            return found

        def cost(domain, kind, sizes):
            request, free = function(domain + kind), function(domain + "Free")
            before = [[]] * 3
            if kind == "Realloc":
                before = [[ctypes.c_void_p(function(domain + "Malloc")(ctypes.c_size_t(40)))] for _ in before]
            got = [None] * 3
            def call():
                got[len(before) - 1] = request(*before.pop(), *sizes)
            found = figures(call)
            for block in got:
                free(ctypes.c_void_p(block))
            return found

        native.install()
        for kind, sizes, expected in [
            ("Malloc", (1100,), 1100),
            ("Calloc", (10, 70), 700),
            ("Realloc", (3000,), 3000),
            ("Realloc", (8,), 8),
        ]:
            sizes = tuple(map(ctypes.c_size_t, sizes))
            # the call through ctypes costs the same in every domain
            counted, uncounted = cost({domain!r}, kind, sizes), cost("PyMem_Raw", kind, sizes)
            assert counted[0] - uncounted[0] == expected, (kind, counted, uncounted)
            assert counted[1] - uncounted[1] == 1, (kind, counted, uncounted)
        """)

    def test_readings_allocate_nothing(self) -> None:
        """A thousand readings inside a span leave it at zero."""
        run("""
        native.install()
        inner = native.Span()
        many = (None,) * 1000
        def read():
            for _ in many:
                inner.start()
                inner.stop()
        def loop():
            for _ in many:
                pass
        assert figures(read) == figures(loop)
        """)

    def test_spans_nest_and_overlap(self) -> None:
        """Each span holds exactly what was requested between its own two readings."""
        run("""
        native.install()
        first, second, third = native.Span(), native.Span(), native.Span()
        def work():
            first.start(); allocate_a_megabyte()
            second.start(); allocate_a_megabyte()
            third.start(); allocate_a_megabyte(); third.stop()
            first.stop(); allocate_a_megabyte()
            second.stop()
        work(); work()
        size = A_MEGABYTE[0]
        assert [(s.bytes, s.blocks, s.reason) for s in (first, second, third)] == [
            (3 * size, 3, None), (3 * size, 3, None), (size, 1, None)]
        """)

    def test_a_span_can_be_used_again(self) -> None:
        """The second use knows nothing of the first, and a second stop changes nothing."""
        run("""
        native.install()
        span = native.Span()
        span.start(); allocate_a_megabyte(); span.stop()
        span.start(); allocate_a_megabyte(); span.stop()
        assert (span.bytes, span.blocks) == A_MEGABYTE
        allocate_a_megabyte()
        span.stop()
        assert (span.bytes, span.blocks, span.reason) == (*A_MEGABYTE, None)
        """)

    def test_equal_work_gives_equal_figures(self) -> None:
        """A deterministic function, warm, is counted alike every time."""
        run("""
        import ast, gc, inspect, textwrap
        source = inspect.getsource(textwrap)
        native.install()
        native.exclude_other_threads()
        gc.disable()
        def counted():
            gc.collect()
            requested_bytes, blocks, reason = measured(lambda: ast.dump(ast.parse(source)))
            assert reason is None and blocks > 1000 and requested_bytes > 100_000
            return requested_bytes, blocks
        counted(), counted()
        assert len({counted() for _ in range(5)}) == 1
        """)

    def test_totals_grow_by_what_spans_tell(self) -> None:
        """The totals are in bytes and blocks and never start over."""
        run("""
        native.install()
        before = native.totals()
        allocate_a_megabyte()
        after = native.totals()
        assert after[0] - before[0] >= A_MEGABYTE[0] and after[1] > before[1]
        native.uninstall()
        native.install()
        assert native.totals() >= after
        """)

    def test_a_request_nobody_can_meet_is_not_counted(self) -> None:
        """A test that provokes a MemoryError keeps figures that mean something."""
        run("""
        def provoke():
            try:
                bytearray(2**62)
            except MemoryError:
                pass
        native.install()
        assert figures(provoke)[0] < 10_000
        """)

    def test_a_request_of_many_gigabytes_is_counted_when_it_is_met(self) -> None:
        """Nothing is too large to be counted, as long as it was given."""
        run("""
        import ctypes
        malloc, free = ctypes.pythonapi.PyMem_Malloc, ctypes.pythonapi.PyMem_Free
        malloc.restype = ctypes.c_void_p
        native.install()
        size = ctypes.c_size_t(5 * 2**30)
        got = []
        def reserve():
            got.append(malloc(size))
            free(ctypes.c_void_p(got[-1]))
        requested_bytes, _ = figures(reserve)
        expected = size.value if got[-1] else 0
        assert expected <= requested_bytes < expected + 10_000
        """)


@needs_cpython
class TestReasons:
    def test_without_a_hook(self) -> None:
        """A span says that it was not started, not stopped, or that nothing counts."""
        run("""
        span = native.Span()
        assert span.reason == "the measurement was not started"
        span.start()
        assert span.reason == "the measurement was not stopped"
        assert (span.bytes, span.blocks) == (0, 0)
        span.stop()
        assert span.reason == "the allocation counter is not installed"
        """)

    def test_installed_or_removed_in_between(self) -> None:
        """A span that was not counted from its first moment to its last says so."""
        run("""
        def install(): native.install()
        def uninstall(): native.uninstall()
        def both(): native.uninstall(); native.install()
        assert measured(install)[2] == "the allocation counter is not installed"
        assert measured(uninstall)[2] == "the allocation counter was removed during the measurement"
        native.install()
        assert measured(both)[2] == (
            "the allocation counter was taken out and installed again during the measurement")
        """)

    def test_overflow(self) -> None:
        """Counters that passed their limit void the span, and figures stay small numbers."""
        run("""
        native.install()
        native._set_totals(2**64 - 5, 2**64 - 1)
        requested_bytes, blocks, reason = measured(allocate_a_megabyte)
        assert reason == "the counters overflowed or went backwards during the measurement"
        assert (requested_bytes, blocks) == (0, 0)
        """)

    def test_threads_changed_in_between(self) -> None:
        """A span whose threads are no longer those it began with says so."""
        run("""
        native.install()
        expected = "the threads to count were changed during the measurement"
        assert measured(native.exclude_other_threads)[2] == expected
        assert measured(native.include_all_threads)[2] == expected
        """)

    def test_read_by_a_thread_that_does_not_count(self) -> None:
        """A thread that is left out cannot measure itself, and is told so."""
        run("""
        import threading
        go, seen = threading.Event(), []
        thread = threading.Thread(target=lambda: (go.wait(), seen.append(measured(allocate_a_megabyte))))
        thread.start()
        native.install()
        native.exclude_other_threads()
        go.set()
        thread.join()
        assert seen[0][2] == "the thread that took the reading is excluded from the count"
        """)


@needs_cpython
class TestInstallation:
    def test_installing_twice_counts_once(self) -> None:
        """A second installation changes nothing, and one removal undoes both."""
        run("""
        native.install()
        native.install()
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        assert native.is_installed() and native.is_intact()
        assert native.uninstall() is True
        assert not native.is_installed() and not native.is_intact()
        assert native.uninstall() is False
        """)

    def test_removal_leaves_the_allocators_as_they_were(self) -> None:
        """After a clean removal CPython's table holds exactly what it held before."""
        run(
            """
        def table():
            return [bytes(top(domain)) for domain in (MEM, OBJ)]
        before = table()
        for _ in range(100):
            native.install()
            assert table() != before
            assert native.uninstall() is True
            assert table() == before
        """,
            HOOKS_OF_OTHERS,
        )

    def test_blocks_outlive_the_hook_in_both_directions(self) -> None:
        """What was given before, under, and after the hook can grow and be freed at any later time."""
        run("""
        import random
        choose = random.Random(7)
        kept = []
        for round in range(300):
            (native.install, native.uninstall)[round % 2]()
            for _ in range(200):
                kept.append(bytearray(choose.randrange(2000)))
                kept[choose.randrange(len(kept))].extend(bytes(choose.randrange(700)))
            choose.shuffle(kept)
            del kept[2000:]
        """)

    def test_threads_may_allocate_while_it_comes_and_goes(self) -> None:
        """Installing under fire neither crashes nor loses a block."""
        run("""
        import sys, threading
        sys.setswitchinterval(1e-6)
        stop = threading.Event()
        def fire():
            kept = []
            while not stop.is_set():
                kept.append(bytearray(300))
                kept[len(kept) // 2].extend(bytes(900))
                if len(kept) > 100:
                    del kept[::2]
        threads = [threading.Thread(target=fire) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(1500):
            native.install()
            native.exclude_other_threads()
            allocate_a_megabyte()
            native.uninstall()
        stop.set()
        for thread in threads:
            thread.join()
        """)

    @pytest.mark.parametrize("allocator", ALLOCATORS)
    def test_with_every_allocator_of_cpython(self, allocator: str) -> None:
        """Figures are the same under malloc, the debug hooks and in development mode."""
        run(
            """
        native.install()
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        kept = [bytearray(100) for _ in range(1000)]
        assert native.uninstall() is True
        for block in kept:
            block.extend(bytes(5000))
        native.install()
        del kept
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        """,
            env=ALLOCATORS[allocator],
        )

    @pytest.mark.parametrize("allocator", ALLOCATORS)
    def test_shutdown_with_the_hook_in_place(self, allocator: str) -> None:
        """An interpreter ends well with the hook on, even with a thread and tracemalloc running."""
        printed = run(
            """
        import threading, time, tracemalloc
        class Late:
            def __del__(self):
                bytes(5000)
        late = Late()
        late.itself = late
        native.install()
        native.exclude_other_threads()
        tracemalloc.start()
        def busy():
            while True:
                bytearray(100)
        threading.Thread(target=busy, daemon=True).start()
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        print("ended")
        """,
            env=ALLOCATORS[allocator],
        )
        assert printed == "ended"

    def test_imported_a_second_time(self) -> None:
        """A second copy of the module is another face of the one counter."""
        run("""
        import importlib, sys
        native.install()
        del sys.modules[native.__name__]
        again = importlib.import_module(native.__name__)
        assert again is not native and again.is_intact()
        again.install()
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        assert native.uninstall() is True and again.uninstall() is False
        """)


@needs_cpython
class TestHooksOfOthers:
    def test_tracemalloc_over_the_counter(self) -> None:
        """A tracer put over the counter voids the spans it touches, and no others."""
        run("""
        import tracemalloc
        native.install()
        assert measured(tracemalloc.start)[2] == (
            "another allocator hook was put over the allocation counter during the measurement")
        assert native.is_installed() and not native.is_intact()
        assert measured(allocate_a_megabyte)[2] == (
            "another allocator hook stands over the allocation counter")
        assert measured(tracemalloc.stop)[2] == (
            "another allocator hook stands over the allocation counter")
        assert native.is_intact()
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        """)

    def test_tracemalloc_under_the_counter(self) -> None:
        """A tracer under the counter changes no figure; its end removes the counter, which is noticed."""
        run("""
        import tracemalloc
        tracemalloc.start()
        native.install()
        assert native.is_intact()
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        assert measured(tracemalloc.stop)[2] == (
            "the allocation counter was removed during the measurement")
        assert not native.is_installed() and not native.is_intact()
        assert measured(allocate_a_megabyte)[2] == "the allocation counter is not installed"
        assert native.uninstall() is False
        native.install()
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        """)

    def test_removal_under_another_hook(self) -> None:
        """With a tracer on top the hook stays and stops counting; it can be taken out when it lies open."""
        run("""
        import tracemalloc
        native.install()
        tracemalloc.start()
        assert native.uninstall() is False
        before = native.totals()
        allocate_a_megabyte()
        assert native.totals() == before
        tracemalloc.stop()
        assert not native.is_intact()
        assert native.uninstall() is True
        """)

    def test_installing_again_over_the_hook_that_stayed(self) -> None:
        """A request that passes a forgotten hook and the new one is counted once."""
        run("""
        import tracemalloc
        native.install()
        tracemalloc.start()
        native.uninstall()
        native.install()
        assert native.is_intact()
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        """)

    @pytest.mark.parametrize("allocator", ["default", "debug", "malloc"])
    def test_every_order_of_five_steps(self, allocator: str) -> None:
        """Whatever comes and goes in whatever order: figures are exact, or there is a reason; nothing breaks."""
        printed = run(
            """
        import itertools, tracemalloc
        for _ in range(2000):
            allocate_a_megabyte()  # CPython 3.10 gives a function a cache on its 1024th call
        steps = [native.install, native.uninstall, tracemalloc.start, tracemalloc.stop]
        kept = []
        usable = 0
        for order in itertools.product(steps, repeat=5):
            for step in order:
                step()
                kept.append(bytearray(700))
                kept[len(kept) // 2].extend(bytes(900))
                requested_bytes, blocks, reason = measured(allocate_a_megabyte)
                assert (reason is None) == native.is_intact(), (order, reason)
                assert not native.is_intact() or native.is_installed()
                if reason is None:
                    assert (requested_bytes, blocks) == A_MEGABYTE, order
                    usable += 1
            if len(kept) > 500:
                del kept[::2]
        print(usable)
        """,
            env=ALLOCATORS[allocator],
        )
        assert int(printed) > 1000

    def test_a_hook_in_one_domain_is_enough(self) -> None:
        """A hook over only one of the two domains voids the figures, too."""
        run(
            """
        import gc
        for domain in (MEM, OBJ):
            native.install()
            ours = top(domain)
            put(domain, with_ctx(ours, 0x1234))
            assert native.is_installed() and not native.is_intact()
            assert measured(allocate_a_megabyte)[2] == (
                "another allocator hook stands over the allocation counter")
            assert native.uninstall() is False
            put(domain, ours)
            native.install()
            assert figures(allocate_a_megabyte) == A_MEGABYTE
            assert native.uninstall() is True
        """,
            HOOKS_OF_OTHERS,
        )

    def test_displaced_in_one_domain(self) -> None:
        """A counter that hears only one domain does not count as installed, and is made whole again."""
        run(
            """
        for domain in (MEM, OBJ):
            original = top(domain)
            native.install()
            put(domain, original)
            assert not native.is_installed()
            assert measured(allocate_a_megabyte)[2] == "the allocation counter is not installed"
            native.install()
            assert figures(allocate_a_megabyte) == A_MEGABYTE
            native.uninstall()
        """,
            HOOKS_OF_OTHERS,
        )

    def test_displaced_again_and_again(self) -> None:
        """After many displacements installing is refused with what to do, and nothing crashes."""
        run(
            """
        from pytest_querycache.errors import MeasurementError
        from pytest_querycache.probes.allocations import load
        originals = {domain: top(domain) for domain in (MEM, OBJ)}
        counter = load()
        for round in range(1, 100):
            for domain, original in originals.items():
                put(domain, with_ctx(original, 16 * round))
            try:
                counter.install()
            except MeasurementError as error:
                assert "start a new one to count again" in str(error)
                assert not counter.is_installed()
                break
            assert figures(allocate_a_megabyte) == A_MEGABYTE
        assert 5 < round < 50, round
        """,
            HOOKS_OF_OTHERS,
        )

    @pytest.mark.parametrize("order", ["over", "under"])
    def test_memray(self, order: str, tmp_path: Path) -> None:
        """The counter and memray come and go around each other."""
        pytest.importorskip("memray")
        run(f"""
        import memray, sys
        over = {order!r} == "over"
        if over:
            native.install()
        with memray.Tracker({str(tmp_path / "out.bin")!r}, trace_python_allocators=True):
            native.install()
            kept = [bytearray(800) for _ in range(1000)]
            assert native.is_intact() != over
            if over:
                assert measured(allocate_a_megabyte)[2] == (
                    "another allocator hook stands over the allocation counter")
            else:  # it follows each call, which requests a little through the counter
                assert 0 <= figures(allocate_a_megabyte)[0] - A_MEGABYTE[0] < 10_000
        for block in kept:
            block.extend(bytes(3000))
        native.uninstall()
        native.install()
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        """)


@needs_cpython
class TestThreads:
    def test_threads_of_the_test_count(self) -> None:
        """What a thread started within the span requests is part of the figures."""
        run("""
        import threading
        native.install()
        native.exclude_other_threads()
        def work():
            threads = [threading.Thread(target=allocate_a_megabyte) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        requested_bytes, _ = figures(work)
        assert 3 * MEGABYTE < requested_bytes < 3.2 * MEGABYTE, requested_bytes
        """)

    @pytest.mark.parametrize("seen_before", [True, False])
    def test_older_threads_do_not(self, seen_before: bool) -> None:
        """A thread that was there before is left out, whether it has met the counter or not, until let in."""
        run(f"""
        import threading
        todo, done = threading.Semaphore(0), threading.Semaphore(0)
        def obey():
            while True:
                todo.acquire()
                allocate_a_megabyte()
                done.release()
        threading.Thread(target=obey, daemon=True).start()
        def command():
            todo.release()
            done.acquire()
        if {seen_before}:
            native.install()
            assert figures(command)[0] > MEGABYTE
        native.install()
        native.exclude_other_threads()
        assert figures(command)[0] < 100_000
        native.exclude_other_threads()
        assert figures(command)[0] < 100_000
        native.include_all_threads()
        assert figures(command)[0] > MEGABYTE
        """)

    def test_a_recycled_ident_counts(self) -> None:
        """A new thread counts even if the system gives it the ident of one that was left out."""
        printed = run("""
        import threading
        native.install()
        for attempt in range(200):
            leave, lock = threading.Event(), threading.Event()
            old = threading.Thread(target=leave.wait)
            old.start()
            native.exclude_other_threads()
            ident = old.ident
            leave.set()
            old.join()
            new = threading.Thread(target=allocate_a_megabyte)
            requested_bytes, _, reason = measured(lambda: (new.start(), new.join()))
            assert reason is None
            assert requested_bytes > MEGABYTE
            if new.ident == ident:
                print("recycled")
                break
        """)
        if printed != "recycled":
            pytest.skip("this system did not use an ident again")

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a stream that calls back")
    def test_a_thread_of_c_code_stays_left_out(self) -> None:
        """A thread that comes into Python a second time, with a new thread state, is the same old thread."""
        run("""
        import ctypes, threading
        libc = ctypes.CDLL(None)
        transfer = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
        finish = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)

        class Functions(ctypes.Structure):
            _fields_ = [("read", transfer), ("write", transfer), ("seek", ctypes.c_void_p), ("close", finish)]

        if not hasattr(libc, "fopencookie"):
            raise SystemExit
        entered, leave = threading.Lock(), threading.Lock()
        entered.acquire()
        leave.acquire()
        visits = []

        def visit(*arguments):
            visits.append(threading.get_ident())
            allocate_a_megabyte()
            entered.release()
            leave.acquire()  # from here on the visit requests nothing, so only its first part left a mark
            return 1 if len(visits) == 1 else 0

        functions = Functions(transfer(), transfer(visit), None, finish(visit))
        libc.fopencookie.restype = ctypes.c_void_p
        libc.fopencookie.argtypes = [ctypes.c_void_p, ctypes.c_char_p, Functions]
        stream = ctypes.c_void_p(libc.fopencookie(None, b"w", functions))
        libc.fputs(b"x", stream)
        native.install()
        thread = ctypes.c_void_p()
        # fclose, run as a thread by itself, visits us twice: to write and to close
        libc.pthread_create(ctypes.byref(thread), None, ctypes.cast(libc.fclose, ctypes.c_void_p), stream)
        entered.acquire()
        native.exclude_other_threads()
        first = native.totals()[0]
        leave.release()
        entered.acquire()
        assert native.totals()[0] - first < 100_000
        leave.release()
        libc.pthread_join(thread, None)
        assert len(visits) == 2 and len(set(visits)) == 1, visits
        """)

    def test_the_caller_counts_wherever_it_runs(self) -> None:
        """Not the main thread but the one that measures is the one that counts."""
        run("""
        import threading
        native.install()
        seen = []
        def measure():
            native.exclude_other_threads()
            seen.append(figures(allocate_a_megabyte))
        thread = threading.Thread(target=measure)
        thread.start()
        thread.join()
        assert seen == [A_MEGABYTE]
        assert measured(allocate_a_megabyte)[2] == (
            "the thread that took the reading is excluded from the count")
        native.exclude_other_threads()
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        """)

    def test_a_choice_of_threads_survives_removal(self) -> None:
        """Taking the hook out and putting it back does not let the others in."""
        run("""
        import threading
        go = threading.Event()
        thread = threading.Thread(target=lambda: (go.wait(), allocate_a_megabyte()))
        thread.start()
        native.exclude_other_threads()
        native.install()
        native.uninstall()
        native.install()
        requested_bytes, _, reason = measured(lambda: (go.set(), thread.join()))
        assert reason is None and requested_bytes < 100_000
        """)


@needs_cpython
@needs_fork
class TestFork:
    def test_parent_and_child_count_on(self) -> None:
        """A span that saw a fork is void on both sides; the next ones are exact on both sides."""
        printed = run("""
        import os, sys
        native.install()
        native.exclude_other_threads()
        span = native.Span()
        span.start()
        child = os.fork()
        span.stop()
        expected = "the process forked during the measurement"
        well = span.reason == expected and figures(allocate_a_megabyte) == A_MEGABYTE and native.is_intact()
        if child == 0:
            import threading
            thread = threading.Thread(target=allocate_a_megabyte)
            thread.start()
            thread.join()
            well = well and native.uninstall()
            os._exit(0 if well else 1)
        assert well
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        print("both")
        """)
        assert printed == "both"

    def test_a_program_started_by_the_test_is_no_fork(self) -> None:
        """Running another program keeps the figures usable."""
        run("""
        import subprocess, sys
        native.install()
        figures(lambda: subprocess.run([sys.executable, "-S", "-c", ""], check=True))
        """)

    def test_fork_while_a_tracer_is_on_top(self) -> None:
        """The child of a traced parent ends well, in whatever order it takes things out."""
        run("""
        import os, tracemalloc
        native.install()
        tracemalloc.start()
        child = os.fork()
        if child == 0:
            native.uninstall()
            tracemalloc.stop()
            native.install()
            os._exit(0 if figures(allocate_a_megabyte) == A_MEGABYTE else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        """)


SUBINTERPRETERS = """
try:
    import _interpreters as interpreters
    execute = interpreters.exec
except ImportError:
    import _xxsubinterpreters as interpreters
    execute = interpreters.run_string
"""


@needs_cpython
class TestInterpreters:
    def test_others_are_refused(self) -> None:
        """An interpreter beside the main one gets an ImportError that says why."""
        printed = run(
            """
        native.install()
        other = interpreters.create()
        execute(other, '''if True:
            import os
            from pytest_querycache.errors import QueryCacheError
            try:
                from pytest_querycache.probes import _allocations
            except ImportError as error:
                text = str(error)
            else:
                text = "imported"
            os.write(1, text.encode())
        ''')
        interpreters.destroy(other)
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        """,
            SUBINTERPRETERS,
        )
        assert "interpreter" in printed
        assert "imported by the main" in printed or "does not support loading" in printed

    def test_the_face_names_the_refusal(self) -> None:
        """There, the counter is missing for a reason, like everywhere it is missing."""
        printed = run(
            """
        other = interpreters.create()
        execute(other, '''if True:
            import os
            from pytest_querycache.probes import allocations
            assert allocations.load() is None
            os.write(1, allocations.why_missing().encode())
        ''')
        interpreters.destroy(other)
        """,
            SUBINTERPRETERS,
        )
        assert printed.startswith("no native counter: ")
        assert "interpreter" in printed

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters share one GIL")
    def test_one_that_runs_beside_voids_the_figures(self) -> None:
        """As long as another interpreter is alive the counters are not trusted; afterwards they are."""
        run(
            """
        native.install()
        other = interpreters.create()
        execute(other, "kept = [bytes(n) for n in range(2000)]")
        assert measured(allocate_a_megabyte)[2] == "another interpreter was running beside the main one"
        interpreters.destroy(other)
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        """,
            SUBINTERPRETERS,
        )

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters share one GIL")
    def test_several_allocate_at_once_while_the_hook_comes_and_goes(self) -> None:
        """Interpreters with a GIL of their own allocate under the hook without harm."""
        run(
            """
        import threading
        def busy():
            other = interpreters.create()
            execute(other, "for n in range(40): kept = [bytearray(n) for n in range(2000)]")
            interpreters.destroy(other)
        threads = [threading.Thread(target=busy) for _ in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            native.install()
            allocate_a_megabyte()
            native.uninstall()
        for thread in threads:
            thread.join()
        native.install()
        assert figures(allocate_a_megabyte) == A_MEGABYTE
        """,
            SUBINTERPRETERS,
        )


@needs_cpython
class TestFace:
    def test_it_counts(self) -> None:
        """The typed face installs, measures and uninstalls."""
        run("""
        from pytest_querycache.probes.allocations import NATIVE, load, why_missing
        assert why_missing() is None
        counter = load()
        assert counter.kind == NATIVE
        counter.install()
        counter.exclude_other_threads()
        span = counter.new_span()
        assert counter.is_installed() and counter.is_intact()
        span.start(); allocate_a_megabyte(); span.stop()
        span.start(); allocate_a_megabyte(); span.stop()
        assert (span.bytes, span.blocks, span.reason) == (*A_MEGABYTE, None)
        assert counter.totals() >= A_MEGABYTE
        counter.include_all_threads()
        assert counter.uninstall() is True
        """)

    def test_importing_it_does_not_load_the_extension(self) -> None:
        """A session that measures nothing never loads the extension."""
        run("""
        import sys
        for name in [name for name in sys.modules if name.startswith("pytest_querycache")]:
            del sys.modules[name]
        from pytest_querycache.probes import allocations
        assert native.__name__ not in sys.modules
        assert allocations.load() is not None
        assert native.__name__ in sys.modules
        """)

    def test_listening_to_the_collector_can_be_subtracted(self) -> None:
        """Collections times their cost is exactly what a listener adds to the figures."""
        run("""
        import gc, time
        from pytest_querycache.probes.allocations import load
        counter = load()
        counter.install()
        counter.exclude_other_threads()
        gc.disable()
        def collect():
            for _ in range(10):
                gc.collect(0)
        def listen(phase, info, spent=[0]):
            spent[0] += time.perf_counter_ns()
        def idle(phase, info):
            pass
        def found_with(callback):
            gc.callbacks[:] = [callback]
            found = figures(collect)
            gc.callbacks.clear()
            return found
        silent = figures(collect)
        for callback in (idle, listen):
            heard, cost = found_with(callback), counter.gc_callback_cost(callback)
            assert cost.bytes > 0 and cost.blocks > 0
            assert (heard[0] - 10 * cost.bytes, heard[1] - 10 * cost.blocks) == silent, (heard, cost, silent)
        assert counter.gc_callback_cost() == counter.gc_callback_cost(idle)
        """)

    def test_learning_the_cost_disturbs_nobody(self) -> None:
        """Other listeners hear nothing of it and stay; the collector's switch stays as it was."""
        run("""
        import gc
        from pytest_querycache.probes.allocations import load
        counter = load()
        counter.install()
        heard = []
        other = lambda phase, info: heard.append(phase)
        gc.collect()
        gc.callbacks.append(other)
        for enabled in (True, False):
            (gc.enable if enabled else gc.disable)()
            alone = counter.gc_callback_cost()
            assert heard == [] and gc.callbacks == [other] and gc.isenabled() == enabled
        """)

    def test_the_cost_needs_a_counter_that_counts(self) -> None:
        """Without a hook there is no figure, and the error says so."""
        run("""
        import gc
        from pytest_querycache.errors import MeasurementError
        from pytest_querycache.probes.allocations import load
        listeners = list(gc.callbacks)
        try:
            load().gc_callback_cost()
        except MeasurementError as error:
            assert str(error) == ("the cost of a garbage collection could not be measured: "
                                  "the allocation counter is not installed")
        else:
            raise AssertionError("no error")
        assert gc.callbacks == listeners and gc.isenabled()
        """)


def test_an_extension_that_was_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extension there is no counter, and one phrase that says why."""
    monkeypatch.setitem(sys.modules, "pytest_querycache.probes._allocations", None)
    monkeypatch.setattr(sys.implementation, "name", "cpython")
    assert allocations.load() is None
    assert allocations.why_missing() == "no native counter: the extension was not built"


def test_another_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Implementations without CPython's allocators are named."""
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    assert allocations.load() is None
    assert allocations.why_missing() == "no native counter: pypy has no allocators to hook"


def clock_that_advances(*steps: int) -> Callable[[], int]:
    """A clock whose pairs of readings are apart by one step after the other, the last one for ever."""
    remaining = list(steps)
    state = {"now": 0, "within": False}

    def clock() -> int:
        if state["within"]:
            state["now"] += remaining.pop(0) if len(remaining) > 1 else remaining[0]
        state["within"] = not state["within"]
        return int(state["now"])

    return clock


class TestNetBlocks:
    def test_the_change_in_blocks_alive(self) -> None:
        """What is alive after and was not before is counted, without the reading's own integer."""
        heap = iter([500, 1_000, 1_043])
        counter = NetBlockCounter(lambda: next(heap), clock_that_advances(500))
        span = counter.new_span()
        reasons = [span.reason]
        span.start()
        reasons.append(span.reason)
        span.stop()
        assert span.blocks == 42
        assert [*reasons, span.reason] == [
            "the measurement was not started",
            "the measurement was not stopped",
            None,
        ]

    def test_blocks_freed_make_it_negative(self) -> None:
        """A stretch that frees more than it keeps has a negative figure."""
        heap = iter([500, 1_000, 900])
        span = NetBlockCounter(lambda: next(heap), clock_that_advances(500)).new_span()
        span.start()
        span.stop()
        assert span.blocks == -101
        assert span.reason is None

    def test_a_heap_too_large_to_walk(self) -> None:
        """When a reading takes over 2 µs none is taken any more, even if the heap should shrink."""
        reads: list[int] = []

        def read() -> int:
            reads.append(1)
            return 1_000

        counter = NetBlockCounter(read, clock_that_advances(2_001, 2_001, 2_001, 2_001, 2_001, 100))
        spans = [counter.new_span(), counter.new_span()]
        taken = len(reads)
        for span in spans:
            span.start()
            span.stop()
            assert span.reason == "counting the blocks alive takes too long in a process of this size"
        assert len(reads) == taken

    def test_an_interrupted_reading_proves_nothing(self) -> None:
        """One slow reading among quick ones does not switch the counter off."""
        span = NetBlockCounter(lambda: 1_000, clock_that_advances(50_000, 2_000)).new_span()
        span.start()
        span.stop()
        assert span.reason is None

    def test_an_interpreter_that_does_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without sys.getallocatedblocks there is a reason instead of a figure."""
        monkeypatch.delattr(sys, "getallocatedblocks", raising=False)
        span = NetBlockCounter().new_span()
        span.start()
        span.stop()
        assert span.reason == "this interpreter does not count its blocks"

    def test_a_stop_without_a_start(self) -> None:
        """A span that was never started has no figure, whatever is called."""
        span = NetBlockCounter(lambda: 1_000, clock_that_advances(100)).new_span()
        span.stop()
        assert span.reason == "the measurement was not started"

    @needs_cpython
    def test_on_the_real_heap(self) -> None:
        """A thousand objects kept alive are a thousand blocks, give or take the list that holds them."""
        run("""
        from pytest_querycache.probes.allocations import NET, NetBlockCounter
        counter = NetBlockCounter()
        assert counter.kind == NET
        for _ in range(3):
            span, kept = counter.new_span(), []
            span.start()
            kept.extend([bytes(300) for _ in range(1000)])
            span.stop()
            if span.reason is not None:
                break
            assert 1000 <= span.blocks < 1010
        """)
