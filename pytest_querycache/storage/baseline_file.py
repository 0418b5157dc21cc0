"""The baseline file: read, and replaced under a lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import BaselineError
from ..model.baseline import Baseline
from .baseline_reader import parse_baseline
from .baseline_text import write_baseline
from .lock import exclusive
from .replace import replace_text


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file; raises BaselineError with the next step when there is none or it is unreadable."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BaselineError(f"{path}: no baseline yet; pytest --perf-update records one") from None
    except UnicodeDecodeError as error:
        raise BaselineError(
            f"{path}: not a text in UTF-8 ({error.reason} at byte {error.start}); "
            "restore it from the repository, or delete it, and pytest --perf-update writes a new one"
        ) from None
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    return parse_baseline(text, path)


def read_or_empty(path: Path) -> Baseline:
    """The baseline in a file, or one without sections where the file does not exist yet."""
    return read_baseline(path) if path.exists() else Baseline()


def update_baseline(path: Path, change: Callable[[Baseline], None]) -> None:
    """Read the file as it is now, change what was read, and replace the file: all under its lock.

    Two updaters therefore lose nothing of each other. Raises BaselineError when the old file is unreadable or
    the new one cannot be written; the old file is then untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # the file that a link leads to is the one that others lock and replace
        with exclusive(Path(os.path.realpath(path))):
            baseline = read_or_empty(path)
            change(baseline)
            text = write_baseline(baseline)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                replace_text(path, text)
    except OSError as error:
        raise BaselineError(
            f"{path}: the baseline cannot be written ({error.strerror}); the old file is untouched"
        ) from None
