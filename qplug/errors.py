"""Everything raised on purpose, in seven kinds that say whose move it is.

An error holds its facts as attributes and makes one sentence of them: what was wanted, what was
found, what to do. It survives pickling and ``facts()`` is all that is needed to build it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from qplug.text import printable


class QplugError(Exception):
    """Raised on purpose; ``str`` of it is one printable line for a person."""

    def sentence(self) -> str:
        """Say what was wanted, what was found and what to do."""
        raise NotImplementedError  # a kind is never raised itself, only its leaves

    def facts(self) -> dict[str, Any]:
        """Return the attributes the error was built from, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]  # leaves are dataclasses

    def __str__(self) -> str:
        """Return the sentence, with whatever would break the line or the terminal escaped."""
        return printable(self.sentence())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by facts: exceptions that are dataclasses have no ``args``."""
        return _rebuild, (type(self), self.facts())


def _rebuild(kind: type[QplugError], facts: dict[str, Any]) -> QplugError:
    return kind(**facts)


class NotFound(QplugError):
    """What was named is not there, or the caller may not know of it: name another."""


class Conflict(QplugError):
    """What is there already is in the way: change the request, or what is there."""


class Invalid(QplugError):
    """The request can never be right: change it."""


class Forbidden(QplugError):
    """The caller may not do that: ask who may."""


class Exhausted(QplugError):
    """Nothing is left to give: enlarge the subnet, pool or quota."""


class Unavailable(QplugError):
    """Something outside did not answer, or not in time: try again later."""


class DriverError(QplugError):
    """An installation, configuration or driver is broken: mend it."""


# --- NotFound -----------------------------------------------------------------------------------


@dataclass(eq=False)
class NetworkNotFound(NotFound):
    """No such network, or none that the caller may see."""

    network: str
    project_id: str | None = None

    def sentence(self) -> str:
        seen = f" that project '{self.project_id}' can use" if self.project_id else ""
        return f"no network{seen} is called '{self.network}'; see 'qplug network list'"


@dataclass(eq=False)
class NetworkNotInQuantum(NotFound):
    """The network service does not know the network, or not under that project."""

    network: str
    project_id: str

    def sentence(self) -> str:
        return (
            f"Quantum has no network '{self.network}' for project '{self.project_id}'; "
            "create it there first, or name the right project"
        )


@dataclass(eq=False)
class InstanceNotFound(NotFound):
    """No such instance, or none that the caller may see."""

    instance: str

    def sentence(self) -> str:
        return f"no instance '{self.instance}' has a network here; see 'qplug instance list'"


@dataclass(eq=False)
class VifNotFound(NotFound):
    """No vif has that id or MAC address."""

    vif: str

    def sentence(self) -> str:
        return f"no vif is known as '{self.vif}'; see 'qplug fixed-ip list' for those in use"


@dataclass(eq=False)
class VifNotFoundOnNetwork(NotFound):
    """The instance has no vif on the network."""

    instance: str
    network: str

    def sentence(self) -> str:
        return (
            f"instance '{self.instance}' has no vif on network '{self.network}'; "
            f"see 'qplug vif list {self.instance}'"
        )


@dataclass(eq=False)
class FixedIpNotFound(NotFound):
    """No fixed IP has that id."""

    fixed_ip: str

    def sentence(self) -> str:
        return f"no fixed IP has the id '{self.fixed_ip}'; see 'qplug fixed-ip list'"


@dataclass(eq=False)
class FixedIpNotFoundForAddress(NotFound):
    """The address is in use nowhere the caller may see."""

    address: str

    def sentence(self) -> str:
        return f"address {self.address} is not in use; see 'qplug fixed-ip list'"


@dataclass(eq=False)
class FixedIpNotFoundForSpecificInstance(NotFound):
    """The instance does not have that address."""

    address: str
    instance: str

    def sentence(self) -> str:
        return (
            f"instance '{self.instance}' does not have address {self.address}; "
            f"see 'qplug fixed-ip list --instance {self.instance}'"
        )


@dataclass(eq=False)
class NothingPending(NotFound):
    """No work of that id is unfinished, or somebody works on it."""

    work: str

    def sentence(self) -> str:
        return f"nothing is pending for '{self.work}'; see 'qplug pending list'"


# --- Conflict -----------------------------------------------------------------------------------


@dataclass(eq=False)
class NetworkBusy(Conflict):
    """The network still has ports other than its gateway's."""

    network: str
    ports: int

    def sentence(self) -> str:
        return (
            f"network '{self.network}' still has {self.ports} attached port(s); "
            "deallocate its instances first"
        )


