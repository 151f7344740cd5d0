"""What is left in the tables after a race, and what of it does not fit together."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from netaddr import IPAddress, IPRange
from nova_tables import nova_addresses, nova_free

from qplug.db.engine import make_engine
from qplug.model import Network, Subnet, assignable
from qplug.store.tables import allocations, instances, local_ports, networks, vifs

Place = tuple[str, IPAddress]
"""The id of a subnet and an address in it."""


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The rows of the store, of the driver ``nova`` and of the driver ``local``."""

    states: Set[str]
    """Of all networks, instances and vifs."""
    instances: Mapping[str, str]
    """Whose vif each is."""
    store: Mapping[Place, str]
    """The vif that has each address."""
    used: Mapping[Place, str]
    """The same in IPAM."""
    unused: Sequence[Place]
    """Every address IPAM would give, as often as it would."""
    attachments: Sequence[str]


def read_tables(url: str) -> Tables:
    """Read all of them; nobody writes any more."""
    engine = make_engine(url)
    with ExitStack() as closing:
        closing.callback(engine.dispose)
        tx = closing.enter_context(engine.connect())
        stated = [tx.execute(sa.select(t.c.state)).scalars() for t in (networks, instances, vifs)]
        ipam = tx.execute(sa.select(nova_addresses)).all()
        return Tables(
            states={state for states in stated for state in states},
            instances={r.id: r.instance_id for r in tx.execute(sa.select(vifs))},
            store={(r.subnet_id, r.address): r.vif_id for r in tx.execute(sa.select(allocations))},
            used={(r.subnet_id, r.address): r.vif_id for r in ipam if r.vif_id},
            unused=[
                *((r.subnet_id, r.address) for r in ipam if r.assignable and not r.vif_id),
                *(place for r in tx.execute(sa.select(nova_free)) for place in _places(r)),
            ],
            attachments=tx.execute(sa.select(local_ports.c.attachment)).scalars().all(),
        )


def faults_in(tables: Tables, network: Network, held: Set[tuple[str, str]]) -> Iterator[str]:
    """Yield a sentence for everything that does not fit together.

    :param held: what instances were given and did not give back
    """
    if tables.states != {"active"}:
        yield f"something is unfinished: {sorted(tables.states)}"
    stored = {(tables.instances[vif], str(place[1])) for place, vif in tables.store.items()}
    if stored != held:
        yield f"the store has {sorted(stored - held)} too many, and lacks {sorted(held - stored)}"
    if tables.used != tables.store:
        odd = {*tables.used.items()} ^ {*tables.store.items()}
        yield f"IPAM and store differ in {_texts(place for place, _ in odd)}"
    if sorted(tables.attachments) != sorted(tables.instances):
        yield f"ports are for {sorted(tables.attachments)}, vifs are {sorted(tables.instances)}"
    known = Counter([*tables.used, *tables.unused])
    wanted = Counter(place for subnet in network.subnets for place in _assignable(subnet))
    if known != wanted:
        lost, surplus = _texts(wanted - known), _texts(known - wanted)
        yield f"IPAM lost {lost} and has {surplus} too many, or twice"


def _assignable(subnet: Subnet) -> Iterator[Place]:
    return ((subnet.id, address) for part in assignable(subnet) for address in part)


def _places(interval: sa.Row[Any]) -> Iterator[Place]:
    for address in IPRange(interval.first, interval.last):
        yield interval.subnet_id, address


def _texts(places: Iterable[Place]) -> list[str]:
    return sorted(str(address) for _, address in places)
