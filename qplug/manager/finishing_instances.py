"""Instances that a command left: released, or settled as the store has them."""

from collections.abc import Callable, Sequence
from functools import partial

from qplug.manager.chain import Chain
from qplug.manager.hosts import Hosts
from qplug.manager.info import Info
from qplug.manager.release import Release
from qplug.manager.settling import Settling
from qplug.manager.undo import attempt, postponed
from qplug.model import Call
from qplug.store import InstanceRecord, Leaving, VifRecord, Work
from qplug.store.records import new_epoch

Begin = Callable[[Callable[[Leaving], object]], Leaving | None]
"""Marks an instance as being released, and tells so before its commit."""


class FinishingInstances:
    """Releases and settles instances; what fails is left for a later try."""

    def __init__(
        self, chain: Chain, hosts: Hosts, info: Info, release: Release, settling: Settling
    ) -> None:
        self._chain = chain
        self._updates = chain.store.instance_updates
        self._releases = chain.store.instance_releases
        self._hosts = hosts
        self._info = info
        self._release = release
        self._settling = settling

    # --- releasing ---

    def release_left(self, call: Call, instance_id: str) -> str | None:
        """Release an instance that was being made or released, and return why something is left.

        :raises InstanceInTransition: somebody works on it
        """
        failures: list[str] = []
        resume = partial(self._releases.resume, call, instance_id)
        self.release(call, resume, failures)
        return next(iter(failures), None)

    def release(self, call: Call, begin: Begin, failures: list[str]) -> Sequence[VifRecord]:
        """Release the vifs of an instance, and return those of which something is left.

        :param failures: gets why something is left
        """
        with postponed(partial(self._postpone_release, call)) as marked:
            leaving = begin(marked.append)
            return () if leaving is None else self._released(call, leaving, failures)

    def _postpone_release(self, call: Call, one: Leaving, failure: str) -> None:
        self._releases.postpone(self._chain.overtime(call), one, failure)

    def _released(self, call: Call, leaving: Leaving, failures: list[str]) -> Sequence[VifRecord]:
        tried = [self._release.vif(call, record, failures) for record in leaving.vifs]
        left = [record for record in tried if record is not None]
        if leaving.half_built:
            self._remove_gateways(call, leaving, left)
        self._releases.forget(self._chain.overtime(call), leaving, left, "; ".join(failures))
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

    # --- settling ---

    def resume(self, call: Call, instance_id: str) -> None:
        """Settle an instance that was being changed; its change is rolled back.

        :raises InstanceInTransition: somebody works on it
        """
        with postponed(partial(self._postpone_update, call)) as marked:
            known = self._updates.resume(call, instance_id, marked.append)
            if known is not None:
                self._settle(call, known, keeps_lost=False)

    def settle(self, call: Call, instance_id: str) -> None:
        """Make IPAM, Quantum and DHCP say of an active instance what the store says.

        An address that IPAM has given to another vif stays in the store, for an audit to show.

        :raises InstanceNotFound, InstanceInTransition: there is none, or somebody works on it
        """
        with postponed(partial(self._postpone_update, call)) as marked:
            known = self._updates.begin(call, instance_id, new_epoch(), marked.append)
            self._settle(call, known, keeps_lost=True)

    def _postpone_update(self, call: Call, one: InstanceRecord, failure: str) -> None:
        late = self._chain.overtime(call)
        self._updates.postpone(late, one.instance.id, one.epoch, failure, one.attempts)

    def _settle(self, call: Call, known: InstanceRecord, *, keeps_lost: bool) -> None:
        settled = self._settling.instance(call, known)
        lost = () if keeps_lost else settled.lost
        info = self._info.build(call, known.instance, settled.vifs).json()
        late = self._chain.overtime(call)
        self._updates.end(late, known, removed=lost, attached=settled.attached, network_info=info)

    # --- giving up ---

    def forget(self, call: Call, work: Work) -> None:
        """Forget what is unfinished, as if it had been finished.

        :raises InstanceInTransition: somebody works on it
        """
        if work.state == "updating":
            known = self._updates.resume(call, work.id)
            if known is not None:
                self._updates.cancel(call, work.id, known.epoch)
            return
        leaving = self._releases.resume(call, work.id)
        if leaving is not None:
            self._releases.forget(call, leaving, (), "")
