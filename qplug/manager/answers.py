"""What drivers answered, taken only as far as their contracts allow it.

Call these inside the step of the driver, so that its surprises get a name there.
"""

from collections.abc import Iterable, Sequence

from netaddr import EUI, IPAddress

from qplug.errors import DriverFailed
from qplug.manager.requests import fits, is_uuid
from qplug.model import Allocation, mac_address
from qplug.store import NO_MAC, VifRecord

MULTICAST = 1 << 40
"""The bit of a MAC address that makes it a group's."""

UUID_LENGTH = 36


def host_mac(doing: str, answer: EUI) -> EUI:
    """Return a MAC address in our dialect, by which the store compares.

    :raises DriverFailed: no host can have it
    """
    mac = mac_address(answer)
    if mac == NO_MAC or int(mac) & MULTICAST:
        raise DriverFailed("mac", doing, f"it gave {mac}, which no host can have")
    return mac


def network_id(doing: str, answer: object) -> str:
    """Return the id of a network.

    :raises DriverFailed: it is no uuid, so that a label could be taken for it
    """
    if not isinstance(answer, str) or len(answer) > UUID_LENGTH or not is_uuid(answer):
        raise DriverFailed("quantum", doing, f"it gave {answer!r:.80} for the network's id")
    return answer


def port_id(doing: str, answer: object) -> str:
    """Return the id of a port.

    :raises DriverFailed: it is nothing that could be kept and handed back
    """
    if not isinstance(answer, str) or not fits(answer):
        raise DriverFailed("quantum", doing, f"it gave {answer!r:.80} for the port's id")
    return answer


def one_each(
    doing: str, record: VifRecord, answer: Iterable[Allocation], wanted: Sequence[IPAddress]
) -> tuple[Allocation, ...]:
    """Return one address of each subnet of the vif's network, in order.

    :raises DriverFailed: there are others, or a wanted one is missing
    """
    given = list(answer)
    by_subnet = {allocation.subnet_id: allocation for allocation in given}
    subnets = record.network.subnets
    if len(given) != len(subnets) or by_subnet.keys() != {subnet.id for subnet in subnets}:
        cidrs = ", ".join(str(subnet.cidr) for subnet in subnets)
        raise DriverFailed("ipam", doing, f"it gave {_shown(given)}, not one each of {cidrs}")
    in_order = [_fitting(doing, record, by_subnet[subnet.id]) for subnet in subnets]
    if missing := set(wanted) - {allocation.address for allocation in given}:
        raise _missing(doing, given, missing)
    return tuple(in_order)


def one_more(
    doing: str, record: VifRecord, answer: Allocation, wanted: IPAddress | None
) -> Allocation:
    """Return an address of some subnet of the vif's network.

    :raises DriverFailed: it is of none, or not the wanted one
    """
    given = _fitting(doing, record, answer)
    if wanted not in (None, given.address):
        raise _missing(doing, [given], {wanted})
    return given


def listed(doing: str, answer: object) -> Allocation:
    """Return a row of IPAM's listing.

    :raises DriverFailed: it is none, so that it could be compared with nothing
    """
    if not isinstance(answer, Allocation) or not isinstance(answer.address, IPAddress):
        raise DriverFailed("ipam", doing, f"it listed {answer!r:.80}, which is no address of a vif")
    return answer


def _fitting(doing: str, record: VifRecord, given: Allocation) -> Allocation:
    subnet = next((s for s in record.network.subnets if s.id == given.subnet_id), None)
    if not isinstance(given.address, IPAddress):
        raise DriverFailed("ipam", doing, f"it gave {given.address!r:.80}, which is no IPAddress")
    if subnet is None or given.address not in subnet.cidr:
        raise DriverFailed("ipam", doing, f"{given.address} is not of the subnet it named")
    if given.vif_id != record.vif.id:
        raise DriverFailed("ipam", doing, f"{given.address} is given to vif {given.vif_id}")
    return given


def _missing(doing: str, given: Sequence[Allocation], missing: Iterable[object]) -> DriverFailed:
    wanted = ", ".join(map(str, missing))
    return DriverFailed("ipam", doing, f"it gave {_shown(given)}, though asked for {wanted}")


def _shown(given: Sequence[Allocation]) -> str:
    return ", ".join(str(allocation.address) for allocation in given) or "nothing"
