"""MAC addresses drawn at random."""

from random import Random, SystemRandom

from netaddr import EUI
from oslo_config.cfg import ConfigOpts

from qplug.contracts import ApiRange, MacDriver
from qplug.model import Call, Capability, mac_address


class RandomMac(MacDriver):
    """Draws from ``fa:16:3e``, 2**23 addresses; what is taken is the store's to see.

    fa and not fe, because libvirt sets its own tap devices to fe.

    :param rng: where the numbers come from; the system, unless told, so that processes that
        were forked do not draw the same
    """

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SHARED, Capability.STATELESS})

    def __init__(self, conf: ConfigOpts, rng: Random | None = None) -> None:
        self._rng = rng or SystemRandom()

    def check(self, call: Call) -> str:
        """Say what is drawn from."""
        return "fa:16:3e:00:00:00 to fa:16:3e:7f:ff:ff, at random"

    def allocate(self, call: Call, *, vif_id: str, instance_id: str, project_id: str) -> EUI:
        """Draw an address, for whomever."""
        return mac_address(EUI(0xFA163E << 24 | self._rng.randrange(1 << 23), version=48))

    def deallocate(self, call: Call, *, vif_id: str, project_id: str) -> None:
        """Do nothing: nothing was kept."""
