"""Faults of the manager in what it releases, holds, and keeps for a later try."""

from contextlib import suppress
from typing import Any

import pytest
from planting import fault

from qplug.errors import Unavailable
from qplug.manager.finishing import Finishing
from qplug.manager.release import Release
from qplug.manager.undo import Undo
from qplug.model import Call
from qplug.store import VifRecord, Work
from qplug.store.instances import InstanceStore

PENDING = "Failing::test_what_cannot_be_undone_is_pending_and_nobody_sees_or_gets_it"
DEALLOCATION = "Failing::test_whichever_call_fails_a_deallocation_gets_through_with_all_others"
DELETION = "Failing::test_whichever_call_fails_a_deletion_is_refused_or_carried_on_with"


@fault(
    "A deallocation keeps the MAC addresses",
    caught_by=f"{DEALLOCATION}[deallocate-works and is unavailable-once]",
    says="is known to only one of store and MAC driver",
)
def a_mac_address_is_not_given_back(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Release, "mac", lambda self, call, record: None)


@fault(
    "Addresses are released though their port could not be",
    caught_by=f"{DEALLOCATION}[deallocate-unavailable-once]",
    says="ports on 'blue' are",
)
def addresses_go_before_their_port(plant: pytest.MonkeyPatch) -> None:
    real = Release.port

    def port(self: Release, call: Call, record: VifRecord) -> None:
        with suppress(Unavailable):
            real(self, call, record)

    plant.setattr(Release, "port", port)


@fault(
    "A deallocation ends with the first vif of which something is left",
    caught_by=f"{DEALLOCATION}[deallocate-unavailable-once]",
    says="are left",
)
def one_failure_stops_a_deallocation(plant: pytest.MonkeyPatch) -> None:
    real = Release.vif

    def vif(self: Release, call: Call, record: VifRecord, failures: list[str]) -> VifRecord | None:
        return record if failures else real(self, call, record, failures)

    plant.setattr(Release, "vif", vif)


@fault(
    "A deletion leaves the network in Quantum",
    caught_by=f"{DELETION}[network delete-works and is unavailable-once]",
    says="is known to only one of store and Quantum",
)
def a_network_stays_in_quantum(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Release, "in_quantum", lambda self, call, network: None)


@fault(
    "An allocation whose undo fails is forgotten, as if nothing were left of it",
    caught_by=f"{PENDING}[allocate-unavailable]",
    says="is known to only one of store and MAC driver",
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
    caught_by=f"{DEALLOCATION}[deallocate-unavailable-once]",
    says="IPAM leaks",
)
def work_tried_in_vain_is_dropped(plant: pytest.MonkeyPatch) -> None:
    real = Finishing.finish

    def finish(self: Finishing, call: Call, work: Work) -> str | None:
        failure = real(self, call, work)
        self.forget(call, work)
        return failure

    plant.setattr(Finishing, "finish", finish)
