"""The core's options. A driver's own options live with the driver, in a group of its own."""

import math
import os
import socket
from collections.abc import Sequence

from oslo_config import cfg, types

from qplug.db import connection_opt

ROOTS_STATE = "/var/lib/qplug"

DAY = 24 * 60 * 60


class Seconds(types.Float):
    """A number between its bounds; ``nan`` compares with none and would be."""

    def __call__(self, value: object) -> float:
        """Return the number.

        :raises ValueError: it is none, or out of bounds
        """
        number = super().__call__(value)
        if number is None or math.isnan(number):
            raise ValueError("Should be a number")
        return number


OptionLists = Sequence[tuple[cfg.OptGroup | None, Sequence[cfg.Opt]]]


def list_opts() -> OptionLists:
    """Return the core's options by group, as ``oslo.config.opts`` wants them; ``None`` is DEFAULT.

    Defaults are taken from this machine and its environment at every call.
    """
    return (
        (None, (*_place_opts(), *_create_opts())),
        (cfg.OptGroup("ipam", help="Who keeps subnets and gives addresses."), _ipam_opts()),
        (cfg.OptGroup("quantum", help="Who makes networks and ports."), _quantum_opts()),
        (cfg.OptGroup("mac", help="Who gives MAC addresses."), _mac_opts()),
        (cfg.OptGroup("l3", help="Who makes gateways and NAT."), _l3_opts()),
        (cfg.OptGroup("dhcp", help="Who answers DHCP and router solicitations."), _dhcp_opts()),
        (cfg.OptGroup("database", help="Where the core keeps its records."), (_connection(),)),
        (cfg.OptGroup("api", help="Where operations are done."), _api_opts()),
        (cfg.OptGroup("rpc", help="The message bus between hosts."), _rpc_opts()),
        (cfg.OptGroup("service", help="The manager service of a host."), _service_opts()),
    )


def register(conf: cfg.ConfigOpts, lists: OptionLists) -> None:
    """Register options, by group."""
    for group, options in lists:
        conf.register_opts(list(options), group=group)


def default_state_path() -> str:
    """Return where state is kept: as the XDG base directory specification says, or root's place."""
    own = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(own):  # the specification wants a relative one ignored
        return os.path.join(own, "qplug")
    home = os.path.expanduser("~")
    if os.geteuid() == 0 or not os.path.isabs(home):
        return ROOTS_STATE
    return os.path.join(home, ".local/state/qplug")


def _place_opts() -> Sequence[cfg.Opt]:
    return (
        cfg.Opt(
            "state_path",
            type=types.String(regex="^/", type_name="absolute path"),
            default=default_state_path().replace("$", "$$"),
            sample_default=ROOTS_STATE,
            help="Directory for the files qplug keeps, private to their owner. The default is "
            "$XDG_STATE_HOME/qplug if that variable is set, else /var/lib/qplug for root and "
            "~/.local/state/qplug for others.",
        ),
        _name(
            "host",
            socket.gethostname(),
            "Name of this machine among those that serve networks. The default is its host name.",
            sample_default="localhost",
        ),
        cfg.Opt(
            "operation_timeout",
            type=Seconds(min=0.1, max=DAY),
            default=60.0,
            help="Seconds an operation may take before it gives up and undoes what it did.",
        ),
        _name(
            "node_availability_zone",
            "nova",
            "Availability zone of networks and instances that are given none.",
        ),
    )


def _create_opts() -> Sequence[cfg.Opt]:
    return (
        cfg.BoolOpt(
            "flat_injected",
            default=False,
            help="Tell compute to write the addresses into the instance instead of using DHCP.",
        ),
        cfg.BoolOpt(
            "multi_host",
            default=False,
            help="The only value of multi_host that the creation of a network may ask for.",
        ),
        cfg.IntOpt(
            "network_size",
            default=256,
            min=1,
            help="Addresses of a network; a network asked for with another size is warned about.",
        ),
        cfg.IntOpt(
            "vlan_start",
            default=100,
            min=1,
            max=4094,
            help="First VLAN; a network asked for with another one is warned about.",
        ),
        cfg.IntOpt(
            "vpn_start",
            default=1000,
            min=1,
            max=65535,
            help="First VPN port; a network asked for with another one is warned about.",
        ),
    )


def _ipam_opts() -> Sequence[cfg.Opt]:
    return (
        _driver("ipam", "nova"),
        cfg.StrOpt(
            "ipv6_backend",
            default="rfc2462",
            choices=[
                ("rfc2462", "from the MAC address, as stateless autoconfiguration does"),
                ("account_identifier", "from the project and the MAC address"),
            ],
            help="How the addresses of an IPv6 /64 are made.",
        ),
        cfg.IntOpt(
            "reuse_delay",
            default=600,
            min=0,
            max=10 * 365 * DAY,
            help="Seconds a released address rests before another instance may get it, "
            "unless DHCP says earlier that its lease has ended.",
        ),
        cfg.IntOpt(
            "usage_warning",
            default=90,
            min=1,
            max=100,
            help="Percentage of a subnet's addresses in use from which 'qplug network usage' "
            "calls it nearly full.",
        ),
    )


