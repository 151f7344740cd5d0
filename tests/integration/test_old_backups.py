"""An old copy of the store, or of store and IPAM, comes back: nothing in use is given again."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from commands import Commands
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.db import connection_url
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.model import Difference, Network
from qplug.testing.chain import instance
from qplug.testing.values import network_spec

pytestmark = pytest.mark.integration


def copied(source: Path, target: Path) -> None:
    """Copy a database as a backup does: all that is committed, in place of what is there."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


# --- the store is old ---------------------------------------------------------------------------


class Installation:
    """Commands on a store and an IPAM in two files, of which one can be put back."""

    def __init__(self, qplug: Commands, folder: Path) -> None:
        self.qplug = qplug
        self._folder = folder
        qplug.configure(f"[database]\nconnection = sqlite:///{folder / 'store.sqlite'}")
        qplug.configure(f"[ipam_nova]\nconnection = sqlite:///{folder / 'ipam.sqlite'}")
        qplug.configure("[ipam]\nreuse_delay = 0")
        assert qplug("network create blue --cidr 10.0.0.0/24").code == 0

    def allocated(self, *options: str) -> tuple[str, str]:
        """Return a new instance and its address."""
        key = str(uuid4())
        done = self.qplug("instance allocate --project a -f json", *options, key)
        (vif,) = json.loads(done.out)
        (subnet,) = vif["network"]["subnets"]
        return key, subnet["ips"][0]["address"]

    def back_up(self, what: str = "store") -> None:
        """Keep a copy of the store, or of IPAM."""
        copied(self._folder / f"{what}.sqlite", self._folder / f"{what}.backup")

    def restore(self, what: str = "store") -> None:
        """Put the copy back."""
        copied(self._folder / f"{what}.backup", self._folder / f"{what}.sqlite")

    def audit(self, options: str = "") -> tuple[int, list[dict[str, Any]]]:
        """Return the exit code and what differs."""
        done = self.qplug(f"audit {options} -f json")
        return done.code, json.loads(done.out)


@pytest.fixture
def site(qplug: Commands, tmp_path: Path) -> Installation:
    return Installation(qplug, tmp_path)


def test_what_ipam_shows_is_not_given_again_nor_released_after_the_store_came_back(
    site: Installation,
) -> None:
    _, known = site.allocated()
    site.back_up()
    later = [site.allocated()[1] for _ in range(2)]
    site.restore()
    for repair in ("", "--repair", "--repair"):
        code, found = site.audit(repair)
        assert code == 3
        assert sorted(one["address"] for one in found) == later
        assert {(one["kind"], one["repaired"]) for one in found} == {("extra", False)}
        assert all("older copy of the store" in one["kept"] for one in found)
        assert site.allocated()[1] not in [known, *later]
    wanted = site.qplug(f"instance allocate --project a --network blue={later[0]}", str(uuid4()))
    assert f"{later[0]} cannot be given" in wanted.sentence


def test_what_is_known_to_be_gone_is_released_by_name_and_given_again(site: Installation) -> None:
    site.back_up()
    _, gone = site.allocated()
    _, stays = site.allocated()
    site.restore()
    vif_of = {one["address"]: one["vif_id"] for one in site.audit()[1]}
    code, found = site.audit(f"--release {vif_of[gone]}")
    assert code == 3
    assert {one["address"]: one["repaired"] for one in found} == {gone: True, stays: False}
    assert site.allocated("--network", f"blue={gone}")[1] == gone


def test_an_instance_that_was_released_since_gets_its_address_back_if_nobody_has_it(
    site: Installation,
) -> None:
    key, address = site.allocated()
    site.back_up()
    assert site.qplug(f"instance deallocate {key}").code == 0
    site.restore()
    code, found = site.audit()
    assert (code, {one["kind"] for one in found}) == (3, {"missing"})
    code, found = site.audit("--repair")
    assert (code, [one["repaired"] for one in found]) == (0, [True] * len(found))
    assert site.audit() == (0, [])
    assert site.allocated()[1] != address


