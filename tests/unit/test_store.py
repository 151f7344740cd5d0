"""Records of networks: what is unique, who wins a race, and what can be taken back."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork
from sqlalchemy.exc import IntegrityError

from qplug.errors import (
    AmbiguousLabel,
    CidrConflict,
    FixedIpNotFound,
    InvalidInput,
    LabelInUse,
    NetworkBusy,
    NetworkExists,
    NetworkInTransition,
    NetworkNotFound,
)
from qplug.model import Network, Route
from qplug.store import Store
from qplug.store.rows import network_row
from qplug.store.tables import allocations, instances, metadata, networks, subnets, vifs
from qplug.store.vif_rows import insert_vifs
from qplug.testing.clock import Statements, counted_statements
from qplug.testing.databases import every_database
from qplug.testing.values import (
    NOW,
    OTHER_PROJECT,
    PROJECT,
    after,
    call,
    network,
    subnet,
    vif,
)

pytestmark = every_database


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url, "host-1")
    yield store
    store.close()


def rows(store: Store, table: sa.Table) -> list[dict[str, Any]]:
    query = sa.select(table)
    return store.database.read(call(), lambda tx: [dict(row._mapping) for row in tx.execute(query)])


EPOCH = 7


def write(store: Store, *statements: sa.Executable) -> None:
    def work(tx: sa.Connection) -> None:
        for statement in statements:
            tx.execute(statement)

    store.database.write(call(), work)


def kept(store: Store, *cidrs: str, **rest: Any) -> Network:
    """Return an active network, recorded."""
    made = network(*(cidrs or ["10.0.0.0/24"]), **rest)
    store.network_creations.reserve(call(), made, EPOCH)
    store.network_creations.activate(call(), made, EPOCH)
    return made


def join(store: Store, net: Network, *, state: str = "active") -> str:
    """Record a vif on a network and return its instance's id."""
    instance_id = str(uuid4())
    instance = {"id": instance_id, "project_id": PROJECT, "rxtx_factor": 1.0, "request": ""}
    vif = {"id": str(uuid4()), "instance_id": instance_id, "network_id": net.id, "position": 0}
    write(
        store,
        instances.insert().values(**instance, state=state, epoch=1, created_at=NOW),
        vifs.insert().values(**vif, project_id=PROJECT, state=state),
    )
    return instance_id


# --- what is kept -------------------------------------------------------------------------------


def test_a_network_is_found_again_as_it_was_written(store: Store) -> None:
    parts = [
        subnet("fd00::/64", routed=False, dns=["fd00::53"]),
        subnet(
            "10.0.0.0/24",
            gateway="10.0.0.254",
            dhcp_server="10.0.0.253",
            pools=["10.0.0.100-10.0.0.120", "10.0.0.200"],
            reserved=["10.0.0.110"],
            dns=["8.8.8.8", "9.9.9.9"],
            routes=[Route(cidr=IPNetwork("0.0.0.0/0"), gateway=IPAddress("10.0.0.254"))],
        ),
        subnet("0.0.0.0/31"),
        subnet("fd01::/120", pools=["fd01::10-fd01::20"], reserved=["fd01::10"]),
    ]
    made = replace(
        network(*parts),
        priority=-3,
        zone="z",
        rxtx_base=7,
        mtu=9000,
        dns_domain="cloud.example.org",
        lease_time=600,
        adopted=True,
    )
    store.network_creations.reserve(call(), made, EPOCH)
    store.network_creations.activate(call(), made, EPOCH)
    assert store.networks.find(call(), made.id) == made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # examples change nothing
@given(text=st.text(min_size=1, max_size=40))
def test_no_name_makes_looking_for_it_fail_otherwise_than_not_found(
    text: str, store: Store
) -> None:
    with pytest.raises(NetworkNotFound) as error:
        store.networks.find(call(), text)
    assert error.value.network == text
    assert store.networks.usable(call(), PROJECT, [text]) == []


@pytest.mark.parametrize("text", ["blåhaj", "日本", "🦊", "a\0b", "\udcff", "a\nb", "é" * 300])
def test_what_no_id_can_be_is_found_nowhere_and_fails_nothing(text: str, store: Store) -> None:
    made = kept(store)
    with pytest.raises(NetworkNotFound):
        store.networks.find(call(), text)
    with pytest.raises(FixedIpNotFound):
        store.search.fixed_ip(call(), text)
    assert store.networks.usable(call(), PROJECT, [text]) == []
    assert store.networks.usable(call(), PROJECT, [text, made.id]) == [made]
    assert list(store.search.fixed_ips(call(), network_id=text)) == []
    assert store.instances.get(call(), text) is None


