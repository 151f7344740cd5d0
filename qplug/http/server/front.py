"""What stands before a real server, for it to be slow, broken or away."""

from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from qplug.http.server.messages import Answer, Request
from qplug.http.server.standin import StandIn

PATIENCE = 60
"""Seconds that the server has for an answer."""
HOPS = {"connection", "content-length", "content-type", "date", "keep-alive", "transfer-encoding"}
"""Headers of one connection, which are not passed on, and those that an answer has by itself."""


class Front(StandIn):
    """Passes every request on, and its answer back, but for what its switches say.

    :param url: where the server is
    """

    def __init__(self, url: str, port: int = 0) -> None:
        super().__init__(port)
        self._server = urlsplit(url).netloc

    def answer(self, request: Request) -> Answer:
        """Ask the server; what cannot be asked is a bad gateway, as with any proxy."""
        connection = HTTPConnection(self._server, timeout=PATIENCE)
        try:
            headers = {name: value for name, value in request.headers.items() if name not in HOPS}
            if "content-type" in request.headers:
                headers["Content-Type"] = request.headers["content-type"]
            connection.request(request.method, request.target, request.body or None, headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            return Answer(502, f"{type(error).__name__}: {error}".encode())
        finally:
            connection.close()
        more = {name: value for name, value in response.getheaders() if name.lower() not in HOPS}
        kind = response.headers.get("Content-Type")
        return Answer(response.status, body, kind, response.reason, more)
