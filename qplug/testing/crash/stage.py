"""Where operations take place: options and drivers, which each process opens anew."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oslo_config.cfg import ConfigOpts

from qplug import loader
from qplug.api import NetworkApi
from qplug.contracts import KINDS, Driver
from qplug.db import Database, connection_url
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.store.migrations import MIGRATIONS
from qplug.testing.files import FileDhcp, FileL3, FileMac
from qplug.testing.watching import Watcher, watched

Makers = Mapping[str, Callable[[ConfigOpts], Any]]

IN_FILES: Makers = {"mac": FileMac, "l3": FileL3, "dhcp": FileDhcp}
CONFIGURED = {"ipam": "nova", "quantum": "local"}


@dataclass(frozen=True)
class Opened:
    """A manager of this process, and its drivers."""

    api: NetworkApi
    drivers: Mapping[str, Any]
    """By kind."""


class Stage:
    """A configuration with all switched on that can be, and the drivers to be used.

    :param makers: by kind; files and the drivers ``nova`` and ``local`` do the rest
    """

    def __init__(self, conf: ConfigOpts, makers: Makers) -> None:
        self.conf = conf
        self._makers = {**IN_FILES, **makers}
        self.tables = Database(connection_url(conf), MIGRATIONS)
        """The store's, as those see it who are no part of the manager."""
        for kind in CONFIGURED.keys() - makers.keys():
            self._makers[kind] = self._configured(kind, CONFIGURED[kind])
        Path(conf.state_path).mkdir(parents=True, exist_ok=True)
        conf.set_override("port_security", True, "quantum")
        conf.set_override("reuse_delay", 0, "ipam")  # what is released too early is given at once

    @contextmanager
    def opened(self, watcher: Watcher | None = None) -> Iterator[Opened]:
        """Open everything, for a watcher to see all calls of drivers if there is one."""
        drivers = {kind: self._makers[kind](self.conf) for kind in KINDS}
        seen = drivers
        if watcher is not None:
            seen = {kind: watched(driver, kind, watcher) for kind, driver in drivers.items()}
        manager = create_manager(self.conf, **seen)
        try:
            yield Opened(NetworkApi(manager, Context(is_admin=True)), drivers)
        finally:
            manager.close()

    def close(self) -> None:
        """Close what this process alone has opened."""
        self.tables.close()

    def _configured(self, kind: str, name: str) -> type[Driver]:
        """Configure a driver and return its class: to look for it takes longer than to make it."""
        self.conf.set_override("driver", name, kind)
        driver = loader.load(loader.KINDS[kind], name, self.conf)
        driver.close()
        return type(driver)