def test_labels_in_any_script_are_found(store: Store) -> None:
    labels = ["blåhaj", "日本", "🦊"]
    made = [kept(store, f"10.{n}.0.0/24", label=label) for n, label in enumerate(labels)]
    assert [store.networks.find(call(), net.label) for net in made] == made
    assert len(store.networks.usable(call(), PROJECT, [*labels, "ß"])) == len(labels)


def test_a_host_too_long_for_its_column_is_refused(store: Store) -> None:
    long, made = "h" * 256, kept(store)
    with pytest.raises(InvalidInput, match=r"host 'hhh.* it must be at most 255 characters"):
        store.network_creations.reserve(
            call(), network("10.9.0.0/24", label="long", host=long), EPOCH
        )
    with pytest.raises(InvalidInput, match="at most 255 characters"):
        store.networks.set_host(call(), made.id, long)
    assert [net.id for net in store.networks.all(call())] == [made.id]


def test_a_subnet_has_room_for_thousands_of_ranges(store: Store) -> None:
    reserved = [f"fd00::{n:x}:1-fd00::{n:x}:ffff" for n in range(1, 4000)]
    made = network(subnet("fd00::/64", reserved=reserved))
    store.network_creations.reserve(call(), made, EPOCH)
    store.network_creations.activate(call(), made, EPOCH)
    assert store.networks.find(call(), made.id) == made


def test_r22_networks_are_listed_once_each_in_order_of_creation(store: Store) -> None:
    """R22: several subnets and several owners make no duplicates."""
    for number, owner in enumerate([PROJECT, None, OTHER_PROJECT, PROJECT]):
        cidrs = [f"10.{number}.0.0/24", f"10.{number}.1.0/24", f"fd0{number}::/64"]
        made = network(*cidrs, label=f"net-{number}", project_id=owner)
        store.network_creations.reserve(call(now=after(number)), made, EPOCH)
        store.network_creations.activate(call(), made, EPOCH)
    listed = store.networks.all(call(), project_id=PROJECT)
    assert [net.label for net in listed] == ["net-0", "net-1", "net-3"]
    assert [len(net.subnets) for net in listed] == [3, 3, 3]
    assert [net.label for net in store.networks.all(call())] == [f"net-{n}" for n in range(4)]


def test_what_is_being_made_is_shown_to_nobody_but_its_host_s_clean_up(store: Store) -> None:
    made = network("10.0.0.0/24")
    store.network_creations.reserve(call(), made, EPOCH)
    assert store.networks.all(call()) == []
    assert store.networks.usable(call(), PROJECT, []) == []
    with pytest.raises(NetworkNotFound):
        store.networks.find(call(), made.id)
    assert store.networks.on_host(call(), "host-1") == [made.id]
    assert store.networks.on_host(call(), "host-2") == []


def test_a_network_takes_the_id_that_quantum_gave_it_with_its_subnets(store: Store) -> None:
    made = network("10.0.0.0/24", "fd00::/64")
    store.network_creations.reserve(call(), made, EPOCH)
    named = replace(made, id=str(uuid4()))
    store.network_creations.rename(call(), made.id, named, EPOCH)
    store.network_creations.activate(call(), named, EPOCH)
    assert store.networks.find(call(), "blue") == named


def test_a_label_that_several_visible_networks_have_is_ambiguous(store: Store) -> None:
    one, other = kept(store), kept(store, project_id=None)
    with pytest.raises(AmbiguousLabel) as error:
        store.networks.find(call(), "blue", project_id=PROJECT)
    assert set(error.value.networks) == {one.id, other.id}
    assert store.networks.find(call(), "blue", project_id=OTHER_PROJECT) == other


# --- labels, ids and cidrs ----------------------------------------------------------------------


def test_a_label_is_unique_among_those_of_its_owner(store: Store) -> None:
    kept(store)
    with pytest.raises(LabelInUse) as error:
        store.network_creations.reserve(call(), network("10.1.0.0/24"), EPOCH)
    assert (error.value.label, error.value.project_id) == ("blue", PROJECT)
    kept(store, "10.1.0.0/24", project_id=OTHER_PROJECT)
    kept(store, "10.1.0.0/24", project_id=None)
    with pytest.raises(LabelInUse):
        store.network_creations.reserve(call(), network("10.2.0.0/24", project_id=None), EPOCH)


