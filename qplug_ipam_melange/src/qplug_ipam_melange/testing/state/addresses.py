"""Addresses of one block: given, put into quarantine, purged."""

from datetime import timedelta
from http import HTTPStatus
from ipaddress import ip_address

from qplug_ipam_melange.testing.faults import Duplicate, Fault, NoRoom, Spinning
from qplug_ipam_melange.testing.state import ipv6, policies
from qplug_ipam_melange.testing.state.records import Address, Block, Interface, IPAddress
from qplug_ipam_melange.testing.state.tables import Tables


def allocate(
    tables: Tables, block: Block, interface: Interface, wanted: str | None = None
) -> Address:
    """Give an interface the address of the block that it wants, else one that is free."""
    if tables.subnets(block):
        raise _unprocessable("Subnetted block cannot allocate IPAddress")
    if block.is_full:
        raise NoRoom
    if interface.network_id not in (None, block.network_id):
        raise _unprocessable(f"Interface {interface.name} is configured on another network")
    ip = _checked(tables, block, wanted) if wanted else _search(tables, block, interface)
    address = Address(created_at=tables.now(), ip=ip, block=block, interface=interface)
    block.addresses[ip] = interface.addresses[address.id] = address
    return address


def deallocate(tables: Tables, address: Address) -> None:
    """Put an address into quarantine."""
    _take_from_interface(address)
    address.deallocated_at = address.updated_at = tables.now()


def forget(tables: Tables, address: Address) -> None:
    """Forget an address, whoever holds it."""
    _take_from_interface(address)
    for interface in tables.interfaces.values():
        interface.allowed.pop(address.id, None)
    del address.block.addresses[address.ip]


def purge(tables: Tables, keep_days: float) -> None:
    """Do the job ``delete-deallocated-ips``: end the quarantine of what is older than that.

    What is allowed to an interface only leaves the quarantine, and is nobody's from then on.
    """
    allowed = {address_id for i in tables.interfaces.values() for address_id in i.allowed}
    limit = tables.now() - timedelta(days=keep_days)
    for block in tables.blocks.values():
        quarantined = [a for a in block.addresses.values() if a.deallocated_at is not None]
        if quarantined:
            block.is_full = False
        for address in quarantined:
            if address.deallocated_at is None or address.deallocated_at > limit:
                continue
            if address.id in allowed:
                address.deallocated_at = None
            else:
                forget(tables, address)
                block.purged.append(address.ip)


def parsed(text: str) -> IPAddress:
    """Return an address in any spelling; the original did not expect nonsense."""
    try:
        return ip_address(text)
    except ValueError:
        raise RuntimeError(f"failed to detect a valid IP address from u'{text}'") from None


def _checked(tables: Tables, block: Block, wanted: str) -> IPAddress:
    """Return a wanted address; gateway and broadcast are compared as text, as the original did."""
    ip = parsed(wanted)
    if ip not in block.cidr:
        raise _unprocessable("Address does not belong to IpBlock")
    if ip in block.addresses or wanted in (block.gateway, block.broadcast):
        raise Duplicate
    if not policies.allows(tables, block, ip):
        raise _unprocessable("Block policy does not allow this address")
    return ip


def _search(tables: Tables, block: Block, interface: Interface) -> IPAddress:
    if block.cidr.version == 6:
        return _search_ipv6(tables, block, interface)
    for _ in range(tables.settings.ip_allocation_retries):
        ip = _next(tables, block)
        if ip not in block.addresses:
            return ip
    text = f"Cannot allocate address for block {block.id} at this time"
    raise Fault(HTTPStatus.CONFLICT, text)


def _next(tables: Tables, block: Block) -> IPAddress:
    """Return the next address that may be given, which may be taken all the same."""
    while True:
        if block.purged:
            ip = block.purged.pop(0)
        elif block.given < block.cidr.num_addresses:
            ip = block.cidr[block.given]
            block.given += 1
        else:
            block.is_full = True
            raise NoRoom
        if str(ip) not in (block.gateway, block.broadcast) and policies.allows(tables, block, ip):
            return ip


def _search_ipv6(tables: Tables, block: Block, interface: Interface) -> IPAddress:
    for ip in ipv6.candidates(block, interface, tables.settings.ipv6_generator):
        if ip not in block.addresses and str(ip) not in (block.gateway, block.broadcast):
            return ip
    raise Spinning


def _take_from_interface(address: Address) -> None:
    if address.interface:
        del address.interface.addresses[address.id]
        address.interface = None


def _unprocessable(detail: str) -> Fault:
    return Fault(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
