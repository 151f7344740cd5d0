"""Addresses kept in this process, for trying things out and for tests."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from threading import RLock

from netaddr import IPAddress, IPNetwork
from oslo_config.cfg import ConfigOpts

from qplug.builtin.address_pool import AddressPool
from qplug.contracts import AddressUsage, ApiRange, FloatingIps, IpamDriver, SubnetUpdates
from qplug.errors import (
    AddressRequired,
    CidrConflict,
    FixedIpAlreadyInUse,
    FixedIpInvalid,
    NetworkInUse,
    NetworkNotFound,
    NoMoreFixedIps,
)
from qplug.model import (
    Allocation,
    Call,
    Capability,
    Lease,
    Network,
    Subnet,
    SubnetUsage,
    Vif,
    holds,
    overlap,
)
from qplug.model.ipv6 import to_global

LOG = logging.getLogger(__name__)


class MemoryIpam(IpamDriver, SubnetUpdates, AddressUsage, FloatingIps):
    """Forgets everything with its process; reads ``[ipam] ipv6_backend`` and nothing else."""

    api = ApiRange((1, 0), (2, 0))
    policy = "sequential"
    capabilities = frozenset({Capability.CHOSEN_ADDRESS, Capability.POOLS, Capability.REUSE_DELAY})

    def __init__(self, conf: ConfigOpts) -> None:
        self._conf = conf
        self._lock = RLock()
        self._pools: dict[str, list[AddressPool]] = {}
        self._held: dict[str, list[Allocation]] = {}  # by vif, in the order in which it got them
        self._floating: dict[tuple[str, IPAddress], tuple[IPAddress, ...]] = {}

    def check(self, call: Call) -> str:
        """Say how much there is to forget."""
        return f"{len(self._pools)} network(s), kept in this process"

    # --- subnets --------------------------------------------------------------------------------

    def create_subnets(self, call: Call, network: Network) -> None:
        """Start to keep them; overlapping ones on one network are a Conflict."""
        with self._lock:
            self._keep(network, self._pools.get(network.id, []))

    def update_subnets(self, call: Call, network: Network) -> None:
        """Keep exactly these; addresses in use stay, in or out of the pools."""
        with self._lock:
            wanted = {subnet.id: subnet for subnet in network.subnets}
            kept = self._pools.get(network.id, [])
            if used := sum(len(pool.used) for pool in kept if pool.subnet.id not in wanted):
                raise NetworkInUse(network.id, used)
            staying = [pool for pool in kept if pool.subnet.id in wanted]
            self._keep(network, staying)
            for pool in staying:
                pool.reshape(wanted[pool.subnet.id])

    def _keep(self, network: Network, pools: Sequence[AddressPool]) -> None:
        pools = list(pools)
        for subnet in network.subnets:
            if not _is_kept(subnet, pools, network.label):
                pools.append(AddressPool(subnet))
        self._pools[network.id] = sorted(pools, key=lambda pool: pool.order)

    def delete_subnets(self, call: Call, network: Network) -> None:
        """Forget them and whatever rests on them."""
        with self._lock:
            if used := sum(len(pool.used) for pool in self._pools.get(network.id, [])):
                raise NetworkInUse(network.id, used)
            self._pools.pop(network.id, None)

    def subnet_ids(self, call: Call, network_id: str) -> frozenset[str]:
        """Return what was created and not deleted."""
        with self._lock:
            return frozenset(pool.subnet.id for pool in self._pools.get(network_id, []))

    # --- addresses ------------------------------------------------------------------------------

    def allocate(
        self, call: Call, network: Network, vif: Vif, wanted: Sequence[IPAddress] = ()
    ) -> Sequence[Allocation]:
        """Choose an address of each subnet, then take them all."""
        with self._lock:
            pools = self._kept(network)
            if held := self._held_on(network, vif):
                return _first_of_each(held)
            for address in wanted:
                _pool_with(address, pools)
            chosen = [self._choose(call, network, pool, vif, wanted) for pool in pools]
            return [self._give(*choice, vif) for choice in zip(pools, chosen, strict=True)]

    def deallocate(self, call: Call, network: Network, vif: Vif, *, reuse_delay: float = 0) -> None:
        """Let all the vif's addresses rest."""
        with self._lock:
            for pool, held in self._held_on(network, vif):
                self._take_back(call, pool, held, reuse_delay)

    def add_address(
        self, call: Call, network: Network, vif: Vif, *, wanted: IPAddress | None = None
    ) -> Allocation:
        """Give one address more."""
        with self._lock:
            pools = self._kept(network)
            if wanted is None:
                pool = _with_room(call, network, pools)
                return self._give(pool, _next(call, network, pool), vif)
            pool = _pool_with(wanted, pools)
            for _, held in self._held_on(network, vif):
                if held.address == wanted:
                    return held
            return self._give(pool, _named(call, pool, vif, wanted), vif)

    def remove_address(
        self, call: Call, network: Network, vif: Vif, address: IPAddress, *, reuse_delay: float = 0
    ) -> None:
        """Let one of the vif's addresses rest."""
        with self._lock:
            for pool, held in self._held_on(network, vif):
                if held.address == address:
                    self._take_back(call, pool, held, reuse_delay)

    def allocations(
        self, call: Call, *, network_id: str | None = None, vif_id: str | None = None
    ) -> Iterator[Allocation]:
        """Yield subnet after subnet, each as it is when it is reached."""
        with self._lock:
            ids = [network_id] if network_id is not None else [*self._pools]
            pools = [pool for id_ in ids for pool in self._pools.get(id_, [])]
            held = self._held.get(vif_id or "", [])[:]
        for pool in sorted(pools, key=lambda pool: pool.subnet.id):
            if vif_id is None:
                yield from self._of_pool(pool)
            else:
                mine = [each for each in held if each.subnet_id == pool.subnet.id]
                yield from sorted(mine, key=lambda each: each.address)

    def lease_ended(self, call: Call, lease: Lease) -> None:
        """End the rest of the address, if it rests since that MAC address had it."""
        with self._lock:
            for pool in self._pools.get(lease.network_id, []):
                if lease.address in pool.subnet.cidr:
                    pool.end_rest(lease.address.value, lease.mac, call.now)

    # --- what only some drivers know ------------------------------------------------------------

    def usage(self, call: Call, network_ids: Sequence[str]) -> Sequence[SubnetUsage]:
        """Count what the pools hold."""
        with self._lock:
            pools = [pool for id_ in network_ids for pool in self._pools.get(id_, [])]
            return [pool.usage(call.now) for pool in pools]

    def floating_ips(
        self, call: Call, network_id: str, addresses: Sequence[IPAddress]
    ) -> Mapping[IPAddress, Sequence[IPAddress]]:
        """Return what :meth:`set_floating_ips` was told."""
        with self._lock:
            found = {each: self._floating.get((network_id, each), ()) for each in addresses}
        return {fixed: floating for fixed, floating in found.items() if floating}

    def set_floating_ips(self, network_id: str, fixed: IPAddress, *floating: IPAddress) -> None:
        """Have exactly these floating addresses lead to a fixed one."""
        with self._lock:
            self._floating[network_id, fixed] = floating

    # --- inside ---------------------------------------------------------------------------------

    def _kept(self, network: Network) -> Sequence[AddressPool]:
        if pools := self._pools.get(network.id):
            return pools
        raise NetworkNotFound(network.id)

    def _held_on(self, network: Network, vif: Vif) -> Sequence[tuple[AddressPool, Allocation]]:
        pools = {pool.subnet.id: pool for pool in self._pools.get(network.id, [])}
        held = self._held.get(vif.id, [])
        return [(pools[each.subnet_id], each) for each in held if each.subnet_id in pools]

    def _choose(
        self,
        call: Call,
        network: Network,
        pool: AddressPool,
        vif: Vif,
        wanted: Sequence[IPAddress],
    ) -> int:
        for address in wanted:
            if address in pool.subnet.cidr:
                return _named(call, pool, vif, address)
        if pool.subnet.derived:
            derived = self._derived(network, pool.subnet, vif)
            if not holds(pool.assignable, derived):
                raise FixedIpAlreadyInUse(str(derived), f"{pool.subnet.cidr} keeps it back")
            return _named(call, pool, vif, derived)
        return _next(call, network, pool)

    def _derived(self, network: Network, subnet: Subnet, vif: Vif) -> IPAddress:
        backend = self._conf.ipam.ipv6_backend
        return to_global(backend, subnet.cidr, vif.mac, network.quantum_project)

    def _give(self, pool: AddressPool, value: int, vif: Vif) -> Allocation:
        pool.take(value, vif)
        address = pool.address(value)
        given = Allocation(vif_id=vif.id, subnet_id=pool.subnet.id, address=address)
        self._held.setdefault(vif.id, []).append(given)
        return given

    def _take_back(self, call: Call, pool: AddressPool, held: Allocation, delay: float) -> None:
        pool.give_back(held.address.value, call.now + timedelta(seconds=delay))
        self._held[held.vif_id].remove(held)
        if not self._held[held.vif_id]:
            del self._held[held.vif_id]

    def _of_pool(self, pool: AddressPool) -> Sequence[Allocation]:
        with self._lock:
            return [
                Allocation(vif_id=vif.id, subnet_id=pool.subnet.id, address=address)
                for address, vif in pool.in_order()
            ]


