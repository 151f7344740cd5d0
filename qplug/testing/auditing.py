"""The audit suite: what differs is found and repaired, and what nobody knows is kept."""

# mypy: disable-error-code=type-abstract
# Contracts are asked for here, and never made.

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.builtin.memory_ipam import MemoryIpam
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.contracts import AddressPairs, IpamDriver, QuantumDriver, SubnetUpdates
from qplug.manager import Context
from qplug.model import (
    AddressPair,
    Allocation,
    Capability,
    Difference,
    PortRequest,
    Vif,
    mac_address,
)
from qplug.testing.chain import instance
from qplug.testing.fixtures import MakeManager
from qplug.testing.suite import Suite, needs, provided
from qplug.testing.values import call, network_spec, subnet

IN_MEMORY: Mapping[str, Callable[[ConfigOpts], Any]] = {
    "ipam": MemoryIpam,
    "quantum": MemoryQuantum,
}

Kinds = set[tuple[str, str, str]]


class Site:
    """A network with two instances, all of which the store, IPAM and Quantum agree about."""

    def __init__(self, admin: NetworkApi, ipam: IpamDriver, quantum: QuantumDriver) -> None:
        self._admin = admin
        self.ipam = ipam
        self.quantum = quantum
        self.network = admin.create(network_spec("10.0.0.0/24", "fd00:10::/112"))
        self.vifs = [self.allocated() for _ in range(2)]
        self.agreed = self.outside()

    def allocated(self) -> Vif:
        """Return the vif of a new instance."""
        made = instance()
        self._admin.allocate_for_instance(made)
        (vif,) = self._admin.get_vifs_by_instance(made.id)
        return vif

    def stranger(self) -> Vif:
        """Return a vif of which the store never heard, of a new instance."""
        return Vif(
            id=str(uuid4()),
            network_id=self.network.id,
            instance_id=str(uuid4()),
            project_id=self.network.quantum_project,
            mac=mac_address("fa:16:3e:ff:ff:01"),
        )

    def given(self, vif: Vif) -> Sequence[Allocation]:
        """Return what IPAM has given to a vif."""
        return list(self.ipam.allocations(call(), vif_id=vif.id))

    def port(self, vif: Vif) -> str | None:
        """Return the port of a vif."""
        project = self.network.quantum_project
        return self.quantum.port_by_attachment(call(), project, self.network.id, vif.id)

    def attach(self, vif: Vif, *addresses: IPAddress) -> str:
        """Have Quantum make a port of a vif."""
        pairs = tuple(AddressPair(mac=vif.mac, address=address) for address in addresses)
        request = PortRequest(
            attachment=vif.id, mac=vif.mac, addresses=addresses, address_pairs=pairs
        )
        project = self.network.quantum_project
        return self.quantum.attach_port(call(), project, self.network.id, request)

    def outside(self) -> tuple[set[Allocation], set[str], frozenset[str]]:
        """Return which vifs have which addresses and ports, and the subnets IPAM keeps."""
        project, key = self.network.quantum_project, self.network.id
        attached = {port.attachment for port in self.quantum.ports(call(), project, key)}
        subnets = self.ipam.subnet_ids(call(), key)
        return set(self.ipam.allocations(call())), attached, subnets

    def audit(self, **how: Any) -> Sequence[Difference]:
        """Return what differs."""
        return list(self._admin.audit(**how))

    def repaired(self, *named: str) -> Kinds:
        """Return what is found; all of it is repaired, and all agree afterwards as before.

        :param named: the vifs that may lose what is not recorded
        """
        found = self.audit(repair=True, release=named)
        assert [one.kept for one in found if not one.repaired] == []
        assert self.outside() == self.agreed
        assert self.audit() == []
        return {(one.kind, one.where, one.what) for one in found}


