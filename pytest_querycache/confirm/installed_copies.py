"""Copies of the project among the installed packages, which an arm would import instead of the code beside it.

Installers record where a package came from (``direct_url.json``, PEP 610), so a copy made from this working tree,
or from a file that was built in it, can be told from everybody else's packages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

_MODULES = (".py", ".so", ".pyd")


def installed_copies(top: Path) -> list[Path]:
    """The packages and modules that were installed as copies from a working tree."""
    found: set[Path] = set()
    for distribution in distributions():
        if _is_copy_from(top, distribution):
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


def _importable(distribution: Distribution) -> Iterable[Path]:
    """What can be imported from a distribution: its outermost packages, and modules that lie in none."""
    files = [PurePosixPath(file) for file in distribution.files or () if file.suffix in _MODULES]
    packages = {file.parent for file in files if file.name == "__init__.py"}
    for file in files:
        outermost = next((parent for parent in reversed(file.parents) if parent in packages), file)
        if ".." not in outermost.parts:
            yield Path(str(distribution.locate_file(str(outermost)))).resolve()
