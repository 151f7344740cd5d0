"""A client without a driver, for tests that look at a server or work behind a driver's back."""

import json
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit


class Client:
    """Asks a server of v0.1 with a new connection each time, as nova did."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc

    def ask(
        self, method: str, path: str, wanted: Any = None, timeout: float = 10
    ) -> tuple[int, Any]:
        """Return the status of an answer, and its document if it has one."""
        with closing(self.connect(timeout)) as connection:
            body = None if wanted is None else json.dumps(wanted)
            headers = {"Content-Type": "application/json"}
            connection.request(method, f"/v0.1/ipam/{path}.json", body, headers)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None

    def connect(self, timeout: float = 10) -> HTTPConnection:
        """Return a connection, for what ``ask`` does not ask."""
        return HTTPConnection(self._host, timeout=timeout)
