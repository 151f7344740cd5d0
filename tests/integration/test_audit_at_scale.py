"""What an audit takes where very many addresses are in use."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from millions import use_millions
from oslo_config.cfg import ConfigOpts

from qplug.db import connection_url
from qplug.db.engine import make_engine
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.values import network_spec

pytestmark = pytest.mark.integration

ROWS = 1_000_000 if os.environ.get("QPLUG_TEST_LONG") else 200_000
"""``make test-long`` takes a million."""

MIB = 1 << 20

LISTINGS = 4
"""IPAM's addresses and the store's, Quantum's ports and the store's."""

CHILD = """
import json, resource, sys
from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.testing.clock import counted_statements

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def audited(connection):
    conf = load_config([])
    conf.set_override("state_path", sys.argv[1])
    conf.set_override("connection", connection, "database")
    with counted_statements() as statements:
        manager = create_manager(conf)
        found = sum(1 for _ in NetworkApi(manager, Context(is_admin=True)).audit())
        manager.close()
    return found, len(statements)

audited(sys.argv[2])
before = peak()
found, statements = audited(sys.argv[3])
print(json.dumps({"found": found, "statements": statements, "grown": peak() - before}))
"""


def measured(tmp_path: Path, url: str) -> Mapping[str, int]:
    """Audit a small database and then that one, in a process that does nothing else."""
    small = f"sqlite:///{tmp_path / 'small.sqlite'}"
    command = [sys.executable, "-c", CHILD, str(tmp_path / "state"), small, url]
    environment = os.environ | {"QPLUG_CONFIG": os.devnull}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found: Mapping[str, int] = json.loads(done.stdout)
    return found


def test_memory_does_not_grow_and_no_row_costs_a_statement(
    make_manager: MakeManager, api_of: ApiOf, conf: ConfigOpts, tmp_path: Path
) -> None:
    if not connection_url(conf).startswith("sqlite"):
        pytest.skip("the rows are made by SQLite's own functions")
    blue = api_of(make_manager(ipam="nova", quantum="local")).create(network_spec("10.0.0.0/8"))
    engine = make_engine(connection_url(conf))
    use_millions(engine, blue, ROWS)
    equal = measured(tmp_path, connection_url(conf))
    assert equal["found"] == 0
    assert equal["grown"] < 32 * MIB
    assert equal["statements"] <= LISTINGS * ROWS / 1000 + 60
    with engine.begin() as tx:
        gone = "DELETE FROM qplug_ipam_nova_addresses WHERE vif_id LIKE '%00'"
        tx.exec_driver_sql(gone)
    engine.dispose()
    different = measured(tmp_path, connection_url(conf))
    assert different["found"] == ROWS // 256 + 1
    assert different["grown"] < 64 * MIB
