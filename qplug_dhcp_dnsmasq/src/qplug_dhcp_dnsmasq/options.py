"""Options of the group ``[dhcp_dnsmasq]``."""

import os
from collections.abc import Sequence

from oslo_config import cfg, types

GROUP = "dhcp_dnsmasq"
ROOTS_PATH = "/var/lib/qplug-dnsmasq"


def opts() -> Sequence[cfg.Opt]:
    """Return the options; a default depends on who asks."""
    return (
        cfg.Opt(
            "networks_path",
            type=types.String(regex="^/", type_name="absolute path"),
            default=ROOTS_PATH if os.geteuid() == 0 else "$state_path/dnsmasq",
            sample_default=ROOTS_PATH,
            help="Directory for the files that dnsmasq reads, one folder a network. The user of "
            "dnsmasq must be able to enter it, so that it cannot be inside of state_path unless "
            "qplug is not run by root; then $state_path/dnsmasq is the default.",
        ),
        cfg.BoolOpt(
            "use_ipv6",
            default=True,
            help="Serve IPv6 subnets: router advertisements, and DHCPv6 where it is needed.",
        ),
        cfg.StrOpt(
            "user",
            default="dnsmasq",
            regex=r"[a-z_][a-z0-9_-]*[$]?",
            help="The user that dnsmasq and its lease hook become. In a user namespace, where "
            "there may be no other, they stay what they are.",
        ),
    )


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """Return the options for ``oslo.config.opts``."""
    return [(GROUP, opts())]