@dataclass(eq=False)
class NetworkInUse(Conflict):
    """Addresses of the network are still allocated."""

    network: str
    addresses: int

    def sentence(self) -> str:
        return (
            f"network '{self.network}' still has {self.addresses} allocated address(es); "
            f"see 'qplug fixed-ip list --network {self.network}'"
        )


@dataclass(eq=False)
class NetworkInTransition(Conflict):
    """Another command works on the network, or one could not finish it."""

    network: str
    state: str
    network_id: str

    def sentence(self) -> str:
        return (
            f"network '{self.network}' is {self.state} just now; "
            f"wait for that, or see in 'qplug pending list' what stops {self.network_id}"
        )


@dataclass(eq=False)
class NetworkExists(Conflict):
    """The network to adopt is managed here already."""

    network: str

    def sentence(self) -> str:
        return f"network '{self.network}' is managed here already; see 'qplug network show'"


@dataclass(eq=False)
class NetworkHostNotSet(Conflict):
    """The network has no host that could do the work."""

    network: str

    def sentence(self) -> str:
        return (
            f"network '{self.network}' has no host to run its DHCP and gateway; "
            f"name one with 'qplug network set-host {self.network}'"
        )


@dataclass(eq=False)
class NetworkHasHost(Conflict):
    """The network is served by another host than the one to give it."""

    network: str
    host: str

    def sentence(self) -> str:
        return (
            f"network '{self.network}' is served by host '{self.host}' already; take that away "
            f"first with 'qplug network disassociate {self.network} --keep-project'"
        )


@dataclass(eq=False)
class RequestIdReused(Conflict):
    """A request has the id of another one, whose result is still kept."""

    request_id: str

    def sentence(self) -> str:
        return (
            f"request {self.request_id} was made before, and asked for something else; "
            "make a new id for each request"
        )


@dataclass(eq=False)
class HostServed(Conflict):
    """Another service serves the host already."""

    host: str
    worker: str

    def sentence(self) -> str:
        return (
            f"host '{self.host}' is served already, by the process '{self.worker}'; stop that one, "
            "or give this one a name of its own with [DEFAULT] host"
        )


@dataclass(eq=False)
class NetworkOnOtherHost(Conflict):
    """The network's DHCP and gateway run on a host that this manager cannot reach."""

    network: str
    host: str
    here: str

    def sentence(self) -> str:
        return (
            f"network '{self.network}' is served by host '{self.host}', not by this one "
            f"('{self.here}'); run the command there"
        )


@dataclass(eq=False)
class LabelInUse(Conflict):
    """The owner has a network of that label."""

    label: str
    project_id: str | None

    def sentence(self) -> str:
        owner = f"project '{self.project_id}'" if self.project_id else "the global networks"
        return f"label '{self.label}' is taken among {owner}; choose another label"


@dataclass(eq=False)
class AmbiguousLabel(Conflict):
    """Several networks the caller sees have that label."""

    label: str
    networks: Sequence[str]

    def sentence(self) -> str:
        return f"label '{self.label}' names several networks; use an id: {', '.join(self.networks)}"


@dataclass(eq=False)
class CidrConflict(Conflict):
    """The cidr overlaps one of the same network or of the same owner."""

    cidr: str
    other: str
    label: str

    def sentence(self) -> str:
        return (
            f"cidr {self.cidr} {self._relation()} {self.other} of network '{self.label}'; "
            "choose one that does not overlap"
        )

    def _relation(self) -> str:
        if self.cidr == self.other:
            return "is already in use: it is"
        wanted, found = int(self.cidr.rpartition("/")[2]), int(self.other.rpartition("/")[2])
        return "conflicts with the smaller" if wanted < found else "conflicts with the supernet"