def test_labels_that_differ_in_case_are_different(store: Store) -> None:
    blue, other = kept(store), kept(store, "10.1.0.0/24", label="BLUE")
    assert store.networks.find(call(), "blue") == blue
    assert store.networks.find(call(), "BLUE") == other


def test_an_id_is_kept_once(store: Store) -> None:
    made = kept(store)
    again = network("10.1.0.0/24", label="green", id=made.id, project_id=OTHER_PROJECT)
    with pytest.raises(NetworkExists) as error:
        store.network_creations.reserve(call(), again, EPOCH)
    assert error.value.network == made.id
    store.network_creations.reserve(call(), replace(again, id=(reserved := str(uuid4()))), EPOCH)
    with pytest.raises(NetworkExists):
        store.network_creations.rename(call(), reserved, again, EPOCH)


SAME = [("10.0.0.0/24", "10.0.0.0/24"), ("fd00::/64", "fd00::/64"), ("0.0.0.0/0", "0.0.0.0/0")]
SUPER = [
    ("10.0.0.0/24", "10.0.0.0/16"),
    ("10.0.9.0/24", "10.0.0.0/16"),
    ("fd00:0:0:5::/64", "fd00::/48"),
]
SUB = [(wide, narrow) for narrow, wide in SUPER]


@pytest.mark.parametrize(
    ("taken", "wanted", "words"),
    [(*pair, "already in use") for pair in SAME]
    + [(*pair, "conflicts with the smaller") for pair in SUPER]
    + [(*pair, "conflicts with the supernet") for pair in SUB],
)
def test_r68_a_cidr_that_overlaps_one_of_its_owner_is_refused_and_says_how(
    taken: str, wanted: str, words: str, store: Store
) -> None:
    """R68: three messages for the same, a larger and a smaller cidr; IPv6 as well."""
    kept(store, taken, label="first")
    with pytest.raises(CidrConflict, match=rf"{wanted}.*{words}.*{taken}.*'first'"):
        store.network_creations.reserve(
            call(), network(wanted, "2001:db8::/64", label="second"), EPOCH
        )
    assert [net.label for net in store.networks.all(call())] == ["first"]
    kept(store, wanted, label="second", project_id=OTHER_PROJECT)
    kept(store, wanted, label="second", project_id=None)


@pytest.mark.parametrize("cidr", ["10.0.1.0/24", "9.255.255.0/24", "::a00:0/120", "11.0.0.0/8"])
def test_a_cidr_beside_another_one_is_fine(cidr: str, store: Store) -> None:
    kept(store, "10.0.0.0/24")
    assert store.networks.find(call(), kept(store, cidr, label="beside").id).label == "beside"


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    taken=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 8)), max_size=6),
    wanted=st.tuples(st.integers(0, 255), st.integers(0, 8)),
)
def test_looking_at_one_row_finds_every_overlap(
    taken: list[tuple[int, int]], wanted: tuple[int, int], store: Store
) -> None:
    """The subnets of an owner are disjoint, so that the nearest one below decides.

    Each example has an owner of its own.
    """
    owner = str(uuid4())
    mine: list[IPNetwork] = []
    for number, (last, bits) in enumerate([*taken, wanted]):
        cidr = IPNetwork(f"10.0.0.{last}/{32 - bits}").cidr
        made = network(str(cidr), label=f"net-{number}", project_id=owner)
        if any(cidr in other or other in cidr for other in mine):
            with pytest.raises(CidrConflict):
                store.network_creations.reserve(call(), made, EPOCH)
        else:
            store.network_creations.reserve(call(), made, EPOCH)
            store.network_creations.activate(call(), made, EPOCH)
            mine.append(cidr)


def test_what_is_in_the_way_and_hidden_is_said_to_be_half_deleted(store: Store) -> None:
    store.network_deletions.begin(call(), kept(store).id)
    for wanted in (network("10.1.0.0/24"), network("10.0.0.0/16", label="green")):
        with pytest.raises(NetworkInTransition, match="'blue' is deleting just now"):
            store.network_creations.reserve(call(), wanted, EPOCH)


