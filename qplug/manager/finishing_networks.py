"""Networks that a command left: deleted, or settled as the store has them."""

from functools import partial

from qplug.manager.chain import Chain
from qplug.manager.hosts import Hosts
from qplug.manager.release import Release
from qplug.manager.settling import Settling
from qplug.manager.undo import postponed
from qplug.model import Call
from qplug.store import MarkedNetwork, Work
from qplug.store.records import new_epoch


class FinishingNetworks:
    """Deletes and settles networks; what fails is left for a later try."""

    def __init__(self, chain: Chain, hosts: Hosts, release: Release, settling: Settling) -> None:
        self._chain = chain
        self._hosts = hosts
        self._updates = chain.store.network_updates
        self._deletions = chain.store.network_deletions
        self._release = release
        self._settling = settling

    def release(self, call: Call, network_id: str) -> None:
        """Delete a network that was being made or deleted.

        :raises NetworkInTransition: somebody works on it
        """
        with postponed(partial(self._postpone, call)) as marked:
            left = self._deletions.resume(call, network_id, marked.append)
            if left is None:
                return
            self._chain.refuse_other_drivers(left.network)
            self._hosts.refuse_other_host(left.network)
            self._release.subnets(call, left.network)
            self._release.network(call, left.network)
            self._deletions.forget(self._chain.overtime(call), left.network, left.epoch)

    def resume(self, call: Call, network_id: str) -> None:
        """Settle a network that was being changed; its change is rolled back.

        :raises NetworkInTransition: somebody works on it
        """
        with postponed(partial(self._postpone, call)) as marked:
            left = self._updates.resume(call, network_id, marked.append)
            if left is not None:
                self._settle(call, left)

    def settle(self, call: Call, network_id: str) -> None:
        """Have IPAM keep, and this host serve, the subnets that the store has of a network.

        :raises NetworkNotFound, NetworkInTransition: there is none, or somebody works on it
        """
        with postponed(partial(self._postpone, call)) as marked:
            self._updates.begin(call, network_id, new_epoch(), marked.append)
            self._settle(call, marked[-1])

    def _settle(self, call: Call, one: MarkedNetwork) -> None:
        self._settling.network(call, one.network)
        self._updates.cancel(self._chain.overtime(call), one.network.id, one.epoch)

    def _postpone(self, call: Call, one: MarkedNetwork, failure: str) -> None:
        late, store = self._chain.overtime(call), self._chain.store.networks
        store.postpone(late, one.network.id, one.epoch, failure, one.attempts)

    def forget(self, call: Call, work: Work) -> None:
        """Forget what is unfinished, as if it had been finished.

        :raises NetworkInTransition: somebody works on it
        """
        if work.state == "updating":
            left = self._updates.resume(call, work.id)
            if left is not None:
                self._updates.cancel(call, work.id, left.epoch)
            return
        left = self._deletions.resume(call, work.id)
        if left is not None:
            self._deletions.forget(call, left.network, left.epoch)
