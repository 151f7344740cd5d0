"""Ending the rest of addresses early, where DHCP says that nobody holds them any more."""

from collections.abc import Sequence
from functools import partial

from qplug.contracts import LeaseEvents
from qplug.manager.chain import Chain, step
from qplug.manager.undo import attempt
from qplug.model import Call, Lease


class Sweep:
    """Passes on to IPAM which leases ended. A rest that runs out ends by itself."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def run(self, call: Call) -> int:
        """Pass on what the DHCP driver of this host noted, and return of how many leases.

        A lease that cannot be passed on stops none of those told with it; the next sweep tries it,
        and whatever the driver has further, again.
        """
        dhcp, total = self._chain.dhcp, 0
        if not isinstance(dhcp, LeaseEvents):
            return total
        while True:
            with step(call, "dhcp", "looking for leases that ended"):
                ended = dhcp.ended_leases(call)
            passed = self._passed_on(call, ended)
            if passed:
                with step(call, "dhcp", "acknowledging leases that ended"):
                    dhcp.acknowledge(call, passed)
            total += len(passed)
            if not ended or len(passed) < len(ended):
                return total

    def _passed_on(self, call: Call, ended: Sequence[Lease]) -> Sequence[Lease]:
        return [
            lease
            for lease in ended
            if attempt(
                f"the rest of {lease.address} on network {lease.network_id} goes on",
                partial(self._pass_on, call, lease),
            )
        ]

    def _pass_on(self, call: Call, lease: Lease) -> None:
        with step(call, "ipam", "ending the rest of an address"):
            self._chain.ipam.lease_ended(call, lease)
