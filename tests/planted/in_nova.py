"""Faults of the driver nova, which is told by name: no test of the core imports a plugin."""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

import pytest
from netaddr import IPAddress
from planting import fault

from qplug.db import Database
from qplug.model import Call, Network, Vif

NOVA = "qplug_ipam_nova.driver.NovaIpam"


def _deallocating(
    plant: pytest.MonkeyPatch, wrong: Callable[[Any, Call, Network, Vif, float], None]
) -> None:
    """Have driver nova deallocate in another way."""

    def deallocate(
        self: Any, call: Call, network: Network, vif: Vif, *, reuse_delay: float = 0
    ) -> None:
        wrong(self, call, network, vif, reuse_delay)

    plant.setattr(f"{NOVA}.deallocate", deallocate)


def _holder(driver: Any, call: Call, network: Network, vif: Vif, address: IPAddress) -> Vif:
    """Return the vif that has an address, or else the one that is asked about."""
    held = {each.address: each.vif_id for each in driver.allocations(call, network_id=network.id)}
    return replace(vif, id=held.get(address, vif.id))


def _nova() -> Any:
    (offer,) = entry_points(group="qplug.ipam", name="nova")
    return offer.load()


@fault(
    "Driver nova takes no note of `reuse_delay`, and gives a released address at once",
    caught_by="Nova::test_a_resting_address_is_refused_to_another_instance",
    says="DID NOT RAISE FixedIpAlreadyInUse",
)
def addresses_do_not_rest(plant: pytest.MonkeyPatch) -> None:
    real = _nova().deallocate
    _deallocating(plant, lambda self, call, network, vif, delay: real(self, call, network, vif))


@fault(
    "Driver nova releases the IPv4 addresses of a vif alone",
    caught_by="Nova::test_deallocation_takes_back_all_the_vif_holds",
    says="'fd00:10::",
)
def the_ipv6_half_is_forgotten(plant: pytest.MonkeyPatch) -> None:
    def deallocate(self: Any, call: Call, network: Network, vif: Vif, delay: float) -> None:
        for held in self.allocations(call, network_id=network.id, vif_id=vif.id):
            if held.address.version == 4:
                self.remove_address(call, network, vif, held.address, reuse_delay=delay)

    _deallocating(plant, deallocate)


@fault(
    "Driver nova releases the addresses that a vif once had, though another one has them now",
    caught_by="Nova::test_a_late_deallocation_spares_the_next_owner_of_the_same_address",
    says="assert [] == ['10.0.0.2']",
)
def addresses_are_released_whoever_has_them(plant: pytest.MonkeyPatch) -> None:
    once: dict[str, list[IPAddress]] = {}
    real = _nova().allocate

    def allocate(self: Any, call: Call, network: Network, vif: Vif, wanted: Any = ()) -> Any:
        given = real(self, call, network, vif, wanted)
        once[vif.id] = [each.address for each in given]
        return given

    def deallocate(self: Any, call: Call, network: Network, vif: Vif, delay: float) -> None:
        for address in once.get(vif.id, ()):
            holder = _holder(self, call, network, vif, address)
            self.remove_address(call, network, holder, address, reuse_delay=delay)

    plant.setattr(f"{NOVA}.allocate", allocate)
    _deallocating(plant, deallocate)


@fault(
    "Driver nova removes an address from whatever vif has it",
    caught_by="Nova::test_removing_what_the_vif_does_not_hold_is_quiet",
    says="assert [] == ['10.0.0.3']",
)
def any_address_can_be_removed(plant: pytest.MonkeyPatch) -> None:
    real = _nova().remove_address

    def remove_address(
        self: Any, call: Call, network: Network, vif: Vif, address: IPAddress, **rest: float
    ) -> None:
        holder = _holder(self, call, network, vif, address)
        real(self, call, network, holder, address, **rest)

    plant.setattr(f"{NOVA}.remove_address", remove_address)


def _keeping(plant: pytest.MonkeyPatch, **changes: Any) -> None:
    """Have driver nova take every subnet for another one."""
    real = _nova().create_subnets

    def create_subnets(self: Any, call: Call, network: Network) -> None:
        subnets = tuple(replace(subnet, **changes) for subnet in network.subnets)
        real(self, call, replace(network, subnets=subnets))

    plant.setattr(f"{NOVA}.create_subnets", create_subnets)


@fault(
    "Driver nova gives the addresses of gateway and DHCP server to vifs",
    caught_by="Nova::test_all_usable_addresses_are_given_and_no_other",
    says="'10.0.0.1'",
)
def the_gateway_is_given(plant: pytest.MonkeyPatch) -> None:
    _keeping(plant, gateway=None, dhcp_server=None)


@fault(
    "Driver nova gives reserved addresses to vifs",
    caught_by="Nova::test_pools_and_reservations_are_kept_to",
    says="'10.0.0.21'",
)
def reserved_addresses_are_given(plant: pytest.MonkeyPatch) -> None:
    _keeping(plant, reserved=())


@fault(
    "Driver nova waits for its database longer than the call's deadline",
    caught_by="Nova::test_a_gone_backend_is_unavailable_within_the_deadline[allocate]",
    says="allocate did not return within 1.2 s",
)
def the_deadline_is_not_kept(plant: pytest.MonkeyPatch) -> None:
    real = Database.write

    def write(self: Database, call: Call, work: Any) -> Any:
        return real(self, replace(call, deadline=call.deadline + 3), work)

    plant.setattr(Database, "write", write)
