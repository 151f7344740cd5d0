"""The reply given to compute: what each vif of an instance has, as values and as JSON."""

from qplug.network_info.info import NetworkInfo
from qplug.network_info.subnet import IP, FixedIP, Route, Subnet
from qplug.network_info.vif import VIF, Network

__all__ = ["IP", "VIF", "FixedIP", "Network", "NetworkInfo", "Route", "Subnet"]