class AuditSuite(Suite, base=True):
    """Inherit it and supply ``drivers``, a fixture with yours by kind; they hold nothing yet."""

    @pytest.fixture
    def drivers(self, conf: ConfigOpts) -> Mapping[str, Any]:
        """Return drivers by kind; those in memory do the rest. Override it."""
        pytest.fail(f"{type(self).__name__} lacks a fixture 'drivers'")

    @pytest.fixture
    def site(self, make_manager: MakeManager, conf: ConfigOpts, drivers: Mapping[str, Any]) -> Site:
        """Return a manager on these drivers, with a network in use."""
        conf.set_override("port_security", True, "quantum")
        rest = {kind: make(conf) for kind, make in IN_MEMORY.items() if kind not in drivers}
        used = {**rest, **drivers}
        admin = NetworkApi(make_manager(**used), Context(is_admin=True))
        return Site(admin, used["ipam"], used["quantum"])

    def test_where_all_agree_nothing_differs(self, site: Site) -> None:
        assert site.audit() == []
        assert site.audit(repair=True) == []
        assert site.outside() == site.agreed

    # --- what the store knows ---

    def test_addresses_that_ipam_lost_are_given_back(self, site: Site) -> None:
        needs(site.ipam, Capability.CHOSEN_ADDRESS)
        for vif in site.vifs:
            site.ipam.deallocate(call(), site.network, vif)
        assert site.repaired() == {("missing", "ipam", "address")}

    def test_an_address_too_many_is_taken_back_from_who_is_named(self, site: Site) -> None:
        mine = site.vifs[0]
        more = site.ipam.add_address(call(), site.network, mine)
        (found,) = site.audit(repair=True)
        assert found.kept is not None
        assert more in list(site.ipam.allocations(call(), vif_id=mine.id))
        assert site.repaired(mine.id) == {("extra", "ipam", "address")}

    def test_subnets_that_ipam_lost_are_kept_again(self, site: Site) -> None:
        needs(site.ipam, Capability.CHOSEN_ADDRESS)
        for vif in site.vifs:
            site.ipam.deallocate(call(), site.network, vif)
        site.ipam.delete_subnets(call(), site.network)
        assert site.repaired() == {("missing", "ipam", "subnet"), ("missing", "ipam", "address")}

    def test_a_subnet_too_many_is_forgotten(self, site: Site) -> None:
        updates = provided(site.ipam, SubnetUpdates)
        wider = replace(site.network, subnets=(*site.network.subnets, subnet("10.0.1.0/24")))
        updates.update_subnets(call(), wider)
        assert site.repaired() == {("extra", "ipam", "subnet")}

    def test_a_port_that_quantum_lost_is_made_again(self, site: Site) -> None:
        port = site.port(site.vifs[0])
        assert port is not None
        project = site.network.quantum_project
        assert site.quantum.detach_port(call(), project, site.network.id, port)
        assert ("missing", "quantum", "port") in site.repaired()

    def test_other_address_pairs_are_set_right(self, site: Site) -> None:
        pairs, vif = provided(site.quantum, AddressPairs), site.vifs[0]
        wrong = [AddressPair(mac=vif.mac, address=IPAddress("10.0.0.99"))]
        key = (site.network.quantum_project, site.network.id, str(site.port(vif)))
        pairs.set_address_pairs(call(), *key, wrong)
        assert site.repaired() == {("differing", "quantum", "port")}

    # --- what it does not know ---

    def test_what_a_vif_has_that_nobody_knows_is_kept_until_it_is_named(self, site: Site) -> None:
        stranger = site.stranger()
        site.ipam.allocate(call(), site.network, stranger)
        site.attach(stranger, *(one.address for one in site.given(stranger)))
        held, port = site.given(stranger), site.port(stranger)
        for repair in (False, True):
            found = site.audit(repair=repair)
            assert {one.vif_id for one in found} == {stranger.id}
            assert not any(one.repaired for one in found)
            assert (site.given(stranger), site.port(stranger)) == (held, port)
        assert all(one.repaired for one in site.audit(release=[stranger.id]))
        assert site.outside() == site.agreed
        assert site.audit() == []

    def test_an_address_that_only_a_port_shows_is_given_to_nobody_else(self, site: Site) -> None:
        needs(site.ipam, Capability.CHOSEN_ADDRESS)
        stranger, shown = site.stranger(), IPAddress("10.0.0.77")
        site.attach(stranger, shown)
        if not any(one.what == "address" for one in site.audit()):
            pytest.skip("the Quantum driver shows no addresses of ports")
        assert [one.address for one in site.audit(repair=True) if one.repaired] == [shown]
        assert [one.address for one in site.given(stranger)] == [shown]
        assert not any(one.repaired for one in site.audit(repair=True))
