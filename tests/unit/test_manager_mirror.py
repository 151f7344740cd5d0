"""A network service that shows subnets and addresses is told all that IPAM gave, and no more."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from crashing import LONG
from netaddr import IPAddress, IPNetwork
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.contracts import AddressMirror
from qplug.errors import BackendUnavailable, QplugError
from qplug.manager import SubnetChanges
from qplug.model import Call, Subnet
from qplug.testing.chain import instance
from qplug.testing.failing import FailSuite, Makers
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.values import PROJECT, call, network_spec


class MirroringQuantum(MemoryQuantum, AddressMirror):
    """Shows what it is told, and breaks where a test says so."""

    def __init__(self, conf: ConfigOpts) -> None:
        super().__init__(conf)
        self.subnets: dict[str, list[str]] = {}
        """The cidrs of each network."""
        self.breaks = ""
        """The method that fails once it has done its work."""

    def mirror_subnets(
        self, call: Call, project_id: str, network_id: str, subnets: Sequence[Subnet]
    ) -> None:
        self._network(project_id, network_id)
        self.subnets[network_id] = [str(subnet.cidr) for subnet in subnets]
        self._break("mirror_subnets")

    def mirror_addresses(
        self,
        call: Call,
        project_id: str,
        network_id: str,
        port_id: str,
        addresses: Sequence[IPAddress],
    ) -> None:
        ports = self._network(project_id, network_id).ports
        ports[port_id] = replace(ports[port_id], addresses=tuple(addresses))
        self._break("mirror_addresses")

    def _break(self, method: str) -> None:
        if self.breaks == method:
            self.breaks = ""
            raise BackendUnavailable("it", "told to")


@pytest.fixture
def quantum(conf: ConfigOpts) -> MirroringQuantum:
    return MirroringQuantum(conf)


@pytest.fixture
def api(make_manager: MakeManager, api_of: ApiOf, quantum: MirroringQuantum) -> NetworkApi:
    return api_of(make_manager(quantum=quantum))


TWO = ("unavailable", "works and is unavailable")
BOTH = ["10.0.0.0/24", "fd00:10::/64"]


def adopted(api: NetworkApi, quantum: MirroringQuantum) -> str:
    made = quantum.create_network(call(), PROJECT, "theirs", key="their own")
    api.create(network_spec(*BOTH, uuid=made))
    return made


def shown(api: NetworkApi, quantum: MirroringQuantum, instance_id: str) -> list[str]:
    """Return the addresses that the instance's port shows, which are those it has."""
    (vif,) = api.get_vifs_by_instance(instance_id)
    (port,) = (
        port for port in quantum.ports(call(), PROJECT, vif.network_id) if port.attachment == vif.id
    )
    has = [ip.address for ip in api.get_instance_nw_info(instance_id).fixed_ips()]
    assert [str(address) for address in port.addresses] == [str(address) for address in has]
    return [str(address) for address in port.addresses]


def test_a_network_shows_its_subnets_and_a_port_its_addresses(
    api: NetworkApi, quantum: MirroringQuantum
) -> None:
    made = api.create(network_spec(*BOTH))
    assert quantum.subnets == {made.id: BOTH}
    mine = instance()
    api.allocate_for_instance(mine)
    assert len(shown(api, quantum, mine.id)) == 2


def test_an_adopted_network_shows_ours_until_it_is_deleted_here(
    api: NetworkApi, quantum: MirroringQuantum
) -> None:
    there = adopted(api, quantum)
    assert quantum.subnets == {there: BOTH}
    api.delete(there)
    assert quantum.subnets == {there: []}
    assert quantum.network_exists(call(), PROJECT, there)


def test_an_adoption_that_fails_leaves_nothing_shown(
    api: NetworkApi, quantum: MirroringQuantum
) -> None:
    made = quantum.create_network(call(), PROJECT, "theirs", key="their own")
    quantum.breaks = "mirror_subnets"
    with pytest.raises(BackendUnavailable):
        api.create(network_spec(*BOTH, uuid=made))
    assert quantum.subnets == {made: []}
    assert api.get_pending() == []


def test_subnets_that_change_are_shown_and_shown_as_before_when_that_fails(
    api: NetworkApi, quantum: MirroringQuantum
) -> None:
    made = api.create(network_spec(*BOTH))
    more = SubnetChanges(cidrs=(IPNetwork("10.0.1.0/24"),))
    quantum.breaks = "mirror_subnets"
    with pytest.raises(QplugError):
        api.update(made.id, subnets=more)
    assert sorted(quantum.subnets[made.id]) == sorted(BOTH)
    api.update(made.id, subnets=more)
    assert sorted(quantum.subnets[made.id]) == sorted([*BOTH, "10.0.1.0/24"])


def test_a_port_shows_addresses_that_come_and_go(
    api: NetworkApi, quantum: MirroringQuantum
) -> None:
    api.create(network_spec(*BOTH, label="blue"))
    mine = instance()
    api.allocate_for_instance(mine)
    before = shown(api, quantum, mine.id)
    quantum.breaks = "mirror_addresses"
    with pytest.raises(BackendUnavailable):
        api.add_fixed_ip_to_instance(mine.id, "blue")
    assert shown(api, quantum, mine.id) == before
    api.add_fixed_ip_to_instance(mine.id, "blue")
    (added,) = set(shown(api, quantum, mine.id)) - set(before)
    api.remove_fixed_ip_from_instance(mine.id, IPAddress(added))
    assert shown(api, quantum, mine.id) == before


class TestFailures(FailSuite):
    """Struck in two ways; what is the same with and without a mirror, others are struck for."""

    @pytest.fixture(autouse=True)
    def short(self, request: pytest.FixtureRequest) -> None:
        strike = str(request.node.callspec.params.get("strike", TWO[0]))
        if strike not in TWO and not LONG:
            pytest.skip("it takes long; run make test-long")

    @pytest.fixture
    def drivers(self) -> Makers:
        return {"quantum": MirroringQuantum}
