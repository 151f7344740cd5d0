"""Faults of drivers that are built in, or in :mod:`qplug.testing`."""

from collections.abc import Sequence
from contextlib import nullcontext
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
import suites
from netaddr import IPAddress
from planting import fault

from qplug.builtin.local_quantum import LocalQuantum
from qplug.builtin.memory_ipam import MemoryIpam
from qplug.model import Allocation, Call, Network, Vif
from qplug.store import tables
from qplug.testing.memory import MemoryDhcp, MemoryL3, MemoryMac


@fault(
    "Driver memory gives a vif that is allocated again other addresses",
    caught_by="IpamInMemory::test_asking_again_gives_the_same_answer",
    says="IPAddress('10.0.0.3')",
)
def asking_again_gives_others(plant: pytest.MonkeyPatch) -> None:
    real = MemoryIpam.allocate

    def allocate(
        self: MemoryIpam, call: Call, network: Network, vif: Vif, wanted: Sequence[IPAddress] = ()
    ) -> Sequence[Allocation]:
        self.deallocate(call, network, vif)
        return real(self, call, network, vif, wanted)

    plant.setattr(MemoryIpam, "allocate", allocate)


@fault(
    "Driver memory chooses an address and takes it without a lock",
    caught_by="IpamInMemory::test_racing_vifs_have_addresses_of_their_own",
    says="'10.0.0.2'",
)
def two_who_race_get_the_same_address(plant: pytest.MonkeyPatch) -> None:
    start, choose = MemoryIpam.__init__, MemoryIpam._choose

    def __init__(self: Any, conf: Any) -> None:  # noqa: N807
        start(self, conf)
        self._lock = nullcontext()

    def slowly(self: MemoryIpam, *args: Any) -> int:
        chosen = choose(self, *args)
        Event().wait(0.001)  # a server's answer takes its time
        return chosen

    plant.setattr(MemoryIpam, "__init__", __init__)
    plant.setattr(MemoryIpam, "_choose", slowly)


@fault(
    "Driver local deletes a network that has ports, and its ports",
    caught_by="Local::test_a_network_with_a_port_is_not_deleted",
    says="DID NOT RAISE NetworkBusy",
)
def a_network_is_deleted_with_its_ports(plant: pytest.MonkeyPatch) -> None:
    real = LocalQuantum.delete_network

    def delete_network(self: LocalQuantum, call: Call, project_id: str, network_id: str) -> bool:
        for port in list(self.ports(call, project_id, network_id)):
            self.detach_port(call, project_id, network_id, port.id)
        return real(self, call, project_id, network_id)

    plant.setattr(LocalQuantum, "delete_network", delete_network)


@fault(
    "A MAC driver that keeps records gives a vif another address each time it is asked",
    caught_by="MacInMemory::test_a_vif_gets_the_same_address_again",
    says="EUI('fa:16:3e:00:00:02')",
)
def a_vif_gets_another_mac_each_time(plant: pytest.MonkeyPatch) -> None:
    real = MemoryMac.allocate

    def allocate(self: MemoryMac, call: Call, *, vif_id: str, **of: str) -> Any:
        self.given.pop(vif_id, None)
        return real(self, call, vif_id=vif_id, **of)

    plant.setattr(MemoryMac, "allocate", allocate)


@fault(
    "An L3 driver leaves the gateways of networks that are gone",
    caught_by="L3InMemory::test_pruning_leaves_the_networks_named_and_nothing_else_of_ours",
    says="assert (True, True) == (False, False)",
)
def what_is_unwanted_stays_on_the_host(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(MemoryL3, "prune", lambda self, call, network_ids: None)


@fault(
    "A DHCP driver serves, after a change, the changed hosts alone",
    caught_by="DhcpInMemory::test_a_change_adds_a_host_and_leaves_the_others",
    says="Right contains 2 more items",
)
def a_change_overwrites_the_other_hosts(plant: pytest.MonkeyPatch) -> None:

    def apply(self: MemoryDhcp, call: Call, network: Network, **hosts: Any) -> None:
        self.sync(call, network, hosts.get("changed", ()))

    plant.setattr(MemoryDhcp, "apply", apply)


@fault(
    "A column was added to a table, and no revision adds it",
    caught_by="Tables::test_the_newest_revision_has_exactly_the_tables_of_this_release",
    says="qplug_vifs",
)
def no_revision_makes_a_column(plant: pytest.MonkeyPatch) -> None:
    widened = sa.MetaData(naming_convention=tables.metadata.naming_convention)
    for table in tables.metadata.sorted_tables:
        table.to_metadata(widened)
    widened.tables[tables.vifs.name].append_column(sa.Column("colour", sa.Integer))
    plant.setattr(suites.Tables, "metadata", widened)
