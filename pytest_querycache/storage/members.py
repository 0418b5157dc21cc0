"""The members of an object in a run file, checked while they are taken out."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from pathlib import Path
from typing import Any, NoReturn

from ..errors import RunFileError
from ..model.quantity import is_finite


class Members:
    """The members of one object of the file; what is absent has the empty value of its kind.

    Whatever asks for a kind raises RunFileError, with the path and the member, where it finds another one.
    """

    def __init__(self, path: Path, raw: object, where: str) -> None:
        self.path = path
        if not isinstance(raw, dict):
            self.fail(f"unexpected {type(raw).__name__} in {where}, expected an object")
        self.raw: dict[str, Any] = raw
        self.where = where

    def get(self, name: str) -> Any:
        """A member as it was parsed; None where there is none."""
        return self.raw.get(name)

    def _path(self, name: str) -> str:
        return f"{self.where}.{name!r}" if self.where else repr(name)

    def _checked(self, name: str, kind: type, otherwise: Any, expected: str) -> Any:
        value = self.raw.get(name, otherwise)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.fail(f"unexpected {value!r} in {self._path(name)}, expected {expected}")
        return value

    def text(self, name: str) -> str:
        """A text."""
        return str(self._checked(name, str, "", "a text"))

    def flag(self, name: str) -> bool:
        """True or false."""
        return bool(self._checked(name, bool, False, "true or false"))

    def whole(self, name: str, otherwise: int = 0) -> int:
        """A whole number."""
        return int(self._checked(name, int, otherwise, "a whole number"))

    def number(self, name: str) -> float | None:
        """A number, None where there is none."""
        value = self.raw.get(name)
        return None if value is None else self.checked_number(value, name)

    def numbers(self, name: str) -> list[float]:
        """An array of numbers."""
        value = self.raw.get(name)
        return [] if value is None else self.checked_numbers(value, name)

    def texts(self, name: str) -> list[str]:
        """An array of texts."""
        values = self._checked(name, list, [], "an array of texts")
        if not all(isinstance(value, str) for value in values):
            self.fail(f"unexpected member in {self._path(name)}, expected texts")
        return list(values)

    def mapping(self, name: str) -> Members:
        """The members of an object within this one."""
        return Members(self.path, self.raw.get(name, {}), self._path(name))

    def objects(self, name: str) -> Iterable[Members]:
        """An array of objects."""
        values = self._checked(name, list, [], "an array of objects")
        return [Members(self.path, value, self._path(name)) for value in values]

    def each(self) -> Iterable[tuple[str, Members]]:
        """All members, which are objects themselves."""
        return ((name, Members(self.path, value, self._path(name))) for name, value in self.raw.items())

    def texts_by_name(self) -> dict[str, str]:
        """All members, which are texts."""
        return {name: self.text(name) for name in self.raw}

    def numbers_by_name(self) -> dict[str, float]:
        """All members, which are numbers."""
        return {name: self.checked_number(value, name) for name, value in self.raw.items()}

    def items(self, name: str) -> list[object]:
        """An array of anything; null stands for an empty one."""
        return self.checked_items(self.raw.get(name) or [], name)

    def checked_items(self, value: object, name: str) -> list[object]:
        """A value found under a name, as an array."""
        if not isinstance(value, list):
            self.fail(f"unexpected {value!r} in {self._path(name)}, expected an array")
        return value

    def checked_numbers(self, values: object, name: str) -> list[float]:
        """An array of numbers; null stands for what JSON cannot hold, a ratio to zero."""
        if not isinstance(values, list):
            self.fail(f"unexpected {values!r} in {self._path(name)}, expected an array of numbers")
        return [inf if value is None else self.checked_number(value, name) for value in values]

    def checked_number(self, value: object, name: str) -> float:
        """A number that a float can hold."""
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not is_finite(value):
            self.fail(f"unexpected {value!r} in {self._path(name)}, expected a number")
        return value

    def fail(self, what: str) -> NoReturn:
        """Refuse the file."""
        raise RunFileError(f"{self.path}: {what}; pytest --perf-json=FILE writes a run")
