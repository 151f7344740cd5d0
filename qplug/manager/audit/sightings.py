"""Looking again at single vifs, so that what others do meanwhile is no difference.

A vif's row is written before any driver is called for it and is there until all was released, its
id is never used again, and whoever changes anything leaves another epoch. So what a driver says
between two readings of the store that are the same is no work in progress.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from qplug.errors import Conflict
from qplug.manager.audit.listings import SETTLED
from qplug.manager.chain import Chain, step
from qplug.model import Allocation, Call, Network
from qplug.store.audit import KnownVif

PART = 100
"""How many vifs the store is asked for at once."""

SEVERAL = "several"
"""Stands for the id of the port of a vif that has more than one."""


class OfVif(Protocol):
    """Something of a vif's."""

    @property
    def vif_id(self) -> str:
        """The vif's id."""


R = TypeVar("R", bound=OfVif)
T = TypeVar("T")


def by_vif(rows: Iterable[R]) -> Iterator[Mapping[str, Sequence[R]]]:
    """Yield the rows of so many vifs at once as the store is asked for, by the vifs' ids."""
    rows_of: dict[str, list[R]] = {}
    for row in rows:
        rows_of.setdefault(row.vif_id, []).append(row)
    ids = sorted(rows_of)
    for start in range(0, len(ids), PART):
        yield {vif_id: rows_of[vif_id] for vif_id in ids[start : start + PART]}


class Sightings:
    """Asks the store, a driver, and the store again."""

    def __init__(self, chain: Chain, call: Call) -> None:
        self._chain = chain
        self._call = call
        self._reads = chain.store.audit

    def certain(
        self, vif_ids: Collection[str], seen: Callable[[str], T]
    ) -> Iterator[tuple[str, KnownVif | None, T]]:
        """Yield each vif on which nobody works, what the store says of it, and what was seen.

        :param seen: asks a driver; not of vifs for which a late call may yet have its effect
        """
        before = self._reads.vifs(self._call, vif_ids)
        late = self._reads.tombstones(self._call, vif_ids)
        found = {vif_id: seen(vif_id) for vif_id in vif_ids if vif_id not in late}
        after = self._reads.vifs(self._call, vif_ids)
        for vif_id, what in found.items():
            known = after.get(vif_id)
            if before.get(vif_id) == known and (known is None or known.state == SETTLED):
                yield vif_id, known, what

    def addresses(self, vif_id: str) -> frozenset[Allocation]:
        """Return what IPAM has given to a vif."""
        with step(self._call, "ipam", "listing the addresses of a vif"):
            return frozenset(self._chain.ipam.allocations(self._call, vif_id=vif_id))

    def port(self, network: Network, vif_id: str) -> str | None:
        """Return the id of a vif's port, ``SEVERAL``, or ``None``."""
        quantum, project = self._chain.quantum, network.quantum_project
        try:
            with step(self._call, "quantum", "looking for the port of a vif"):
                return quantum.port_by_attachment(self._call, project, network.id, vif_id)
        except Conflict:
            return SEVERAL
