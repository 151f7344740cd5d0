"""MAC addresses for vifs."""

from abc import abstractmethod

from netaddr import EUI

from qplug.contracts.base import Driver
from qplug.model import Call


class MacDriver(Driver):
    """Gives MAC addresses. The store sees to it that no two vifs have the same.

    A driver with ``Capability.STATELESS`` keeps no record of what it gave: it is asked for a
    further address when one is taken, and giving back does nothing.
    """

    API = (1, 0)

    @abstractmethod
    def allocate(self, call: Call, *, vif_id: str, instance_id: str, project_id: str) -> EUI:
        """Return a MAC address for a vif: unicast, and not all zero.

        A driver that keeps records gives the same vif the same address again.

        :raises Exhausted: none is left

        Source: ``create_vif`` and ``generate_mac_address`` in Nova 2012.
        """

    @abstractmethod
    def deallocate(self, call: Call, *, vif_id: str, project_id: str) -> None:
        """Take back the address of a vif; having given none is no error."""
