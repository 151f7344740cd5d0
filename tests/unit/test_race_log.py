"""What judges the races finds fault with all that must not happen, and with nothing else."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from netaddr import IPAddress
from race_log import SECOND, Operation, RaceLog
from race_tables import Tables, faults_in

from qplug.testing.values import network, subnet

FULL, IN_USE = "NoMoreFixedIps", "FixedIpAlreadyInUse"


def took(instance: str, *addresses: str, at: tuple[int, int], **more: Any) -> Operation:
    return _operation("allocate", instance, at, addresses=addresses, **more)


def gave_back(instance: str, *addresses: str, at: tuple[int, int]) -> Operation:
    return _operation("deallocate", instance, at, addresses=addresses)


def was_refused(instance: str, error: str, at: tuple[int, int], **more: Any) -> Operation:
    return _operation("allocate", instance, at, refused=error, **more)


def _operation(act: str, instance: str, at: tuple[int, int], **more: Any) -> Operation:
    began, ended = (second * SECOND for second in at)
    return Operation(act=more.pop("act", act), instance=instance, began=began, ended=ended, **more)


def faults(*done: Operation, subnets: Sequence[Sequence[str]] = ("ab",), **more: Any) -> list[str]:
    return RaceLog(done, subnets, **more).faults()


# --- what happened ------------------------------------------------------------------------------


def test_an_address_that_two_certainly_had_at_once_is_found() -> None:
    (fault,) = faults(took("1", "a", at=(1, 2)), took("2", "a", at=(1, 3)))
    assert fault == "a was given to 2 while another had it"
    late = [took("1", "a", at=(1, 2)), gave_back("1", "a", at=(5, 6)), took("2", "a", at=(3, 4))]
    assert len(faults(*late)) == 1


def test_an_address_that_may_have_been_given_back_before_it_was_given_is_right() -> None:
    one = [took("1", "a", at=(1, 2)), gave_back("1", "a", at=(3, 5)), took("2", "a", at=(4, 6))]
    assert faults(*one) == []


def test_a_subnet_that_was_never_full_is_found_where_it_was_said_to_be() -> None:
    refused = was_refused("2", FULL, (3, 4))
    (fault,) = faults(took("1", "a", at=(1, 2)), refused)
    assert "found no address" in fault
    assert faults(took("1", "a", at=(1, 2)), took("3", "b", at=(1, 2)), refused) == []


def test_a_subnet_one_of_whose_addresses_was_free_at_any_moment_is_found_too() -> None:
    """Each was possibly held for a part of the time, but both at no moment."""
    refused = was_refused("3", FULL, (2, 8))
    first = [took("1", "a", at=(0, 1)), gave_back("1", "a", at=(3, 4))]
    assert len(faults(*first, took("2", "b", at=(5, 6)), refused)) == 1
    assert faults(*first, took("2", "b", at=(4, 6)), refused) == []


def test_one_full_subnet_of_two_is_enough_for_who_wants_one_of_each_and_not_for_one_more() -> None:
    done = [took("1", "a", at=(1, 2)), was_refused("2", FULL, (3, 4))]
    assert faults(*done, subnets=["a", "b"]) == []
    done[1] = replace(done[1], act="add")
    assert len(faults(*done, subnets=["a", "b"])) == 1


def test_addresses_that_rest_are_there_for_whoever_finds_nothing_else() -> None:
    done = [
        took("1", "a", at=(1, 2)),
        gave_back("1", "a", at=(3, 4)),
        was_refused("2", FULL, (5, 6)),
    ]
    assert len(faults(*done, subnets=["a"], reuse_delay=60)) == 1


def test_an_address_refused_though_nobody_had_it_is_found() -> None:
    refused = was_refused("2", IN_USE, (3, 4), wanted=["a"])
    assert len(faults(refused)) == 1
    assert len(faults(took("1", "b", at=(1, 2)), refused)) == 1
    assert faults(took("1", "a", at=(4, 5)), refused) == []


def test_an_address_is_refused_to_others_while_it_rests_and_no_longer() -> None:
    before = [took("1", "a", at=(1, 2)), gave_back("1", "a", at=(3, 4))]

    def asked(instance: str, at: tuple[int, int]) -> list[str]:
        refused = was_refused(instance, IN_USE, at, wanted=["a"])
        return faults(*before, refused, reuse_delay=10)

    assert asked("2", (13, 14)) == []
    assert len(asked("2", (15, 16))) == 1
    assert len(asked("1", (5, 6))) == 1


def test_an_address_given_by_name_while_it_rests_for_another_is_found() -> None:
    before = [took("1", "a", at=(1, 2)), gave_back("1", "a", at=(3, 4))]

    def asked(instance: str, at: tuple[int, int]) -> list[str]:
        return faults(*before, took(instance, "a", at=at, wanted=["a"]), reuse_delay=10)

    assert len(asked("2", (5, 6))) == 1
    assert asked("2", (13, 14)) == asked("1", (5, 6)) == []


def test_addresses_are_not_there_while_they_are_outside_of_what_vifs_may_get() -> None:
    narrow = _operation("narrow", "operator", (1, 2), addresses=["a"])
    widen = _operation("widen", "operator", (5, 6), addresses=["a"])
    full, given = was_refused("1", FULL, (3, 4)), took("1", "a", at=(3, 4))
    invalid = was_refused("1", "FixedIpInvalid", (3, 4), wanted=["a"])
    assert faults(narrow, full, invalid, widen, subnets=["a"]) == []
    assert len(faults(full, subnets=["a"])) == len(faults(invalid)) == 1
    assert len(faults(narrow, given, widen)) == 1
    assert faults(narrow, took("1", "a", at=(0, 4)), widen) == []


@pytest.mark.parametrize(
    "done",
    [
        was_refused("1", "DatabaseUnavailable", (1, 2)),
        was_refused("1", IN_USE, (1, 2)),
        replace(was_refused("1", FULL, (1, 2)), act="remove"),
        took("1", "c", at=(1, 2)),
        took("1", "a", at=(1, 2), wanted=["b"]),
    ],
    ids=["another error", "not asked for", "nothing was taken", "a stranger", "another address"],
)
def test_an_answer_that_nothing_explains_is_found(done: Operation) -> None:
    assert faults(done, took("2", "b", at=(3, 4))) != []


def test_what_never_happened_is_found() -> None:
    log = RaceLog([took("1", "a", at=(1, 2))], ["ab"])
    wanted = [("allocate", ""), ("allocate", FULL), ("remove", "")]
    assert log.faults(seen=wanted) == [f"no allocate was ever {FULL}", "no remove was ever done"]


def test_an_operation_that_tried_too_often_is_found() -> None:
    log = RaceLog([took("1", "a", at=(1, 2), statements=30, rollbacks=5)], ["ab"])
    assert log.faults(most_statements=30, most_rollbacks=5) == []
    fault = ["allocate took 30 statements, 5 rollbacks"]
    assert log.faults(most_statements=30, most_rollbacks=4) == fault
    assert log.faults(most_statements=29, most_rollbacks=5) == fault


# --- what is left -------------------------------------------------------------------------------

NET = network(subnet("10.0.0.0/29"))  # gives .2 to .6
HELD = {("instance-1", "10.0.0.2"), ("instance-2", "10.0.0.3")}


def place(last: int) -> tuple[str, IPAddress]:
    return NET.subnets[0].id, IPAddress(f"10.0.0.{last}")


RIGHT = Tables(
    states={"active"},
    instances={"vif-1": "instance-1", "vif-2": "instance-2"},
    store={place(2): "vif-1", place(3): "vif-2"},
    used={place(2): "vif-1", place(3): "vif-2"},
    unused=[place(4), place(5), place(6)],
    attachments=["vif-2", "vif-1"],
)


def test_tables_that_fit_what_happened_and_each_other_are_right() -> None:
    assert list(faults_in(RIGHT, NET, HELD)) == []


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"states": {"active", "updating"}}, "unfinished: .*updating"),
        ({"attachments": ["vif-1"]}, r"for \['vif-1'\]"),
        ({"attachments": ["vif-1", "vif-2", "vif-2"]}, "ports"),
        ({"unused": [place(4), place(6)]}, r"lost .*10\.0\.0\.5"),
        ({"unused": [place(4), place(5), place(5), place(6)]}, r"\['10\.0\.0\.5'\] too many"),
        ({"unused": [place(3), *RIGHT.unused]}, r"\['10\.0\.0\.3'\] too many"),
    ],
    ids=["unfinished", "no port", "two ports", "lost", "twice", "used and unused"],
)
def test_tables_that_do_not_fit_are_found(wrong: dict[str, Any], fault: str) -> None:
    (found,) = faults_in(replace(RIGHT, **wrong), NET, HELD)
    assert re.search(fault, found)


def test_addresses_that_only_one_of_store_ipam_and_instances_knows_are_found() -> None:
    only_two = {place(3): "vif-2"}
    swapped = {place(2): "vif-2", place(3): "vif-1"}
    assert len(list(faults_in(replace(RIGHT, store=only_two), NET, HELD))) == 2
    assert len(list(faults_in(replace(RIGHT, used=swapped), NET, HELD))) == 1
    assert len(list(faults_in(RIGHT, NET, HELD - {("instance-1", "10.0.0.2")}))) == 1
