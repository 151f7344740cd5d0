"""The suites find what is broken, and cannot be left out without a word."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Set
from pathlib import Path
from socket import create_connection
from typing import Any

import pytest

import qplug
from qplug.contracts import (
    ActiveLeases,
    AddressMirror,
    AddressPairs,
    AddressUsage,
    FloatingIps,
    HostFaults,
    HostPorts,
    LeaseEvents,
    SubnetUpdates,
)
from qplug.testing.deaf import deaf_port
from qplug.testing.dhcp import DhcpDriverSuite
from qplug.testing.ipam import IpamDriverSuite
from qplug.testing.l3 import L3DriverSuite
from qplug.testing.mac import MacDriverSuite
from qplug.testing.quantum import QuantumDriverSuite
from qplug.testing.suite import DriverSuite

BROKEN = Path(__file__).with_name("broken_drivers.py")


def run_pytest(where: Path, *args: str) -> str:
    """Return what pytest prints for somebody who has qplug installed and no settings."""
    shutil.copy(BROKEN, where)  # beside our own tests their conftest.py would be in force
    env = os.environ | {"PYTHONPATH": str(Path(qplug.__file__).parents[1])}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(where)]
    done = subprocess.run(
        [*command, "-c", os.devnull, *args], cwd=where, env=env, capture_output=True, text=True
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Set[str]:
    """Return what failed, as ``Class::test``."""
    printed = run_pytest(tmp_path_factory.mktemp("broken"), "-q", "-rfE", "--tb=no", BROKEN.name)
    return set(re.findall(r"^(?:FAILED|ERROR) [^:]*::(\w+::\S+)", printed, re.MULTILINE))


@pytest.mark.parametrize(
    "test",
    [
        "WithoutLock::test_the_last_address_goes_to_one_of_those_who_race",
        "WithoutLock::test_racing_vifs_have_addresses_of_their_own",
        "ByAddress::test_a_late_deallocation_spares_the_next_owner_of_the_same_address",
        "ByInstance::test_two_vifs_of_one_instance_have_addresses_of_their_own",
        "ByInstanceBack::test_taking_back_from_one_vif_of_an_instance_leaves_the_other",
        "ListOfHosts::test_a_large_subnet_costs_no_more_than_a_small_one[10.0.0.0/8]",
        "HalfGiven::test_asking_again_gives_the_same_answer",
        "HalfGiven::test_a_full_subnet_says_so_and_gives_nothing_of_the_others[10.0.2.0/30]",
        "WithoutRest::test_a_resting_address_is_refused_to_another_instance",
        "LeaseOfAnyNetwork::test_a_lease_that_ended_is_of_its_network_alone",
        "PagesOverlap::test_a_listing_has_each_address_once_in_whatever_order",
        "OfOneBackend::test_a_derived_address_is_of_the_backend_that_is_configured",
        "OfTheVifsProject::test_a_derived_address_is_of_the_backend_that_is_configured",
        "NotShared::test_each_of_two_drivers_sees_what_the_other_gave_and_took_back",
        "NotShared::test_each_of_two_drivers_sees_the_subnets_of_the_other",
        "LocksOnlyItself::test_the_last_addresses_go_to_different_vifs_who_race_through_two_drivers",
        "NotShared::test_a_vif_asked_for_through_two_drivers_at_once_gets_one_answer",
        "LocksOnlyItself::test_processes_fill_a_subnet_together_and_every_address_goes_to_one_of_them",
        "NotShared::test_what_processes_give_back_while_others_take_is_nobodys_afterwards",
        "Untyped::test_a_network_that_is_not_kept_is_not_found",
        "LeaseOfAnybody::test_a_lease_of_whoever_had_the_address_before_changes_nothing",
        "PoolsForgetWhatRests::test_an_address_that_left_the_pools_and_came_back_still_rests",
        "PoolsAsTheyWere::test_a_pool_that_grows_gives_more_and_none_twice",
        "PoolsAsTheyWere::test_a_subnet_is_forgotten_unless_it_is_in_use",
        "GivesAgainWhatIsUsed::test_changing_to_what_is_there_changes_nothing",
        "SubnetsOneByOne::test_a_subnet_that_overlaps_is_refused_and_nothing_is_changed",
        "FullAtEverything::test_all_usable_addresses_are_given_and_no_other",
        "Multicast::test_an_address_is_unicast_of_48_bits_and_not_zero",
        "SeenByAll::test_another_project_sees_nothing_of_a_network",
        "SeenByAll::test_a_network_with_a_port_is_not_deleted",
        "SeenByAll::test_attaching_again_gives_the_same_port",
        "Overwriting::test_a_change_adds_a_host_and_leaves_the_others",
        "Overwriting::test_changes_made_at_once_are_all_there",
    ],
)
def test_a_defect_is_found(found: Set[str], test: str) -> None:
    assert test in found


def test_a_defect_does_not_fail_what_it_does_not_touch(found: Set[str]) -> None:
    assert "WithoutRest::test_asking_again_gives_the_same_answer" not in found
    assert "ByAddress::test_racing_vifs_have_addresses_of_their_own" not in found


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (
            "WithoutGoneDriver::test_a_gone_backend_is_unavailable_within_the_deadline[allocate]",
            "lacks a fixture 'gone_driver'",
        ),
        (
            "WithoutSameDriver::test_each_of_two_drivers_sees_the_subnets_of_the_other",
            "lacks a fixture 'same_driver'",
        ),
        (
            "Waiting::test_a_gone_backend_is_unavailable_within_the_deadline[check]",
            "check did not return within 1.1 s, though call.remaining() was 0.1",
        ),
        ("WithoutGoneDriver::test_a_driver_with_nothing_left_says_so", "'exhausted_driver'"),
        ("SeenByAll::test_an_attachment_on_several_ports_is_a_conflict", "'attach_again'"),
        ("NeverLookedAt::test_a_network_is_translated_until_it_is_disabled", "'has_nat'"),
        ("Overwriting::test_acknowledging_again_is_quiet", "'end_lease'"),
    ],
)
def test_what_a_suite_was_not_given_fails_with_its_name(
    test: str, says: str, tmp_path: Path
) -> None:
    printed = run_pytest(tmp_path, f"{BROKEN.name}::{test}")
    assert says in printed
    assert "1 passed" not in printed


def test_a_deaf_port_accepts_and_never_answers() -> None:
    with deaf_port() as port, create_connection(("127.0.0.1", port), timeout=0.05) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(TimeoutError):
            client.recv(1)


@pytest.mark.parametrize("name", ["TestAcme", "Acme", "SuiteOfAcme"])
def test_a_suite_is_run_whatever_its_class_is_called(name: str, tmp_path: Path) -> None:
    (tmp_path / "test_acme.py").write_text(
        f"from qplug.testing.mac import MacDriverSuite\nclass {name}(MacDriverSuite): pass\n"
    )
    printed = run_pytest(tmp_path, "-q", "--collect-only")
    collected = re.findall(rf"test_acme.py::{name}::(test_\w+)", printed)
    assert set(collected) == {each for each in dir(MacDriverSuite) if each.startswith("test_")}


def test_a_suite_without_driver_fails(tmp_path: Path) -> None:
    (tmp_path / "test_acme.py").write_text(
        "from qplug.testing.mac import MacDriverSuite\nclass TestAcme(MacDriverSuite): pass\n"
    )
    assert "fixture 'driver' not found" in run_pytest(tmp_path)


def test_a_suite_made_to_be_inherited_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "test_acme.py").write_text(
        "from qplug.testing.mac import MacDriverSuite\n"
        "class TestAcme(MacDriverSuite, base=True): pass\n"
    )
    assert "no tests ran" in run_pytest(tmp_path)


def test_a_suite_that_pytest_could_not_collect_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="Acme has a constructor, so pytest would not run it"):
        type("Acme", (MacDriverSuite,), {"__init__": lambda self: None})


@pytest.mark.parametrize(
    ("suite", "optional"),
    [
        (IpamDriverSuite, (SubnetUpdates, AddressUsage, FloatingIps)),
        (QuantumDriverSuite, (AddressPairs, AddressMirror)),
        (MacDriverSuite, ()),
        (L3DriverSuite, (HostPorts, HostFaults)),
        (DhcpDriverSuite, (LeaseEvents, ActiveLeases, HostFaults)),
    ],
)
def test_a_gone_backend_is_met_with_every_method(
    suite: type[DriverSuite], optional: tuple[type, ...]
) -> None:
    kept: list[Any] = [suite.contract, *optional]
    promised = {name for each in kept for name in each.__abstractmethods__}
    assert set(suite.calls) == promised - {"initialized"}
