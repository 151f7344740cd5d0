"""Health and metrics on loopback, in Prometheus' format."""

import json
import logging
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

from qplug.errors import ConfigInvalid, QplugError

LOG = logging.getLogger(__name__)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Bounds of what is counted as one duration."""


class Metrics:
    """What a service counts. Each has a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._operations = self._counter(
            "qplug_operations", "Operations asked for over the bus", "operation", "result"
        )
        self._seconds = Histogram(
            "qplug_operation_seconds",
            "How long operations took",
            ["operation"],
            registry=self.registry,
            buckets=SECONDS,
        )
        self._drivers = self._counter("qplug_driver_calls", "Calls of drivers", "kind", "result")
        self._jobs = self._counter("qplug_jobs", "Runs of periodic jobs", "job", "result")
        self.pending = Gauge(
            "qplug_pending_work", "Unfinished work that nobody does", registry=self.registry
        )
        self._pool = Gauge(
            "qplug_database_connections",
            "Connections of the store's pool",
            ["state"],
            registry=self.registry,
        )

    def watch_pool(self, in_use: Callable[[], float], idle: Callable[[], float]) -> None:
        """Have the connections counted when somebody looks."""
        self._pool.labels("in_use").set_function(in_use)
        self._pool.labels("idle").set_function(idle)

    def operation(
        self, name: str, _request_id: str, seconds: float, raised: BaseException | None
    ) -> None:
        """Count an operation."""
        self._operations.labels(name, result_of(raised)).inc()
        self._seconds.labels(name).observe(seconds)

    def driver(self, kind: str, raised: BaseException | None) -> None:
        """Count a call of a driver."""
        self._drivers.labels(kind, result_of(raised)).inc()

    def job(self, name: str, _seconds: float, raised: BaseException | None) -> None:
        """Count a run of a job."""
        self._jobs.labels(name, result_of(raised)).inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)


def result_of(raised: BaseException | None) -> str:
    """Return ``ok``, or the name of an error; what is none of ours is a ``bug``."""
    if raised is None:
        return "ok"
    return type(raised).__name__ if isinstance(raised, QplugError) else "bug"


class Pages:
    """Serves ``/metrics`` and ``/health``."""

    def __init__(
        self, host: str, port: int, metrics: Metrics, health: Callable[[], dict[str, Any]]
    ) -> None:
        """Listen.

        :param health: what is true of the service; it is well if ``healthy`` is
        :raises ConfigInvalid: the address is in use, or not of this machine
        """
        self._metrics = make_wsgi_app(metrics.registry)
        self._health = health
        try:
            self._server = make_server(host, port, self._answer, _Server, _Handler)
        except (OSError, OverflowError) as error:
            at = f"[service] metrics_host {host} metrics_port {port}"
            raise ConfigInvalid(at, f"nothing can listen there: {error}") from error
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                found: Iterable[bytes] = self._metrics(environ, start)
                return found
            case "/health":
                told = self._health()
                status = "200 OK" if told["healthy"] else "503 Service Unavailable"
                start(status, [("Content-Type", "application/json")])
                return [json.dumps(told).encode() + b"\n"]
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"there are /metrics and /health\n"]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = 10

    def log_message(self, *message: Any) -> None:
        """Keep who looks out of the log."""
        LOG.debug(*message)
