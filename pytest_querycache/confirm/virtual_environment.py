"""A virtual environment of an arm's own, which sees what the session has installed but never writes to it.

What is installed into it wins over the session's packages, which it reaches through a ``.pth`` file. Python does
not look into the ``.pth`` files of a folder that is reached that way, so their paths come from the session's own
import path, and the lines of code in them are carried over one by one, but for those that lead into the working
tree: an import hook of the user's editable installation would find the new code.
"""

from __future__ import annotations

import importlib.util
import os
import re
import site
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import ArmError

_CREATION_TIMEOUT_S = 120
_SESSION_PTH = "zzz_session_packages.pth"
_HOOKS = "_session_hooks"
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_IMPORTED = re.compile(r"\b(?:import\s+|__import__\(\s*['\"])([A-Za-z_]\w*)")

_HOOKS_TEXT = """\
\"\"\"Carries out what the .pth files of the session's packages do at the start of Python.\"\"\"

import sys


def _run(sitedir, line):  # some lines ask their caller for a variable of this name
    try:
        exec(line)
    except Exception as error:
        print(f"{{sitedir}}: {{line!r}}: {{error!r}}", file=sys.stderr)


for _place, _line in {lines!r}:
    _run(_place, _line)
"""

_PIP = """\
#!/bin/sh
exec "$(dirname "$0")/python" -m pip "$@"
"""


class VirtualEnvironment:
    """An environment in ``folder`` for the session's Python.

    ``import_path`` holds the absolute folders it has to reach beside its own; hooks that lead into ``hidden``, the
    working tree, stay behind. Raises ArmError when it cannot be made.
    """

    def __init__(self, folder: Path, import_path: Iterable[str], hidden: Path) -> None:
        self.folder = folder
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / ("python.exe" if os.name == "nt" else "python")
        reached = [place for place in import_path if Path(place).is_absolute()]
        has_pip = importlib.util.find_spec("pip") is not None
        _ask(sys.executable, "-I", "-m", "venv", *(["--without-pip"] if has_pip else []), str(folder))
        if has_pip and os.name != "nt":
            script = self.scripts / "pip"
            script.write_text(_PIP, encoding="utf-8")
            script.chmod(0o755)
        purelib = "import os, sysconfig; print(os.fsencode(sysconfig.get_path('purelib')).hex())"
        self.packages = Path(os.fsdecode(bytes.fromhex(_ask(str(self.python), "-I", "-c", purelib))))
        lines = [
            (str(place), line) for place in _site_folders(reached) for line in _hook_lines(place, hidden)
        ]
        (self.packages / f"{_HOOKS}.py").write_bytes(os.fsencode(_HOOKS_TEXT.format(lines=lines)))
        path_lines = [place for place in reached if "\n" not in place]
        (self.packages / _SESSION_PTH).write_bytes(
            b"\n".join([*map(os.fsencode, path_lines), f"import {_HOOKS}".encode(), b""])
        )

    def own_path(self) -> list[str]:
        """Where what is installed in it lies: its packages, and folders that editable installations name."""
        found = [str(self.packages)]
        for pth in sorted(self.packages.glob("*.pth")):
            if pth.name == _SESSION_PTH:
                continue
            for line in _lines(pth):
                if not line.startswith(("import ", "import\t", "#")):
                    found.append(str(self.packages / line))
        return found

    def variables(self, inherited: dict[str, str]) -> dict[str, str]:
        """Variables for a command that is to install here, whatever it would install to otherwise."""
        kept = {name: value for name, value in inherited.items() if name not in _ELSEWHERE}
        return {
            **kept,
            "VIRTUAL_ENV": str(self.folder),
            "UV_PROJECT_ENVIRONMENT": str(self.folder),
            "PATH": os.pathsep.join([str(self.scripts), kept.get("PATH", os.defpath)]),
            "PIP_USER": "0",
            "PIP_NO_INPUT": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            # the tools it imports are the user's, and so are the folders of their bytecode
            "PYTHONDONTWRITEBYTECODE": "1",
        }


_ELSEWHERE = frozenset(
    "PYTHONHOME __PYVENV_LAUNCHER__ PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON UV_SYSTEM_PYTHON UV_PYTHON "
    "UV_TARGET UV_PREFIX".split()
)
"""Variables that send what is installed somewhere else."""


def with_own_path(session: Sequence[str], own: Sequence[str]) -> list[str]:
    """An import path on which an environment's own folders come right before the session's packages."""
    first = next((i for i, place in enumerate(session) if Path(place).name in _INSTALLED), len(session))
    return [*session[:first], *own, *session[first:]]


def _site_folders(import_path: Iterable[str]) -> Iterator[Path]:
    """The folders whose ``.pth`` files Python obeys."""
    known = {site.getusersitepackages(), *site.getsitepackages()}
    for place in import_path:
        if place in known or Path(place).name in _INSTALLED:
            yield Path(place)


def _hook_lines(place: Path, hidden: Path) -> Iterator[str]:
    tree = re.compile(
        "|".join(re.escape(text) for text in {str(hidden), repr(str(hidden))[1:-1]}) + r"(?![\w.-])"
    )
    for pth in sorted(place.glob("*.pth")):
        for line in _lines(pth):
            if not line.startswith(("import ", "import\t")):
                continue
            modules = [place / f"{name}.py" for name in _IMPORTED.findall(line)]
            texts = [line, *("\n".join(_lines(module)) for module in modules)]
            if not any(tree.search(text) for text in texts):
                yield line


def _lines(file: Path) -> list[str]:
    try:
        text = os.fsdecode(file.read_bytes())
    except OSError:
        return []
    return [line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()]


def _ask(*command: str) -> str:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_CREATION_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ArmError(f"no virtual environment could be made for confirm_setup: {error}") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        reason = said[-1] if said else f"exit status {done.returncode}"
        raise ArmError(f"no virtual environment could be made for confirm_setup: {reason}")
    return done.stdout.strip()
