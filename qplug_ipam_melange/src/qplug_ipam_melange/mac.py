"""The MAC driver ``melange``."""

from contextlib import suppress

from netaddr import EUI
from oslo_config import cfg

from qplug.contracts import ApiRange, MacDriver
from qplug.errors import NoMoreMacs, QplugError
from qplug.http.errors import ServiceFailed, ServiceRefused
from qplug.model import Call, Capability, mac_address
from qplug_ipam_melange import refusals, wire
from qplug_ipam_melange.errors import InterfaceTaken, NoMacRange
from qplug_ipam_melange.options import GROUP, OPTS
from qplug_ipam_melange.session import Melange

NAME = "melange"


class MelangeMac(MacDriver):
    """MAC addresses out of the ranges of a Melange server; options in ``[ipam_melange]``."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SHARED})

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        conf.register_opts(OPTS, group=GROUP)
        self._melange = Melange(conf[GROUP])

    def check(self, call: Call) -> str:
        """Count the ranges.

        :raises NoMacRange: there is none
        """
        ranges = self._melange.get(call, wire.MAC_RANGES)["mac_address_ranges"]
        if not ranges:
            raise NoMacRange(self._melange.url)
        return f"Melange at {self._melange.url} has {len(ranges)} range(s) of MAC addresses"

    def allocate(self, call: Call, *, vif_id: str, instance_id: str, project_id: str) -> EUI:
        """Make the vif's interface, which takes a MAC address of the first range with room."""
        words = {"id": vif_id, "tenant_id": project_id, "device_id": instance_id}
        try:
            made = self._melange.post(call, wire.INTERFACES, {"interface": words})
        except ServiceRefused as error:
            if refusals.interface_exists(error.detail):
                return self._known(call, vif_id, project_id)
            self._clear(call, vif_id)
            raise (NoMoreMacs(NAME) if error.status == 422 else error) from error
        except ServiceFailed:
            self._clear(call, vif_id)
            raise
        return self._mac(call, vif_id, made)

    def deallocate(self, call: Call, *, vif_id: str, project_id: str) -> None:
        """Delete the vif's interface, and with it all addresses that it may still hold."""
        try:
            self._melange.delete(call, wire.interface_path(vif_id))
        except ServiceRefused as error:
            if not refusals.no_interface(error.detail):
                raise

    def close(self) -> None:
        """Close the connections."""
        self._melange.close()

    def _known(self, call: Call, vif_id: str, project_id: str) -> EUI:
        """Return what an interface has that is there already."""
        path = wire.tenant_path(project_id, "interfaces", vif_id)
        try:
            found = self._melange.get(call, path)
        except ServiceRefused as error:
            if refusals.no_interface(error.detail):
                raise InterfaceTaken(vif_id, project_id) from error
            raise
        return self._mac(call, vif_id, found)

    def _mac(self, call: Call, vif_id: str, answer: wire.Json) -> EUI:
        """Return the MAC address of an interface; where there is no range Melange made it without.

        Such a one may be left of an earlier try, so it is deleted as well.
        """
        text = answer["interface"]["mac_address"]
        if text is None:
            self._clear(call, vif_id)
            raise NoMoreMacs(NAME)
        return mac_address(text)

    def _clear(self, call: Call, vif_id: str) -> None:
        """Delete the interface that Melange leaves behind whatever goes wrong after making it."""
        with suppress(QplugError):
            self.deallocate(call, vif_id=vif_id, project_id="")
