"""Bringing to its end what a command left: released, or made as the store has it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from qplug.manager.chain import Chain, attempt, undoing
from qplug.manager.hosts import Hosts
from qplug.manager.info import Info
from qplug.manager.late_writes import LateWrites
from qplug.manager.release import Release
from qplug.manager.settling import Settling
from qplug.model import Call
from qplug.store import InstanceRecord, Leaving, VifRecord, Work
from qplug.store.records import new_epoch


class Finishing:
    """Takes over one piece of work and finishes it; what fails is left for a later try.

    What was being made or released is released to its end: its command failed. What was being
    changed becomes as it was before.

    :param patient: whether each part has time of its own, be the operation's over or not
    """

    def __init__(self, chain: Chain, hosts: Hosts, info: Info, *, patient: bool = True) -> None:
        self._chain = chain
        self._store = chain.store
        self._hosts = hosts
        self._info = info
        self._release = Release(chain, hosts, patient=patient)
        self._settling = Settling(chain, hosts)
        self._late_writes = LateWrites(
            chain, self._release, self.settle_instance, self.settle_network
        )

    def finish(self, call: Call, work: Work) -> str | None:
        """Finish work on which nobody works, and return why something is left.

        :raises InstanceInTransition, NetworkInTransition: somebody works on it by now
        Any other error is recorded with the work, which stays as it is.
        """
        resuming = work.state == "updating"
        if work.kind == "vif":
            return self._late_writes.release(call, work.id)
        if work.kind == "instance" and not resuming:
            return self._release_instance(call, work.id)
        if work.kind == "instance":
            self._resume_instance(call, work.id)
        elif resuming:
            self._resume_network(call, work.id)
        else:
            self._release_network(call, work.id)
        return None

    def forget(self, call: Call, work: Work) -> None:
        """Forget work on which nobody works, as if it had been finished.

        :raises InstanceInTransition, NetworkInTransition: somebody works on it by now
        """
        if work.kind == "vif":
            self._store.tombstones.remove(call, work.id)
        elif work.kind == "instance":
            self._forget_instance(call, work)
        else:
            self._forget_network(call, work)

    # --- instances ---

    def _release_instance(self, call: Call, instance_id: str) -> str | None:
        failures: list[str] = []
        begin = self._store.instances.begin_delete
        self.release(call, lambda note: begin(call, instance_id, note), failures)
        return next(iter(failures), None)

    def release(
        self,
        call: Call,
        begin: Callable[[Callable[[Leaving], object]], Leaving | None],
        failures: list[str],
    ) -> Sequence[VifRecord]:
        """Release the vifs of an instance, and return those of which something is left.

        :param begin: marks the instance as being released, and tells before its commit
        :param failures: gets why something is left
        """
        marked: list[Leaving] = []
        late, store = self._chain.overtime, self._store.instances

        def postpone(failure: str) -> None:
            for one in marked:
                store.postpone_delete(late(call), one, failure)

        with postponed(postpone):
            leaving = begin(marked.append)
            return () if leaving is None else self._released(call, leaving, failures)

    def _released(self, call: Call, leaving: Leaving, failures: list[str]) -> Sequence[VifRecord]:
        tried = [self._release.vif(call, record, failures) for record in leaving.vifs]
        left = [record for record in tried if record is not None]
        if leaving.half_built:
            self._remove_gateways(call, leaving, left)
        late = self._chain.overtime(call)
        self._store.instances.forget(late, leaving, left, "; ".join(failures))
        return left

    def _remove_gateways(self, call: Call, leaving: Leaving, left: Sequence[VifRecord]) -> None:
        """Remove the gateways that were made for it; one that stays is the next instance's."""
        used = {record.network.id for record in left}
        for network in {record.network.id: record.network for record in leaving.vifs}.values():
            if network.id not in used:
                attempt(
                    f"network '{network.label}' keeps its gateway, though nobody uses it",
                    partial(self._hosts.remove_gateway, call, network, ()),
                )

    def _resume_instance(self, call: Call, instance_id: str) -> None:
        found = self._store.instances.resume_update(call, instance_id)
        if found is not None:
            known, attempts = found
            self._settled(call, known, attempts, keeps_lost=False)

    def settle_instance(self, call: Call, instance_id: str) -> None:
        """Make IPAM, Quantum and DHCP say of an active instance what the store says.

        :raises InstanceNotFound, InstanceInTransition: there is none, or somebody works on it
        :raises FixedIpAlreadyInUse: IPAM has given one of its addresses to another vif
        """
        known = self._store.instances.begin_update(call, instance_id, new_epoch())
        self._settled(call, known, 0, keeps_lost=True)

    def _settled(
        self, call: Call, known: InstanceRecord, attempts: int, *, keeps_lost: bool
    ) -> None:
        late, store, key = self._chain.overtime, self._store.instances, known.instance.id

        def postpone(failure: str) -> None:
            store.postpone_update(late(call), key, known.epoch, failure, attempts)

        with postponed(postpone):
            settled = self._settling.instance(call, known)
            lost = () if keeps_lost else settled.lost
            info = self._info.build(call, known.instance, settled.vifs).json()
            store.end_update(
                late(call), known, removed=lost, attached=settled.attached, network_info=info
            )

    def _forget_instance(self, call: Call, work: Work) -> None:
        store = self._store.instances
        if work.state == "updating":
            found = store.resume_update(call, work.id)
            if found is not None:
                store.cancel_update(call, work.id, found[0].epoch)
            return
        leaving = store.begin_delete(call, work.id)
        if leaving is not None:
            store.forget(call, leaving, (), "")

    # --- networks ---

    def _release_network(self, call: Call, network_id: str) -> None:
        store = self._store.networks
        deletion = store.begin_delete(call, network_id)
        network, epoch = deletion.network, deletion.epoch
        with self._later_network(call, network_id, epoch, deletion.attempts):
            self._chain.refuse_other_drivers(network)
            self._release.subnets(call, network)
            self._release.network(call, network)
            store.forget(self._chain.overtime(call), network, epoch)

    def _resume_network(self, call: Call, network_id: str) -> None:
        found = self._store.networks.resume_update(call, network_id)
        if found is not None:
            with self._later_network(call, network_id, found.epoch, found.attempts):
                self._settling.network(call, found.network)
                late = self._chain.overtime(call)
                self._store.network_updates.cancel(late, network_id, found.epoch)

    def settle_network(self, call: Call, network_id: str) -> None:
        """Have IPAM keep, and this host serve, the subnets that the store has of a network.

        :raises NetworkNotFound, NetworkInTransition: there is none, or somebody works on it
        """
        epoch, updates = new_epoch(), self._store.network_updates
        network = updates.begin(call, network_id, epoch)
        with self._later_network(call, network_id, epoch, 0):
            self._settling.network(call, network)
            updates.cancel(self._chain.overtime(call), network_id, epoch)

    def _forget_network(self, call: Call, work: Work) -> None:
        store = self._store.networks
        if work.state == "updating":
            found = store.resume_update(call, work.id)
            if found is not None:
                self._store.network_updates.cancel(call, work.id, found.epoch)
            return
        deletion = store.begin_delete(call, work.id)
        store.forget(call, deletion.network, deletion.epoch)

    @contextmanager
    def _later_network(
        self, call: Call, network_id: str, epoch: int, attempts: int
    ) -> Iterator[None]:
        def postpone(failure: str) -> None:
            late = self._chain.overtime(call)
            self._store.networks.postpone(late, network_id, epoch, failure, attempts)

        with postponed(postpone):
            yield


@contextmanager
def postponed(postpone: Callable[[str], object]) -> Iterator[None]:
    """Record what fails inside of this, so that it is tried again later."""
    try:
        yield
    except BaseException as error:
        failure = str(error) or type(error).__name__
        with undoing(error) as patiently:
            patiently("unfinished work waits for its deadline", partial(postpone, failure))
        raise
