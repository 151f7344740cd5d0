"""Bringing to its end what a command left: released, or made as the store has it."""

from qplug.manager.chain import Chain
from qplug.manager.finishing_instances import FinishingInstances
from qplug.manager.finishing_networks import FinishingNetworks
from qplug.manager.hosts import Hosts
from qplug.manager.info import Info
from qplug.manager.late_writes import LateWrites
from qplug.manager.release import Release
from qplug.manager.settling import Settling
from qplug.model import Call
from qplug.store import Work


class Finishing:
    """Takes over one piece of work and finishes it; what fails is left for a later try.

    What was being made or released is released to its end: its command failed. What was being
    changed becomes as it was before.

    :param patient: whether each part has time of its own, be the operation's over or not
    """

    def __init__(self, chain: Chain, hosts: Hosts, info: Info, *, patient: bool = True) -> None:
        release, settling = Release(chain, hosts, patient=patient), Settling(chain, hosts)
        self.instances = FinishingInstances(chain, hosts, info, release, settling)
        self.networks = FinishingNetworks(chain, hosts, release, settling)
        self._late_writes = LateWrites(chain, release, self.instances.settle, self.networks.settle)

    def finish(self, call: Call, work: Work) -> str | None:
        """Finish work on which nobody works, and return why something is left.

        :raises InstanceInTransition, NetworkInTransition: somebody works on it by now
        Any other error is recorded with the work, which stays as it is. What was finished
        meanwhile is let alone, be it there again or not.
        """
        if work.state == "released":
            return self._late_writes.release(call, work.id)
        if work.kind == "instance" and work.state != "updating":
            return self.instances.release_left(call, work.id)
        if work.kind == "instance":
            self.instances.resume(call, work.id)
        elif work.state == "updating":
            self.networks.resume(call, work.id)
        else:
            self.networks.release(call, work.id)
        return None

    def release_late(self, call: Call, key: str) -> None:
        """Make late work good that was taken over; there need not be any.

        :raises InstanceInTransition: somebody does so by now
        """
        self._late_writes.release(call, key)

    def forget(self, call: Call, work: Work) -> None:
        """Forget work on which nobody works, as if it had been finished.

        :raises InstanceInTransition, NetworkInTransition: somebody works on it by now
        """
        if work.state == "released":
            self._late_writes.forget(call, work.id)
        elif work.kind == "instance":
            self.instances.forget(call, work)
        else:
            self.networks.forget(call, work)
