"""What every part of the manager works with."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.contracts import (
    DhcpDriver,
    HostPorts,
    IpamDriver,
    L3Driver,
    MacDriver,
    QuantumDriver,
)
from qplug.errors import (
    DeadlineExceeded,
    DriverFailed,
    DriversChanged,
    NotSupported,
    QplugError,
)
from qplug.manager.elsewhere import OtherHosts
from qplug.model import Call, Capability, DriverNames, Network
from qplug.store import Store

LOG = logging.getLogger(__name__)

UNDO_TIME = 15.0
"""Seconds that each part of a clean-up has at least, even when its operation's time is over."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """The drivers in use with the store, the options and what tests replace."""

    conf: ConfigOpts
    store: Store
    names: DriverNames
    ipam: IpamDriver
    quantum: QuantumDriver
    mac: MacDriver
    l3: L3Driver
    dhcp: DhcpDriver
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = lambda: str(uuid4())
    other_hosts: OtherHosts | None = None
    """Where there is a bus to ask them over."""
    observed: Callable[[str, BaseException | None], object] = lambda *_: None
    """Is told of each call of a driver: its kind, and what it raised."""

    def call(self, request_id: str, seconds: float | None = None) -> Call:
        """Return the start of an operation, with the deadline that the options give it.

        :param seconds: how long its caller waits, if that is less
        """
        timeout = float(self.conf.operation_timeout)
        if seconds is not None:
            timeout = min(timeout, max(0.0, seconds))
        deadline = time.monotonic() + timeout
        return Call(
            request_id=request_id, now=self.now(), deadline=deadline, observed=self.observed
        )

    def overtime(self, call: Call) -> Call:
        """Return the same operation with time for a part of its clean-up, from now on."""
        deadline = max(call.deadline, time.monotonic() + UNDO_TIME)
        return replace(call, deadline=deadline)

    @property
    def serves_dhcp(self) -> bool:
        """Whether DHCP is on."""
        return Capability.SERVES in self.dhcp.capabilities

    @property
    def ports(self) -> HostPorts | None:
        """The L3 driver, if it connects vifs on this host."""
        return self.l3 if isinstance(self.l3, HostPorts) else None

    def quantum_project(self, project_id: str | None) -> str:
        """Return the project that stands in Quantum for an owner, or for nobody."""
        return project_id or str(self.conf.quantum.default_project)

    def refuse_other_drivers(self, network: Network) -> None:
        """Refuse a network that other drivers than the configured ones serve.

        :raises DriversChanged: it was made with another driver
        """
        for kind in ("ipam", "quantum", "mac", "l3", "dhcp"):
            recorded, configured = getattr(network.drivers, kind), getattr(self.names, kind)
            if recorded != configured:
                raise DriversChanged(network.label, kind, recorded, configured)

    def refuse_choice(self, wanted: Sequence[IPAddress]) -> None:
        """Refuse addresses asked for by name of a driver that may give others instead.

        :raises NotSupported: the IPAM driver is such a one
        """
        if wanted and Capability.CHOSEN_ADDRESS not in self.ipam.capabilities:
            raise NotSupported("choice of addresses", "ipam", self.names.ipam)

    def close(self) -> None:
        """Give everything back."""
        if self.other_hosts is not None:
            self.other_hosts.close()
        for part in (self.dhcp, self.l3, self.mac, self.quantum, self.ipam, self.store):
            part.close()


@contextmanager
def step(call: Call, kind: str, doing: str) -> Iterator[None]:
    """Call a driver inside of this: in time, and with its surprises in our words.

    :raises DeadlineExceeded: there is no time left to begin
    :raises DriverFailed: the driver raised what no contract allows; the cause is chained
    """
    if not call.remaining():
        raise DeadlineExceeded(doing)
    LOG.debug("%s %s: %s", call.request_id, kind, doing)
    begun = time.monotonic()
    raised: BaseException | None = None
    try:
        yield
    except QplugError as error:
        raised = error
        raise
    except Exception as error:  # a driver is foreign code: whatever it raises must be named
        raised = error
        raise DriverFailed(kind, doing, f"{type(error).__name__}: {error}") from error
    finally:
        call.observed(kind, raised)
        LOG.debug("%s %s: %s took %.3f s", call.request_id, kind, doing, time.monotonic() - begun)
