"""What is refused: one clear sentence, an exit code, and nothing changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Commands, installation

from qplug.cli.main import main

WEB = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
DB = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e22"
NEW = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e33"

CREATE = "network create new --cidr"
ALLOCATE = f"instance allocate {NEW} --project a --network"


WORLD = (
    "network create blue --project a --cidr 10.0.0.0/24 --reserve 10.0.0.50",
    "network create limited --project a --cidr 10.9.0.0/24 --pool 10.9.0.10-10.9.0.19",
    "network create red --project b --cidr 10.2.0.0/24",
    "network create public --cidr 192.0.2.0/24 --gateway none",
    f"instance allocate {WEB} --project a --network blue=10.0.0.7",
    f"instance allocate {DB} --project b --network red=10.2.0.7",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make networks of two projects and of nobody, for all tests, as none may change them."""
    with installation(tmp_path_factory.mktemp("world")) as conf:
        for line in WORLD:
            assert main(line.split()) == 0
        yield conf


@pytest.fixture
def qplug(world: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Return a runner of commands in that world."""
    return Commands(world, capsys)


NETWORKS = {
    "a cidr that is too long": (f"{CREATE} 10.1.0.0/33", "'10.1.0.0/33'"),
    "a cidr without a length": (f"{CREATE} 10.1.0.0", "10.0.0.0/24 or fd00::/64"),
    "a cidr with a mask": (f"{CREATE} 10.1.0.0/255.255.255.0", "10.0.0.0/24 or fd00::/64"),
    "a cidr of words": (f"{CREATE} nonsense", "'nonsense'"),
    "an empty cidr": (f"{CREATE} ''", "''"),
    "host bits": (f"{CREATE} 10.1.0.1/24", "without host bits: 10.1.0.0/24"),
    "host bits in IPv6": (f"{CREATE} fd00::1/64", "without host bits: fd00::/64"),
    "an overlap within the network": (f"{CREATE} 10.1.0.0/24 --cidr 10.1.0.0/25", "conflicts"),
    "an overlap with the owner's": (f"{CREATE} 10.0.0.0/25 --project a", "network 'blue'"),
    "the owner's own cidr": (f"{CREATE} 10.0.0.0/24 --project a", "already in use"),
    "a gateway outside": (f"{CREATE} 10.1.0.0/24 --gateway 10.3.0.1", "gateway '10.3.0.1'"),
    "a broadcast gateway": (f"{CREATE} 10.1.0.0/24 --gateway 10.1.0.255", "broadcast"),
    "two gateways": (f"{CREATE} 10.1.0.0/24 --gateway 10.1.0.1 --gateway 10.1.0.2", "the only"),
    "a gateway of words": (f"{CREATE} 10.1.0.0/24 --gateway no", "'no'"),
    "a pool outside": (f"{CREATE} 10.1.0.0/24 --pool 10.1.0.9-10.1.1.9", "pool '10.1.0.9-"),
    "a pool that ends first": (
        f"{CREATE} 10.1.0.0/24 --pool 10.1.0.9-10.1.0.2",
        "is above its last",
    ),
    "half a pool": (f"{CREATE} 10.1.0.0/24 --pool 10.1.0.9", "a first and a last"),
    "a pool of two versions": (f"{CREATE} 10.1.0.0/24 --pool 10.1.0.9-fd00::1", "a first and"),
    "pools that overlap": (
        f"{CREATE} 10.1.0.0/24 --pool 10.1.0.2-10.1.0.9 --pool 10.1.0.9-10.1.0.19",
        "which it overlaps",
    ),
    "a reservation outside": (f"{CREATE} 10.1.0.0/24 --reserve 10.3.0.9", "'10.3.0.9'"),
    "a reservation of words": (f"{CREATE} 10.1.0.0/24 --reserve me", "'me'"),
    "a name server of words": (f"{CREATE} 10.1.0.0/24 --dns 8.8", "'8.8'"),
    "an unheard name server": (f"{CREATE} 10.1.0.0/24 --dns fd00::1", "IP version"),
    "a route without a hop": (f"{CREATE} 10.1.0.0/24 --route 10.9.0.0/16", "the next hop like"),
    "a route of words": (f"{CREATE} 10.1.0.0/24 --route there=10.1.0.9", "'there=10.1.0.9'"),
    "a route by a hop elsewhere": (
        f"{CREATE} 10.1.0.0/24 --route 10.9.0.0/16=10.2.0.9",
        "by a next hop inside one of 10.1.0.0/24",
    ),
    "a route with host bits": (
        f"{CREATE} 10.1.0.0/24 --route 10.9.0.1/16=10.1.0.9",
        "without host bits: 10.9.0.0/16",
    ),
    "a route of two versions": (
        f"{CREATE} 10.1.0.0/24 --route fd01::/48=10.1.0.9",
        "of the IP version of its next hop",
    ),
    "a new route elsewhere": ("network set blue --route 10.9.0.0/16=10.9.0.1", "by a next hop"),
    "an empty label": ("network create '' --cidr 10.1.0.0/24", "label ''"),
    "a long label": (f"network create {'x' * 256} --cidr 10.1.0.0/24", "1 to 255"),
    "a label with a blank end": ("network create 'x ' --cidr 10.1.0.0/24", "spaces at its ends"),
    "a taken label": ("network create blue --project a --cidr 10.1.0.0/24", "'blue' is taken"),
    "a label like a uuid": (f"network create {NEW} --cidr 10.1.0.0/24", "different from a uuid"),
    "a label with a sign": ("network create a=b --cidr 10.1.0.0/24", "without '='"),
    "a label with escapes": ("network create 'a\x1b[31mb' --cidr 10.1.0.0/24", "a\\x1b[31mb"),
    "a label of two lines": ("network create 'a\nb' --cidr 10.1.0.0/24", "'a\\nb'"),
    "a label in no encoding": ("network create 'a\udcff' --cidr 10.1.0.0/24", "\\udcff"),
    "a bad uuid": (f"{CREATE} 10.1.0.0/24 --uuid nonsense", "'nonsense'"),
    "a network Quantum has not": (f"{CREATE} 10.1.0.0/24 --uuid {NEW}", "Quantum has no network"),
    "a huge priority": (f"{CREATE} 10.1.0.0/24 --priority {10**30}", "whole number"),
    "no bandwidth": (f"{CREATE} 10.1.0.0/24 --rxtx-base 0", "from 1 to"),
    "an empty owner": (f"{CREATE} 10.1.0.0/24 --project ''", "project ''"),
    "an empty zone": (f"{CREATE} 10.1.0.0/24 --zone ''", "zone ''"),
    "an unknown network": ("network show nope", "'nope'"),
    "deleting an unknown network": ("network delete nope", "'nope'"),
    "deleting a network in use": ("network delete blue", "'blue' still has 1"),
    "an empty new label": ("network set blue --label ''", "label ''"),
    "a taken new label": ("network set blue --label limited", "'limited' is taken"),
    "a new pool outside": ("network set blue --pool 10.3.0.1-10.3.0.2", "inside one of 10"),
    "a cidr that is there": ("network set blue --cidr 10.0.0.0/25", "conflicts with"),
    "a gateway that is there": ("network set blue --gateway 10.0.0.9", "that is there stays"),
    "no gateway for nothing": ("network set blue --gateway none", "a subnet that is added"),
    "a reserved cidr": ("network set blue --reserve 10.0.0.0/30", "'10.0.0.0/30' is wrong"),
    "pools of no subnet": ("network set blue --no-pool 10.3.0.0/24", "'10.3.0.0/24'"),
    "an empty host": ("network set-host blue ''", "host ''"),
    "a host of two lines": ("network set-host blue 'a\nb'", "host 'a\\nb'"),
}

MEMBERS = {
    "another's network": ("--project a network show red", "'red'"),
    "deleting another's network": ("--project a network delete red", "'red'"),
    "changing another's network": ("--project a network set red --label mine", "'red'"),
    "counting another's network": ("--project a network usage red", "'red'"),
    "making another one's network": (f"--project a {CREATE} 10.1.0.0/24 --project b", "policy"),
    "changing a global network": ("--project a network set public --label mine", "policy"),
    "deleting a global network": ("--project a network delete public", "policy"),
    "serving a network": ("--project a network set-host blue", "policy"),
    "giving up a network": ("--project a network disassociate blue", "policy"),
    "serving a host": ("--project a host init", "policy"),
    "another's instance": (f"--project a instance show {DB}", DB),
    "another's vifs": (f"--project a vif list {DB}", DB),
    "another's address": ("--project a fixed-ip show 10.2.0.7", "10.2.0.7"),
    "adding to another's instance": (f"--project a fixed-ip add {DB} public", DB),
    "taking from another's instance": (f"--project a fixed-ip remove {DB} 10.2.0.7", DB),
    "an instance for another": (f"--project a instance allocate {NEW} --project b", "policy"),
    "an empty caller": ("--project '' network list", "project ''"),
}

INSTANCES = {
    "a bad id": ("instance allocate nonsense --project a", "'nonsense'"),
    "showing a bad id": ("instance show nonsense", "'nonsense'"),
    "showing what is not there": (f"instance show {NEW}", NEW),
    "another's network for it": (f"{ALLOCATE} red", "'red'"),
    "another's network by id": (f"{ALLOCATE} {DB}", DB),
    "the gateway": (f"{ALLOCATE} blue=10.0.0.1", "it is the gateway"),
    "the DHCP server": (f"{ALLOCATE} public=192.0.2.1", "it is the DHCP server"),
    "a reserved address": (f"{ALLOCATE} blue=10.0.0.50", "it is reserved"),
    "the network's address": (f"{ALLOCATE} blue=10.0.0.0", "10.0.0.0/24 itself"),
    "the broadcast address": (f"{ALLOCATE} blue=10.0.0.255", "all hosts of it"),
    "an address outside the pools": (f"{ALLOCATE} limited=10.9.0.9", "outside the pools"),
    "an address of no subnet": (f"{ALLOCATE} blue=10.3.0.9", "no subnet of network 'blue'"),
    "two addresses of a subnet": (f"{ALLOCATE} blue=10.0.0.8,10.0.0.9", "asked for too"),
    "a taken address": (f"{ALLOCATE} blue=10.0.0.7", "10.0.0.7 cannot be given"),
    "an address of words": (f"{ALLOCATE} blue=x", "'x'"),
    "a forgotten address": (f"{ALLOCATE} blue=", "NETWORK=IP"),
    "a forgotten network": (f"{ALLOCATE} =10.0.0.9", "NETWORK=IP"),
    "no network": (f"{ALLOCATE} ''", "NETWORK=IP"),
    "a sign too many": (f"{ALLOCATE} a=b=10.0.0.9", "only one '='"),
    "all or nothing": (f"{ALLOCATE} blue --network limited --network red", "'red'"),
    "another request": (f"instance allocate {WEB} --project a", "by a different request"),
    "another owner": (f"instance allocate {WEB} --project b", WEB),
    "a name with a bell": (f"{ALLOCATE} blue --name 'a\x07'", "a\\x07"),
    "a factor that is no number": (f"{ALLOCATE} blue --rxtx-factor nan", "'nan'"),
    "a factor of nothing": (f"{ALLOCATE} blue --rxtx-factor 0", "above 0"),
    "deallocating a bad id": ("instance deallocate nonsense", "'nonsense'"),
    "an unfinished pattern": ("instance find --ip '('", "without groups"),
    "finding words": ("instance find --fixed-ip nonsense", "'nonsense'"),
    "adding a taken address": (f"fixed-ip add {WEB} blue --address 10.0.0.7", "already"),
    "adding a reserved address": (f"fixed-ip add {WEB} blue --address 10.0.0.50", "reserved"),
    "adding where it is not": (f"fixed-ip add {WEB} public", "has no vif on network 'public'"),
    "adding to a strange vif": (f"fixed-ip add {WEB} blue --vif {NEW}", NEW),
    "taking what it has not": (f"fixed-ip remove {WEB} 10.0.0.8", "does not have"),
    "taking from a strange vif": (f"fixed-ip remove {WEB} 10.0.0.7 --vif {NEW}", "does not have"),
    "an unknown fixed IP": ("fixed-ip show nonsense", "'nonsense'"),
    "an unused address": ("fixed-ip show 10.0.0.9", "not in use"),
    "listing of an unknown network": ("fixed-ip list --network nope", "'nope'"),
    "listing of a bad id": ("fixed-ip list --instance nope", "'nope'"),
    "a bad MAC address": ("vif show nonsense", "'nonsense'"),
    "an unknown MAC address": ("vif show fa:16:3e:00:00:99", "'fa:16:3e:00:00:99'; see"),
}

USAGE = {
    "no label": ("network create", "LABEL, --cidr"),
    "no cidr": ("network create x", "--cidr"),
    "a misspelt option": ("network create x --cdir 10.1.0.0/24", "no option --cdir"),
    "a misspelt option with '='": ("network create x --cdir=10.1.0.0/24", "no option --cdir"),
    "no network to show": ("network show", "NETWORK"),
    "a priority of words": (f"{CREATE} 10.1.0.0/24 --priority high", "'high'"),
    "a factor of words": (f"{ALLOCATE} blue --rxtx-factor high", "'high'"),
    "nothing to change": ("network set blue", "nothing is to be changed"),
    "a word too many": ("network list blue", "blue"),
    "a strange option": ("network list --all", "--all"),
    "a strange format": ("network list -f xml", "'xml'"),
    "a strange column": (f"{CREATE} 10.1.0.0/24 -c nope", "'nope'"),
    "no instance to deallocate": ("instance deallocate", "UUID"),
    "a strange global option": ("--all network list", "--all"),
    "a misplaced global option": ("network list --debug", "stand before the command"),
    "an unknown verb": ("network crate x", "did you mean 'network create'"),
    "an unknown noun": ("netwrok list", "did you mean 'network list'"),
    "a noun alone": ("fixed-ip", "'fixed-ip add', 'fixed-ip list'"),
    "help for what is not there": ("help netwrok", "did you mean"),
}


@pytest.mark.parametrize(("line", "told"), NETWORKS.values(), ids=NETWORKS)
def test_networks_are_refused(qplug: Commands, line: str, told: str) -> None:
    refused(qplug, line, told, code=1)


@pytest.mark.parametrize(("line", "told"), MEMBERS.values(), ids=MEMBERS)
def test_members_are_refused(qplug: Commands, line: str, told: str) -> None:
    refused(qplug, line, told, code=1)


@pytest.mark.parametrize(("line", "told"), INSTANCES.values(), ids=INSTANCES)
def test_instances_are_refused(qplug: Commands, line: str, told: str) -> None:
    refused(qplug, line, told, code=1)


@pytest.mark.parametrize(("line", "told"), USAGE.values(), ids=USAGE)
def test_wrong_usage_is_refused(qplug: Commands, line: str, told: str) -> None:
    refused(qplug, line, told, code=2)


def refused(qplug: Commands, line: str, told: str, code: int) -> None:
    before = qplug.everything()
    done = qplug(line)
    assert told in done.sentence
    assert done.code == code
    assert qplug.everything() == before


def test_what_another_project_deallocates_stays(qplug: Commands) -> None:
    before = qplug.everything()
    done = qplug(f"--project a instance deallocate {DB}")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert qplug.everything() == before
