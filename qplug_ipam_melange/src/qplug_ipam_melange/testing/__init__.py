"""A Melange server for tests: small, in memory, and as odd as the original.

It answers the recorded exchanges of the original as the original did. What is not among them is
left out: bodies in XML, and the pairs of addresses for NAT.

    with StandIn() as melange:
        requests.get(f"{melange.url}/v0.1/ipam/tenants/default/ip_blocks.json")
        assert melange.requests == [("GET", "/v0.1/ipam/tenants/default/ip_blocks.json")]
"""

from qplug_ipam_melange.testing.settings import Settings
from qplug_ipam_melange.testing.standin import StandIn

__all__ = ["Settings", "StandIn"]
