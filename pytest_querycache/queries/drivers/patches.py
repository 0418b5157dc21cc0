"""Attributes put in another's place, and taken back."""

from __future__ import annotations

from typing import Any


class Patches:
    """What was replaced, so that it can be restored in reverse order."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any, bool, Any]] = []

    def put(self, target: Any, name: str, replacement: Any) -> None:
        """Replace one attribute of a module or class."""
        own = name in vars(target)
        original = vars(target)[name] if own else None
        setattr(target, name, replacement)
        self._replaced.append((target, name, original, own, replacement))

    def undo(self) -> None:
        """Restore what is still ours.

        What somebody has replaced since keeps the newer value: it may call ours, which passes through.
        """
        for target, name, original, own, replacement in reversed(self._replaced):
            if vars(target).get(name) is not replacement:
                continue
            if own:
                setattr(target, name, original)
            else:
                delattr(target, name)
        self._replaced.clear()
