"""Where options, loader and manager meet."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import cast

from oslo_config.cfg import ConfigOpts

from qplug import loader
from qplug.contracts import DhcpDriver, Driver, IpamDriver, L3Driver, MacDriver, QuantumDriver
from qplug.db import connection_url
from qplug.errors import DriverStateNotShared
from qplug.manager import Chain, Manager
from qplug.manager.chain import step
from qplug.manager.context import new_request_id
from qplug.manager.elsewhere import OtherHost, OtherHosts
from qplug.model import Call, Capability, DriverNames
from qplug.store import Store


def create_manager(
    conf: ConfigOpts,
    *,
    ipam: IpamDriver | None = None,
    quantum: QuantumDriver | None = None,
    mac: MacDriver | None = None,
    l3: L3Driver | None = None,
    dhcp: DhcpDriver | None = None,
    now: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    observed: Callable[[str, BaseException | None], object] | None = None,
) -> Manager:
    """Return a manager on the configured drivers, or on the ones given instead.

    A driver given goes by the name that is configured for its kind. Nothing is opened yet but
    what the drivers' constructors open.

    :param now: the clock, in UTC and aware
    :param new_id: makes the uuids of vifs and subnets
    :param observed: is told of each call of a driver: its kind, and what it raised
    :raises DriverError: a driver is not installed, broken, or does not fit the others
    """
    store = Store(connection_url(conf), str(conf.host))
    given_functions = {"now": now, "new_id": new_id, "observed": observed}
    chain = Chain(
        conf=conf,
        store=store,
        names=DriverNames(**{kind: str(conf[kind].driver) for kind in loader.KINDS}),
        ipam=ipam or loader.load(loader.IPAM, conf.ipam.driver, conf),
        quantum=quantum or loader.load(loader.QUANTUM, conf.quantum.driver, conf),
        mac=mac or loader.load(loader.MAC, conf.mac.driver, conf),
        l3=l3 or loader.load(loader.L3, conf.l3.driver, conf),
        dhcp=dhcp or loader.load(loader.DHCP, conf.dhcp.driver, conf),
        other_hosts=_LoadedLate(conf, store) if conf.rpc.transport_url else None,
        **{name: given for name, given in given_functions.items() if given},  # type: ignore[arg-type]  # several types of callables
    )
    if not store.database.in_memory:
        _refuse_forgetful(chain, given={ipam, quantum, mac, l3, dhcp})
    return Manager(chain)


class _LoadedLate(OtherHosts):
    """Other hosts; the bus is loaded when the first of them is to be asked."""

    def __init__(self, conf: ConfigOpts, store: Store) -> None:
        self._conf = conf
        self._store = store

    @cached_property
    def _loaded(self) -> OtherHosts:
        from qplug.rpc.hosts import HostsOnBus

        return HostsOnBus(self._conf, self._store)

    def of(self, host: str) -> OtherHost:
        return self._loaded.of(host)

    def close(self) -> None:
        if "_loaded" in vars(self):
            self._loaded.close()


def remote_manager(conf: ConfigOpts) -> Manager:
    """Return a manager whose operations a service does, over the message bus.

    :raises BusNotInstalled: the packages of the bus are missing
    :raises ConfigInvalid: no bus is configured
    """
    from qplug.rpc.client import RemoteManager  # late: others start without it

    return cast("Manager", RemoteManager(conf))  # it has the same operations


def check_driver(conf: ConfigOpts, kind: str) -> str:
    """Start the configured driver of a kind, and return what it says of what is behind it.

    :raises DriverError: it is not installed, or broken
    :raises Unavailable: what is behind it does not answer
    """
    driver = loader.load(loader.KINDS[kind], conf[kind].driver, conf)
    try:
        deadline = time.monotonic() + float(conf.operation_timeout)
        call = Call(request_id=new_request_id(), now=datetime.now(UTC), deadline=deadline)
        with step(call, kind, "checking its backend"):
            return driver.check(call)
    finally:
        driver.close()


def _refuse_forgetful(chain: Chain, given: set[Driver | None]) -> None:
    """Refuse drivers that lose what the store keeps; one given by hand is its giver's business."""
    for kind in loader.KINDS:
        driver = getattr(chain, kind)
        if driver not in given and Capability.SHARED not in driver.capabilities:
            raise DriverStateNotShared(kind, getattr(chain.names, kind))
