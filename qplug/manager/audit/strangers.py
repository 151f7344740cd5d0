"""What may be done about vifs that the store knows nothing of: little, and never on a guess."""

from collections.abc import Collection
from dataclasses import replace

from netaddr import IPAddress

from qplug.manager.audit.findings import Finding, Kept, kept
from qplug.manager.audit.sightings import Sightings
from qplug.manager.chain import Chain, step
from qplug.manager.release import Release
from qplug.manager.requests import is_uuid
from qplug.model import Call, Difference, Network, Vif
from qplug.store import NO_MAC, VifRecord

UNKNOWN = (
    "it may be of an instance that an older copy of the store does not know, or of another "
    "installation; 'qplug audit --release {}' releases it"
)
"""Why what has a vif that the store knows nothing of is never released on a guess."""


class Strangers:
    """Gives differences of such vifs their plans, or says why there is none.

    :param names: the vifs that the caller named to be released
    """

    def __init__(
        self,
        chain: Chain,
        release: Release,
        sightings: Sightings,
        call: Call,
        names: Collection[str],
    ) -> None:
        self._chain = chain
        self._release = release
        self._sightings = sightings
        self._request_id = call.request_id
        self._names = names

    def is_named(self, vif_id: str) -> bool:
        """Say whether the caller named the vif."""
        return vif_id in self._names

    def release(self, difference: Difference, vif_id: str, network: Network | None) -> Finding:
        """Keep what a vif has that the store does not know, unless the caller named it."""
        if not self.is_named(vif_id):
            return kept(difference, UNKNOWN.format(vif_id))
        if network is None:
            return kept(difference, "the store does not know its network either")

        def mend() -> None:
            self._refuse_known(vif_id)
            failures: list[str] = []
            record = VifRecord(vif=_stranger(network, vif_id), network=network)
            if self._release.vif(self._call(), record, failures) is not None:
                raise Kept("; ".join(failures))

        plan = f"release all that vif {vif_id} has on network '{network.label}'"
        return Finding(replace(difference, plan=plan), mend, is_asked_for=True)

    def hold(
        self, difference: Difference, network: Network, vif_id: str, address: IPAddress
    ) -> Finding:
        """Have IPAM give an address to the unknown vif whose port shows it, and so to nobody."""
        if not is_uuid(vif_id):
            return kept(difference, f"'{vif_id}' is no vif's id, for which it could be held")

        def mend() -> None:
            self._refuse_known(vif_id)
            vif, call = _stranger(network, vif_id), self._call()
            with step(call, "ipam", "holding an address"):
                self._chain.ipam.add_address(call, network, vif, wanted=address)

        plan = f"have IPAM hold it for vif {vif_id}, so that nobody else is given it"
        return Finding(replace(difference, plan=plan), mend)

    def _refuse_known(self, vif_id: str) -> None:
        """Refuse what is no stranger's by now.

        :raises Kept: the store knows the vif, or a late call may yet have its effect for it
        """
        looked = self._sightings.certain([vif_id], lambda _: None)
        if not any(known is None for _, known, _ in looked):
            raise Kept("the store knows the vif by now, or somebody works on it")

    def _call(self) -> Call:
        """Return the start of a repair, which has an operation's time of its own."""
        return self._chain.call(self._request_id)


def _stranger(network: Network, vif_id: str) -> Vif:
    """Return a vif of which nothing is known but its id; its instance goes by the same."""
    return Vif(
        id=vif_id,
        network_id=network.id,
        instance_id=vif_id,
        project_id=network.quantum_project,
        mac=NO_MAC,
    )
