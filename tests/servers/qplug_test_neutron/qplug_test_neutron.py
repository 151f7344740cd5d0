"""What a Neutron for tests has in place of agents and of Keystone.

Ports bind on every host whose name does not begin with ``fail-``, with no agent there. Who asks is
what the token says: ``user:project:role,role``. Without a token it is an administrator, as the
service's own ``noauth`` has it; the token ``expired`` is not believed.
"""

from collections.abc import Callable, Iterable
from typing import Any

from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api

ADMINISTRATOR = "admin:admin:admin,member,reader"


class Binds(api.MechanismDriver):
    """Binds ports, also those without an address."""

    connectivity = portbindings.CONNECTIVITY_L2

    def initialize(self) -> None:
        """Need nothing."""

    def bind_port(self, context: Any) -> None:
        """Bind it."""
        if context.host.startswith("fail-"):
            return
        segment = context.segments_to_bind[0]
        details = {portbindings.CAP_PORT_FILTER: True}
        context.set_binding(segment[api.ID], portbindings.VIF_TYPE_OVS, details, status="ACTIVE")


class Believes:
    """Takes a token at its word, in the place of what would ask Keystone."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Say who asks, or refuse."""
        token = environ.get("HTTP_X_AUTH_TOKEN", "")
        if token == "expired":
            text = b'{"error": {"code": 401, "title": "Unauthorized", "message": "It has expired"}}'
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(text)))]
            start_response("401 Unauthorized", headers)
            return [text]
        user, project, roles = (token if ":" in token else ADMINISTRATOR).split(":")
        environ |= {"HTTP_X_USER_ID": user, "HTTP_X_PROJECT_ID": project, "HTTP_X_ROLES": roles}
        return self._application(environ, start_response)


def believes(_: Any, **__: Any) -> Callable[..., Believes]:
    """Return the filter, for paste."""
    return Believes