@dataclass(eq=False)
class FixedIpAlreadyInUse(Conflict):
    """The wanted address belongs to another vif, or rests for another instance."""

    address: str
    reason: str = "another vif has it"

    def sentence(self) -> str:
        return f"address {self.address} cannot be given: {self.reason}; ask for another, or none"


@dataclass(eq=False)
class MacInUse(Conflict):
    """The MAC address belongs to another vif."""

    mac: str

    def sentence(self) -> str:
        return f"MAC address {self.mac} belongs to another vif already"


@dataclass(eq=False)
class InstanceConflict(Conflict):
    """The instance has vifs from another request."""

    instance: str

    def sentence(self) -> str:
        return (
            f"instance '{self.instance}' is allocated already, by a different request; "
            "repeat that one, or deallocate the instance first"
        )


@dataclass(eq=False)
class InstanceInTransition(Conflict):
    """Another command works on the instance, or one could not finish it."""

    instance: str
    state: str

    def sentence(self) -> str:
        return (
            f"instance '{self.instance}' is {self.state} just now; "
            "wait for that, or see in 'qplug pending list' what stops it"
        )


@dataclass(eq=False)
class AttachedTwice(Conflict):
    """Quantum has more than one port with the attachment."""

    network: str
    attachment: str
    ports: Sequence[str]

    def sentence(self) -> str:
        return (
            f"'{self.attachment}' is attached to several ports of network '{self.network}': "
            f"{', '.join(self.ports)}; delete all but one in Quantum"
        )


@dataclass(eq=False)
class DriversChanged(Conflict):
    """The configuration names other drivers than the ones that serve the network."""

    network: str
    kind: str
    recorded: str
    configured: str

    def sentence(self) -> str:
        return (
            f"network '{self.network}' was made with {self.kind} driver '{self.recorded}', but "
            f"'{self.configured}' is configured; set [{self.kind}] driver = {self.recorded}"
        )


# --- Invalid ------------------------------------------------------------------------------------


@dataclass(eq=False)
class InvalidInput(Invalid):
    """An argument is not what it must be."""

    what: str
    found: str
    wanted: str

    def sentence(self) -> str:
        return f"{self.what} '{self.found}' is wrong: it must be {self.wanted}"


@dataclass(eq=False)
class InvalidIpAddressError(Invalid):
    """The text is no IP address."""

    address: str

    def sentence(self) -> str:
        return f"'{self.address}' is no IP address; give one like 10.0.0.5 or fd00::5"


@dataclass(eq=False)
class FixedIpInvalid(Invalid):
    """The wanted address can never be a vif's."""

    address: str
    reason: str

    def sentence(self) -> str:
        return f"address {self.address} cannot be asked for: {self.reason}"


@dataclass(eq=False)
class AddressRequired(Invalid):
    """No address can be chosen, as every subnet derives them from MAC addresses."""

    network: str
    cidr: str

    def sentence(self) -> str:
        return (
            f"network '{self.network}' derives the addresses of {self.cidr} from MAC addresses, "
            "so that none can be chosen; name the address to add"
        )


@dataclass(eq=False)
class NotSupported(Invalid):
    """A configured driver cannot do what was asked."""

    what: str
    kind: str
    driver: str

    def sentence(self) -> str:
        return f"{self.kind} driver '{self.driver}' has no {self.what}; leave it out of the request"


@dataclass(eq=False)
class ConfigInvalid(Invalid):
    """A configuration file cannot be read or says something wrong."""

    source: str
    reason: str

    def sentence(self) -> str:
        return f"configuration {self.source}: {self.reason}"


@dataclass(eq=False)
class V4SubnetRequired(Invalid):
    """The legacy form of network info has no place for a network without an IPv4 subnet."""

    network: str

    def sentence(self) -> str:
        return f"network '{self.network}' has no IPv4 subnet, which the legacy form needs"


# --- Forbidden ----------------------------------------------------------------------------------


@dataclass(eq=False)
class PolicyNotAuthorized(Forbidden):
    """The policy does not let the caller do that."""

    action: str
    project_id: str | None = None

    def sentence(self) -> str:
        who = f"project '{self.project_id}'" if self.project_id else "the caller"
        return f"policy does not let {who} do {self.action}; ask an administrator"


