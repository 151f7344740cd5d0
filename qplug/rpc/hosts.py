"""Other hosts, asked over the bus."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from oslo_config.cfg import ConfigOpts

from qplug.errors import HostUnavailable, ServiceUnavailable
from qplug.manager import Context
from qplug.manager.elsewhere import OtherHost, OtherHosts
from qplug.model import ActiveLease, Call, DhcpHost, Network
from qplug.rpc.bus import Bus
from qplug.rpc.operations import operations
from qplug.rpc.values import decoded
from qplug.store import Store


class HostsOnBus(OtherHosts):
    """Knows from the store who is there."""

    def __init__(self, conf: ConfigOpts, store: Store) -> None:
        """Connect to nothing yet.

        :raises QplugError: the bus cannot be used as it is configured
        """
        self._conf = conf
        self._store = store
        self._bus = Bus(conf)

    def of(self, host: str) -> OtherHost:
        """Return what asks over the bus."""
        return _Asked(host, self._ask)

    def _ask(self, call: Call, host: str, operation: str, *args: Any, **kwargs: Any) -> Any:
        wanted = operations()[operation]
        given, _ = wanted.encoded(*args, **kwargs)
        seconds = max(0.1, call.remaining())
        context = Context(
            is_admin=True,
            user_id="qplug-manager",
            request_id=call.request_id,
            seconds=seconds,
            epoch=call.epoch,
        )
        try:
            reply = self._bus.ask(
                operation,
                given,
                context,
                host=host,
                seconds=seconds,
                hope=lambda: self._refuse_dead(call, host),
            )
        except ServiceUnavailable as error:
            raise HostUnavailable(host, error.reason) from error
        return decoded(reply["answer"], wanted.kinds["return"])

    def _refuse_dead(self, call: Call, host: str) -> None:
        """Refuse to wait for whom nobody has heard of lately.

        :raises HostUnavailable: there is no service of that host, or it has been silent
        """
        found = self._store.services.of(call, host)
        if found is None:
            raise HostUnavailable(host, "none is running")
        if not found.is_alive(float(self._conf.service.heartbeat)):
            raise HostUnavailable(host, f"it was last heard of {found.silent_for:.0f} s ago")

    def close(self) -> None:
        """Close all connections."""
        self._bus.close()


class _Asked(OtherHost):
    def __init__(self, host: str, ask: Callable[..., Any]) -> None:
        self._host = host
        self._ask = ask

    def ready(self, call: Call) -> None:
        self._ask(call, self._host, "get_services")

    def serve(
        self, call: Call, network: Network, host: DhcpHost, together: Collection[str]
    ) -> None:
        self._ask(call, self._host, "serve_vif", network, host, sorted(together))

    def tell(
        self,
        call: Call,
        network: Network,
        *,
        changed: Sequence[DhcpHost] = (),
        removed: Sequence[DhcpHost] = (),
    ) -> None:
        self._ask(call, self._host, "tell_vifs", network, changed, removed)

    def change(self, call: Call, before: Network, after: Network) -> None:
        self._ask(call, self._host, "change_served", before, after)

    def remove_gateway(self, call: Call, network: Network, failed: Collection[str]) -> None:
        self._ask(call, self._host, "remove_gateway", network, sorted(failed))

    def stop(self, call: Call, network: Network) -> None:
        self._ask(call, self._host, "stop_network", network)

    def restore(self, call: Call, network_id: str) -> None:
        self._ask(call, self._host, "restore_network", network_id)

    def leases(self, call: Call, network_id: str) -> Sequence[ActiveLease]:
        found: Sequence[ActiveLease] = self._ask(call, self._host, "get_dhcp_leases", network_id)
        return found
