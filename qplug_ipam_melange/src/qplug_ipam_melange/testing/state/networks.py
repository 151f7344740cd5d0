"""Networks, which are nothing but the blocks with the same network id."""

from typing import Any

from qplug_ipam_melange.testing.faults import Duplicate, Fault, NoRoom, not_found
from qplug_ipam_melange.testing.state import addresses, blocks
from qplug_ipam_melange.testing.state.records import Address, Block, Interface
from qplug_ipam_melange.testing.state.tables import Tables


def blocks_of(tables: Tables, network_id: str, tenant_id: str | None = None) -> list[Block]:
    """Return the blocks of a network by age, those of one tenant if it is given.

    Without any, the network does not exist.
    """
    found = [
        block
        for block in tables.blocks.values()
        if block.network_id == network_id and tenant_id in (None, block.tenant_id)
    ]
    if not found:
        raise not_found(f"Network {network_id} not found")
    return found


def blocks_to_allocate(tables: Tables, network_id: str, tenant_id: str) -> list[Block]:
    """Return the blocks of a tenant on a network; an operator may have set what makes one."""
    try:
        return blocks_of(tables, network_id, tenant_id)
    except Fault:
        if not tables.settings.default_cidr:
            raise
    wanted = {"cidr": tables.settings.default_cidr, "type": "private", "network_id": network_id}
    return [blocks.create(tables, tenant_id, wanted)]


def allocate(
    tables: Tables, found: list[Block], interface: Interface, wanted: Any = None
) -> list[Address]:
    """Give an interface the addresses it wants, else one of either version.

    What cannot be given is left out without a word, as long as there is anything.
    """
    if wanted:
        given = [_allocate_one(tables, found, interface, text) for text in wanted]
        return [address for address in given if address]
    by_version = [[b for b in found if b.cidr.version == version] for version in (4, 6)]
    free = [_allocate_any(tables, family, interface) for family in by_version]
    if not any(free):
        raise NoRoom("ip blocks in this network are full")
    return [address for address in free if address]


def held_by(found: list[Block], interface: Interface) -> list[Address]:
    """Return the addresses of an interface out of some blocks, in the order of the blocks."""
    held = interface.addresses.values()
    return [address for block in found for address in held if address.block is block]


def deallocate(tables: Tables, network_id: str, interface: Interface) -> None:
    """Take back all that an interface has on a network, whoever owns the blocks."""
    for address in list(interface.addresses.values()):
        if address.block.network_id == network_id:
            addresses.deallocate(tables, address)


def _allocate_one(
    tables: Tables, found: list[Block], interface: Interface, wanted: str
) -> Address | None:
    ip = addresses.parsed(wanted)
    for block in found:
        if ip in block.cidr:
            try:
                return addresses.allocate(tables, block, interface, wanted)
            except Duplicate:
                return None
    return None


def _allocate_any(tables: Tables, found: list[Block], interface: Interface) -> Address | None:
    for block in found:
        try:
            return addresses.allocate(tables, block, interface)
        except NoRoom:
            continue
    return None