@dataclass(eq=False)
class MessageRefused(Forbidden):
    """A message of the bus is nobody's whom the key makes trustworthy, or is no message."""

    reason: str

    def sentence(self) -> str:
        return f"a message is refused: {self.reason}"


# --- Exhausted ----------------------------------------------------------------------------------


@dataclass(eq=False)
class NoMoreFixedIps(Exhausted):
    """A subnet has no free address left."""

    network: str
    cidr: str

    def sentence(self) -> str:
        return (
            f"network '{self.network}' has no free address left in {self.cidr}; "
            "deallocate some instances, widen its pools, or make another network"
        )


@dataclass(eq=False)
class NoMoreMacs(Exhausted):
    """A MAC driver has no address left to give."""

    driver: str

    def sentence(self) -> str:
        return f"mac driver '{self.driver}' has no MAC address left; give it a further range"


@dataclass(eq=False)
class VirtualInterfaceMacAddressException(Exhausted):
    """Every MAC address drawn was taken."""

    attempts: int

    def sentence(self) -> str:
        return (
            f"no unused MAC address was found in {self.attempts} attempt(s); "
            "raise [mac] unique_attempts, or look for a broken MAC driver"
        )


# --- Unavailable --------------------------------------------------------------------------------


@dataclass(eq=False)
class BackendUnavailable(Unavailable):
    """The server behind a driver does not answer."""

    backend: str
    reason: str

    def sentence(self) -> str:
        return f"{self.backend} does not answer: {self.reason}; try again later"


@dataclass(eq=False)
class ServiceUnavailable(Unavailable):
    """No service answers on the message bus, or the bus itself does not."""

    service: str
    reason: str

    def sentence(self) -> str:
        return f"{self.service} does not answer: {self.reason}; try again later"


@dataclass(eq=False)
class BusRefused(ServiceUnavailable):
    """The message bus does not know who we are, or we do not trust its certificate."""

    def sentence(self) -> str:
        return (
            f"{self.service} cannot be asked: the message bus and this host do not accept each "
            f"other ({self.reason}); compare [rpc] transport_url and [oslo_messaging_rabbit] with "
            "the broker's users and certificate"
        )


@dataclass(eq=False)
class HostUnavailable(Unavailable):
    """What is to be done on another host cannot be asked of the service there."""

    host: str
    reason: str

    def sentence(self) -> str:
        return (
            f"the service of host '{self.host}' cannot be asked: {self.reason}; start "
            "qplug-manager there, or give its networks to others with 'qplug network set-host'"
        )


@dataclass(eq=False)
class NetworkMoved(Unavailable):
    """A network was given to another host while something was done for it on this one."""

    network: str
    host: str

    def sentence(self) -> str:
        return f"network '{self.network}' was just moved to host '{self.host}'; try again"


@dataclass(eq=False)
class RequestRunning(Unavailable):
    """A repeated request is still being worked on where it came first."""

    request_id: str
    worker: str

    def sentence(self) -> str:
        return (
            f"request {self.request_id} is still being worked on by {self.worker}; "
            "ask again later for what came of it"
        )


@dataclass(eq=False)
class ResultLost(Unavailable):
    """A repeated request was done, and its service ended before it could keep the result."""

    request_id: str

    def sentence(self) -> str:
        return (
            f"request {self.request_id} was done, and what it returned was lost with the service "
            "that did it; look at what there is before you ask for it anew"
        )


@dataclass(eq=False)
class DatabaseUnavailable(Unavailable):
    """The database cannot be reached, is locked, full or read-only."""

    database: str
    reason: str

    def sentence(self) -> str:
        return f"database {self.database} cannot be used: {self.reason}"


@dataclass(eq=False)
class DeadlineExceeded(Unavailable):
    """The operation took longer than the caller waits."""

    doing: str

    def sentence(self) -> str:
        return f"time ran out before {self.doing}; try again, or raise [DEFAULT] operation_timeout"


# --- DriverError --------------------------------------------------------------------------------


