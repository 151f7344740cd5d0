"""Tokens of Keystone, through whatever plugin of keystoneauth the operator chose."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import requests

from qplug.errors import Unavailable
from qplug.http.errors import ServiceForbids, ServiceNotTrusted, ServiceUnreachable
from qplug.model import Call

KEYSTONE = "Keystone"


class Tokens(Protocol):
    """What brings headers that log in."""

    def headers(self, call: Call, session: requests.Session) -> Mapping[str, str]:
        """Return the headers, of a token that is new or still good."""

    def invalidate(self) -> None:
        """Forget the token: it was not believed."""


class KeystoneTokens:
    """Tokens of a plugin of keystoneauth, which must be installed; one serves until it runs out.

    :param url: of Keystone, for the sentences
    :param timeout: seconds that Keystone has for an answer, if the deadline is no earlier
    """

    def __init__(self, plugin: Any, url: str, *, group: str, timeout: float) -> None:
        self._plugin = plugin
        self._url = url
        self._group = group
        self._timeout = timeout

    def headers(self, call: Call, session: requests.Session) -> Mapping[str, str]:
        """Return what logs in, asking Keystone on the session's terms if need be.

        :raises ServiceUnreachable: Keystone does not answer in time
        :raises ServiceNotTrusted: there is no TLS with it
        :raises ServiceForbids: it does not believe the credentials
        """
        with self._asking(call, session) as asking:
            return dict(self._plugin.get_headers(asking) or {})

    def endpoint(self, call: Call, session: requests.Session, **wanted: Any) -> str | None:
        """Return where a service is, by the catalog; raises what :meth:`headers` does.

        :param wanted: what keystoneauth's ``get_endpoint`` takes: service_type, interface …
        """
        with self._asking(call, session) as asking:
            return self._plugin.get_endpoint(asking, **wanted) or None

    def invalidate(self) -> None:
        """Have the next request ask for a new one."""
        self._plugin.invalidate()

    @contextmanager
    def _asking(self, call: Call, session: requests.Session) -> Iterator[Any]:
        import keystoneauth1.session
        from keystoneauth1 import exceptions

        patience = max(0.001, min(self._timeout, call.remaining()))
        asking = keystoneauth1.session.Session(
            session=session, timeout=patience, verify=session.verify, cert=session.cert
        )
        try:
            yield asking
        except exceptions.SSLError as error:
            raise ServiceNotTrusted(KEYSTONE, self._group, self._url, str(error)) from error
        except exceptions.HttpError as error:
            raise self._refusal(error) from error
        except exceptions.ClientException as error:
            raise ServiceUnreachable(KEYSTONE, self._url, str(error)) from error

    def _refusal(self, error: Any) -> ServiceForbids | Unavailable:
        if error.http_status >= 500:
            return ServiceUnreachable(KEYSTONE, self._url, str(error))
        return ServiceForbids(KEYSTONE, self._group, f"a token of {self._url}", error.http_status)
