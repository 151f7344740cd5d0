"""Replicas that can only be read: a hot standby of PostgreSQL, and MariaDB with read_only."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from agreement import agreement
from oslo_config.cfg import ConfigOpts
from servers import private_mariadb, private_postgresql, standby_of

from qplug import loader
from qplug.api import NetworkApi
from qplug.errors import DatabaseUnavailable
from qplug.testing.chain import instance
from qplug.testing.databases import fresh_database, make_tables
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.requirements import require
from qplug.testing.values import network_spec

pytestmark = pytest.mark.integration


@contextmanager
def standby(folder: Path, prepare: Callable[[str], None]) -> Iterator[str]:
    with private_postgresql() as server, fresh_database(folder, server) as url:
        prepare(url)
        with standby_of(url) as replica:
            yield replica


@contextmanager
def read_only(folder: Path, prepare: Callable[[str], None]) -> Iterator[str]:
    with private_mariadb() as server, fresh_database(folder, server) as url:
        prepare(url)
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            for statement in (
                "CREATE USER plain@localhost",
                f"GRANT ALL ON {engine.url.database}.* TO plain@localhost",
                "SET GLOBAL read_only = 1",  # but for root, and for replication
            ):
                connection.exec_driver_sql(statement)
        engine.dispose()
        yield sa.make_url(url).set(username="plain").render_as_string(hide_password=False)


REPLICAS = {"postgresql": standby, "mariadb": read_only}


@pytest.mark.parametrize("kind", REPLICAS)
def test_a_replica_is_read_and_every_change_says_what_it_is_and_changes_nothing(
    kind: str, conf: ConfigOpts, make_manager: MakeManager, api_of: ApiOf, tmp_path: Path
) -> None:
    nova = "nova" in loader.installed(loader.IPAM)
    require(nova, "no ipam driver 'nova' is installed; run make")
    mine = instance()

    def api(url: str) -> NetworkApi:
        conf.set_override("connection", url, "database")
        return api_of(make_manager(ipam="nova", quantum="local"))

    def prepare(url: str) -> None:
        make_tables(url)
        primary = api(url)
        primary.create(network_spec("10.0.0.0/24", "fd00::/64"))
        primary.create(network_spec("10.5.0.0/24", label="green"))
        primary.allocate_for_instance(mine)

    with REPLICAS[kind](tmp_path, prepare) as url:
        replica = api(url)
        for operate in changes(replica, mine.id):
            with agreement(replica, url) as records:
                before = records.holdings()
                with pytest.raises(DatabaseUnavailable, match=r"read-only, as a replica is; let"):
                    operate()
                assert records.holdings() == before != frozenset()
        make_tables(url)  # they are there


def changes(api: NetworkApi, instance_id: str) -> Sequence[Callable[[], object]]:
    address = next(api.get_all_fixed_ips(instance_id=instance_id)).address
    return [
        lambda: api.create(network_spec("10.6.0.0/24", label="red")),
        lambda: api.update("blue", priority=5),
        lambda: api.delete("green"),
        lambda: api.allocate_for_instance(instance()),
        lambda: api.add_fixed_ip_to_instance(instance_id, "blue"),
        lambda: api.remove_fixed_ip_from_instance(instance_id, address),
        lambda: api.deallocate_for_instance(instance_id),
    ]