@pytest.mark.parametrize("what", ["label", "cidr"])
def test_of_many_that_race_for_the_same_label_or_cidr_exactly_one_wins(
    what: str, store: Store
) -> None:
    """The others see that one is being made, and wait for what becomes of it."""
    racers = 8
    start = Barrier(racers)

    def race(number: int) -> bool:
        cidr = "10.0.0.0/16" if what == "cidr" else f"10.{number}.0.0/16"
        made = network(cidr, label="blue" if what == "label" else f"net-{number}")
        start.wait()
        try:
            store.network_creations.reserve(call(), made, EPOCH)
        except NetworkInTransition:
            return False
        return True

    with ThreadPoolExecutor(racers) as pool:
        assert sum(pool.map(race, range(racers))) == 1
    assert len(rows(store, networks)) == len(rows(store, subnets)) == 1


def test_races_of_different_owners_have_no_losers(store: Store) -> None:
    racers = 6
    start = Barrier(racers)

    def race(number: int) -> None:
        made = network("10.0.0.0/16", project_id=f"project-{number}")
        start.wait()
        store.network_creations.reserve(call(), made, EPOCH)

    with ThreadPoolExecutor(racers) as pool:
        list(pool.map(race, range(racers)))
    assert len(rows(store, networks)) == racers


# --- entities -----------------------------------------------------------------------------------


def test_r99_rows_that_live_are_unique_whoever_writes_them(store: Store) -> None:
    """R99: by constraint: labels and cidrs of an owner, MACs, addresses of a network."""
    net = kept(store)
    first, second = join(store, net), join(store, net)
    row = rows(store, networks)[0] | {"id": str(uuid4())}
    part = rows(store, subnets)[0] | {"id": str(uuid4())}
    by_instance = {one["instance_id"]: one["id"] for one in rows(store, vifs)}
    address = {"network_id": net.id, "subnet_id": net.subnets[0].id}
    given = allocations.insert().values(**address, address=IPAddress("10.0.0.2"))
    write(store, given.values(id=str(uuid4()), vif_id=by_instance[first]))
    write(store, vifs.update().where(vifs.c.instance_id == first).values(mac="fa:16:3e:0:0:1"))
    for twice in (
        networks.insert().values(**row),
        networks.insert().values(**row | {"label": "green", "id": net.id}),
        subnets.insert().values(**part),
        given.values(id=str(uuid4()), vif_id=by_instance[second]),
        vifs.update().where(vifs.c.instance_id == second).values(mac="fa:16:3e:0:0:1"),
    ):
        with pytest.raises(IntegrityError):
            write(store, twice)


def test_r99_a_removed_network_takes_its_subnets_and_frees_label_and_cidr(store: Store) -> None:
    """R99: rows are physically deleted, so that nothing dead is in the way."""
    net = kept(store, "10.0.0.0/24", "fd00::/64")
    store.network_deletions.forget(call(), net, store.network_deletions.begin(call(), net.id).epoch)
    held = {table.name: rows(store, table) for table in metadata.sorted_tables}
    assert {name for name, found in held.items() if found} == {"qplug_owners"}
    kept(store, "10.0.0.0/24", "fd00::/64")


def test_r99_a_network_with_vifs_cannot_be_removed(store: Store) -> None:
    """R99: a vif's network is there as long as the vif is."""
    net = kept(store)
    join(store, net)
    with pytest.raises(IntegrityError):
        write(store, networks.delete().where(networks.c.id == net.id))


# --- changing -----------------------------------------------------------------------------------


def test_a_change_writes_nothing_that_was_not_named(store: Store) -> None:
    """Two commands that read the same network and change different things both have their way."""
    read = kept(store)
    store.networks.update(call(), read, priority=5)
    changed = store.networks.update(call(), read, label="green", zone=None)
    assert (changed.priority, changed.label) == (5, "green")
    assert store.networks.update(call(), read) == changed


def test_a_change_of_what_is_gone_or_hidden_is_not_found(store: Store) -> None:
    net = kept(store)
    store.network_deletions.begin(call(), net.id)
    for refused in (
        lambda: store.networks.update(call(), net, priority=5),
        lambda: store.networks.set_host(call(), net.id, "host-2"),
        lambda: store.networks.disassociate(call(), net.id, host=True, project=True),
    ):
        with pytest.raises(NetworkNotFound):
            refused()
    (row,) = rows(store, networks)
    assert (row["priority"], row["host"], row["owner"]) == (None, "host-1", PROJECT)


