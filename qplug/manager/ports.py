"""What is asked of Quantum for a vif."""

from qplug.manager.chain import Chain
from qplug.model import AddressPair, Instance, PortRequest
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
