"""No gateways: something else routes, or nothing does."""

from collections.abc import Collection

from oslo_config.cfg import ConfigOpts

from qplug.contracts import ApiRange, L3Driver
from qplug.model import Call, Capability, Network


class NullL3(L3Driver):
    """Agrees to everything and does nothing."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SHARED, Capability.STATELESS})
    initialized = True

    def __init__(self, conf: ConfigOpts) -> None:
        pass

    def check(self, call: Call) -> str:
        """Say that there is nothing."""
        return "no gateways are kept"

    def initialize(self, call: Call) -> None:
        """Do nothing."""

    def enable_gateway(self, call: Call, network: Network) -> None:
        """Do nothing."""

    def disable_gateway(self, call: Call, network: Network) -> None:
        """Do nothing."""

    def enable_nat(self, call: Call, network: Network) -> None:
        """Do nothing."""

    def disable_nat(self, call: Call, network: Network) -> None:
        """Do nothing."""

    def prune(self, call: Call, network_ids: Collection[str]) -> None:
        """Do nothing."""
