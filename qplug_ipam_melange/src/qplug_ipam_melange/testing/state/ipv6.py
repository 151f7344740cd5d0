"""IPv6 addresses are computed from the interface, not counted."""

from collections.abc import Callable, Iterator
from hashlib import sha1
from ipaddress import IPv6Address

from qplug_ipam_melange.testing.faults import bad
from qplug_ipam_melange.testing.state.records import Block, Interface

Generator = Callable[[str, int], int]
"""What makes the lower 64 bits of an address from a tenant's id and a MAC."""


def candidates(block: Block, interface: Interface, generator: str) -> Iterator[IPv6Address]:
    """Yield the addresses that the block tries for an interface, until they would repeat."""
    if interface.mac is None:
        raise bad("Required params are missing: mac_address")
    host_part, cycle = GENERATORS[generator]
    hosts = block.cidr.num_addresses
    for step in range(min(cycle, hosts)):
        host = host_part(interface.tenant_id, interface.mac.value + step)
        yield IPv6Address(int(block.cidr.network_address) | (host & (hosts - 1)))


def _of_tenant(tenant_id: str, mac: int) -> int:
    upper = int(sha1(tenant_id.encode()).hexdigest()[:8], 16)  # noqa: S324 - the original's
    return upper << 32 | 0xFF << 24 | mac & 0xFFFFFF


def _rfc2462(_: str, mac: int) -> int:
    mac ^= 0x02 << 40
    return mac >> 24 << 40 | 0xFFFE << 24 | mac & 0xFFFFFF


GENERATORS: dict[str, tuple[Generator, int]] = {
    "tenant": (_of_tenant, 1 << 24),
    "rfc2462": (_rfc2462, 1 << 48),
}
"""Each generator, and after how many MACs it repeats itself."""
