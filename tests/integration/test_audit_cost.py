"""What an audit reads and sends, on every database, beside very many addresses in use."""

import pytest
from crowds import use_addresses
from oslo_config.cfg import ConfigOpts
from reading import Reading, analyze, statistics_of_tables

from qplug.db import connection_url
from qplug.db.engine import make_engine
from qplug.testing.clock import Statements
from qplug.testing.databases import every_database
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.values import network_spec

pytestmark = [pytest.mark.integration, every_database]

ADDRESSES = 20_000

LISTINGS = 4
"""IPAM's addresses and the store's, Quantum's ports and the store's."""

ROWS = 8
"""What may be read for an address: each listing's row, and its entry in an index."""


def test_an_audit_reads_each_row_a_few_times_and_sends_a_statement_a_page(
    make_manager: MakeManager, api_of: ApiOf, conf: ConfigOpts, statements: Statements
) -> None:
    manager = make_manager(ipam="nova", quantum="local")
    api = api_of(manager)
    blue = api.create(network_spec("10.0.0.0/16"))
    assert list(api.audit()) == []
    engine = make_engine(connection_url(conf))
    with engine.begin() as tx:
        tx.execution_options(qplug_write_until=0)
        use_addresses(tx, blue, ADDRESSES)
    analyze(engine)
    chain = manager._chain
    engines = [chain.ipam._database.engine, chain.quantum._database.engine]  # type: ignore[attr-defined]  # both have one
    engines += [chain.store.database.engine, engine]

    def disconnect() -> None:
        for each in engines:
            each.dispose()

    reading = Reading(engine, disconnect)
    statements.clear()
    with statistics_of_tables(engine):
        read = reading.of(lambda: list(api.audit()))
    assert len(statements) <= LISTINGS * ADDRESSES / 1000 + 60
    assert read <= ROWS * ADDRESSES
    engine.dispose()
