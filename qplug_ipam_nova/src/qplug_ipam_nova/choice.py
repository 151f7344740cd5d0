"""The policy ``sequential``: which address a wish is given; no database here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from netaddr import IPAddress

from qplug.errors import FixedIpAlreadyInUse, FixedIpInvalid, NoMoreFixedIps
from qplug.model import Network, Subnet, Vif
from qplug_ipam_nova.outlook import Interval, Known, Outlook


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An address for a vif, and where it comes from: out of one of these, or the vif has it."""

    subnet: Subnet
    address: IPAddress
    slot: int
    never_given: Interval | None = None
    released: Known | None = None
    early: bool = False
    """Whether a rest was cut short because nothing else was left."""


class Reluctance(IntEnum):
    """Why a subnet is asked after others."""

    NONE = 0
    RESTS = 1
    FULL = 2


def choose_one(outlooks: Sequence[Outlook], network: Network, vif: Vif, now: datetime) -> Choice:
    """Return what the first wish is given that can be, without cutting a rest short if possible.

    :raises NoMoreFixedIps, FixedIpAlreadyInUse, FixedIpInvalid: as the contract has it
    """
    best = min(outlooks, key=lambda outlook: _reluctance(outlook, now))
    if _reluctance(best, now) is Reluctance.FULL and len(outlooks) > 1:
        cidrs = ", ".join(str(outlook.wish.subnet.cidr) for outlook in outlooks)
        raise NoMoreFixedIps(network.label, cidrs)
    return choose(best, network, vif, now)


def choose(outlook: Outlook, network: Network, vif: Vif, now: datetime) -> Choice:
    """Return what the wish is given.

    :raises NoMoreFixedIps, FixedIpAlreadyInUse, FixedIpInvalid: as the contract has it
    """
    wish = outlook.wish
    for held in outlook.held:
        if held.address == wish.address or not wish.more:
            return Choice(subnet=wish.subnet, address=held.address, slot=held.slot)
    if wish.address is None:
        return _by_policy(outlook, network, now)
    return _by_name(outlook, wish.address, vif, now)


def _reluctance(outlook: Outlook, now: datetime) -> Reluctance:
    if outlook.interval is not None:
        return Reluctance.NONE
    if outlook.known is not None:
        return Reluctance.RESTS if _rests(outlook.known, now) else Reluctance.NONE
    return Reluctance.FULL


def _by_policy(outlook: Outlook, network: Network, now: datetime) -> Choice:
    if outlook.interval is not None:
        return _fresh(outlook, outlook.interval, outlook.interval.first)
    if outlook.known is not None:
        return _again(outlook, outlook.known, early=_rests(outlook.known, now))
    raise NoMoreFixedIps(network.label, str(outlook.wish.subnet.cidr))


def _by_name(outlook: Outlook, address: IPAddress, vif: Vif, now: datetime) -> Choice:
    known, interval = outlook.known, outlook.interval
    if known is not None and _may_be_given_again(outlook, known):
        _refuse_another(known, vif, now)
        return _again(outlook, known)
    if known is None and interval is not None and interval.has(address):
        return _fresh(outlook, interval, address)
    raise _refusal(outlook, address)


def _may_be_given_again(outlook: Outlook, known: Known) -> bool:
    if outlook.wish.subnet.derived:  # it may have been reserved while it was being inserted
        return outlook.interval is not None and outlook.interval.has(known.address)
    return known.assignable


def _refusal(outlook: Outlook, address: IPAddress) -> FixedIpAlreadyInUse | FixedIpInvalid:
    reason = f"no vif may get it in {outlook.wish.subnet.cidr}"
    if outlook.wish.derived:
        return FixedIpAlreadyInUse(str(address), f"it is derived from the MAC, but {reason}")
    return FixedIpInvalid(str(address), reason)


def _refuse_another(known: Known, vif: Vif, now: datetime) -> None:
    if known.vif_id is not None:
        raise FixedIpAlreadyInUse(str(known.address))
    if known.instance_id != vif.instance_id and _rests(known, now):
        raise FixedIpAlreadyInUse(
            str(known.address), f"until {known.rest_end} it rests for the instance that had it"
        )


def _rests(known: Known, now: datetime) -> bool:
    return known.rest_end is not None and known.rest_end > now


def _fresh(outlook: Outlook, interval: Interval, address: IPAddress) -> Choice:
    return Choice(
        subnet=outlook.wish.subnet, address=address, slot=_slot(outlook), never_given=interval
    )


def _again(outlook: Outlook, known: Known, *, early: bool = False) -> Choice:
    return Choice(
        subnet=outlook.wish.subnet,
        address=known.address,
        slot=_slot(outlook),
        released=known,
        early=early,
    )


def _slot(outlook: Outlook) -> int:
    return outlook.held[-1].slot + 1 if outlook.held else 0
