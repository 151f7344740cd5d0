"""As whom Neutron is asked, and where the catalog says that it is."""

from typing import Any

from keystoneauth1 import exceptions, loading
from oslo_config import cfg

from qplug.errors import ConfigInvalid
from qplug.http.tokens import KeystoneTokens
from qplug_quantum_neutron.options import AUTH, GROUP

CLOUDS = (
    f"[{GROUP}] cloud needs openstacksdk; "
    "install it with 'pip install qplug-quantum-neutron[clouds]'"
)


class Login:
    """What an operator said of logging in."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        conf.register_opts(AUTH, group=GROUP)
        self._options = conf[GROUP]
        self._region = self._options.region_name or None
        self._interfaces = list(self._options.valid_interfaces)
        plugin = self._of_cloud() if self._options.cloud else _of_options(conf)
        self.url = str(self._options.url)
        """Where Neutron is, if that is said; else the catalog knows."""
        where = getattr(plugin, "auth_url", None) or "the address in the configuration"
        self.tokens = KeystoneTokens(plugin, str(where), group=GROUP, timeout=self._options.timeout)

    @property
    def wanted(self) -> dict[str, Any]:
        """What to look for in the catalog."""
        return {
            "service_type": "network",
            "interface": self._interfaces,
            "region_name": self._region,
            "skip_discovery": True,
        }

    def _of_cloud(self) -> Any:
        try:
            from openstack.config import OpenStackConfig
            from openstack.exceptions import ConfigException
        except ImportError as error:
            raise ConfigInvalid("of Neutron", CLOUDS) from error
        try:
            cloud = OpenStackConfig().get_one(cloud=self._options.cloud)
            plugin = cloud.get_auth()
        except (ConfigException, exceptions.ClientException, OSError) as error:
            raise ConfigInvalid(f"[{GROUP}] cloud", str(error)) from error
        self._region = self._region or cloud.region_name
        return plugin


def _of_options(conf: cfg.ConfigOpts) -> Any:
    """Return the plugin of keystoneauth that the options describe; that of nobody without any."""
    if not (conf[GROUP].auth_type or conf[GROUP].auth_section):
        return loading.get_plugin_loader("none").load_from_options(endpoint=conf[GROUP].url or None)
    try:
        return loading.load_auth_from_conf_options(conf, GROUP)
    except exceptions.ClientException as error:
        raise ConfigInvalid(f"[{GROUP}] auth_type", str(error)) from error
