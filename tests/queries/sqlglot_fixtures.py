"""sqlglot's own statements, from its source package, for tests that want thousands of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import sqlglot


def statements(folder: Path) -> list[str]:
    """Return the statements of sqlglot's fixture files; skip the test when its source package is out of reach."""
    found: dict[str, None] = {}
    with tarfile.open(_source_package(folder)) as archive:
        for member in archive:
            if "/tests/fixtures/" in member.name and member.name.endswith(".sql"):
                file = archive.extractfile(member)
                assert file is not None
                text = file.read().decode("utf-8")
                lines = text.splitlines() if member.name.endswith("identity.sql") else _blocks(text)
                found.update(dict.fromkeys(filter(None, map(str.strip, lines))))
    return list(found)


def _blocks(text: str) -> list[str]:
    """Split a fixture file into statements; lines that begin with a dash or a hash are its own notes."""
    blocks: list[str] = []
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(("-", "#")):
            continue
        lines.append(line)
        if line.rstrip().endswith(";"):
            blocks.append("\n".join(lines))
            lines = []
    return blocks


def _source_package(folder: Path) -> Path:
    version = getattr(sqlglot, "__version__", "")
    target = folder / f"sqlglot-{version}.tar.gz"
    if target.exists():
        return target
    # A folder of this process's own: two workers may download at once, and renaming is atomic.
    own = folder / f"download-{os.getpid()}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += [
        "--no-binary",
        ":all:",
        "--no-deps",
        "--retries",
        "1",
        "--dest",
        str(own),
        f"sqlglot=={version}",
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=180)
        next(own.glob("sqlglot-*.tar.gz")).replace(target)
    except (OSError, subprocess.SubprocessError, StopIteration) as error:
        reason = str(getattr(error, "stderr", None) or error).strip().splitlines() or ["no reason given"]
        pytest.skip(f"sqlglot's source package {version} could not be downloaded: {reason[-1][:200]}")
    return target
