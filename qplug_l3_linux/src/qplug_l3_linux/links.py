"""Devices of this host, through netlink.

What is ours is of a link group of our own from its creation on, and says in its alias what it is.
"""

import ctypes
import errno
import hashlib
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from netaddr import IPAddress, IPNetwork

from qplug.model import Plug
from qplug_l3_linux.errors import (
    KernelRefused,
    NameTaken,
    NetnsNotFound,
    NotPermitted,
    PluggedElsewhere,
)
from qplug_l3_linux.host import settle_port

GROUP = 0x71706C67
"""The link group of our devices: "qplg"."""

NETWORK, VIF = "network", "vif"
NETNS = "/run/netns"
NEW_NETWORK = 0x40000000  # CLONE_NEWNET; os.setns came with Python 3.12
NO_DAD, NO_ROUTE = 0x02, 0x200
"""Flags of an address: it is used at once, and it brings no route."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A device as it is."""

    index: int
    name: str
    kind: str | None
    master: int | None
    mtu: int
    is_up: bool
    is_ours: bool
    alias: str | None

    @property
    def subject(self) -> tuple[str, str] | None:
        """Of what network or vif it is, if it says so."""
        owner, _, rest = (self.alias or "").partition(":")
        kind, _, id_ = rest.partition(":")
        return (kind, id_) if self.is_ours and owner == "qplug" and id_ else None


@dataclass(frozen=True)
class InterfaceAddress:
    """An address of a device with the prefix around it."""

    cidr: IPNetwork
    """With host bits: ``10.20.0.1/24``."""
    routes: bool = True
    """Whether the kernel routes the prefix to the device."""


