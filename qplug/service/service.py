"""The service: from a configuration to somebody who answers, and back."""

import logging
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from typing import Any

from oslo_config.cfg import ConfigOpts

from qplug import __version__
from qplug.errors import HostServed, QplugError
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.model import Call
from qplug.rpc.bus import Bus
from qplug.rpc.endpoint import Endpoint
from qplug.service.jobs import Job
from qplug.service.metrics import Metrics, Pages
from qplug.store.services import MISSED

LOG = logging.getLogger(__name__)

KEPT = 24 * 60 * 60.0
"""Seconds that what came of a request is kept."""

HOURLY = 3600.0

PATIENCE = 5.0
"""Seconds that a word to the store may take while the service stops."""


class ManagerService:
    """Serves one host."""

    def __init__(self, conf: ConfigOpts) -> None:
        """Make manager and bus, and touch nothing outside yet.

        :raises QplugError: something of that is wrong
        """
        self.conf = conf
        self.host = str(conf.host)
        self.metrics = Metrics()
        self.bus = Bus(conf)
        self.manager = create_manager(conf, observed=self.metrics.driver)
        self._store = self.manager.chain.store
        self._endpoint = Endpoint(self.manager, self.bus, self.metrics.operation)
        self._jobs = self._all_jobs()
        self._requests: Any = None
        self._hops: Any = None
        self._pages: Pages | None = None
        self._beaten_at = float("-inf")
        self._stopping = Event()

    # --- its life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Serve the host's networks, and answer from the bus.

        :raises HostServed: another service does
        :raises QplugError: a network cannot be served, or the bus or the database not be reached
        """
        self._refuse_second()
        self._watch_pool()
        self._beat()
        self._store.requests.free_dead(self._call())
        self.manager.init_host(self._admin())
        self._listen()
        self._serve_pages()
        for job in self._jobs:
            job.start()
        LOG.warning("host %s is served: qplug-manager %s is ready", self.host, __version__)

    def stop(self) -> None:
        """Take no further request, end what runs, say goodbye, and only then take no hop.

        What runs on other hosts may need this one to end, and what runs here may need them.
        """
        LOG.warning("host %s: stopping, once what runs has ended", self.host)
        self._stopping.set()
        with ExitStack() as each:  # whatever fails, the others are done; the last comes first
            each.callback(self.manager.close)
            each.callback(self.bus.close)
            each.callback(lambda: _end(self._hops))
            each.callback(self._leave)
            each.callback(self._close_pages)
            each.callback(self._endpoint.listings.close_idle, 0)
            for job in self._jobs:
                each.callback(job.wait)
            for job in self._jobs:
                each.callback(job.stop)
            each.callback(lambda: _end(self._requests))

    def _refuse_second(self) -> None:
        """Refuse to serve a host that another process serves.

        :raises HostServed: one was heard of a moment ago, and is not known to be dead
        """
        found = self._store.services.of(self._call(), self.host)
        if found is None or self._store.services.is_dead(found):
            return
        if found.is_alive(float(self.conf.service.heartbeat)):
            raise HostServed(self.host, found.worker)

    def _listen(self) -> None:
        # What a worker is not there for stays in the queue, for another service.
        _ = self.bus.transport  # which registers the options of its driver
        if self.conf.rpc.transport_url.startswith("rabbit"):
            workers = int(self.conf.service.workers)
            self.conf.set_override(
                "rabbit_qos_prefetch_count", workers, group="oslo_messaging_rabbit"
            )
        self._hops = self._listener(is_hop=True)
        self._requests = self._listener(is_hop=False)

    def _listener(self, *, is_hop: bool) -> Any:
        target = self.bus.target(self.host, is_hop=is_hop)
        server = self.bus.messaging.get_rpc_server(self.bus.transport, target, [self._endpoint])
        with self.bus.translated(None):
            server.start(override_pool_size=int(self.conf.service.workers))
        return server

    def _close_pages(self) -> None:
        if self._pages is not None:
            self._pages.close()

    def _serve_pages(self) -> None:
        group = self.conf.service
        if group.metrics_port:
            self._pages = Pages(
                group.metrics_host, int(group.metrics_port), self.metrics, self.health
            )

    def _leave(self) -> None:
        try:
            self._store.services.leave(self._call(PATIENCE), self.host)
        except QplugError as error:
            LOG.warning("the store does not know that this service has ended: %s", error)

    # --- jobs -----------------------------------------------------------------------------------

    def _all_jobs(self) -> Sequence[Job]:
        group = self.conf.service
        jobs: Sequence[tuple[str, float, Callable[[], object]]] = (
            ("heartbeat", float(group.heartbeat), self._beat),
            ("pending", float(group.pending_interval), self._finish_pending),
            ("sweep", float(group.sweep_interval), self._sweep),
            ("info_cache", float(group.info_cache_interval), self._heal),
            ("forget", HOURLY, self._forget),
        )
        return [Job(name, seconds, work, self.metrics.job) for name, seconds, work in jobs]

    def _beat(self) -> None:
        self._store.services.beat(self._call(PATIENCE), self.host, __version__)
        self._beaten_at = time.monotonic()

    def _finish_pending(self) -> None:
        """Take over what nobody works on any more, and try what is due."""
        self.manager.pending.finish_due(self._call())
        self.metrics.pending.set(len(self.manager.get_pending(self._admin())))

    def _sweep(self) -> None:
        self.manager.sweep_host(self._admin())

    def _heal(self) -> None:
        """Make cached network info right; services share the instances among themselves."""
        heartbeat = float(self.conf.service.heartbeat)
        there = self._store.services.all(self._call())
        alive = [one.host for one in there if one.is_alive(heartbeat)]
        mine = alive.index(self.host) if self.host in alive else 0
        for instance in self.manager.get_all_instances(self._admin()):
            if self._stopping.is_set():
                return
            if zlib.crc32(instance.id.encode()) % max(1, len(alive)) == mine:
                self._heal_one(instance.id)

    def _heal_one(self, instance_id: str) -> None:
        try:
            self.manager.get_instance_nw_info(self._admin(), instance_id)
        except QplugError as error:  # it may be gone by now
            LOG.info("network info of instance %s stays as it is: %s", instance_id, error)

    def _forget(self) -> None:
        while self._store.requests.forget(self._call(), KEPT):
            if self._stopping.is_set():
                return

    # --- what is true of it ---------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        """Return whether it can work: the store heard from it lately, and it is not stopping."""
        silent = time.monotonic() - self._beaten_at
        well = silent <= MISSED * float(self.conf.service.heartbeat)
        return {
            "healthy": well and not self._stopping.is_set(),
            "host": self.host,
            "version": __version__,
            "seconds_since_heartbeat": round(silent, 1),
            "stopping": self._stopping.is_set(),
        }

    def _watch_pool(self) -> None:
        pool: Any = self._store.database.engine.pool
        used, idle = getattr(pool, "checkedout", None), getattr(pool, "checkedin", None)
        if used and idle:
            self.metrics.watch_pool(used, idle)

    def _admin(self) -> Context:
        return Context(is_admin=True, user_id="qplug-manager")

    def _call(self, seconds: float | None = None) -> Call:
        call = self.manager.chain.call(self._admin().request_id)
        return call if seconds is None else replace(call, deadline=time.monotonic() + seconds)


def _end(server: Any) -> None:
    """Have a server take no further message, and wait for those that it took."""
    if server is not None:
        server.stop()
        server.wait()
