"""Releasing once more what was taken over: a driver's last call may have come through since."""

from collections.abc import Callable
from functools import partial

from netaddr import EUI

from qplug.errors import NetworkNotFound
from qplug.manager.chain import Chain, step
from qplug.manager.release import Release
from qplug.manager.undo import postponed
from qplug.model import Call, Network, Vif, mac_address
from qplug.store import Tombstone, VifRecord

Settle = Callable[[Call, str], None]
"""Makes all agree about the active instance or network of that id."""


class LateWrites:
    """Goes through tombstones. What is there by right is settled instead of released."""

    def __init__(
        self, chain: Chain, release: Release, settle_instance: Settle, settle_network: Settle
    ) -> None:
        self._chain = chain
        self._store = chain.store
        self._release = release
        self._settle_instance = settle_instance
        self._settle_network = settle_network

    def release(self, call: Call, key: str) -> str | None:
        """Release one thing once more, and return why something is left of it.

        :raises InstanceInTransition: somebody does so by now
        Any other error is recorded with it.
        """
        with postponed(partial(self._postpone, call)) as taken:
            stone = self._store.tombstones.take(call, key, taken.append)
            if stone is None:
                return None
            failures: list[str] = []
            again = {"vif": self._vif, "network": self._network}[stone.kind]
            again(call, stone, failures)
            failure = next(iter(failures), None)
            if failure is None and stone.final:
                self._store.tombstones.remove(self._chain.overtime(call), stone)
            else:
                self._postpone(call, stone, failure)
        return failure

    def _postpone(self, call: Call, stone: Tombstone, failure: str | None) -> None:
        self._store.tombstones.postpone(self._chain.overtime(call), stone, failure)

    def forget(self, call: Call, key: str) -> None:
        """Release it no more.

        :raises InstanceInTransition: somebody does so just now
        """
        stone = self._store.tombstones.take(call, key)
        if stone is not None:
            self._store.tombstones.remove(call, stone)

    def _vif(self, call: Call, stone: Tombstone, failures: list[str]) -> None:
        instance_id, network_id = stone.details["instance_id"], stone.details["network_id"]
        owner = self._store.instances.get(call, instance_id)
        if owner is not None and any(one.vif.id == stone.id for one in owner.vifs):
            if owner.state != "deleting":  # else it is released with the instance
                self._settle_instance(call, instance_id)
            return
        vif = Vif(
            id=stone.id,
            network_id=network_id,
            instance_id=instance_id,
            project_id=stone.details["project_id"],
            mac=mac_address(EUI(stone.details["mac"])),
        )
        network = self._network_with_id(call, network_id)
        gone = VifRecord(
            vif=vif,
            network=network or self._placeholder(network_id, stone),
            port_id=stone.details["port_id"],
        )
        if network is not None:
            self._release.vif(call, gone, failures)
            self._release.gateway(call, network)
        else:
            self._release.port(call, gone)
            self._release.mac(call, gone)

    def _network(self, call: Call, stone: Tombstone, failures: list[str]) -> None:
        if self._network_with_id(call, stone.id) is not None:
            self._settle_network(call, stone.id)
            return
        gone = self._placeholder(stone.id, stone)
        self._release.subnets(call, gone)
        with step(call, "l3", "disabling NAT"):
            self._chain.l3.disable_nat(call, gone)
        self._release.network(call, gone)

    def _network_with_id(self, call: Call, network_id: str) -> Network | None:
        try:
            return self._store.networks.find(call, network_id, hidden=True)
        except NetworkNotFound:
            return None

    def _placeholder(self, network_id: str, stone: Tombstone) -> Network:
        """Return enough of a network that is gone to look for what came after it."""
        return Network(
            id=network_id,
            label=stone.details["label"],
            project_id=stone.details["project_id"],
            quantum_project=stone.details["quantum_project"],
            adopted=stone.details.get("adopted", False),
            drivers=self._chain.names,
        )