class Links:
    """Makes and removes devices in the network namespace of whoever calls."""

    def __init__(self) -> None:
        """Open nothing: that is done where it is needed."""
        self._mine = threading.local()

    # --- looking ---

    def all(self) -> Sequence[Link]:
        """Return all devices."""
        with self._netlink("devices to be listed") as ip:
            return [_link(each) for each in ip.get_links()]

    def named(self, name: str) -> Link | None:
        """Return the device of that name; the others are not asked for."""
        with self._netlink("devices to be listed") as ip:
            try:
                return next((_link(each) for each in ip.link("get", ifname=name)), None)
            except _errors() as error:
                if error.code == errno.ENODEV:
                    return None
                raise

    def addresses(self) -> Sequence[tuple[int, InterfaceAddress]]:
        """Return the addresses of all devices, with the device's index."""
        with self._netlink("addresses to be listed") as ip:
            found = [
                (each["index"], IPNetwork(f"{each.get('address')}/{each['prefixlen']}"), each)
                for each in ip.get_addr()
            ]
        return [
            (index, InterfaceAddress(cidr, not (each.get("flags") or 0) & NO_ROUTE))
            for index, cidr, each in found
        ]

    def addresses_of(self, index: int) -> Sequence[InterfaceAddress]:
        """Return the addresses of a device, but for the link-local ones it gives itself."""
        return [
            one
            for at, one in self.addresses()
            if at == index and not (one.cidr.version == 6 and one.cidr.ip.is_link_local())
        ]

    # --- networks ---

    def have_bridge(self, name: str, network_id: str, mtu: int) -> tuple[Link, bool]:
        """Have the bridge of a network, and return it with whether it was made or changed now.

        :raises NameTaken: there is another device of that name
        """
        with self._netlink("a bridge to be made") as ip:
            made = _quiet(
                ip.link,
                errno.EEXIST,
                "add",
                ifname=name,
                kind="bridge",
                group=GROUP,
                address=own_mac(network_id),
                mtu=mtu,
                br_stp_state=0,
                br_forward_delay=0,
                br_mcast_snooping=0,
            )
            found = self._claimed(name, "bridge", NETWORK, network_id)
            changed = made or found.mtu != mtu
            if changed or not found.is_up:
                ip.link("set", index=found.index, mtu=mtu, state="up")
            return replace(found, mtu=mtu), changed

    def set_addresses(self, link: Link, wanted: Sequence[InterfaceAddress]) -> None:
        """Have these addresses on a bridge of ours and no other, the first ones first.

        dnsmasq answers from the first one that is in a subnet.
        """
        with self._netlink("addresses to be set") as ip:
            there = list(self.addresses_of(link.index))
            while there and list(wanted[: len(there)]) != there:
                _quiet(ip.addr, errno.EADDRNOTAVAIL, "del", **_address(link, there.pop()))
            for one in wanted[len(there) :]:
                _quiet(ip.addr, errno.EEXIST, "add", **_address(link, one))

    # --- vifs ---

    def have_port(self, name: str, vif_id: str, mac: str, bridge: Link, plug: Plug) -> None:
        """Have the device of a vif on a bridge.

        :raises NameTaken: there is another device of that name, here or in the namespace
        :raises NetnsNotFound: there is no such namespace
        :raises PluggedElsewhere: the vif has its device, which leads somewhere else
        """
        with self._netlink("a device to be made") as ip:
            found = self.named(name)
            if found is None:
                self._make_port(ip, name, vif_id, mac, bridge.mtu, plug)
                settle_port(name)
            link = self._claimed(name, "veth" if plug.netns else "tun", VIF, vif_id)
            ip.link("set", index=link.index, master=bridge.index, mtu=bridge.mtu, state="up")
            if plug.netns:
                self._bring_up(name, mac, plug.netns, plug.interface)

    def attach(self, link: Link, bridge: Link) -> None:
        """Put the device of a vif on a bridge, with packets of its size."""
        with self._netlink("a device to be put on a bridge") as ip:
            ip.link("set", index=link.index, master=bridge.index, mtu=bridge.mtu)

    def _make_port(self, ip: Any, name: str, vif_id: str, mac: str, mtu: int, plug: Plug) -> None:
        if plug.netns is None:
            ip.link("add", ifname=name, kind="tuntap", mode="tap")
            # A tap takes no group at its creation; that it was made by us is not known until now.
            index = ip.link_lookup(ifname=name)[0]
            ip.link("set", index=index, group=GROUP, address=own_mac(vif_id))
            return
        with _opened_netns(plug.netns) as namespace:
            try:
                ip.link(
                    "add",
                    ifname=name,
                    kind="veth",
                    group=GROUP,
                    address=own_mac(vif_id),
                    mtu=mtu,
                    peer={
                        "ifname": plug.interface,
                        "net_ns_fd": namespace,
                        "address": mac,
                        "mtu": mtu,
                    },
                )
            except _errors() as error:
                if error.code != errno.EEXIST:
                    raise
                where = f"a device in namespace '{plug.netns}'"
                raise NameTaken(plug.interface, where, "the interface asked for") from error

    def _bring_up(self, device: str, mac: str, netns: str, interface: str) -> None:
        """Have both up inside, where a device that was there before may not lead."""
        from pyroute2.iproute.linux import IPRoute

        def work() -> None:
            _enter(namespace)  # only a thread goes there, which ends with this
            with IPRoute() as inside:
                ours = inside.link_lookup(ifname=interface, address=mac)
                if not ours:
                    raise PluggedElsewhere(device, netns, interface)
                for index in [*inside.link_lookup(ifname="lo"), *ours]:
                    inside.link("set", index=index, state="up")

        with _opened_netns(netns) as namespace, ThreadPoolExecutor(1) as thread:
            thread.submit(work).result()

    # --- both ---

    def remove(self, name: str, kind: str, id_: str) -> None:
        """Have no device of that name, if it is that network's or vif's."""
        with self._netlink("a device to be removed") as ip:
            found = self.named(name)
            if found is not None and found.is_ours and found.subject in (None, (kind, id_)):
                _quiet(ip.link, errno.ENODEV, "del", index=found.index)

    def remove_link(self, link: Link) -> None:
        """Remove a device of ours."""
        with self._netlink("a device to be removed") as ip:
            _quiet(ip.link, errno.ENODEV, "del", index=link.index)

    def _claimed(self, name: str, link_kind: str, kind: str, id_: str) -> Link:
        """Return the device, once it says whose it is."""
        found = self.named(name)
        wanted = f"the {'bridge' if kind == NETWORK else 'device'} of {kind} {id_}"
        if found is None:
            raise KernelRefused(f"device '{name}'", "somebody removed it at once")
        if not found.is_ours or found.kind != link_kind:
            foreign = f"a device ({found.kind or 'physical'}) not made by qplug"
            raise NameTaken(name, foreign, wanted)
        if found.subject not in (None, (kind, id_)):
            raise NameTaken(name, f"the device of {' '.join(found.subject or ())}", wanted)
        if found.subject is None:
            with self._netlink("a device to be named") as ip:
                ip.link("set", index=found.index, ifalias=f"qplug:{kind}:{id_}")
                _quiet(
                    ip.link,
                    errno.EEXIST,
                    "property_add",
                    index=found.index,
                    altname=f"qplug-{kind}-{id_}",
                )
        return found

    @contextmanager
    def _netlink(self, doing: str) -> Iterator[Any]:
        """Have a socket, which is this thread's until the outermost of these ends."""
        with _translated(doing):
            if (socket := getattr(self._mine, "socket", None)) is not None:
                yield socket
                return
            from pyroute2.iproute.linux import IPRoute

            with IPRoute() as socket:
                self._mine.socket = socket
                try:
                    yield socket
                finally:
                    self._mine.socket = None


