"""No DHCP: instances are told their addresses in another way."""

from collections.abc import Collection, Iterable, Sequence

from oslo_config.cfg import ConfigOpts

from qplug.contracts import ApiRange, DhcpDriver
from qplug.model import Call, Capability, DhcpHost, Network


class NullDhcp(DhcpDriver):
    """Answers nobody."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SHARED, Capability.STATELESS})

    def __init__(self, conf: ConfigOpts) -> None:
        pass

    def check(self, call: Call) -> str:
        """Say that there is nothing."""
        return "nobody is answered"

    def sync(self, call: Call, network: Network, hosts: Iterable[DhcpHost]) -> None:
        """Do nothing."""

    def apply(
        self,
        call: Call,
        network: Network,
        *,
        changed: Sequence[DhcpHost] = (),
        removed: Sequence[DhcpHost] = (),
    ) -> None:
        """Do nothing."""

    def stop(self, call: Call, network: Network) -> None:
        """Do nothing."""

    def prune(self, call: Call, network_ids: Collection[str]) -> None:
        """Do nothing."""
