"""A real Keystone for tests."""

import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from uwsgi import Uwsgi, free_port

from qplug.testing.requirements import require

SERVERS = Path(__file__).parents[2] / ".servers"
TEMPLATE = SERVERS / "keystone.template"
MISSING = "the real Keystone is not installed; run make test-servers"

CONFIGURATION = """
[database]
connection = sqlite:///{folder}/keystone.sqlite
[token]
provider = fernet
[fernet_tokens]
key_repository = {folder}/fernet-keys
[credential]
key_repository = {folder}/credential-keys
[cache]
enabled = false
"""

ADMINISTRATOR = {
    "identity": {
        "methods": ["password"],
        "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": "admin"}},
    },
    "scope": {"project": {"name": "admin", "domain": {"id": "default"}}},
}


class Keystone(Uwsgi):
    """A server, with the administrator ``admin``."""

    def __init__(self, folder: Path) -> None:
        require(TEMPLATE.exists(), MISSING)
        shutil.copytree(TEMPLATE, folder)
        port = free_port()
        with closing(sqlite3.connect(folder / "keystone.sqlite")) as database:
            database.execute("UPDATE endpoint SET url = ?", [f"http://127.0.0.1:{port}/v3"])
            database.commit()
        (folder / "keystone.conf").write_text(CONFIGURATION.format(folder=folder))
        super().__init__(
            SERVERS / "keystone",
            "keystone.wsgi.api:application",
            {"OS_KEYSTONE_CONFIG_DIR": str(folder), "OS_KEYSTONE_CONFIG_FILES": "keystone.conf"},
            folder,
            "/v3",
            port,
        )
        self._token = ""

    def ask(self, method: str, path: str, wanted: Any = None) -> Any:
        """Ask it as the administrator, and return the document of a success."""
        if not self._token:
            self._token = self._asked("POST", "auth/tokens", {"auth": ADMINISTRATOR})[1]
        return self._asked(method, path, wanted)[0]

    def make_user(self, name: str, password: str, project: str, *roles: str) -> Mapping[str, str]:
        """Make a user with roles in a project, and the project if need be; return their ids."""
        user = self.ask("POST", "users", {"user": {"name": name, "password": password}})["user"]
        found = self.ask("GET", f"projects?name={project}")["projects"]
        made = found or [self.ask("POST", "projects", {"project": {"name": project}})["project"]]
        for role in roles:
            (known,) = self.ask("GET", f"roles?name={role}")["roles"]
            path = f"projects/{made[0]['id']}/users/{user['id']}/roles/{known['id']}"
            self.ask("PUT", path)
        return {"user_id": user["id"], "project_id": made[0]["id"]}

    def make_endpoint(self, kind: str, url: str) -> None:
        """Have the catalog say where a service is."""
        service = self.ask("POST", "services", {"service": {"type": kind, "name": kind}})["service"]
        for interface in ("public", "internal", "admin"):
            wanted = {"service_id": service["id"], "region_id": "R1", "interface": interface}
            self.ask("POST", "endpoints", {"endpoint": {**wanted, "url": url}})

    def make_credential(self, user_id: str, password: str, project: str, secret: str) -> str:
        """Make an application credential, which only the user may, and return its id."""
        who = {"user": {"id": user_id, "password": password}}
        where = {"project": {"name": project, "domain": {"id": "default"}}}
        auth = {"identity": {"methods": ["password"], "password": who}, "scope": where}
        administrator, self._token = self._token, ""
        self._token = self._asked("POST", "auth/tokens", {"auth": auth})[1]
        wanted = {"application_credential": {"name": "qplug", "secret": secret}}
        made = self.ask("POST", f"users/{user_id}/application_credentials", wanted)
        self._token = administrator
        return str(made["application_credential"]["id"])

    def _asked(self, method: str, path: str, wanted: Any) -> tuple[Any, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "application/json", "X-Auth-Token": self._token}
        body = None if wanted is None else json.dumps(wanted)
        try:
            connection.request(method, f"/v3/{path}", body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status < 300, f"{method} {path}: {answer.status} {text!r}"
        return json.loads(text) if text else None, answer.headers.get("X-Subject-Token", "")
