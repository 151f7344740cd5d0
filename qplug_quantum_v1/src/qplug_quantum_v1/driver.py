"""The Quantum driver ``v1``."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from oslo_config import cfg

from qplug.contracts import ApiRange, QuantumDriver
from qplug.errors import AttachedTwice, NetworkBusy, NetworkNotFound, QplugError
from qplug.model import AddressPair, Call, Capability, Port, PortRequest
from qplug_quantum_v1.errors import AttachedElsewhere, QuantumRefused
from qplug_quantum_v1.faults import ABSENT, PLUGGED, Refusal
from qplug_quantum_v1.marks import marked, read
from qplug_quantum_v1.options import GROUP, OPTS
from qplug_quantum_v1.session import Quantum

ATTACHING = 0.8
"""How much of the time that is left attaching may take: the rest is for taking the port back."""


class QuantumV1(QuantumDriver):
    """Networks and ports at a Quantum server of 2012; options in ``[quantum_v1]``."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SHARED, Capability.ADDRESS_PAIRS})
    """Pairs are told when a port is made, and cannot be changed afterwards."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        conf.register_opts(OPTS, group=GROUP)
        self._conf = conf
        self._quantum = Quantum(conf[GROUP])

    def check(self, call: Call) -> str:
        """Count the networks of the default project."""
        project_id = str(self._conf.quantum.default_project)
        found = len(list(self.networks(call, project_id)))
        server = f"Quantum {self._quantum.version} at {self._quantum.url}"
        return f"{server} has {found} network(s) of project '{project_id}'"

    def close(self) -> None:
        """Close the connections."""
        self._quantum.close()

    # --- networks -------------------------------------------------------------------------------

    def create_network(
        self, call: Call, project_id: str, label: str, *, key: str, zone: str | None = None
    ) -> str:
        """Make a network whose name has the key, unless there is one."""
        wanted = {"name": marked(label, self._site, key), **({"nova_id": zone} if zone else {})}
        made = self.network_by_key(call, project_id, key)
        return made or self._quantum.post(call, project_id, "networks", body={"network": wanted})

    def network_by_key(self, call: Call, project_id: str, key: str) -> str | None:
        """Look for the key in the names of all."""
        return next((id_ for id_, its in self._ours(call, project_id) if its == key), None)

    def delete_network(self, call: Call, project_id: str, network_id: str) -> bool:
        """Delete a network, with ports that nothing is attached to."""
        try:
            self._quantum.delete(call, project_id, "networks", network_id)
        except QuantumRefused as error:
            if error.fault is Refusal.NO_NETWORK:
                return False
            if error.fault is Refusal.NETWORK_IN_USE:
                attached = len(list(self.ports(call, project_id, network_id)))
                raise NetworkBusy(network_id, attached) from error
            raise
        return True

    def network_exists(self, call: Call, project_id: str, network_id: str) -> bool:
        """Ask for it; any other answer than that it is not there is an error."""
        with suppress(NetworkNotFound):
            self.network_name(call, project_id, network_id)
            return True
        return False

    def network_name(self, call: Call, project_id: str, network_id: str) -> str:
        """Return its name without the mark; it is empty if it has none."""
        with _known(project_id, network_id):
            found = self._quantum.get(call, project_id, "networks", network_id, holding="network")
        return read(found.get("name")).label

    def networks(self, call: Call, project_id: str) -> Iterator[str]:
        """Yield the ids of those that are marked, of which one answer tells."""
        for id_, _ in self._ours(call, project_id):
            yield id_

    # --- ports ----------------------------------------------------------------------------------

    def attach_port(
        self, call: Call, project_id: str, network_id: str, request: PortRequest
    ) -> str:
        """Make a port, and plug the attachment in.

        :raises AttachedElsewhere: Quantum has the attachment on another network
        """
        ports = ("networks", network_id, "ports")
        with _known(project_id, network_id):
            port_id = self._quantum.post(call, project_id, *ports, body={"port": _wanted(request)})
        body = {"attachment": {"id": request.attachment}}
        path = (project_id, *ports, port_id, "attachment")
        try:
            with _known(project_id, network_id):
                self._quantum.put(_sooner(call), *path, body=body)
        except BaseException as error:
            self._take_back(call, project_id, network_id, port_id, error)
            if isinstance(error, QuantumRefused) and error.fault in PLUGGED:
                return self._attached(call, project_id, network_id, request.attachment, error)
            raise
        return port_id

    def detach_port(self, call: Call, project_id: str, network_id: str, port_id: str) -> bool:
        """Detach what is attached, and delete the port: a plugin stumbles over a free one."""
        port = ("networks", network_id, "ports", port_id)
        try:
            if self._attachment(call, project_id, network_id, port_id) is not None:
                self._quantum.delete(call, project_id, *port, "attachment")
            self._quantum.delete(call, project_id, *port)
        except QuantumRefused as error:
            if error.fault in ABSENT:
                return False
            raise
        return True

    def port_by_attachment(
        self, call: Call, project_id: str, network_id: str, attachment: str
    ) -> str | None:
        """Ask for it by a filter, and see whether it is the one: some servers do not filter."""
        path = ("networks", network_id, "ports")
        try:
            found = self._quantum.find(
                call, project_id, *path, holding="ports", attachment=attachment
            )
            if not found:
                return None
            first = str(found[0]["id"])
            if len(found) == 1:
                with suppress(QuantumRefused):  # it is gone since
                    if self._attachment(call, project_id, network_id, first) == attachment:
                        return first
            return self._only(call, project_id, network_id, attachment)
        except NetworkNotFound:
            return None
        except QuantumRefused as error:
            if error.fault is Refusal.NO_NETWORK:
                return None
            raise

    def ports(self, call: Call, project_id: str, network_id: str) -> Iterator[Port]:
        """Yield the ports that something is attached to, of which one answer tells."""
        path = ("networks", network_id, "detail")
        with _known(project_id, network_id):
            found = self._quantum.get(call, project_id, *path, holding="network")
        for each in found.get("ports", ()):
            if attachment := (each.get("attachment") or {}).get("id"):
                yield Port(id=str(each["id"]), attachment=str(attachment))

    # --- inside ---------------------------------------------------------------------------------

    def _ours(self, call: Call, project_id: str) -> Iterator[tuple[str, str]]:
        """Yield ids and keys of the networks that are marked."""
        path = ("networks", "detail")
        for each in self._quantum.find(call, project_id, *path, holding="networks"):
            name = read(each.get("name"))
            if name.key and name.site == self._site:
                yield str(each["id"]), name.key

    @property
    def _site(self) -> str:
        return str(self._conf[GROUP].site)

    def _attachment(self, call: Call, project_id: str, network_id: str, port_id: str) -> str | None:
        path = ("networks", network_id, "ports", port_id, "attachment")
        found = self._quantum.get(call, project_id, *path, holding="attachment").get("id")
        return None if found is None else str(found)

    def _only(self, call: Call, project_id: str, network_id: str, attachment: str) -> str | None:
        """Return the one port of all that has the attachment."""
        ports = [
            port.id
            for port in self.ports(call, project_id, network_id)
            if port.attachment == attachment
        ]
        if len(ports) > 1:
            raise AttachedTwice(network_id, attachment, ports)
        return ports[0] if ports else None

    def _attached(
        self,
        call: Call,
        project_id: str,
        network_id: str,
        attachment: str,
        error: QuantumRefused,
    ) -> str:
        """Return the port that has the attachment already."""
        found = self._only(call, project_id, network_id, attachment)
        if found is None:
            raise AttachedElsewhere(attachment, network_id) from error
        return found

    def _take_back(
        self, call: Call, project_id: str, network_id: str, port_id: str, error: BaseException
    ) -> None:
        """Remove a port that was made in vain; what stays is told with the error."""
        try:
            self.detach_port(call, project_id, network_id, port_id)
        except QplugError as left:
            error.add_note(f"port '{port_id}' of network '{network_id}' stays in Quantum: {left}")


@contextmanager
def _known(project_id: str, network_id: str) -> Iterator[None]:
    """Raise the contract's error, if the network is what is missing."""
    try:
        yield
    except QuantumRefused as error:
        if error.fault is Refusal.NO_NETWORK:
            raise NetworkNotFound(network_id, project_id) from error
        raise


def _sooner(call: Call) -> Call:
    """Return the call with an earlier deadline, which leaves time to take something back."""
    return replace(call, deadline=time.monotonic() + ATTACHING * call.remaining())


def _wanted(request: PortRequest) -> dict[str, Any]:
    """Return what nova told of a port, which plugins of some vendors read; a gateway has none."""
    told: dict[str, Any] = {"state": "ACTIVE"}
    if request.instance_id is not None:
        told["vm_id"] = request.instance_id
        told["allowed_address_pairs"] = [_pair(pair) for pair in request.address_pairs]
    if request.rxtx_factor is not None:
        told["rxtx_factor"] = request.rxtx_factor
    if request.zone is not None:
        told["nova_id"] = request.zone
    return told


def _pair(pair: AddressPair) -> dict[str, str]:
    return {"mac_address": str(pair.mac), "ip_address": str(pair.address)}
