"""What operations cost the database: little, and always the same."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from netaddr import EUI, IPAddress
from oslo_config.cfg import ConfigOpts

from qplug import loader
from qplug.api import NetworkApi
from qplug.db import connection_url
from qplug.manager import pending
from qplug.model import mac_address
from qplug.store.tables import allocations, instances, networks, subnets, vifs
from qplug.testing.chain import instance
from qplug.testing.clock import Statements
from qplug.testing.databases import every_database
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.requirements import require
from qplug.testing.values import NOW, OTHER_PROJECT, network_spec

pytestmark = [every_database, pytest.mark.usefixtures("one_look")]

MANY = 2500


@pytest.fixture
def api(make_manager: MakeManager, api_of: ApiOf) -> NetworkApi:
    """Return the operations of a manager all of whose drivers use the database."""
    nova = "nova" in loader.installed(loader.IPAM)
    require(nova, "no ipam driver 'nova' is installed; run make")
    api = api_of(make_manager(ipam="nova", quantum="local"))
    api.create(network_spec("10.0.0.0/16"))
    return api


def crowd(conf: ConfigOpts) -> None:
    """Add 200 networks of another project, and many instances with an address on one of them."""
    owner = {"owner": OTHER_PROJECT, "project_id": OTHER_PROJECT, "quantum_project": OTHER_PROJECT}
    drivers = {"ipam": "nova", "quantum": "local", "mac": "random", "l3": "null", "dhcp": "null"}
    rest = {"adopted": False, "state": "active", "epoch": 1, "created_at": NOW}
    nets: list[dict[str, Any]] = [
        {"id": str(uuid4()), "label": f"n{n}"} | owner | drivers | rest for n in range(200)
    ]
    parts = [_subnet_row(net["id"], number) for number, net in enumerate(nets)]
    crowd = [_crowd_rows(nets[0]["id"], parts[0]["id"], number) for number in range(MANY)]
    engine = sa.create_engine(connection_url(conf))
    with engine.begin() as connection:
        connection.execute(networks.insert(), nets)
        connection.execute(subnets.insert(), parts)
        for table in (instances, vifs, allocations):
            connection.execute(table.insert(), [rows[table.name] for rows in crowd])
    engine.dispose()


def _subnet_row(network_id: str, number: int) -> dict[str, Any]:
    first = IPAddress("11.0.0.0") + number * 65536
    return {
        "id": str(uuid4()),
        "network_id": network_id,
        "owner": OTHER_PROJECT,
        "version": 4,
        "cidr": f"{first}/16",
        "first": first,
        "last": first + 65535,
    } | dict.fromkeys(("pools", "reserved", "dns", "routes"), "[]")


def _crowd_rows(network_id: str, subnet_id: str, number: int) -> dict[str, dict[str, Any]]:
    vif_id, instance_id = str(uuid4()), str(uuid4())
    return {
        instances.name: {
            "id": instance_id,
            "project_id": OTHER_PROJECT,
            "rxtx_factor": 1,
            "request": "",
            "state": "active",
            "epoch": 1,
            "created_at": NOW,
        },
        vifs.name: {
            "id": vif_id,
            "instance_id": instance_id,
            "network_id": network_id,
            "project_id": OTHER_PROJECT,
            "position": 0,
            "mac": str(mac_address(EUI(0x020000000000 + number, version=48))),
            "state": "active",
        },
        allocations.name: {
            "id": str(uuid4()),
            "vif_id": vif_id,
            "network_id": network_id,
            "subnet_id": subnet_id,
            "address": IPAddress("11.0.0.2") + number,
        },
    }


@pytest.mark.parametrize("crowded", [False, True], ids=["alone", "in a crowd"])
def test_operations_on_one_vif_take_few_statements_whatever_else_there_is(
    api: NetworkApi, conf: ConfigOpts, statements: Statements, crowded: bool
) -> None:
    if crowded:
        crowd(conf)
    for _ in range(3):
        api.allocate_for_instance(instance())
    mine = instance()

    def cost(act: Callable[[], object]) -> tuple[int, int]:
        statements.clear()
        act()
        return len(statements), statements.transactions

    taken, transactions = cost(lambda: api.allocate_for_instance(mine))
    assert taken <= 10
    assert transactions <= 5
    address = IPAddress("10.0.0.6")
    assert cost(lambda: api.allocate_for_instance(mine)) == (5, 2)
    assert cost(lambda: api.get_instance_nw_info(mine.id)) == (3, 1)
    assert cost(lambda: api.get_vifs_by_instance(mine.id)) == (3, 1)
    assert cost(lambda: api.add_fixed_ip_to_instance(mine.id, "blue")) == (13, 5)
    assert cost(lambda: api.get_fixed_ip_by_address(address)) == (1, 1)
    assert cost(lambda: list(api.get_all_fixed_ips(network="blue"))) == (2, 2)
    assert cost(lambda: list(api.get_all_fixed_ips(instance_id=mine.id))) == (1, 1)
    assert cost(lambda: api.remove_fixed_ip_from_instance(mine.id, address)) == (10, 4)
    assert cost(lambda: api.deallocate_for_instance(mine.id)) == (10, 5)
    assert cost(lambda: api.deallocate_for_instance(mine.id)) == (1, 1)


def test_a_look_at_pending_work_takes_three_statements_however_much_is_active(
    api: NetworkApi, conf: ConfigOpts, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(conf)
    mine = instance()
    api.allocate_for_instance(mine)

    def cost() -> int:
        statements.clear()
        api.allocate_for_instance(mine)
        return len(statements)

    without = cost()
    monkeypatch.setattr(pending, "INTERVAL", 0)
    assert cost() == without + 3


def test_long_lists_are_read_in_pages_not_rows(
    api: NetworkApi, conf: ConfigOpts, statements: Statements
) -> None:
    crowd(conf)
    statements.clear()
    found = [fixed_ip.address for fixed_ip in api.get_all_fixed_ips()]
    assert len(statements) == 3
    assert found == sorted(found)
    assert len(set(found)) == MANY
    statements.clear()
    ids = [each.id for each in api.get_all_instances()]
    assert len(statements) == 3
    assert ids == sorted(set(ids))
    assert len(ids) == MANY
    statements.clear()
    assert len(list(api.get_instance_uuids_by_ip_filter({"ip": r"11\.0\.9\."}))) == 198
    assert len(statements) == 3


def test_the_first_of_a_long_list_costs_one_page(
    api: NetworkApi, conf: ConfigOpts, statements: Statements
) -> None:
    crowd(conf)
    statements.clear()
    assert str(next(iter(api.get_all_fixed_ips())).address) == "11.0.0.2"
    assert len(statements) == 1
