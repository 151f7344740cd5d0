"""Tokens of Keystone, for deployments that keep a filter in front of Melange."""

from oslo_config import cfg

from qplug.errors import ConfigInvalid
from qplug.http.tokens import KeystoneTokens
from qplug_ipam_melange.options import GROUP


def tokens_of(conf: cfg.ConfigOpts.GroupAttr) -> KeystoneTokens | None:
    """Return what brings tokens for the user of the configuration, if it wants any.

    :raises ConfigInvalid: it does, and keystoneauth is not installed
    """
    if not conf.keystone_url:
        return None
    try:
        from keystoneauth1.identity import v3
    except ImportError as error:
        reason = (
            f"[{GROUP}] keystone_url needs keystoneauth1; "
            "install it with 'pip install qplug-ipam-melange[keystone]'"
        )
        raise ConfigInvalid("of Melange", reason) from error
    plugin = v3.Password(
        auth_url=conf.keystone_url,
        username=conf.keystone_username,
        password=conf.keystone_password,
        project_name=conf.keystone_project,
        user_domain_name=conf.keystone_user_domain,
        project_domain_name=conf.keystone_project_domain,
    )
    return KeystoneTokens(plugin, conf.keystone_url, group=GROUP, timeout=conf.timeout)
