"""Classes that count, made for the classes of a project's own that a library is asked to make things of."""

from __future__ import annotations

from typing import Any, cast


class CountingClasses:
    """The counting class for each class of connections or cursors that is asked for.

    ``noticed`` takes a sentence for every class that cannot be made to count.
    """

    def __init__(self, library_class: type[Any], counting_class: type[Any], noticed: dict[str, None]) -> None:
        self._library_class = library_class
        self._counting_class = counting_class
        self._noticed = noticed
        self._known: dict[type[Any], type[Any]] = {
            library_class: counting_class,
            counting_class: counting_class,
        }

    def __call__(self, factory: Any) -> Any:
        known = self._known.get(factory) if isinstance(factory, type) else factory
        if known is None:
            known = self._known[factory] = self._new(factory)
        return known

    def _new(self, base: type[Any]) -> type[Any]:
        if not issubclass(base, self._library_class) or issubclass(base, self._counting_class):
            return base
        attributes = {
            "__module__": base.__module__,
            "__qualname__": base.__qualname__,
            "__doc__": base.__doc__,
            "__slots__": (),
        }
        bases = (_Unannounced, base, self._counting_class)
        try:
            kind: type[Any] = cast(Any, type(base))(base.__name__, bases, attributes)
            return kind
        except Exception as error:
            # a metaclass or a layout of its own that admits no second base: the suite must go on, and is told
            named = f"{base.__module__}.{base.__qualname__}"
            self._noticed[f"statements of the class {named} are not counted: {error}"] = None
            return base


class _Unannounced:
    """Keeps a class of ours from ``__init_subclass__`` of a project's, which may register it, or ask for keywords."""

    __slots__ = ()

    def __init_subclass__(cls, **named: Any) -> None:
        if _Unannounced not in cls.__bases__:
            super().__init_subclass__(**named)
