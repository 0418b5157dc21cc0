"""A library's source package from the package index, unpacked, with what its own tests need beside it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path


class DownloadError(Exception):
    """pip could not deliver; the message is its own."""


def fetch_source(library: str, folder: Path) -> Path:
    """Download the newest source package this Python may use, and return the folder it was unpacked into.

    Only the library itself is taken as source; what builds its metadata may come ready-made.
    """
    target = folder / "packages"
    _pip("download", "--no-deps", "--no-binary", library, "--dest", str(target), library)
    (package,) = target.glob("*.tar.gz")
    unpacked = folder / "source"
    with tarfile.open(package) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(unpacked, filter="data")
        else:
            archive.extractall(unpacked)  # a Python from before the filters came
    package.unlink()
    target.rmdir()
    (source,) = (path for path in unpacked.iterdir() if path.is_dir())
    return source


def install_beside(requirements: Sequence[str], folder: Path) -> None:
    """Install distributions into a folder of their own, so that the current environment stays what it is."""
    if requirements:
        _pip("install", "--target", str(folder), *requirements)


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise DownloadError(f"pip {arguments[0]} failed: {errors[-1] if errors else done.stderr[-400:]}")
