"""Copies of the project among the installed packages, which an arm would import instead of the code beside it.

Installers record where a package came from (``direct_url.json``, PEP 610), so a copy made from this working tree,
or from a file that was built in it, can be told from everybody else's packages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

_MODULES = (".py", ".so", ".pyd")


def installed_copies(top: Path, project: str = "") -> list[Path]:
    """The packages and modules that were installed as copies from a working tree.

    ``project`` is the name of the project itself, by which a copy is told that came from an index or a wheel.
    """
    found: set[Path] = set()
    for distribution in distributions():
        if _is_copy_from(top, distribution) or (project and _is_copy_of(project, top, distribution)):
            found.update(_importable(distribution))
    return sorted(found)


def _is_copy_from(top: Path, distribution: Distribution) -> bool:
    text = distribution.read_text("direct_url.json")
    if text is None:
        return False
    try:
        record = json.loads(text)
        url, editable = urlsplit(record["url"]), record.get("dir_info", {}).get("editable", False)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    if url.scheme != "file" or editable:
        return False
    return Path(url2pathname(url.path) if not url.netloc else unquote(url.path)).resolve().is_relative_to(top)


def _is_copy_of(project: str, top: Path, distribution: Distribution) -> bool:
    name = distribution.metadata["Name"] or ""
    if _normal(name) != _normal(project):
        return False
    place = Path(str(distribution.locate_file(""))).resolve()
    in_tree = place.is_relative_to(top) and "site-packages" not in place.parts
    return not in_tree and not _is_editable(distribution)


def _normal(name: str) -> str:
    """A distribution's name as installers compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_editable(distribution: Distribution) -> bool:
    try:
        record = json.loads(distribution.read_text("direct_url.json") or "{}")
        return bool(record.get("dir_info", {}).get("editable", False))
    except (ValueError, AttributeError):
        return False


def _importable(distribution: Distribution) -> Iterable[Path]:
    """What can be imported from a distribution: its outermost packages, and modules that lie in none."""
    files = [PurePosixPath(file) for file in distribution.files or () if file.suffix in _MODULES]
    packages = {file.parent for file in files if file.name == "__init__.py"}
    for file in files:
        outermost = next((parent for parent in reversed(file.parents) if parent in packages), file)
        if ".." not in outermost.parts:
            yield Path(str(distribution.locate_file(str(outermost)))).resolve()
