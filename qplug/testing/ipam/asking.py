"""Short forms of what the IPAM tests ask again and again."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from netaddr import IPAddress

from qplug.contracts import IpamDriver
from qplug.model import Allocation, Network, Subnet, Vif
from qplug.testing.values import NOW, PROJECT, call, network, vif


def kept(driver: IpamDriver, *subnets: Subnet | str, project_id: str | None = PROJECT) -> Network:
    """Return a network whose subnets the driver keeps."""
    made = network(*subnets, project_id=project_id)
    driver.create_subnets(call(), made)
    return made


def give(
    driver: IpamDriver,
    network: Network,
    taker: Vif | None = None,
    *wanted: str,
    now: datetime = NOW,
) -> Sequence[str]:
    """Return the addresses that a vif is given, of a new one unless told."""
    addresses = [IPAddress(each) for each in wanted]
    return texts(driver.allocate(call(now=now), network, taker or vif(network), addresses))


def fill(driver: IpamDriver, network: Network, count: int) -> Sequence[Vif]:
    """Return so many vifs that were given their addresses, one after the other."""
    vifs = [vif(network) for _ in range(count)]
    for each in vifs:
        driver.allocate(call(), network, each)
    return vifs


def held(driver: IpamDriver, *, network: Network | None = None, by: Vif | None = None) -> list[str]:
    """Return the addresses in use on a network, or by a vif, lowest first."""
    listed = driver.allocations(
        call(), network_id=network.id if network else None, vif_id=by.id if by else None
    )
    return texts(sorted(listed, key=lambda each: each.address))


def texts(allocations: Iterable[Allocation]) -> list[str]:
    """Return their addresses as people write them."""
    return [str(each.address) for each in allocations]
