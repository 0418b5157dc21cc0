"""Notices that the suite imports a module, without importing anything itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, cast


class ImportWatch:
    """Calls ``arrived`` with each watched module right after it was executed, again when it is reloaded.

    A finder at the head of ``sys.meta_path``: it lets the others find the module, and stands in for its loader
    until it was executed. Everything it does is undone by ``stop``.
    """

    def __init__(self, names: Iterable[str], arrived: Callable[[str, ModuleType], None]) -> None:
        self._awaited = set(names)
        self._looking: set[str] = set()
        self._arrived = arrived

    def start(self) -> None:
        """Begin to watch."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """End watching."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find nothing but what is awaited, and that through the other finders."""
        if fullname not in self._awaited or fullname in self._looking:
            return None
        self._looking.add(fullname)
        try:
            spec = find_spec(fullname)
        finally:
            self._looking.discard(fullname)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            # a stand-in, which import machinery asks for no more than a loader's methods
            spec.loader = cast(Loader, _TellingLoader(spec.loader, self._executed))
        return spec

    def _executed(self, module: ModuleType) -> None:
        self._arrived(module.__name__, module)


class _TellingLoader:
    """Passes everything on to the real loader, and puts it back in its place once the module was executed."""

    def __init__(self, loader: Any, executed: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._executed = executed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to the real loader."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module as its real loader does, then tell."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._executed(module)
