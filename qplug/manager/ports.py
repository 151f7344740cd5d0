"""What is asked of Quantum for a vif's port, and to be shown of addresses."""

from collections.abc import Sequence

from qplug.contracts import AddressMirror, AddressPairs
from qplug.errors import NotSupported
from qplug.manager.chain import Chain, step
from qplug.model import AddressPair, Call, Capability, Instance, Network, PortRequest, Subnet
from qplug.model.ipv6 import link_local
from qplug.store import VifRecord


def port_request(chain: Chain, instance: Instance, record: VifRecord) -> PortRequest:
    """Return the port of a vif."""
    return PortRequest(
        attachment=record.vif.id,
        mac=record.vif.mac,
        addresses=tuple(allocation.address for allocation in record.allocations),
        address_pairs=address_pairs(chain, record),
        instance_id=instance.id,
        host=instance.host,
        zone=instance.zone or str(chain.conf.node_availability_zone),
        rxtx_factor=instance.rxtx_factor,
    )


def address_pairs(chain: Chain, record: VifRecord) -> tuple[AddressPair, ...]:
    """Return what the vif may send as: nothing is said while port security is off.

    No pairs at all would switch it off, so a vif without addresses has its link-local one.
    """
    options = chain.conf.quantum
    if not options.port_security:
        return ()
    addresses = [allocation.address for allocation in record.allocations]
    if options.port_security_link_local or not addresses:
        addresses.append(link_local(record.vif.mac))
    return tuple(AddressPair(mac=record.vif.mac, address=address) for address in addresses)


def tell_addresses(chain: Chain, call: Call, record: VifRecord) -> None:
    """Let a vif's port send as what the vif has now, and show it."""
    quantum, network, pairs = chain.quantum, record.network, address_pairs(chain, record)
    if record.port_id is None:
        return
    port = (network.quantum_project, network.id, record.port_id)
    if isinstance(quantum, AddressMirror):
        with step(call, "quantum", "mirroring addresses"):
            quantum.mirror_addresses(call, *port, [each.address for each in record.allocations])
    if pairs and isinstance(quantum, AddressPairs):
        with step(call, "quantum", "setting address pairs"):
            quantum.set_address_pairs(call, *port, pairs)


def mirror_subnets(chain: Chain, call: Call, network: Network, subnets: Sequence[Subnet]) -> None:
    """Have Quantum show the subnets of a network, if it shows any."""
    quantum = chain.quantum
    if isinstance(quantum, AddressMirror):
        with step(call, "quantum", "mirroring subnets"):
            quantum.mirror_subnets(call, network.quantum_project, network.id, subnets)


def refuse_fixed_pairs(chain: Chain) -> None:
    """Refuse what would leave a port with the pairs of other addresses than its vif has.

    :raises NotSupported: the Quantum driver sets pairs, and cannot change them
    """
    sets_pairs = Capability.ADDRESS_PAIRS in chain.quantum.capabilities
    if not chain.conf.quantum.port_security or not sets_pairs:
        return
    if not isinstance(chain.quantum, AddressPairs):
        raise NotSupported("change of address pairs", "quantum", chain.names.quantum)