def test_a_label_can_be_changed_to_itself_but_not_to_another_ones(store: Store) -> None:
    net = kept(store)
    kept(store, "10.1.0.0/24", label="green")
    assert store.networks.update(call(), net, label="blue") == net
    with pytest.raises(LabelInUse):
        store.networks.update(call(), net, label="green")


def test_r26_the_first_host_that_asks_gets_a_network(store: Store) -> None:
    """R26: a host is set only if none is, and everybody learns which it is."""
    net, racers = kept(store, host=None), 6
    start = Barrier(racers)

    def ask(number: int) -> str:
        start.wait()
        return store.networks.set_host(call(), net.id, f"host-{number}")

    with ThreadPoolExecutor(racers) as pool:
        answers = set(pool.map(ask, range(racers)))
    assert answers == {store.networks.find(call(), net.id).host}


def test_disassociating_looks_at_the_network_as_it_is_by_then(store: Store) -> None:
    """Its label changes while the command is on its way; the new one decides."""
    net = kept(store)
    kept(store, "10.1.0.0/24", label="blue", project_id=None)
    store.networks.update(call(), net, label="green")
    changed = store.networks.disassociate(call(), net.id, host=False, project=True)
    assert (changed.label, changed.project_id, changed.host) == ("green", None, "host-1")


# --- deleting -----------------------------------------------------------------------------------


def test_a_deletion_that_is_cancelled_leaves_the_network_as_it_was(store: Store) -> None:
    net = kept(store)
    deletion = store.network_deletions.begin(call(), net.id)
    assert deletion.network == net
    assert store.networks.all(call()) == []
    store.network_deletions.cancel(call(), deletion, adopted=False)
    assert store.networks.all(call()) == [net]


def test_a_deletion_that_was_begun_before_cannot_be_cancelled(store: Store) -> None:
    """Parts of the network may be gone."""
    net = kept(store)
    store.networks.postpone(call(), net.id, store.network_deletions.begin(call(), net.id).epoch, "")
    again = store.network_deletions.begin(call(), net.id)
    store.network_deletions.cancel(call(), again, adopted=False)
    assert store.networks.all(call()) == []


def test_a_deletion_that_another_command_took_up_cannot_be_cancelled(store: Store) -> None:
    net = kept(store)
    first = store.network_deletions.begin(call(), net.id)
    store.networks.postpone(call(), net.id, first.epoch, "it is away")
    store.network_deletions.begin(call(), net.id)
    store.network_deletions.cancel(call(), first, adopted=False)
    assert store.networks.all(call()) == []


def test_what_is_deleted_just_now_is_not_taken_up_by_another_command(store: Store) -> None:
    net = kept(store)
    store.network_deletions.begin(call(), net.id)
    with pytest.raises(NetworkInTransition, match="'blue' is deleting"):
        store.network_deletions.begin(call(), net.id)


def test_an_adopted_network_to_be_deleted_in_quantum_is_ours_from_then_on(store: Store) -> None:
    net = replace(network("10.0.0.0/24"), adopted=True)
    store.network_creations.reserve(call(), net, EPOCH)
    store.network_creations.activate(call(), net, EPOCH)
    deletion = store.network_deletions.begin(call(), net.id, with_quantum=True)
    assert not deletion.network.adopted
    store.network_deletions.cancel(call(), deletion, adopted=net.adopted)
    assert store.networks.all(call()) == [net]


@pytest.mark.parametrize("state", ["building", "active", "deleting"])
def test_a_network_with_vifs_in_any_state_is_busy_and_called_by_its_label(
    state: str, store: Store
) -> None:
    net = kept(store)
    join(store, net, state=state)
    before = rows(store, networks)
    with pytest.raises(NetworkBusy, match="'blue' still has 1 attached"):
        store.network_deletions.begin(call(), net.id)
    assert rows(store, networks) == before


def test_what_is_being_made_cannot_be_deleted(store: Store) -> None:
    made = network("10.0.0.0/24")
    store.network_creations.reserve(call(), made, EPOCH)
    before = rows(store, networks)
    with pytest.raises(NetworkInTransition, match="'blue' is building"):
        store.network_deletions.begin(call(), made.id)
    assert rows(store, networks) == before