@dataclass(eq=False)
class DriverNotFound(DriverError):
    """Nothing installed offers a driver of that name."""

    kind: str
    name: str
    installed: Sequence[str] = ()
    package: str | None = None

    def sentence(self) -> str:
        found = ", ".join(self.installed) or "none"
        near = get_close_matches(self.name, self.installed, n=1)
        text = f"no {self.kind} driver is called '{self.name}' (installed: {found})"
        if self.package:
            return f"{text}; install the package {self.package}"
        if near:
            return f"{text}; did you mean '{near[0]}'?"
        return f"{text}; install the package that brings it, or name one of those"


@dataclass(eq=False)
class DriverConflict(DriverError):
    """More than one distribution offers a driver of that name."""

    kind: str
    name: str
    targets: Sequence[str]

    def sentence(self) -> str:
        return (
            f"{self.kind} driver '{self.name}' is claimed by several packages: "
            f"{', '.join(self.targets)}; uninstall all but one"
        )


@dataclass(eq=False)
class DriverLoadError(DriverError):
    """A driver cannot start, or keeps another contract."""

    kind: str
    name: str
    target: str
    reason: str

    def sentence(self) -> str:
        return f"{self.kind} driver '{self.name}' ({self.target}) cannot start: {self.reason}"


@dataclass(eq=False)
class DriverFailed(DriverError):
    """A driver raised what its contract does not allow; the cause is chained."""

    kind: str
    doing: str
    reason: str

    def sentence(self) -> str:
        return f"the {self.kind} driver broke while {self.doing}: {self.reason}; this is its bug"


@dataclass(eq=False)
class DriverStateNotShared(DriverError):
    """A driver that forgets everything with its process is to serve a store that does not."""

    kind: str
    name: str

    def sentence(self) -> str:
        return (
            f"{self.kind} driver '{self.name}' keeps its state in one process only; use it with "
            "[database] connection = sqlite://, or configure another driver"
        )


@dataclass(eq=False)
class DatabaseUnusable(DriverError):
    """What the database url names is no database of ours, or no database at all."""

    database: str
    reason: str

    def sentence(self) -> str:
        return f"database {self.database} is not usable: {self.reason}"


@dataclass(eq=False)
class SchemaTooNew(DriverError):
    """A newer release wrote the database's tables."""

    database: str
    owner: str
    found: str
    wanted: str

    def sentence(self) -> str:
        return (
            f"database {self.database} has tables of {self.owner} at version {self.found}, newer "
            f"than the {self.wanted} known here; upgrade the package"
        )


@dataclass(eq=False)
class SchemaTooOld(DriverError):
    """The database's tables are missing or of an older release."""

    database: str
    owner: str
    found: str | None
    wanted: str

    def sentence(self) -> str:
        found = f"at version {self.found}" if self.found else "missing"
        return (
            f"database {self.database} has its tables of {self.owner} {found}, but {self.wanted} "
            "is needed; run 'qplug db upgrade'"
        )


@dataclass(eq=False)
class MigrationsBroken(DriverError):
    """A distribution names tables of its own, and does not say what they are."""

    name: str
    target: str
    reason: str

    def sentence(self) -> str:
        return f"migrations '{self.name}' ({self.target}) cannot be loaded: {self.reason}"


@dataclass(eq=False)
class CommandBroken(DriverError):
    """A command brought by a plugin cannot be loaded."""

    command: str
    target: str
    reason: str

    def sentence(self) -> str:
        return f"command '{self.command}' ({self.target}) cannot be loaded: {self.reason}"


@dataclass(eq=False)
class BusNotInstalled(DriverError):
    """The packages of the message bus are missing."""

    reason: str

    def sentence(self) -> str:
        return f"the message bus needs 'pip install qplug-core[rpc]': {self.reason}"


@dataclass(eq=False)
class VersionMismatch(DriverError):
    """Caller and service do not understand each other's messages."""

    caller: str
    service: str
    host: str

    def sentence(self) -> str:
        return (
            f"the caller's messages have version {self.caller}, and the service on host "
            f"'{self.host}' understands {self.service}; upgrade the older of the two"
        )


@dataclass(eq=False)
class ServiceFailed(DriverError):
    """A service met what nobody had thought of."""

    host: str
    operation: str
    request_id: str

    def sentence(self) -> str:
        return (
            f"the service on host '{self.host}' failed in {self.operation}; "
            f"its log says why, at request {self.request_id}"
        )
