"""What a cache may hold, and for how long: the limits, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Limits:
    """How many entries a cache keeps, how heavy together, and how long.

    ``max_size`` counts entries (0 keeps nothing), ``max_age`` is in seconds of the cache's clock (None or
    infinity: entries do not age), ``max_weight`` is in whatever unit the weigher answers (None: no limit).
    Raises ConfigurationError for anything that cannot be meant: a negative number, NaN, a bool, a text.
    """

    max_size: int
    max_age: float | None
    max_weight: int | None

    def __post_init__(self) -> None:
        _check_whole("max_size", self.max_size, expected="a whole number, 0 or more")
        if self.max_weight is not None:
            _check_whole("max_weight", self.max_weight, expected="a whole number, 0 or more, or None")
        if self.max_age is None:
            return
        if (
            isinstance(self.max_age, bool)
            or not isinstance(self.max_age, (int, float))
            or not self.max_age >= 0
        ):
            raise _refused("max_age", self.max_age, expected="seconds, 0 or more, or None for no expiry")
        if math.isinf(self.max_age):
            object.__setattr__(self, "max_age", None)


def checked_weight(weight: object) -> int:
    """Return what a weigher answered, or raise ConfigurationError when it is no weight."""
    if isinstance(weight, bool) or not isinstance(weight, int) or weight < 0:
        raise ConfigurationError(
            f"QueryCache: the weigher answered {weight!r} (expected a whole number, 0 or more)"
        )
    return weight


def checked_tags(tags: object) -> frozenset[str]:
    """Return an entry's tags as a set, or raise ConfigurationError when they are not texts.

    A bare string is refused: taken as an iterable it would become one tag for each of its letters.
    """
    if not isinstance(tags, (tuple, list, set, frozenset)) or not all(isinstance(tag, str) for tag in tags):
        raise ConfigurationError(
            f"QueryCache: tags={tags!r} (expected several texts, such as tags=('users',))"
        )
    return frozenset(tags)


def _check_whole(name: str, value: object, *, expected: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _refused(name, value, expected=expected)


def _refused(name: str, value: object, *, expected: str) -> ConfigurationError:
    return ConfigurationError(f"QueryCache: {name}={value!r} (expected {expected})")
