"""Switches of the kernel that belong to the whole host, or to a device of ours."""

import os
from collections.abc import Iterator

from qplug_l3_linux.errors import KernelRefused, NotPermitted

SYSCTLS = "/proc/sys/net"
FORWARDING = {4: "ipv4/ip_forward", 6: "ipv6/conf/all/forwarding"}
BRIDGE_FILTERS = ("bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables")


def is_forwarding(version: int) -> bool:
    """Say whether the host passes on packets of that IP version."""
    return _read(FORWARDING[version]) == "1"


def forward(version: int) -> None:
    """Have the host pass on packets of that IP version."""
    if not is_forwarding(version):
        _write(FORWARDING[version], "1")


def settle_bridge(device: str) -> None:
    """Have a bridge of ours take no router's word, and send nobody elsewhere."""
    for name, value in (
        (f"ipv6/conf/{device}/accept_ra", "0"),
        (f"ipv4/conf/{device}/send_redirects", "0"),
    ):
        if _read(name) not in (value, None):
            _write(name, value)


def settle_port(device: str) -> None:
    """Have no address on the device of a vif: what comes there is its bridge's."""
    name = f"ipv6/conf/{device}/disable_ipv6"
    if _read(name) not in ("1", None):
        _write(name, "1")


def warnings() -> Iterator[str]:
    """Yield what the operator should know of this host."""
    if any(_read(name) == "1" for name in BRIDGE_FILTERS):
        yield (
            "net.bridge.bridge-nf-call-iptables is 1, so that this host's other firewall rules "
            "also stop what instances of one network send each other"
        )


def _read(name: str) -> str | None:
    try:
        with open(f"{SYSCTLS}/{name}") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def _write(name: str, value: str) -> None:
    try:
        with open(f"{SYSCTLS}/{name}", "w") as file:
            file.write(value)
    except PermissionError as error:
        raise NotPermitted(f"net/{name} to be set to {value}") from error
    except OSError as error:
        raise KernelRefused(f"net/{name} = {value}", os.strerror(error.errno or 0)) from error
