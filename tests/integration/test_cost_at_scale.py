"""What operations cost beside 60,000 addresses in use, 10,000 networks and 1,000 fragments."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from crowds import add_networks, use_addresses
from netaddr import IPAddress, IPRange
from oslo_config.cfg import ConfigOpts
from reading import Reading, analyze, statistics_of_tables

from qplug.api import NetworkApi
from qplug.db import connection_url
from qplug.db.engine import make_engine
from qplug.manager import Manager, SubnetChanges
from qplug.model import NetworkRequest
from qplug.testing.chain import instance
from qplug.testing.clock import Statements
from qplug.testing.databases import every_database
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.values import OTHER_PROJECT, PROJECT, network_spec

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("one_look"), every_database]

FRAGMENTS = 1000

FEW_ROWS = 60
"""What a change of a row or two may read more when there are very many: statistics differ."""


@dataclass(frozen=True)
class Cost:
    """What one operation took."""

    statements: int
    transactions: int
    rows: int


Costs = Mapping[str, Cost]


class Bench:
    """Does each operation once on a network and notes what it took."""

    def __init__(self, manager: Manager, api: NetworkApi, statements: Statements) -> None:
        chain = manager._chain
        drivers: list[Any] = [chain.ipam, chain.quantum]
        self._engines = [d._database.engine for d in drivers] + [chain.store.database.engine]
        self._api = api
        self._reading = Reading(chain.store.database.engine, self._disconnect)
        self._statements = statements

    def costs(self, label: str) -> Costs:
        """Return the cost of each operation by its name; everything is as before afterwards."""
        api, mine, other = self._api, instance(), instance(project_id=OTHER_PROJECT)
        request = [NetworkRequest(network_id=label)]
        reserved = (IPRange("10.0.9.198", "10.0.9.198"),)
        api.allocate_for_instance(instance(), request)  # statements are made once
        operations: dict[str, Callable[[], object]] = {
            "allocate": lambda: api.allocate_for_instance(mine, request),
            "allocate on all networks": lambda: api.allocate_for_instance(other),
            "show": lambda: api.get_instance_nw_info(mine.id),
            "add": lambda: api.add_fixed_ip_to_instance(mine.id, label),
            "find": lambda: api.get_fixed_ip_by_address(self._address_of(mine.id)),
            "remove": lambda: api.remove_fixed_ip_from_instance(mine.id, self._address_of(mine.id)),
            "deallocate": lambda: api.deallocate_for_instance(mine.id),
            "network show": lambda: api.get(label),
            "network create": lambda: api.create(network_spec("10.99.0.0/24", label="new")),
            "network delete": lambda: api.delete("new"),
            "network set": lambda: api.update(label, SubnetChanges(reserved=reserved)),
        }
        noted = {name: self._cost(act) for name, act in operations.items()}
        api.update(label, SubnetChanges(unreserved=reserved))
        api.deallocate_for_instance(other.id)
        return noted

    def _cost(self, act: Callable[[], object]) -> Cost:
        counted: list[int] = []

        def once() -> None:
            self._connect()
            self._statements.clear()
            act()
            counted.extend((len(self._statements), self._statements.transactions))

        rows = self._reading.of(once)
        return Cost(counted[0], counted[1], rows)

    def _connect(self) -> None:
        """Open connections, for which drivers send statements of their own."""
        for engine in self._engines:
            engine.connect().close()

    def _disconnect(self) -> None:
        for engine in self._engines:
            engine.dispose()

    def _address_of(self, instance_id: str) -> IPAddress:
        (vif,) = self._api.get_instance_nw_info(instance_id)
        return IPAddress(str(vif.fixed_ips()[0].address))


@pytest.fixture
def engine(conf: ConfigOpts) -> Iterator[sa.Engine]:
    engine = make_engine(connection_url(conf))
    with statistics_of_tables(engine):
        yield engine
    engine.dispose()


def test_no_operation_costs_more_however_much_else_there_is(
    make_manager: MakeManager,
    api_of: ApiOf,
    conf: ConfigOpts,
    engine: sa.Engine,
    statements: Statements,
) -> None:
    manager = make_manager(ipam="nova", quantum="local")
    api = api_of(manager)
    blue = api.create(network_spec("10.0.0.0/16"))
    api.create(network_spec("10.7.0.0/24", label="theirs", project_id=OTHER_PROJECT))
    fragments = [f"10.0.{n // 100}.{n % 100 * 2 + 2}" for n in range(FRAGMENTS)]
    api.create(network_spec("10.0.0.0/16", label="green", project_id=None, pools=fragments))
    bench = Bench(manager, api, statements)
    alone = bench.costs("blue")
    with engine.begin() as tx:
        tx.execution_options(qplug_write_until=0)
        add_networks(tx, PROJECT, 10_000)
        use_addresses(tx, blue, 60_000)
    analyze(engine)
    engine.dispose()
    for label in ("blue", "green"):
        crowded = bench.costs(label)
        for name, cost in crowded.items():
            assert (cost.statements, cost.transactions) == (
                alone[name].statements,
                alone[name].transactions,
            ), name
            every_fragment = label == "green" and name == "network set"  # they are written anew
            more = FEW_ROWS + (6 * FRAGMENTS if every_fragment else 0)
            assert cost.rows <= alone[name].rows + more, name
    assert alone["allocate"].statements <= 10
    assert alone["allocate"].transactions <= 5
