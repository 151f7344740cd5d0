"""From a name in the configuration to a running driver; only this module knows stevedore."""

# mypy: disable-error-code=type-abstract
# A kind names its contract, which is abstract, and never makes one.

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from inspect import get_annotations
from itertools import groupby
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from oslo_config.cfg import ConfigOpts
from stevedore.named import NamedExtensionManager

from qplug.contracts import (
    ApiRange,
    DhcpDriver,
    Driver,
    IpamDriver,
    L3Driver,
    MacDriver,
    QuantumDriver,
)
from qplug.errors import DriverConflict, DriverLoadError, DriverNotFound, QplugError
from qplug.model import Capability

LOG = logging.getLogger(__name__)

D = TypeVar("D", bound=Driver)
D_co = TypeVar("D_co", bound=Driver, covariant=True)


@dataclass(frozen=True)
class Kind(Generic[D_co]):
    """A kind of drivers: its section in the configuration and the contract its drivers keep."""

    name: str
    contract: type[D_co]

    @property
    def namespace(self) -> str:
        """The entry point group in which packages offer drivers of the kind."""
        return f"qplug.{self.name}"


IPAM = Kind("ipam", IpamDriver)
QUANTUM = Kind("quantum", QuantumDriver)
MAC = Kind("mac", MacDriver)
L3 = Kind("l3", L3Driver)
DHCP = Kind("dhcp", DhcpDriver)

KINDS: Mapping[str, Kind[Driver]] = MappingProxyType(
    {kind.name: kind for kind in (IPAM, QUANTUM, MAC, L3, DHCP)}
)
"""The five kinds by name, in the order of the configuration file."""

PACKAGES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("ipam", "nova"): "qplug-ipam-nova",
        ("ipam", "melange"): "qplug-ipam-melange",
        ("mac", "melange"): "qplug-ipam-melange",
        ("dhcp", "dnsmasq"): "qplug-dhcp-dnsmasq",
        ("l3", "linux"): "qplug-l3-linux",
        ("quantum", "v1"): "qplug-quantum-v1",
        ("quantum", "neutron"): "qplug-quantum-neutron",
    }
)
"""What to install for a driver that is not there; used in a sentence and nowhere else."""


@dataclass(frozen=True, kw_only=True)
class DriverInfo:
    """A driver as it is installed, without having been started."""

    kind: str
    name: str
    target: str
    """``package.module:Class``, as the package states it."""
    distribution: str
    version: str
    api: ApiRange | None
    """``None`` when it cannot be known."""
    capabilities: frozenset[Capability]
    state: str
    """``ok``, or one sentence about what is broken."""


def load(kind: Kind[D], name: str, conf: ConfigOpts) -> D:
    """Start the driver called ``name``; no other driver is imported.

    :raises DriverNotFound: nothing installed offers that name
    :raises DriverConflict: several packages offer it
    :raises DriverLoadError: it cannot start, or keeps another contract; cause chained

    What the driver's constructor raises of :mod:`qplug.errors` arrives unchanged.
    """
    offer = _only(kind, _offers_called(kind, name))
    make = cast("Callable[[ConfigOpts], D]", _imported(kind, offer))  # told by Driver's docstring
    with _blaming(kind, offer):
        return make(conf)


def installed(kind: Kind[Driver]) -> Sequence[str]:
    """Return the names that are offered, sorted, without importing anything."""
    return sorted({offer.name for offer in _offers(kind)})


def inspect(kind: Kind[Driver], name: str) -> Sequence[DriverInfo]:
    """Return what is known of the drivers of that name: one, unless packages quarrel about it.

    :raises DriverNotFound: nothing installed offers that name
    """
    offers = _offers_called(kind, name)
    return [_info(kind, offer, offers) for offer in offers]


def listing() -> Sequence[DriverInfo]:
    """Return every installed driver, by kind and name; a broken one says so in its state."""
    found: list[DriverInfo] = []
    for kind in KINDS.values():
        for _, group in groupby(_offers(kind), key=lambda offer: offer.name):
            offers = list(group)
            found += [_info(kind, offer, offers) for offer in offers]
    return found


def _info(kind: Kind[Driver], offer: EntryPoint, rivals: Sequence[EntryPoint]) -> DriverInfo:
    plugin, state = None, "ok"
    try:
        plugin = _imported(kind, offer)
        _only(kind, rivals)
    except QplugError as error:
        state = str(error)
    return DriverInfo(
        kind=kind.name,
        name=offer.name,
        target=offer.value,
        distribution=_distribution(offer),
        version=_metadata(offer, "Version"),
        api=plugin.api if plugin else None,
        capabilities=frozenset(plugin.capabilities) if plugin else frozenset(),
        state=state,
    )


