"""Taking back what a vif has: each part is tried, whatever happens to the others."""

import logging
from dataclasses import replace
from functools import partial

from qplug.manager.chain import Chain, attempt, step
from qplug.manager.hosts import Hosts
from qplug.model import Call
from qplug.store import VifRecord

LOG = logging.getLogger(__name__)


class Release:
    """Port and DHCP first, then the addresses, then the MAC address.

    Each part has time of its own, be the operation's over or not, and finding nothing is quiet.
    """

    def __init__(self, chain: Chain, hosts: Hosts) -> None:
        self._chain = chain
        self._hosts = hosts

    def vif(self, call: Call, record: VifRecord) -> VifRecord | None:
        """Release all of a vif, and return what is left of it.

        Its addresses are held while its port or DHCP may use them, and its MAC address longest,
        as addresses may be derived from it.
        """
        instance, vif = record.vif.instance_id, record.vif.id
        if not attempt(
            f"instance {instance}, vif {vif}: not released",
            partial(self._chain.refuse_other_drivers, record.network),
        ):
            return record
        detached = attempt(
            f"port deallocation failed for instance {instance}, port {record.port_id}, vif {vif}",
            partial(self.port, call, record),
        )
        forgotten = attempt(
            f"DHCP update failed for instance {instance}, vif {vif}",
            partial(self.dhcp, call, record),
        )
        if not (detached and forgotten) or not attempt(
            f"ipam deallocation failed for instance {instance}, vif {vif}",
            partial(self.addresses, call, record),
        ):
            return record
        given_back = attempt(
            f"MAC deallocation failed for instance {instance}, vif {vif}",
            partial(self.mac, call, record),
        )
        return None if given_back else replace(record, allocations=())

    def port(self, call: Call, record: VifRecord) -> None:
        """Detach and delete the port, under the network's project or else the default one."""
        late, own = self._chain.overtime(call), record.network.quantum_project
        for project in dict.fromkeys([own, self._chain.quantum_project(None)]):
            if self._detached(late, project, record):
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

    def dhcp(self, call: Call, record: VifRecord) -> None:
        """Have DHCP answer the vif no longer."""
        self._hosts.forget(self._chain.overtime(call), record)

    def addresses(self, call: Call, record: VifRecord) -> None:
        """Take back the addresses; each rests for the configured time."""
        late, delay = self._chain.overtime(call), float(self._chain.conf.ipam.reuse_delay)
        with step(late, "ipam", "deallocating addresses"):
            self._chain.ipam.deallocate(late, record.network, record.vif, reuse_delay=delay)

    def mac(self, call: Call, record: VifRecord) -> None:
        """Take back the MAC address."""
        late, vif = self._chain.overtime(call), record.vif
        with step(late, "mac", "deallocating the MAC address"):
            self._chain.mac.deallocate(late, vif_id=vif.id, project_id=vif.project_id)