def test_an_address_that_another_instance_got_since_stays_with_that_one(
    site: Installation,
) -> None:
    key, address = site.allocated()
    site.back_up()
    assert site.qplug(f"instance deallocate {key}").code == 0
    other = site.allocated("--network", f"blue={address}")
    assert other[1] == address
    site.restore()
    for repair in ("", "--repair"):
        code, found = site.audit(repair)
        assert code == 3
        assert {one["kind"] for one in found} == {"extra", "wrong_owner"}
        assert not any(one["repaired"] for one in found)
    assert site.allocated()[1] != address


# --- IPAM is old --------------------------------------------------------------------------------


def test_what_the_store_has_is_given_to_nobody_else_by_an_old_ipam_and_given_back_by_a_repair(
    site: Installation,
) -> None:
    _, known = site.allocated()
    site.back_up("ipam")
    later = [site.allocated()[1] for _ in range(2)]
    site.restore("ipam")
    refused = site.qplug("instance allocate --project a", str(uuid4()))
    assert "the store has it for another vif" in refused.sentence
    code, found = site.audit("--repair")
    assert (code, {one["kind"] for one in found}) == (0, {"missing"})
    assert sorted(one["address"] for one in found) == later
    assert site.audit() == (0, [])
    assert site.allocated()[1] not in [known, *later]


# --- store and IPAM are old ---------------------------------------------------------------------


class Service:
    """A network service that goes on while store and IPAM, in one file, are put back."""

    def __init__(self, conf: ConfigOpts, folder: Path) -> None:
        conf.set_override("driver", "nova", "ipam")
        self._conf = conf
        self._quantum = MemoryQuantum(conf)
        self._database = Path(connection_url(conf).removeprefix("sqlite:///"))
        self._backup = folder / "backup.sqlite"

    def run(self, work: Callable[[NetworkApi], Any]) -> Any:
        """Do something with a manager of its own, as each command has."""
        with closing(create_manager(self._conf, quantum=self._quantum)) as manager:
            return work(NetworkApi(manager, Context(is_admin=True)))

    def allocated(self) -> IPAddress:
        """Return the address of a new instance."""

        def work(api: NetworkApi) -> IPAddress:
            (vif,) = api.allocate_for_instance(instance())
            return IPAddress(str(vif.fixed_ips()[0].address))

        found: IPAddress = self.run(work)
        return found

    def audit(self, *, repair: bool = False) -> Sequence[Difference]:
        """Return what differs."""
        found: Sequence[Difference] = self.run(lambda api: list(api.audit(repair=repair)))
        return found

    def back_up(self) -> None:
        """Keep a copy of the file."""
        copied(self._database, self._backup)

    def restore(self) -> None:
        """Put the copy back."""
        copied(self._backup, self._database)


@pytest.fixture
def service(conf: ConfigOpts, tmp_path: Path) -> Service:
    made = Service(conf, tmp_path)
    made.run(lambda api: api.create(network_spec("10.0.0.0/28")))
    return made


only_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"])


@only_sqlite
def test_an_address_that_only_a_port_shows_is_held_and_never_given(service: Service) -> None:
    known = service.allocated()
    service.back_up()
    later = [service.allocated() for _ in range(3)]
    service.restore()
    found = service.audit()
    assert {one.address for one in found if one.what == "address"} == {*later}
    assert len([one for one in found if one.what == "port" and one.kept]) == 3
    found = service.audit(repair=True)
    assert {one.address for one in found if one.repaired} == {*later}
    room = 13 - 1 - len(later)
    given = {service.allocated() for _ in range(room)}
    assert len(given) == room
    assert given.isdisjoint([known, *later])
    kept = service.audit(repair=True)
    assert {(one.kind, one.repaired) for one in kept} == {("extra", False)}
    assert {one.address for one in kept if one.what == "address"} == {*later}


@only_sqlite
def test_a_network_made_since_is_kept(service: Service) -> None:
    service.back_up()
    made: Network = service.run(lambda api: api.create(network_spec("10.1.0.0/24", label="green")))
    service.restore()
    for repair in (False, True):
        (found,) = service.audit(repair=repair)
        assert (found.kind, found.what, found.network_id) == ("extra", "network", made.id)
        assert found.kept is not None
