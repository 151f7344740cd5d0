"""Faults of the manager in what it undoes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from planting import fault

from qplug.manager import building
from qplug.manager.building import Building
from qplug.manager.chain import Chain
from qplug.manager.changing import Changing
from qplug.manager.creating import Creating
from qplug.manager.fixed_ips import FixedIps
from qplug.manager.hosts import Hosts
from qplug.manager.undo import Undo
from qplug.model import Call
from qplug.store import VifRecord

DONE_OR_NOTHING = "Failing::test_whichever_call_fails_all_is_done_or_nothing"


def _given_another(
    plant: pytest.MonkeyPatch, part: type, method: str, kind: type, other: Callable[[Any], Any]
) -> None:
    """Have a method get another argument in place of its one of a kind."""
    real: Callable[..., Any] = getattr(part, method)

    def wrong(*args: Any) -> Any:
        return real(*(other(each) if isinstance(each, kind) else each for each in args))

    plant.setattr(part, method, wrong)


def _without_undo(plant: pytest.MonkeyPatch, part: type, method: str) -> None:
    """Have a step register its undo where nobody will run it."""
    _given_another(plant, part, method, Undo, lambda _: Undo())


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
    says="network 'blue' has DHCP answer",
)
def dhcp_is_not_told_of_the_undo(plant: pytest.MonkeyPatch) -> None:
    _without_undo(plant, Hosts, "serve")


@fault(
    "An operation whose time is over has no time to take anything back",
    caught_by=f"{DONE_OR_NOTHING}[allocate-hangs and fails]",
    says="qplug_instances",
)
def the_undo_has_no_time_of_its_own(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Chain, "overtime", lambda self, call: call)


@fault(
    "A mistake of a driver reaches the caller as the driver raised it",
    caught_by=f"{DONE_OR_NOTHING}[allocate-untyped]",
    says="who asked is told KeyError(",
)
def an_untyped_error_goes_through(plant: pytest.MonkeyPatch) -> None:

    @contextmanager
    def step(call: Call, kind: str, doing: str) -> Iterator[None]:
        yield

    plant.setattr(building, "step", step)


@fault(
    "DHCP is told of a vif before that has its addresses",
    caught_by=f"{DONE_OR_NOTHING}[allocate-unavailable]",
    says="frozenset()}, and should",
)
def dhcp_is_told_too_early(plant: pytest.MonkeyPatch) -> None:
    _given_another(plant, Hosts, "serve", VifRecord, lambda vif: replace(vif, allocations=()))


@fault(
    "A network whose creation fails leaves its subnets in IPAM",
    caught_by=f"{DONE_OR_NOTHING}[first network create-works and is unavailable]",
    says="recorded are set()",
)
def subnets_of_a_failed_network_stay(plant: pytest.MonkeyPatch) -> None:
    _without_undo(plant, Creating, "_equip")


@fault(
    "A change of subnets that fails stays in IPAM",
    caught_by=f"{DONE_OR_NOTHING}[network set-works and is unavailable]",
    says="IPAM keeps subnets",
)
def changed_subnets_stay_in_ipam(plant: pytest.MonkeyPatch) -> None:
    _without_undo(plant, Changing, "_tell_ipam")


@fault(
    "An address whose removal fails stays removed from IPAM",
    caught_by=f"{DONE_OR_NOTHING}[fixed-ip remove-works and is unavailable]",
    says="IPAM lost 10.0.2.77",
)
def an_address_not_removed_is_lost(plant: pytest.MonkeyPatch) -> None:
    _without_undo(plant, FixedIps, "_give_back")


@fault(
    "An address whose addition fails stays in IPAM",
    caught_by=f"{DONE_OR_NOTHING}[fixed-ip add-works and is unavailable]",
    says="IPAM leaks",
)
def an_address_not_added_stays(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(FixedIps, "_take_back", lambda self, call, record: None)


@fault(
    "The undo of adding an address takes all of the vif's addresses",
    caught_by=f"{DONE_OR_NOTHING}[fixed-ip add-unavailable]",
    says="IPAM lost",
)
def the_undo_takes_what_was_there(plant: pytest.MonkeyPatch) -> None:

    def take_back(self: FixedIps, call: Call, record: VifRecord) -> None:
        self._chain.ipam.deallocate(call, record.network, record.vif)

    plant.setattr(FixedIps, "_take_back", take_back)
