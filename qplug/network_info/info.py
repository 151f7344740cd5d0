"""The whole reply."""

import json
from typing import Any, Self

from qplug.errors import InvalidInput
from qplug.network_info.element import JsonObject
from qplug.network_info.legacy import LegacyPair, legacy
from qplug.network_info.source import json_array, shown
from qplug.network_info.subnet import IP, FixedIP
from qplug.network_info.vif import VIF


class NetworkInfo(tuple[VIF, ...]):
    """The vifs of one instance, in the order in which it sees them."""

    __slots__ = ()

    def fixed_ips(self) -> list[FixedIP]:
        """Return the fixed IPs of all vifs."""
        return [ip for vif in self for ip in vif.fixed_ips()]

    def floating_ips(self) -> list[IP]:
        """Return the floating IPs of all vifs."""
        return [ip for vif in self for ip in vif.floating_ips()]

    def to_list(self) -> list[JsonObject]:
        """Return one object a vif, in JSON's types."""
        return [vif.to_dict() for vif in self]

    def json(self) -> str:
        """Return the JSON array; ``hydrate`` of it is the same again."""
        return json.dumps(self.to_list())

    def legacy(self) -> list[LegacyPair]:
        """Return the pairs of the form before this one.

        :raises V4SubnetRequired: a vif has IPv6 subnets only
        """
        return legacy(self)

    @classmethod
    def hydrate(cls, stored: str | list[Any]) -> Self:
        """Return what JSON text, or the array in it, says.

        :raises InvalidIpAddressError: an address is none
        :raises Invalid: anything else is not what it must be
        """
        array = json_array("network info", _parsed(stored) if isinstance(stored, str) else stored)
        return cls(VIF.from_dict(vif) for vif in array)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("network info", shown(text), f"JSON ({error})") from error
