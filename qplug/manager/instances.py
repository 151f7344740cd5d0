"""Instances: all vifs of a request, or none; and taking them back, whatever is broken."""

from collections.abc import Callable, Sequence
from functools import partial

from qplug.errors import (
    AmbiguousLabel,
    InstanceConflict,
    InstanceInTransition,
    InstanceNotFound,
    NetworkNotFound,
)
from qplug.manager.building import Building
from qplug.manager.chain import Chain
from qplug.manager.hosts import Hosts
from qplug.manager.info import Info
from qplug.manager.pending import Pending
from qplug.manager.release import Release
from qplug.manager.requests import check_name, check_wanted, fingerprint
from qplug.manager.waiting import waited
from qplug.model import Call, Instance, Network, NetworkRequest
from qplug.network_info import NetworkInfo
from qplug.store import InstanceRecord, Leaving


class Instances:
    """Allocates and deallocates the vifs of instances."""

    def __init__(
        self, chain: Chain, hosts: Hosts, release: Release, info: Info, pending: Pending
    ) -> None:
        self._chain = chain
        self._info = info
        self._pending = pending
        self._building = Building(chain, hosts, release, info)
        self._store = chain.store.instances

    # --- allocating ---

    def allocate(
        self, call: Call, instance: Instance, requests: Sequence[NetworkRequest] = ()
    ) -> NetworkInfo:
        """Give an instance a vif on each network requested, or on all that its project has.

        The same request again gets the same answer. Whatever fails, nothing of it is left.

        :raises InstanceConflict: it is allocated already, by another request
        :raises InstanceInTransition: another command works on it until the deadline
        :raises NetworkNotFound: a requested network is not visible to its project
        :raises FixedIpInvalid, FixedIpAlreadyInUse: a requested address cannot be given
        :raises NoMoreFixedIps: a subnet is full
        :raises VirtualInterfaceMacAddressException: no unused MAC address was found
        """
        chosen = self._chosen(call, instance.project_id, requests)
        wanted = [request.addresses for request in requests] or [()] * len(chosen)
        request = fingerprint(instance, chosen if requests else (), wanted)
        while True:
            info = self._building.build(call, instance, chosen, wanted, request)
            if info is not None:
                return info
            known = waited(call, lambda: self._settled(call, instance.id), self._pending.clear)
            if known is not None:
                return self._repeated(call, known, request)

    def _chosen(
        self, call: Call, project_id: str, requests: Sequence[NetworkRequest]
    ) -> Sequence[Network]:
        names = sorted({check_name(request.network_id) for request in requests})
        usable = self._chain.store.networks.usable(call, project_id, names)
        if requests:
            chosen: Sequence[Network] = [_named(usable, one, project_id) for one in requests]
        else:
            chosen = by_priority(usable)
        for network in chosen:
            self._chain.refuse_other_drivers(network)
        self._chain.refuse_choice([a for request in requests for a in request.addresses])
        return chosen

    def _settled(self, call: Call, instance_id: str) -> InstanceRecord | None:
        """Return what is recorded once nobody works on it; ``None`` when it is gone by then."""
        record = self._store.get(call, instance_id)
        if record is not None and record.state != "active":
            raise InstanceInTransition(instance_id, record.state)
        return record

    def _repeated(self, call: Call, known: InstanceRecord, request: str) -> NetworkInfo:
        if known.request != request:
            raise InstanceConflict(known.instance.id)
        return self._info.build(call, known.instance, known.vifs)

    # --- reading ---

    def get(self, call: Call, instance_id: str) -> InstanceRecord:
        """Return an active instance.

        :raises InstanceNotFound: there is none
        """
        record = self._store.get(call, instance_id)
        if record is None or record.state not in ("active", "updating"):
            raise InstanceNotFound(instance_id)
        return record

    def network_info(self, call: Call, record: InstanceRecord) -> NetworkInfo:
        """Return the network info of an instance and keep it, if it is not what was kept."""
        info = self._info.build(call, record.instance, record.vifs)
        text = info.json()
        if text != record.network_info:
            self._store.cache_info(call, record, text)
        return info

    # --- deallocating ---

    def deallocate(self, call: Call, instance_id: str) -> Sequence[str]:
        """Take back all an instance has; none, or a second time, is quiet.

        What could not be taken back is pending: it stays recorded, hidden, with its addresses
        held, and is tried again later, or at once by doing this again.

        :returns: the ids of the vifs of which something is left
        :raises InstanceInTransition: another command works on it until the deadline
        :raises DriversChanged: the drivers that know of a vif are configured no longer; all other
            vifs are released
        """

        def begin(note: Callable[[Leaving], object]) -> Leaving | None:
            mark = partial(self._chain.store.instance_releases.begin, call, instance_id, note)
            return waited(call, mark, self._pending.clear)

        left = self._pending.finishing.instances.release(call, begin, [])
        for record in left:
            self._chain.refuse_other_drivers(record.network)
        return [record.vif.id for record in left]


def by_priority(networks: Sequence[Network]) -> Sequence[Network]:
    """Return networks lowest priority first, none before any; a project's before global ones."""
    own_first = sorted(networks, key=lambda network: network.project_id is None)
    return sorted(own_first, key=lambda n: (n.priority is not None, n.priority or 0))


def _named(usable: Sequence[Network], request: NetworkRequest, project_id: str) -> Network:
    """Return the network that a request names, checked for what it wants there."""
    name = request.network_id
    found = [network for network in usable if name in (network.id, network.label)]
    if not found:
        raise NetworkNotFound(name, project_id)
    if len(found) > 1:
        raise AmbiguousLabel(name, [network.id for network in found])
    check_wanted(found[0], request.addresses)
    return found[0]
