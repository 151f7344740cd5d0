"""Options of the group ``[l3_linux]``."""

from collections.abc import Sequence

from oslo_config import cfg, types

GROUP = "l3_linux"

OPTS: Sequence[cfg.Opt] = (
    cfg.Opt(
        "my_ip",
        type=types.IPAddress(version=4),
        help="An address of this host, for other options of this group to name as $my_ip.",
    ),
    cfg.BoolOpt("use_ipv6", default=True, help="Route IPv6 subnets, and put addresses on them."),
    cfg.Opt(
        "routing_source_ip",
        type=types.IPAddress(version=4),
        help="The address that instances have to the world. By default it is the one of the device "
        "that their packets leave by.",
    ),
    cfg.Opt(
        "metadata_host",
        type=types.IPAddress(version=4),
        help="Where what instances ask of 169.254.169.254 port 80 goes, which is a metadata "
        "service; by default nowhere.",
    ),
    cfg.PortOpt("metadata_port", default=8775, help="The port of the metadata service."),
    cfg.Opt(
        "dmz_cidr",
        type=types.List(types.String()),
        default=[],
        help="IPv4 cidrs to which instances are known by their own addresses.",
    ),
    cfg.BoolOpt(
        "port_security",
        default=True,
        help="Let an instance send from its own MAC and IP addresses only. Without it, any may "
        "take another's; DHCP answers and router advertisements are never let through.",
    ),
    cfg.BoolOpt(
        "set_forwarding",
        default=True,
        help="Switch net.ipv4.ip_forward on when a network is routed, and with one of IPv6 also "
        "net.ipv6.conf.all.forwarding. Without it, that is the operator's to do.",
    ),
)


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """Return the options for ``oslo.config.opts``."""
    return [(GROUP, OPTS)]
