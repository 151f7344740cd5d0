"""What an audit finds."""

from dataclasses import dataclass
from typing import Literal

from netaddr import IPAddress

Kind = Literal["missing", "extra", "differing", "wrong_owner", "unfinished"]
Where = Literal["ipam", "quantum", "store", "l3", "dhcp"]
What = Literal[
    "address", "subnet", "port", "network", "instance", "vif", "gateway", "nat", "service", "host"
]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something that is not as the store says, or that the store says nothing of."""

    kind: Kind
    """``missing``: the store has it, and not what is named by ``where``. ``extra``: the other way
    round. ``differing``: both have it. ``wrong_owner``: both, for different vifs. ``unfinished``:
    a command left it half-done in the store, and nobody works on it."""
    where: Where
    what: What
    network_id: str | None = None
    label: str | None = None
    """Of the network, if the store has it."""
    instance_id: str | None = None
    vif_id: str | None = None
    address: IPAddress | None = None
    port_id: str | None = None
    wanted: str
    """What the store says."""
    found: str
    """What there is."""
    plan: str | None = None
    """What a repair does about it; ``None`` if it does nothing."""
    kept: str | None = None
    """Why it is left alone, or could not be repaired."""
    repaired: bool = False
    """Whether the plan was done."""