def own_mac(id_: str) -> str:
    """Return the MAC address that a network's bridge, or the host's end of a vif, always has.

    A bridge that is given none takes the lowest one of its ports, and so its own changes.
    """
    tail = hashlib.sha256(id_.encode()).digest()[:3]
    return f"fe:16:3e:{tail.hex(':')}"


def _link(each: Any) -> Link:
    info = each.get("linkinfo")
    return Link(
        index=each["index"],
        name=str(each.get("ifname")),
        kind=info.get("kind") if info else None,
        master=each.get("master"),
        mtu=int(each.get("mtu") or 0),
        is_up=bool(each["flags"] & 1),
        is_ours=each.get("group") == GROUP,
        alias=each.get("ifalias"),
    )


def _address(link: Link, one: InterfaceAddress) -> Mapping[str, Any]:
    version = one.cidr.version
    flags = (NO_DAD if version == 6 else 0) | (0 if one.routes else NO_ROUTE)
    found: dict[str, Any] = {
        "index": link.index,
        "address": str(one.cidr.ip),
        "prefixlen": one.cidr.prefixlen,
        "flags": flags,
    }
    if version == 4 and one.cidr.prefixlen < 31:
        found["broadcast"] = str(IPAddress(one.cidr.last, 4))
    return found


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, NEW_NETWORK):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def _opened_netns(name: str) -> Iterator[int]:
    if not re.fullmatch(r"[^/\0]{1,255}", name) or name in (".", ".."):
        raise NetnsNotFound(name)
    try:
        descriptor = os.open(f"{NETNS}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NetnsNotFound(name) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _quiet(work: Any, expected: int, *args: Any, **options: Any) -> bool:
    """Return whether it was done; the error that says that there is nothing to do is none."""
    try:
        work(*args, **options)
    except _errors() as error:
        if error.code != expected:
            raise
        return False
    return True


def _errors() -> Any:
    from pyroute2.netlink.exceptions import NetlinkError

    return NetlinkError


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except _errors() as error:
        if error.code in (errno.EPERM, errno.EACCES):
            raise NotPermitted(doing) from error
        raise KernelRefused(doing, os.strerror(error.code)) from error
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            raise NotPermitted(doing) from error
        raise