def test_forgetting_spares_what_is_active(store: Store) -> None:
    net = kept(store)
    store.network_deletions.forget(call(), net, EPOCH)
    assert store.networks.all(call()) == [net]


@pytest.mark.parametrize("activated", [True, False])
def test_what_is_abandoned_is_hidden_under_its_id_in_quantum(activated: bool, store: Store) -> None:
    """The answer of activating it may have been all that was lost."""
    made = network("10.0.0.0/24")
    store.network_creations.reserve(call(), made, EPOCH)
    named = replace(made, id=str(uuid4()))
    if activated:
        store.network_creations.rename(call(), made.id, named, EPOCH)
        store.network_creations.activate(call(), named, EPOCH)
    assert store.network_creations.abandon(call(), named, EPOCH)
    assert store.networks.all(call()) == []
    assert [work.is_free for work in store.work.all(call())] == [False]
    store.networks.postpone(call(), named.id, EPOCH, "it is away")
    assert store.network_deletions.begin(call(), named.id).network == named
    with pytest.raises(NetworkInTransition):
        store.network_creations.activate(call(), named, EPOCH)


def test_abandoning_spares_a_stranger_that_has_the_id(store: Store) -> None:
    """A Quantum that gave the id of another network has not made that one ours."""
    other, made = kept(store, project_id=OTHER_PROJECT), network("10.0.0.0/24", label="green")
    store.network_creations.reserve(call(), made, EPOCH)
    with pytest.raises(IntegrityError):
        store.network_creations.abandon(call(), replace(made, id=other.id), EPOCH)
    assert store.networks.all(call()) == [other]


@pytest.mark.parametrize(
    ("state", "besides_itself", "relied_on"),
    [
        ("active", False, True),
        ("building", False, True),
        ("deleting", False, False),
        ("active", True, False),
    ],
)
def test_others_rely_on_a_network_unless_they_are_being_deleted(
    state: str, besides_itself: bool, relied_on: bool, store: Store
) -> None:
    net = kept(store)
    joined = store.instances.get(call(), join(store, net, state=state))
    assert joined is not None
    besides = [one.vif.id for one in joined.vifs] if besides_itself else [str(uuid4())]
    assert store.networks.has_vifs(call(), net.id, besides=besides) is relied_on


# --- cost ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 60])
def test_reading_networks_is_one_statement_however_many_there_are(
    count: int, store: Store, statements: Statements
) -> None:
    for number in range(count):
        kept(store, f"10.{number}.0.0/24", f"fd00:{number:x}::/64", label=f"net-{number}")
    reads: list[Callable[[], object]] = [
        lambda: store.networks.all(call()),
        lambda: store.networks.all(call(), project_id=PROJECT),
        lambda: store.networks.all(call(), host="host-1"),
        lambda: store.networks.find(call(), "net-0"),
        lambda: store.networks.usable(call(), PROJECT, []),
    ]
    for read in reads:
        statements.clear()
        read()
        assert len(statements) == 1


def test_an_instance_joins_more_networks_than_sqlite_joins_selections(store: Store) -> None:
    made = [network(label=f"net-{n}") for n in range(600)]
    rows_ = [network_row(net) | {"state": "active", "epoch": 1, "created_at": NOW} for net in made]
    store.database.write(call(), lambda tx: tx.execute(networks.insert(), rows_))
    mine = join(store, made[0])
    planned = [vif(net, instance_id=mine) for net in made]
    with counted_statements() as sent:
        store.database.write(call(), lambda tx: insert_vifs(tx, planned[:100]))
    assert len(sent) == 1
    store.database.write(call(), lambda tx: insert_vifs(tx, planned[100:]))
    query = sa.select(vifs.c.id).where(vifs.c.state == "building").order_by(vifs.c.position)
    written = store.database.read(call(), lambda tx: tx.execute(query).scalars().all())
    assert sorted(written) == sorted(each.id for each in planned)
    gone = [vif(net, instance_id=mine) for net in [*made, network()]]
    with pytest.raises(NetworkNotFound, match=gone[-1].network_id):
        store.database.write(call(), lambda tx: insert_vifs(tx, gone))
    assert len(rows(store, vifs)) == 601


def test_what_is_held_is_counted_for_more_networks_than_databases_take_parameters(
    store: Store,
) -> None:
    assert store.search.held(call(), [str(n) for n in range(70_000)]) == {}
