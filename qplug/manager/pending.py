"""Work that is unfinished and that nobody does any more: taken over, finished, tried again."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from qplug.asides import aside
from qplug.errors import InstanceInTransition, NetworkInTransition, NothingPending, QplugError
from qplug.manager.chain import Chain
from qplug.manager.finishing import Finishing
from qplug.manager.hosts import Hosts
from qplug.manager.info import Info
from qplug.model import Call
from qplug.store import Work

LOG = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two looks of one process at what is pending."""

BRIEF = 1.0
"""Seconds of a look that are spent on it, at the expense of the command that looks.

In the second half nothing more is begun, which would be broken off half-way.
"""


class Pending:
    """Finishes what commands left: those that were killed, and those whose undo failed.

    Several processes may do this at once: each piece is one's alone.
    """

    def __init__(self, chain: Chain, hosts: Hosts, info: Info) -> None:
        self._chain = chain
        self._store = chain.store
        self.finishing = Finishing(chain, hosts, info)
        self._briefly = Finishing(chain, hosts, info, patient=False)
        self._looked = float("-inf")

    # --- for other commands ---

    def look(self, call: Call) -> None:
        """Do some of what is due, for a second at most; a command does this before its own work.

        A failure is that work's own: it is logged, and tried again later. The command's caller need
        not hear of it, and may not know of what is others'.
        """
        if time.monotonic() < self._looked + INTERVAL:
            return
        self._looked = time.monotonic()
        brief = replace(call, deadline=min(call.deadline, self._looked + BRIEF))
        half = brief.remaining() / 2
        for work in self._store.work.first(call):
            if work.is_due and brief.remaining() > half:
                with aside():
                    self._tried(self._briefly, brief, work)

    def clear(self, call: Call, error: QplugError) -> bool:
        """Finish what is in the way of a command, if nobody works on it.

        :param error: which said that something is
        :returns: whether it is out of the way; not while somebody works on it
        :raises InstanceInTransition, NetworkInTransition: it cannot be finished
        """
        facts = error.facts()
        for work in self._store.work.of(call, facts.get("network_id") or facts["instance"]):
            if work.state == "released":
                continue  # late work is in nobody's way
            if not work.is_free:
                return False
            if not self._tried(self.finishing, call, work):
                raise error
        return True

    def release_late(self, call: Call, keys: Sequence[str]) -> None:
        """Make late work of this process good, as far as another one has taken it over.

        :param keys: ids of vifs or networks
        """
        for key in keys:
            self.finishing.release_late(call, key)

    # --- for operators and the service ---

    def all(self, call: Call) -> Sequence[Work]:
        """Return what nobody works on, by the time it is next tried."""
        return [work for work in self._store.work.all(call) if work.is_free]

    def retry(self, call: Call, keys: Sequence[str] = ()) -> Sequence[Work]:
        """Try now what is pending, all of it or what is named, and return what is left of that.

        :raises NothingPending: one that is named is not
        """
        there = self._named(call, keys)
        for work in there:
            self._tried(self.finishing, self._chain.call(call.request_id), work)
        wanted = {work.id for work in there}
        return [work for work in self.all(self._chain.overtime(call)) if work.id in wanted]

    def finish_due(self, call: Call) -> int:
        """Do all that is due, each with an operation's time, and return how much is left of it."""
        due = [work for work in self._store.work.first(call) if work.is_due]
        tried = [
            self._tried(self.finishing, self._chain.call(call.request_id), work) for work in due
        ]
        return tried.count(False)

    def drop(self, call: Call, key: str) -> None:
        """Forget a piece of pending work, done or not; what is left of it is nobody's.

        :raises NothingPending: there is none of that id
        :raises InstanceInTransition, NetworkInTransition: somebody works on it
        """
        for work in self._named(call, [key]):
            LOG.warning("%s %s is forgotten as it is: %s", work.kind, key, work.error)
            self.finishing.forget(call, work)

    def _named(self, call: Call, keys: Sequence[str]) -> Sequence[Work]:
        there = self.all(call)
        for key in keys:
            if key not in {work.id for work in there}:
                raise NothingPending(key)
        return [work for work in there if not keys or work.id in keys]

    def _tried(self, finishing: Finishing, call: Call, work: Work) -> bool:
        """Finish a piece of work, and say whether it is out of the way."""
        try:
            failure = finishing.finish(call, work)
        except (InstanceInTransition, NetworkInTransition):
            return True  # somebody else was faster; whoever waits for it looks again
        except Exception as error:  # recorded with the work, and no business of who found it
            failure = str(error)
        if failure is not None:
            LOG.warning("%s %s stays pending: %s", work.kind, work.id, failure)
        return failure is None
