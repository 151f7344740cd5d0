"""What commands left half-done, and nobody works on."""

from collections.abc import Iterator
from typing import Literal

from qplug.manager.audit.findings import Finding
from qplug.manager.audit.plans import Plans
from qplug.model import Call, Difference
from qplug.store import Work
from qplug.store.work import WorkStore

WHAT: dict[str, Literal["instance", "network", "vif"]] = {
    "instance": "instance",
    "network": "network",
    "vif": "vif",
}


def unfinished(call: Call, store: WorkStore, plans: Plans) -> Iterator[Finding]:
    """Yield it. What waits to be released once more is no difference before it is due."""
    for work in store.all(call):
        if work.is_free and (work.state != "released" or work.is_due):
            yield plans.finish(_difference(work), work)


def _difference(work: Work) -> Difference:
    tried = f", tried {work.attempts} time(s): {work.error}" if work.error else ""
    return Difference(
        kind="unfinished",
        where="store",
        what=WHAT[work.kind],
        network_id=work.id if work.kind == "network" else None,
        label=work.name if work.kind == "network" else None,
        instance_id=work.id if work.kind == "instance" else None,
        vif_id=work.id if work.kind == "vif" else None,
        wanted="no command works on it",
        found=f"it was left {work.state}{tried}",
    )
