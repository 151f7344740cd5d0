"""HTTP on a port of 127.0.0.1."""

import socket
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

from qplug.http.server.messages import Answer, Request, lower_case

HOST = "127.0.0.1"
POLL = 0.02
"""Seconds until a listener notices that it is to close."""

Exchange = Callable[[Request, Event], Answer | None]
"""What answers; None closes the connection. The event is set when nobody waits any more."""


class Listener(ThreadingHTTPServer):
    """Listens from the start until it is closed, and then leaves no thread or connection."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, port: int, exchange: Exchange) -> None:
        super().__init__((HOST, port), _Handler)
        self.exchange = exchange
        self.closing = Event()
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        self._thread = Thread(target=self.serve_forever, args=(POLL,))
        self._thread.start()

    def close(self) -> None:
        """Refuse connections from now on, and end those that are open."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        _end(self.socket)  # a process that was forked has it too, and would keep it listening
        with self._lock:
            for connection in self._open:
                _end(connection)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note a connection, to end it when the listener closes."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that has ended."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that did not wait."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet, or a client that delays its ACK waits for it

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, lower_case(self.headers), body)
        answer = self.server.exchange(request, self.server.closing)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status, answer.reason)
        named = {} if answer.content_type is None else {"Content-Type": answer.content_type}
        length = {"Content-Length": str(len(answer.body))}
        for name, value in {**named, **length, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body[: answer.sent])
        self.close_connection = self.close_connection or answer.sent is not None

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: Any) -> None:
        """Keep the terminal clean; who wants to know asks for the requests."""


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster
