"""The installed distributions, which decide with the code under test what a test costs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..model.environment import WORKING_TREE


def installed_distributions(*, rootdir: Path | None = None, project: str = "") -> dict[str, str]:
    """Name and version of everything installed, the first found of each name, as the import system would.

    What is under test itself has no version but WORKING_TREE: the distribution called ``project``, and those that
    were installed from a folder in ``rootdir``. A version that is derived from the commit says nothing that the
    commit does not say, and changes with each.

    Read from the names of the metadata folders, which the recording format lays down as name-version
    (packaging.python.org, "Recording installed projects"); opening each folder's metadata takes a hundred times
    as long.
    """
    found: dict[str, str] = {}
    own = _normalised(project)
    root = rootdir.resolve() if rootdir is not None else None
    for folder, name in _metadata_folders():
        stem, _, kind = name.rpartition(".")
        distribution, _, version = stem.partition("-")
        key = distribution.lower().replace("_", "-")
        if key in found:
            continue
        is_own = _normalised(distribution) == own
        if root is not None and kind == "dist-info" and not is_own:
            is_own = _is_installed_from(root, Path(folder, name))
        found[key] = WORKING_TREE if is_own else version.partition("-")[0]
    return dict(sorted(found.items()))


def _metadata_folders() -> Iterator[tuple[str, str]]:
    for folder in sys.path:
        try:
            names = os.listdir(folder or os.curdir)  # noqa: PTH208 (a Path for each of thousands is slow)
        except OSError:
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                yield folder or os.curdir, name


def _is_installed_from(root: Path, metadata: Path) -> bool:
    """Whether a distribution was installed from a folder in the root, editable or not.

    Installers note it in ``direct_url.json`` (packaging.python.org, "Recording the Direct URL Origin").
    """
    try:
        origin = json.loads((metadata / "direct_url.json").read_bytes())
        parts = urlsplit(origin["url"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    if parts.scheme != "file" or "dir_info" not in origin:
        return False
    folder = Path(unquote(parts.path)).resolve()
    return folder == root or root in folder.parents


def _normalised(name: str) -> str:
    """A name as packaging.python.org, "Names and normalization", compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
