"""Where a project stands in the repository that a pipeline checked out; services want files' paths from there."""

from __future__ import annotations

from pathlib import Path


def folder_in_checkout(root: Path, checkout: str) -> str:
    """A project's folder relative to the checkout's, empty where it is the same, or where there is no checkout."""
    if not checkout:
        return ""
    try:
        folder = root.resolve().relative_to(Path(checkout).resolve()).as_posix()
    except ValueError:
        return ""
    return "" if folder == "." else folder