def _quantum_opts() -> Sequence[cfg.Opt]:
    return (
        _driver("quantum", "local"),
        _name(
            "default_project",
            "default",
            "Project under which the network service keeps networks that belong to no project.",
        ),
        cfg.BoolOpt(
            "port_security",
            default=False,
            help="Let an instance send from its own MAC and IP addresses only.",
        ),
        cfg.BoolOpt(
            "port_security_link_local",
            default=False,
            help="With port_security, also allow the fe80 address that belongs to the MAC address.",
        ),
    )


def _mac_opts() -> Sequence[cfg.Opt]:
    return (
        _driver("mac", "random"),
        cfg.IntOpt(
            "unique_attempts",
            default=5,
            min=1,
            help="How many MAC addresses are tried until one is found that no vif has.",
        ),
    )


def _l3_opts() -> Sequence[cfg.Opt]:
    return (
        _driver("l3", "null"),
        cfg.IntOpt(
            "mtu",
            default=1500,
            min=1280,
            max=65535,
            help="Bytes of the largest packet on networks; devices have it and instances are told.",
        ),
    )


def _dhcp_opts() -> Sequence[cfg.Opt]:
    return (
        _driver("dhcp", "null"),
        cfg.StrOpt("domain", default="novalocal", help="DNS domain that instances are told."),
        cfg.IntOpt(
            "lease_time",
            default=120,
            min=1,
            max=2**32 - 1,
            help="Seconds an instance may keep its address without asking again.",
        ),
    )


def _api_opts() -> Sequence[cfg.Opt]:
    return (
        cfg.StrOpt(
            "endpoint",
            default="local",
            choices=[
                ("local", "in the process of the command"),
                ("rpc", "by a manager service, as with --via-service"),
            ],
            help="Where the operations of commands are done.",
        ),
    )


def _rpc_opts() -> Sequence[cfg.Opt]:
    return (
        cfg.StrOpt(
            "transport_url",
            secret=True,
            help="URL of the message bus, as in rabbit://USER:PASSWORD@HOST:5672/; further options "
            "are those of oslo.messaging, in [oslo_messaging_rabbit]. Empty means that there is "
            "no bus, and that networks of other hosts are out of reach.",
        ),
        _name("topic", "network", "What the queues on the bus begin with."),
        cfg.StrOpt(
            "key_file",
            help="File with the keys that sign messages, one a line, readable by its owner alone. "
            "The first signs; any is believed. Without it a caller has the rights of nobody.",
        ),
        cfg.Opt(
            "clock_tolerance",
            type=Seconds(min=1, max=DAY / 2),
            default=300.0,
            help="Seconds by which the clocks of two hosts may differ; older messages are refused.",
        ),
        cfg.Opt(
            "silence",
            type=Seconds(min=1, max=DAY),
            default=15.0,
            help="Seconds without a word from a service that works on a request, after which the "
            "request is sent again.",
        ),
    )


def _service_opts() -> Sequence[cfg.Opt]:
    return (
        cfg.IntOpt("workers", default=8, min=1, max=256, help="Requests worked on at once."),
        cfg.Opt(
            "heartbeat",
            type=Seconds(min=0.1, max=3600),
            default=5.0,
            help="Seconds between two signs of life. After six without one a service is taken for "
            "dead.",
        ),
        cfg.Opt(
            "sweep_interval",
            type=Seconds(min=0.1, max=DAY),
            default=60.0,
            help="Seconds between two looks for addresses whose leases ended.",
        ),
        cfg.Opt(
            "pending_interval",
            type=Seconds(min=0.1, max=DAY),
            default=5.0,
            help="Seconds between two looks for unfinished work.",
        ),
        cfg.Opt(
            "info_cache_interval",
            type=Seconds(min=0.1, max=DAY),
            default=600.0,
            help="Seconds between two rounds in which cached network info is made right.",
        ),
        _name("metrics_host", "127.0.0.1", "Address on which metrics and health are served."),
        cfg.IntOpt(
            "metrics_port",
            default=9697,
            min=0,
            max=65535,
            help="Port of /metrics and /health; 0 serves none.",
        ),
    )


def _connection() -> cfg.StrOpt:
    option = connection_opt()
    option.help = (
        "SQLAlchemy URL of the database, as in postgresql+psycopg://USER:PASSWORD@HOST/NAME, with "
        "$$ for a dollar sign. The default is a SQLite file in state_path."
    )
    return option


def _driver(kind: str, default: str) -> cfg.Opt:
    return _name(
        "driver", default, f"Name of the {kind} driver to use; 'qplug driver list' shows all."
    )


def _name(name: str, default: str, text: str, sample_default: str | None = None) -> cfg.Opt:
    return cfg.Opt(
        name,
        type=types.String(regex=r"\S", type_name="name"),
        default=default,
        sample_default=sample_default,
        help=text,
    )
