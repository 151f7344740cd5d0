"""A real Neutron for tests, with a database of its own and no agents."""

import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from uwsgi import Uwsgi

from qplug.testing.requirements import require

SERVERS = Path(__file__).parents[2] / ".servers"
ENVIRONMENT = SERVERS / "neutron"
TABLES = SERVERS / "neutron.sqlite"
MISSING = "the real Neutron is not installed; run make test-servers"

CONFIGURATION = """
[DEFAULT]
auth_strategy = {strategy}
core_plugin = ml2
service_plugins =
api_paste_config = {folder}/api-paste.ini
state_path = {folder}
transport_url = fake://
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
dhcp_agent_notification = false

[oslo_concurrency]
lock_path = {folder}/lock

[oslo_messaging_notifications]
driver = noop

[database]
connection = sqlite:///{folder}/neutron.sqlite

[quotas]
quota_network = -1
quota_subnet = -1
quota_port = -1
quota_security_group = -1

[ml2]
type_drivers = local
project_network_types = local
mechanism_drivers = qplug_test
extension_drivers = port_security
"""

STOCK = "noauth = cors http_proxy_to_wsgi request_id fake_project_id"
BELIEVING = "noauth = cors http_proxy_to_wsgi request_id believes keystonecontext"
FILTER = "\n[filter:believes]\npaste.filter_factory = qplug_test_neutron:believes\n"


class Neutron(Uwsgi):
    """A server.

    Who asks is what the token says, ``user:project:role,role``; without one it is an administrator.

    :param keystone: its options for ``[keystone_authtoken]``, if Keystone is asked about tokens
    """

    def __init__(self, folder: Path, *, keystone: Mapping[str, str] | None = None) -> None:
        require(TABLES.exists(), MISSING)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(TABLES, folder / "neutron.sqlite")
        paste = (ENVIRONMENT / "etc/neutron/api-paste.ini").read_text()
        strategy = "keystone" if keystone else "noauth"
        text = CONFIGURATION.format(folder=folder, strategy=strategy)
        if keystone:
            text += "\n[keystone_authtoken]\n"
            text += "".join(f"{name} = {value}\n" for name, value in keystone.items())
        else:
            assert paste.count(STOCK) == 1
            paste = paste.replace(STOCK, BELIEVING) + FILTER
        (folder / "api-paste.ini").write_text(paste)
        (folder / "neutron.conf").write_text(text)
        super().__init__(
            ENVIRONMENT,
            "neutron.wsgi.api:application",
            {"OS_NEUTRON_CONFIG_DIR": str(folder), "OS_NEUTRON_CONFIG_FILES": "neutron.conf"},
            folder,
            "/v2.0/networks?limit=1",
        )

    def ask(
        self, method: str, path: str, wanted: Any = None, *, token: str = "", **query: str
    ) -> Any:
        """Ask it without a driver, and return the document of a success.

        :param path: below ``/v2.0/``
        """
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "application/json", "X-Auth-Token": token}
        body = None if wanted is None else json.dumps(wanted)
        try:
            connection.request(method, f"/v2.0/{path}?{urlencode(query)}", body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status < 300, f"{method} {path}: {answer.status} {text!r}"
        return json.loads(text) if text else None

    def forget(self) -> None:
        """Forget all networks and ports, behind its back: to ask for it would take far longer."""
        with closing(sqlite3.connect(self._folder / "neutron.sqlite", timeout=60)) as database:
            database.execute("PRAGMA foreign_keys = ON")
            for table in ("ports", "subnets", "networks"):
                database.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
            database.commit()


@pytest.fixture(scope="session")
def neutron_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neutron]:
    """Return the server of this process."""
    server = Neutron(tmp_path_factory.mktemp("neutron"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def neutron(neutron_server: Neutron) -> Iterator[Neutron]:
    """Return the server, which knows nothing yet."""
    yield neutron_server
    neutron_server.forget()
