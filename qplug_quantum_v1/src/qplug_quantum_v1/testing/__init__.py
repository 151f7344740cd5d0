"""A Quantum server for tests: small, in memory, and as odd as the originals of 2011 and 2012.

It answers the recorded exchanges of the originals as they did: those of 2012.1 with the Open
vSwitch, the Linux bridge and the sample plugin, by v1.0 and v1.1, and those of 2011.3.

    with StandIn() as quantum:
        requests.get(f"{quantum.url}/v1.1/tenants/default/networks.json")
        assert quantum.requests == [("GET", "/v1.1/tenants/default/networks.json")]
"""

from qplug_quantum_v1.testing.settings import Settings
from qplug_quantum_v1.testing.standin import StandIn

__all__ = ["Settings", "StandIn"]
