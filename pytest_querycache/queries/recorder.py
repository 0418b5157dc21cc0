"""Keeps the drivers watched that the suite itself uses: from their import until the recorder is taken out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import RLock
from types import ModuleType

from ..errors import ConfigurationError
from .drivers import DRIVERS, NAMES, Driver, Undo
from .import_watch import ImportWatch


@dataclass(slots=True)
class _Installed:
    module: ModuleType
    holders: int
    undo: Undo


_INSTALLED: dict[str, _Installed] = {}
_LOCK = RLock()


class Recorder:
    """Watches drivers between ``install`` and ``uninstall``; several recorders share one set of patches.

    ``drivers`` names those that may be watched, None for all. Nothing is imported: a driver is patched when it is
    found among the imported modules, or right after the suite imports it.
    """

    def __init__(self, drivers: Iterable[str] | None = None, *, known: Iterable[Driver] = DRIVERS) -> None:
        allowed = set(NAMES if drivers is None else drivers)
        self._known = {
            driver.module: driver for driver in known if driver.name in allowed or not driver.counts
        }
        self._held: set[str] = set()
        self._watch = ImportWatch(self._known, self._arrived)
        self._is_installed = False
        self._hands_on = False
        self._failed: set[str] = set()
        self._unseen: list[str] = []
        self.on_arrival: Callable[[], object] = lambda: None
        """Called when a driver has been patched; the suite may just be importing it."""

    @property
    def active(self) -> tuple[str, ...]:
        """The names of the drivers that are watched now."""
        return tuple(
            dict.fromkeys(
                driver.name
                for module, driver in self._known.items()
                if driver.counts and module in self._held
            )
        )

    @property
    def is_active(self) -> bool:
        """Whether any driver is watched so far."""
        return bool(self._held) and any(self._known[module].counts for module in tuple(self._held))

    @property
    def unseen(self) -> list[str]:
        """In sentences, what is not counted: drivers that could not be patched, connections from before, classes."""
        noticed = (text for module in sorted(self._held) for text in self._known[module].noticed())
        return list(dict.fromkeys([*self._unseen, *noticed]))

    def install(self) -> None:
        """Patch the drivers that are imported, and wait for the others."""
        if not self._is_installed:
            self._is_installed = True
            self._watch.start()
        self.look()

    def look(self) -> None:
        """Patch what has been imported past the watch, as by somebody else's import hook; a few look-ups."""
        if not self._is_installed:
            return
        for name in self._known:
            module = sys.modules.get(name)
            if module is None or _is_being_imported(module):
                continue
            if name not in self._held or _INSTALLED[name].module is not module:
                self._arrived(name, module)

    def hand_on(self) -> None:
        """Patch also what hands on whose statements they are; done by itself once there is a driver to execute any.

        Many suites have anyio, which a plugin of pytest's imports, and no database: they do not pay for this.
        """
        if not self._hands_on:
            self._hands_on = True
            self.look()

    def uninstall(self) -> None:
        """Restore every driver that no other recorder watches."""
        self._is_installed = False
        self._watch.stop()
        with _LOCK:
            self._unseen = self.unseen
            for name in self._held:
                installed = _INSTALLED[name]
                installed.holders -= 1
                if not installed.holders:
                    del _INSTALLED[name]
                    installed.undo()
            self._held.clear()

    def _arrived(self, name: str, module: ModuleType) -> None:
        driver = self._known[name]
        if not (driver.counts or self._hands_on):
            return
        with _LOCK:
            if driver.name in self._failed:
                return
            if name in self._held:
                self._arrived_again(driver, module, _INSTALLED[name])
                return
            installed = _INSTALLED.get(name)
            if installed is None:
                undo = self._patched(driver, module)
                if undo is None:
                    return
                self._unseen += driver.unseen(module)
                installed = _INSTALLED[name] = _Installed(module, 0, undo)
            installed.holders += 1
            self._held.add(name)
        if driver.counts:
            self.hand_on()
            self._tell_of_arrival(driver)

    def _tell_of_arrival(self, driver: Driver) -> None:
        try:
            self.on_arrival()
        except Exception as error:
            # the suite is in the middle of its import, which must not fail for our sake
            self._unseen.append(
                f"recording did not begin with the import of {driver.name} ({type(error).__name__}: {error}); "
                "statements of the test that imported it are not counted"
            )

    def _arrived_again(self, driver: Driver, module: ModuleType, installed: _Installed) -> None:
        """Patch anew what was reloaded, or imported again after somebody had emptied ``sys.modules``."""
        installed.undo()
        undo = self._patched(driver, module)
        installed.module, installed.undo = module, undo or (lambda: None)

    def _patched(self, driver: Driver, module: ModuleType) -> Callable[[], None] | None:
        try:
            return driver.install(module)
        except (AttributeError, ImportError, TypeError) as error:
            # a version of the driver that looks different: the suite must go on, and is told
            version = getattr(module, "__version__", "")
            self._failed.add(driver.name)
            named = f"{driver.name} {version}".strip()
            self._unseen.append(f"{named} cannot be watched ({error}); its statements are not counted")
            return None


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def allowed_drivers(setting: object, where: str) -> tuple[str, ...]:
    """The drivers that the configuration's ``sql`` allows: all for true, none for false, or those of a list.

    Text is taken as from a command line: ``true``, ``false``, or names with commas. Raises ConfigurationError.
    """
    if isinstance(setting, str):
        words = {"true": True, "false": False}
        setting = words.get(setting.strip().lower(), [name.strip() for name in setting.split(",")])
    if isinstance(setting, bool):
        return NAMES if setting else ()
    if not isinstance(setting, list):
        raise ConfigurationError(
            f"{where}: unexpected {setting!r}, expected true, false or a list of drivers"
        )
    unknown = [name for name in setting if name not in NAMES]
    if unknown:
        raise ConfigurationError(
            f"{where}: unknown driver {unknown[0]!r}, expected some of {', '.join(NAMES)}"
        )
    return tuple(dict.fromkeys(setting))
