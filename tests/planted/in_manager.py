"""Faults of the manager: what it undoes, holds, and keeps for a later try."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from planting import fault

from qplug.errors import Unavailable
from qplug.manager import building
from qplug.manager.building import Building
from qplug.manager.chain import Chain, Undo
from qplug.manager.changing import Changing
from qplug.manager.creating import Creating
from qplug.manager.finishing import Finishing
from qplug.manager.fixed_ips import FixedIps
from qplug.manager.hosts import Hosts
from qplug.manager.release import Release
from qplug.model import Call
from qplug.store import VifRecord
from qplug.store.instances import InstanceStore

DONE_OR_NOTHING = "Failing::test_whichever_call_fails_all_is_done_or_nothing"
PENDING = "Failing::test_what_cannot_be_undone_is_pending_and_nobody_sees_or_gets_it"
DEALLOCATION = "Failing::test_whichever_call_fails_a_deallocation_gets_through_with_all_others"
DELETION = "Failing::test_whichever_call_fails_a_deletion_is_refused_or_carried_on_with"


def _without_undo(plant: pytest.MonkeyPatch, part: type, method: str) -> None:
    """Have a step, whose last argument is an undo, register what nobody will run."""
    real: Callable[..., Any] = getattr(part, method)
    plant.setattr(part, method, lambda self, *args: real(self, *args[:-1], Undo()))


@fault(
    "The undo of attaching a port is registered once the port is attached",
    caught_by=f"{DONE_OR_NOTHING}[allocate-works and is unavailable]",
    says="quantum.attach_port (call 2)",
)
def the_undo_is_registered_after_the_step(plant: pytest.MonkeyPatch) -> None:
    real = Building._attached

    def attached(self: Building, call: Call, instance: Any, record: Any, undo: Undo) -> VifRecord:
        later = Undo()
        made = real(self, call, instance, record, later)
        undo._steps += later._steps
        return made

    plant.setattr(Building, "_attached", attached)


@fault(
    "An allocation that fails leaves gateway and DHCP host of its vifs",
    caught_by=f"{DONE_OR_NOTHING}[allocate-unavailable]",
    says="{'gateways': [",
)
def dhcp_is_not_told_of_the_undo(plant: pytest.MonkeyPatch) -> None:
    _without_undo(plant, Hosts, "serve")


@fault(
    "An operation whose time is over has no time to take anything back",
    caught_by=f"{DONE_OR_NOTHING}[allocate-hangs and fails]",
    says="{'qplug_instances': [",
)
def the_undo_has_no_time_of_its_own(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Chain, "overtime", lambda self, call: call)


@fault(
    "A mistake of a driver reaches the caller as the driver raised it",
    caught_by=f"{DONE_OR_NOTHING}[allocate-untyped]",
    says="isinstance(KeyError(",
)
def an_untyped_error_goes_through(plant: pytest.MonkeyPatch) -> None:

    @contextmanager
    def step(call: Call, kind: str, doing: str) -> Iterator[None]:
        yield

    plant.setattr(building, "step", step)


@fault(
    "DHCP is told of a vif before that has its addresses",
    caught_by=f"{DONE_OR_NOTHING}[allocate-unavailable]",
    says="answers: the tables say",
)
def dhcp_is_told_too_early(plant: pytest.MonkeyPatch) -> None:
    real = Hosts.serve

    def serve(self: Hosts, call: Call, record: VifRecord, undo: Undo) -> None:
        real(self, call, replace(record, allocations=()), undo)

    plant.setattr(Hosts, "serve", serve)


@fault(
    "A network whose creation fails leaves its subnets in IPAM",
    caught_by=f"{DONE_OR_NOTHING}[network create-works and is unavailable]",
    says="{'subnets': [",
)
def subnets_of_a_failed_network_stay(plant: pytest.MonkeyPatch) -> None:
    _without_undo(plant, Creating, "_equip")


@fault(
    "A change of subnets that fails stays in IPAM",
    caught_by=f"{DONE_OR_NOTHING}[network set-works and is unavailable]",
    says="{'subnets': [",
)
def changed_subnets_stay_in_ipam(plant: pytest.MonkeyPatch) -> None:
    _without_undo(plant, Changing, "_tell_ipam")


@fault(
    "An address whose removal fails stays removed from IPAM",
    caught_by=f"{DONE_OR_NOTHING}[fixed-ip remove-works and is unavailable]",
    says="{'addresses': [",
)
def an_address_not_removed_is_lost(plant: pytest.MonkeyPatch) -> None:
    _without_undo(plant, FixedIps, "_give_back")


@fault(
    "An address whose addition fails stays in IPAM",
    caught_by=f"{DONE_OR_NOTHING}[fixed-ip add-works and is unavailable]",
    says="{'addresses': [",
)
def an_address_not_added_stays(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(FixedIps, "_take_back", lambda self, call, record: None)


@fault(
    "The undo of adding an address takes all of the vif's addresses",
    caught_by=f"{DONE_OR_NOTHING}[fixed-ip add-unavailable]",
    says="{'addresses': [",
)
def the_undo_takes_what_was_there(plant: pytest.MonkeyPatch) -> None:

    def take_back(self: FixedIps, call: Call, record: VifRecord) -> None:
        self._chain.ipam.deallocate(call, record.network, record.vif)

    plant.setattr(FixedIps, "_take_back", take_back)


@fault(
    "A deallocation keeps the MAC addresses",
    caught_by=f"{DEALLOCATION}[works and is unavailable-once]",
    says="macs: the tables say []",
)
def a_mac_address_is_not_given_back(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Release, "mac", lambda self, call, record: None)


@fault(
    "Addresses are released though their port could not be",
    caught_by=f"{DEALLOCATION}[unavailable-once]",
    says="ports: the tables say",
)
def addresses_go_before_their_port(plant: pytest.MonkeyPatch) -> None:
    real = Release.port

    def port(self: Release, call: Call, record: VifRecord) -> None:
        with suppress(Unavailable):
            real(self, call, record)

    plant.setattr(Release, "port", port)


@fault(
    "A deallocation ends with the first vif of which something is left",
    caught_by=f"{DEALLOCATION}[unavailable-once]",
    says="2 <= 1",
)
def one_failure_stops_a_deallocation(plant: pytest.MonkeyPatch) -> None:
    real = Release.vif

    def vif(self: Release, call: Call, record: VifRecord, failures: list[str]) -> VifRecord | None:
        return record if failures else real(self, call, record, failures)

    plant.setattr(Release, "vif", vif)


@fault(
    "A deletion leaves the network in Quantum",
    caught_by=f"{DELETION}[works and is unavailable-once]",
    says="ports: the tables say {}",
)
def a_network_stays_in_quantum(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Release, "in_quantum", lambda self, call, network: None)


@fault(
    "An allocation whose undo fails is forgotten, as if nothing were left of it",
    caught_by=f"{PENDING}[allocate-unavailable]",
    says="[] = get_pending()",
)
def a_failed_undo_is_forgotten(plant: pytest.MonkeyPatch) -> None:
    real = InstanceStore.abandon

    def abandon(self: InstanceStore, call: Call, key: str, epoch: int, failure: Any) -> Any:
        return real(self, call, key, epoch, None)

    plant.setattr(InstanceStore, "abandon", abandon)


@fault(
    "An undo releases addresses though their port could not be taken back",
    caught_by=f"{PENDING}[allocate-unavailable]",
    says="has a port and no address",
)
def an_address_in_use_is_not_held(plant: pytest.MonkeyPatch) -> None:
    real = Undo.add

    def add(self: Undo, what: str, take_back: Any, *, if_clean: bool = False) -> None:
        real(self, what, take_back)

    plant.setattr(Undo, "add", add)


@fault(
    "Pending work is dropped when it is tried again and fails",
    caught_by=f"{DEALLOCATION}[unavailable-once]",
    says="[] = get_pending()",
)
def work_tried_in_vain_is_dropped(plant: pytest.MonkeyPatch) -> None:
    real = Finishing._release_instance

    def release(self: Finishing, call: Call, instance_id: str) -> str | None:
        failure = real(self, call, instance_id)
        for work in self._store.work.all(call, instance_id):
            self.forget(call, work)
        return failure

    plant.setattr(Finishing, "_release_instance", release)
