"""Taking back what a vif has: each part is tried, whatever happens to the others."""

import logging
from functools import partial

from qplug.manager.chain import Chain, attempt, step
from qplug.manager.hosts import Hosts
from qplug.model import Call
from qplug.store import VifRecord

LOG = logging.getLogger(__name__)


class Release:
    """Port and DHCP first, then the addresses, then the MAC address."""

    def __init__(self, chain: Chain, hosts: Hosts) -> None:
        self._chain = chain
        self._hosts = hosts

    def vif(self, call: Call, record: VifRecord) -> bool:
        """Release all of a vif. Addresses that a port or DHCP may still use are held back.

        :returns: whether nothing of it is left
        """
        detached = attempt(
            f"port deallocation failed for instance {record.vif.instance_id}, "
            f"port {record.port_id}, vif {record.vif.id}",
            partial(self.port, call, record),
        )
        forgotten = attempt(
            f"DHCP update failed for instance {record.vif.instance_id}, vif {record.vif.id}",
            partial(self._hosts.forget, call, record),
        )
        if not (detached and forgotten):
            return False
        return attempt(
            f"ipam deallocation failed for instance {record.vif.instance_id}, vif {record.vif.id}",
            partial(self.addresses, call, record),
        ) and attempt(
            f"MAC deallocation failed for instance {record.vif.instance_id}, vif {record.vif.id}",
            partial(self.mac, call, record),
        )

    def port(self, call: Call, record: VifRecord) -> None:
        """Detach and delete the port, under the network's project or else the default one."""
        own = record.network.quantum_project
        default = self._chain.quantum_project(None)
        for project in dict.fromkeys([own, default]):
            if self._detached(call, project, record):
                return
        if record.port_id is not None:
            LOG.error("no port is left to deallocate for interface %s", record.vif.id)

    def _detached(self, call: Call, project: str, record: VifRecord) -> bool:
        quantum, network = self._chain.quantum, record.network
        with step(call, "quantum", "detaching the port"):
            if record.port_id is not None and quantum.detach_port(
                call, project, network.id, record.port_id
            ):
                return True
            found = quantum.port_by_attachment(call, project, network.id, record.vif.id)
            return found is not None and quantum.detach_port(call, project, network.id, found)

    def addresses(self, call: Call, record: VifRecord) -> None:
        """Take back the addresses; each rests for the configured time."""
        delay = float(self._chain.conf.ipam.reuse_delay)
        with step(call, "ipam", "deallocating addresses"):
            self._chain.ipam.deallocate(call, record.network, record.vif, reuse_delay=delay)

    def mac(self, call: Call, record: VifRecord) -> None:
        """Take back the MAC address."""
        vif = record.vif
        with step(call, "mac", "deallocating the MAC address"):
            self._chain.mac.deallocate(call, vif_id=vif.id, project_id=vif.project_id)
