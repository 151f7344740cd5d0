"""Tokens of Keystone, for deployments that keep a filter in front of Melange."""

from collections.abc import Mapping
from typing import Any, Protocol

import requests
from oslo_config import cfg

from qplug.errors import ConfigInvalid
from qplug.model import Call
from qplug_ipam_melange.errors import MelangeConnectionFailed, MelangeForbids


class Tokens(Protocol):
    """What brings headers that log in."""

    def headers(self, call: Call, session: requests.Session) -> Mapping[str, str]:
        """Return the headers, of a token that is new or still good."""

    def invalidate(self) -> None:
        """Forget the token: it was not believed."""


class KeystoneTokens:
    """Tokens for the user of the configuration; one serves until it runs out."""

    def __init__(self, conf: cfg.ConfigOpts.GroupAttr, keystoneauth: Any) -> None:
        self._timeout, self._url = conf.timeout, conf.keystone_url
        self._auth = keystoneauth.identity.v3.Password(
            auth_url=conf.keystone_url,
            username=conf.keystone_username,
            password=conf.keystone_password,
            project_name=conf.keystone_project,
            user_domain_name=conf.keystone_user_domain,
            project_domain_name=conf.keystone_project_domain,
        )
        self._keystoneauth = keystoneauth

    def headers(self, call: Call, session: requests.Session) -> Mapping[str, str]:
        """Return ``X-Auth-Token``, asking Keystone for one on the session's terms if need be."""
        patience = max(0.001, min(self._timeout, call.remaining()))
        asking = self._keystoneauth.session.Session(session=session, timeout=patience)
        asking.verify, asking.cert = session.verify, session.cert
        exceptions = self._keystoneauth.exceptions
        try:
            return dict(self._auth.get_headers(asking) or {})
        except exceptions.HttpError as error:
            if error.http_status >= 500:
                raise MelangeConnectionFailed(self._url, str(error)) from error
            raise MelangeForbids(f"a token of {self._url}", error.http_status) from error
        except exceptions.ClientException as error:
            raise MelangeConnectionFailed(self._url, str(error)) from error

    def invalidate(self) -> None:
        """Have the next request ask for a new one."""
        self._auth.invalidate()


def tokens_of(conf: cfg.ConfigOpts.GroupAttr) -> Tokens | None:
    """Return what brings tokens, if the configuration wants any.

    :raises ConfigInvalid: it does, and keystoneauth is not installed
    """
    if not conf.keystone_url:
        return None
    try:
        import keystoneauth1.exceptions
        import keystoneauth1.identity
        import keystoneauth1.session
    except ImportError as error:
        reason = (
            "[ipam_melange] keystone_url needs keystoneauth1; "
            "install it with 'pip install qplug-ipam-melange[keystone]'"
        )
        raise ConfigInvalid("of Melange", reason) from error
    return KeystoneTokens(conf, keystoneauth1)
