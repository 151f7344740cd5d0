"""Which server stands in."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Settings:
    """What of a Quantum server of 2012 shows on the wire."""

    plugin: Literal["openvswitch", "linuxbridge", "sample"] = "openvswitch"
    diablo: bool = False
    """Be 2011.3, with the sample plugin: v1.0 only, deaf to filters and to whose a network is."""

    @property
    def stores_empty(self) -> bool:
        """Whether what was detached has an empty attachment, which counts as one in filters."""
        return self.plugin == "openvswitch"

    @property
    def ports_are_up(self) -> bool:
        """Whether ports report that they are up with no agent to see to it."""
        return self.plugin == "sample"

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of the API that are served."""
        return ("v1.0",) if self.diablo else ("v1.0", "v1.1")
