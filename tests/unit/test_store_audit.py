"""What an audit reads of the store, on every database."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from netaddr import IPAddress

from qplug.model import Allocation, Network
from qplug.store import Store
from qplug.store.audit import NETWORKS_PAGE, PAGE, PortRow
from qplug.store.tables import allocations, instances, networks, subnets, tombstones, vifs
from qplug.testing.clock import Statements
from qplug.testing.databases import every_database
from qplug.testing.values import NOW, PROJECT, call, network

pytestmark = every_database

MANY = 2 * PAGE + 500


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url, "host-1")
    store.database.read(call(), lambda tx: None)  # SQLite makes its tables
    yield store
    store.close()


def written(store: Store, *rows: tuple[Any, Sequence[dict[str, Any]]]) -> None:
    for table, many in rows:
        store.database.write(call(), lambda tx, t=table, m=many: tx.execute(t.insert(), m))  # type: ignore[misc]  # bound now


def made(store: Store, count: int, *, label: str = "blue", state: str = "active") -> list[Network]:
    """Write networks with a subnet each."""
    found = [network(f"10.{n >> 8}.{n & 255}.0/24", label=f"{label}-{n}") for n in range(count)]
    heads = [
        {
            "id": net.id,
            "label": net.label,
            "project_id": net.project_id,
            "owner": f"{label}-{net.project_id}",
            "quantum_project": net.quantum_project,
            "host": net.host,
            "adopted": False,
            "ipam": "memory",
            "quantum": "memory",
            "mac": "random",
            "l3": "null",
            "dhcp": "null",
            "state": state,
            "epoch": 3,
            "created_at": NOW,
        }
        for net in found
    ]
    parts = [
        {
            "id": subnet.id,
            "network_id": net.id,
            "owner": f"{label}-{net.project_id}",
            "version": 4,
            "cidr": str(subnet.cidr),
            "first": IPAddress(subnet.cidr.first, 4),
            "last": IPAddress(subnet.cidr.last, 4),
            "gateway": subnet.gateway,
            "dhcp_server": subnet.dhcp_server,
            **dict.fromkeys(("pools", "reserved", "dns", "routes"), "[]"),
        }
        for net in found
        for subnet in net.subnets
    ]
    written(store, (networks, heads), (subnets, parts))
    return found


def used(store: Store, net: Network, count: int, state: str = "active") -> list[Allocation]:
    """Write one instance with many vifs, each with an address."""
    owner = str(uuid4())
    given = [
        Allocation(
            vif_id=str(uuid4()),
            subnet_id=net.subnets[0].id,
            address=IPAddress(net.subnets[0].cidr.first + n),
        )
        for n in range(count)
    ]
    head = {
        "id": owner,
        "project_id": PROJECT,
        "rxtx_factor": 1.0,
        "request": "",
        "state": state,
        "epoch": 7,
        "created_at": NOW,
    }
    each = {"instance_id": owner, "network_id": net.id, "project_id": PROJECT, "position": 0}
    written(
        store,
        (instances, [head]),
        (
            vifs,
            [each | {"id": a.vif_id, "port_id": f"p-{a.vif_id}", "state": state} for a in given],
        ),
        (
            allocations,
            [
                {
                    "id": str(uuid4()),
                    "vif_id": one.vif_id,
                    "network_id": net.id,
                    "subnet_id": one.subnet_id,
                    "address": one.address,
                }
                for one in given
            ],
        ),
    )
    return given


def test_all_addresses_are_listed_once_in_a_statement_a_page(
    store: Store, statements: Statements
) -> None:
    blue, green = made(store, 2)
    given = [*used(store, blue, MANY), *used(store, green, 3, "deleting")]
    statements.clear()
    listed = list(store.audit.allocations(call()))
    assert len(listed) == len(given)
    assert {one for _, one in listed} == set(given)
    assert {network_id for network_id, _ in listed} == {blue.id, green.id}
    assert len(statements) == len(given) // PAGE + 1


def test_the_ports_of_active_vifs_are_listed_once_in_a_statement_a_page(
    store: Store, statements: Statements
) -> None:
    (blue,) = made(store, 1)
    given = used(store, blue, MANY)
    used(store, made(store, 1, label="other")[0], 3, "building")
    statements.clear()
    listed = list(store.audit.ports(call()))
    expected = {
        PortRow(network_id=blue.id, vif_id=one.vif_id, port_id=f"p-{one.vif_id}") for one in given
    }
    assert len(listed) == len(expected)
    assert set(listed) == expected
    assert len(statements) == len(given) // PAGE + 1


def test_all_networks_are_listed_with_subnets_and_state_in_two_statements_a_page(
    store: Store, statements: Statements
) -> None:
    active = made(store, NETWORKS_PAGE + 9)
    (building,) = made(store, 1, label="other", state="building")
    statements.clear()
    listed = list(store.audit.networks(call()))
    assert {known.network.id: known.network for known in listed} == {
        net.id: net for net in [*active, building]
    }
    states = {known.network.id: (known.state, known.epoch) for known in listed}
    assert states[building.id] == ("building", 3)
    assert states[active[0].id] == ("active", 3)
    assert len(statements) == 4


def test_vifs_are_known_with_the_state_of_their_instance(store: Store) -> None:
    (blue,) = made(store, 1)
    one, two = used(store, blue, 2, "updating")
    found = store.audit.vifs(call(), [one.vif_id, two.vif_id, str(uuid4())])
    assert found.keys() == {one.vif_id, two.vif_id}
    known = found[one.vif_id]
    assert (known.state, known.epoch) == ("updating", 7)
    assert known.record.allocations == (one,)
    assert known.record.network == blue
    assert store.audit.vifs(call(), []) == {}


def test_epochs_are_read_a_part_at_a_time(store: Store, statements: Statements) -> None:
    (blue,) = made(store, 1)
    ids = [one.vif_id for one in used(store, blue, PAGE + 5, "updating")]
    statements.clear()
    assert store.audit.epochs(call(), [*ids, str(uuid4())]) == dict.fromkeys(ids, ("updating", 7))
    assert len(statements) == 2
    assert store.audit.epochs(call(), []) == {}


@pytest.mark.parametrize("text", ["blåhaj", "a\0b", "\udcff"])
def test_what_no_vif_can_be_called_is_known_nowhere(store: Store, text: str) -> None:
    assert store.audit.vifs(call(), [text]) == {}
    assert store.audit.tombstones(call(), [text]) == frozenset()


def test_a_network_is_found_by_its_id_and_by_its_subnets(store: Store) -> None:
    blue, green = made(store, 2)
    known = store.audit.network(call(), blue.id)
    assert known is not None
    assert known.network == blue
    assert store.audit.network(call(), str(uuid4())) is None
    ids = [blue.subnets[0].id, green.subnets[0].id, str(uuid4())]
    found = store.audit.networks_of_subnets(call(), ids)
    assert found == {blue.subnets[0].id: blue, green.subnets[0].id: green}


def test_a_project_is_known_of_which_a_network_is_being_made(store: Store) -> None:
    made(store, 1)
    assert not store.audit.being_made(call(), PROJECT)
    made(store, 1, label="other", state="building")
    assert store.audit.being_made(call(), PROJECT)
    assert not store.audit.being_made(call(), "somebody else")
    assert store.audit.projects(call()) == [PROJECT]


def test_rows_are_counted(store: Store) -> None:
    assert store.audit.counts(call()) == (0, 0, 0)
    blue, _ = made(store, 2)
    used(store, blue, 5)
    assert store.audit.counts(call()) == (5, 5, 2)


def test_what_is_released_once_more_later_is_known(store: Store) -> None:
    key = str(uuid4())
    stone = {"id": key, "kind": "vif", "epoch": 0, "details": "{}", "suspects": "[]"}
    written(store, (tombstones, [stone | {"created_at": NOW, "due": NOW}]))
    assert store.audit.tombstones(call(), [key, str(uuid4())]) == {key}
