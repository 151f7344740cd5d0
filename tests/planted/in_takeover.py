"""Faults in taking over, waiting for and finishing what a process left."""

from typing import Any

import pytest
import sqlalchemy as sa
from planting import fault

from qplug.manager.audit.strangers import Strangers
from qplug.manager.pending import Pending
from qplug.manager.settling import Settling
from qplug.store import instances, tombstones
from qplug.store.marks import until
from qplug.store.tables import instances as rows
from qplug.store.worker import Worker

KILLED = "Killing::test_a_killed_operation_is_undone_or_done_whoever_comes_next"
PAUSED = "Pausing::test_an_operation_that_was_taken_over_notices_and_leaves_nothing"
WORKING = "Failing::test_what_somebody_works_on_is_taken_up_by_nobody_else"
LATE = "Pausing::test_the_late_work_of_one_that_dies_of_it_is_released_once_more"


@fault(
    "A process that was killed counts as working until its deadline",
    caught_by=f"{KILLED}[fixed-ip add-finish]",
    says="is updating",
)
def the_dead_are_waited_for(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Worker, "is_dead", lambda self, seen_from: False)


@fault(
    "What a process works on that lives is taken over",
    caught_by=f"{WORKING}[allocate]",
    says="is taken for pending",
)
def the_living_are_taken_over(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Worker, "is_dead", lambda self, seen_from: True)


@fault(
    "The undo of an allocation that was taken over gives up the one that came after it",
    caught_by=f"{PAUSED}[repeat-allocate]",
    says="IPAM leaks",
)
def the_epoch_is_ignored(plant: pytest.MonkeyPatch) -> None:
    anybodys = rows.update().where(rows.c.id == sa.bindparam("instance"), rows.c.due.is_(None))
    given_up = anybodys.values(state="deleting", due=until)
    plant.setattr(instances, "give_up", given_up)


@fault(
    "A command that lost its change to another process does not look after its late work",
    caught_by=f"{PAUSED}[finish-fixed-ip add]",
    says="IPAM leaks",
)
def late_work_is_left_for_a_minute(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Pending, "release_late", lambda self, call, keys: None)


@fault(
    "Nothing is noted of what is taken over, so that late work of its process stays",
    caught_by=f"{LATE}[fixed-ip add]",
    says="IPAM leaks",
)
def there_are_no_tombstones(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(tombstones, "_bury", lambda tx, suspect, stones: None)


@fault(
    "Late work is waited for a minute, though its process may still do it",
    caught_by=f"{PAUSED}[finish-fixed-ip add]",
    says="late work of a process is not waited for that may do it",
)
def tombstones_do_not_last(plant: pytest.MonkeyPatch) -> None:
    real = tombstones.Tombstones.take

    def take(*args: Any) -> Any:
        with pytest.MonkeyPatch.context() as meanwhile:
            meanwhile.setattr(Worker, "is_dead", lambda self, seen_from: True)
            return real(*args)

    plant.setattr(tombstones.Tombstones, "take", take)


@fault(
    "An address of a change that was interrupted stays in IPAM",
    caught_by=f"{KILLED}[fixed-ip add-finish]",
    says="IPAM leaks",
)
def settling_takes_nothing_back(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Settling, "_take_back", lambda self, call, record, address: None)


@fault(
    "An audit releases what a vif has that the store does not know",
    caught_by="Auditing::test_what_a_vif_has_that_nobody_knows_is_kept_until_it_is_named",
    says="assert not True",
)
def strangers_are_released(plant: pytest.MonkeyPatch) -> None:
    real = Strangers.release

    def release(self: Strangers, difference: Any, vif_id: str, network: Any) -> Any:
        self._names = [*self._names, vif_id]
        return real(self, difference, vif_id, network)

    plant.setattr(Strangers, "release", release)