# --- what is offered ----------------------------------------------------------------------------


def _offers_called(kind: Kind[Driver], name: str) -> Sequence[EntryPoint]:
    offers = [offer for offer in _offers(kind) if offer.name == name]
    if not offers:
        package = PACKAGES.get((kind.name, name))
        raise DriverNotFound(kind.name, name, installed(kind), package)
    return offers


def _only(kind: Kind[Driver], offers: Sequence[EntryPoint]) -> EntryPoint:
    if len(offers) > 1:
        claims = [f"{offer.value} of {_distribution(offer)}" for offer in offers]
        raise DriverConflict(kind.name, offers[0].name, claims)
    return offers[0]


def _offers(kind: Kind[Driver]) -> Sequence[EntryPoint]:
    """Return the kind's entry points by name, each target once though its metadata be doubled.

    As for imports, the first copy of a distribution on the path hides the others.
    """
    offers: dict[tuple[str, str], EntryPoint] = {}
    seen: set[str] = set()
    for distribution in distributions():
        points = _points(distribution, kind.namespace)
        if points and (owner := _distribution(points[0])) not in seen:
            seen.add(owner)
            for point in points:
                offers.setdefault((point.name, point.value), point)
    return [offers[key] for key in sorted(offers)]


def _points(distribution: Distribution, namespace: str) -> Sequence[EntryPoint]:
    try:
        if f"[{namespace}]" not in (distribution.read_text("entry_points.txt") or ""):
            return ()  # nearly always, and parsing takes ten times as long
        return list(distribution.entry_points.select(group=namespace))
    except Exception as error:  # any package on the path may have written anything there
        LOG.debug("entry points of %r cannot be read: %r", distribution, error)
        return ()


def _distribution(offer: EntryPoint) -> str:
    """Return the normalized name (PEP 503) of the package that offers it."""
    return re.sub(r"[-_.]+", "-", _metadata(offer, "Name")).lower()


def _metadata(offer: EntryPoint, field: str) -> str:
    stated = offer.dist.metadata.get_all(field) if offer.dist else None
    return stated[0] if stated else "unknown"


# --- from an offer to a class -------------------------------------------------------------------


class _Offered(NamedExtensionManager[Any]):
    """What stevedore makes of one entry point, found now and by us.

    stevedore's own look-up goes through a file of the user's in which times are rounded to two
    minutes (5.10, ``_ftobytes``): a package installed again in place would keep its old drivers.
    It also leaves out which package an entry point is from.
    """

    def __init__(self, offer: EntryPoint) -> None:
        self._offer = offer
        super().__init__(
            offer.group,
            [offer.name],
            on_load_failure_callback=_raised,
            on_missing_entrypoints_callback=None,
        )

    def list_entry_points(self) -> list[EntryPoint]:
        return [self._offer]


def _raised(_manager: object, _offer: EntryPoint, error: BaseException) -> None:
    """Let the failure out; stevedore alone would log it and go on."""
    raise error


def _imported(kind: Kind[D], offer: EntryPoint) -> type[D]:
    with _blaming(kind, offer):
        plugin: type[D] = _Offered(offer).extensions[0].plugin
        fault = next(_faults(kind.contract, plugin), None)
    if fault:
        raise DriverLoadError(kind.name, offer.name, offer.value, fault)
    return plugin


@contextmanager
def _blaming(kind: Kind[Driver], offer: EntryPoint) -> Iterator[None]:
    try:
        yield
    except QplugError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may raise anything, or leave
        raise DriverLoadError(kind.name, offer.name, offer.value, _reason(error)) from error


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"


def _faults(contract: type[Driver], plugin: Any) -> Iterator[str]:
    """Yield in what a plugin does not keep the contract; without a first there is none."""
    if not (isinstance(plugin, type) and issubclass(plugin, contract)):
        yield f"it is no {contract.__name__}"
    if unstated := [name for name in _statements(contract) if not hasattr(plugin, name)]:
        yield f"it does not state its {', '.join(unstated)}"
    if not isinstance(plugin.api, ApiRange):
        yield "its api is no ApiRange, such as ApiRange((1, 0), (2, 0))"
    if plugin.API not in plugin.api:
        here = ".".join(map(str, plugin.API))
        yield f"it needs {contract.__name__} {plugin.api}, but this qplug has {here}"
    if not all(isinstance(each, Capability) for each in plugin.capabilities):
        yield "its capabilities are no set of Capability"
    if plugin.__abstractmethods__:
        yield f"it lacks the methods {', '.join(sorted(plugin.__abstractmethods__))}"


def _statements(contract: type[Driver]) -> Iterable[str]:
    """Return what the contract declares without a value, so that its drivers give one."""
    return [name for base in reversed(contract.__mro__) for name in get_annotations(base)]