def _is_kept(subnet: Subnet, pools: Sequence[AddressPool], label: str) -> bool:
    for kept in (pool.subnet for pool in pools):
        if (kept.id, kept.cidr) == (subnet.id, subnet.cidr):
            return True
        if kept.id == subnet.id or overlap(kept.cidr, subnet.cidr):
            raise CidrConflict(str(subnet.cidr), str(kept.cidr), label)
    return False


def _first_of_each(held: Sequence[tuple[AddressPool, Allocation]]) -> Sequence[Allocation]:
    """Return what :meth:`MemoryIpam.allocate` gave, as far as the vif still has it."""
    first: dict[tuple[int, IPNetwork], Allocation] = {}
    for pool, allocation in held:
        first.setdefault(pool.order, allocation)
    return [first[order] for order in sorted(first)]


def _pool_with(address: IPAddress, pools: Sequence[AddressPool]) -> AddressPool:
    for pool in pools:
        if address in pool.subnet.cidr:
            return pool
    raise FixedIpInvalid(str(address), "it is outside the network's subnets")


def _named(call: Call, pool: AddressPool, vif: Vif, address: IPAddress) -> int:
    if not holds(pool.assignable, address):
        raise FixedIpInvalid(str(address), f"{pool.subnet.cidr} does not give it to vifs")
    if address.value in pool.used:
        raise FixedIpAlreadyInUse(str(address))
    rest = pool.rest_of(address.value, call.now)
    if rest and rest.instance_id != vif.instance_id:
        raise FixedIpAlreadyInUse(str(address), f"it rests for another instance until {rest.until}")
    return int(address.value)


def _with_room(call: Call, network: Network, pools: Sequence[AddressPool]) -> AddressPool:
    """Return the first pool with an address to choose, rather one that does not rest."""
    chosen = [pool for pool in pools if not pool.subnet.derived]
    if not chosen:
        raise AddressRequired(network.label, _cidrs(pools))
    room = [(pool, value) for pool in chosen if (value := pool.next()) is not None]
    if not room:
        raise NoMoreFixedIps(network.label, _cidrs(chosen))
    rested = (pool for pool, value in room if not pool.rest_of(value, call.now))
    return next(rested, room[0][0])


def _cidrs(pools: Sequence[AddressPool]) -> str:
    return ", ".join(str(pool.subnet.cidr) for pool in pools)


def _next(call: Call, network: Network, pool: AddressPool) -> int:
    value = pool.next()
    if value is None:
        raise NoMoreFixedIps(network.label, str(pool.subnet.cidr))
    if rest := pool.rest_of(value, call.now):
        LOG.warning(
            "address %s of network '%s' is given though it rests until %s: nothing else is left",
            pool.address(value),
            network.label,
            rest.until,
        )
    return value
