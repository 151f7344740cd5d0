"""What became of the options of 2012: the one table of old name, new name and converter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from oslo_config import types

from qplug.config.files import OptionName


@dataclass(frozen=True)
class Converter:
    """Turns an old value into a new one."""

    wanted: str
    """What the old value must be."""
    convert: Callable[[str], str | None]
    """Return the new value, or ``None`` to leave the new option alone; may raise ValueError."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """The new value for each old one, where they are few."""


TEXT = Converter("text", str)


@dataclass(frozen=True)
class OldName:
    """An option of 2012. Without new names it is ignored for a reason, or is as it was."""

    name: str
    now: tuple[OptionName, ...] = ()
    converter: Converter = TEXT
    ignored: str = ""
    """Why it has no effect."""
    outranks: tuple[str, ...] = ()
    """Old names that say nothing when this one says something."""


def _boolean(value: str) -> str:
    return str(types.Boolean()(value))


def _meaning(meanings: Mapping[str, str]) -> Converter:
    def convert(value: str) -> str:
        if value not in meanings:
            raise ValueError(value)
        return meanings[value]

    return Converter(f"one of {', '.join(meanings)}", convert, meanings)


def _switch(on: str | None, off: str | None) -> Converter:
    meanings = {"True": on, "False": off}
    told = {old: new for old, new in meanings.items() if new is not None}
    return Converter("true or false", lambda value: meanings[_boolean(value)], told)


INTEGER = Converter("an integer", lambda value: str(int(value)))
BOOLEAN = Converter("true or false", _boolean)

IPAM_LIBS = _meaning(
    {
        "nova.network.quantum.nova_ipam_lib": "nova",
        "nova.network.quantum.melange_ipam_lib": "melange",
    }
)
L3_LIBS = _meaning(
    {
        "nova.network.l3.LinuxNetL3": "linux",
        "nova.network.l3.NullL3": "null",
    }
)


def _to(group: str, *names: str, converter: Converter = TEXT) -> tuple[OldName, ...]:
    """Return rows of options that kept their names and went to a group."""
    return tuple(OldName(name, (OptionName(group, name),), converter) for name in names)


def _now(
    name: str, group: str, option: str = "driver", converter: Converter = TEXT
) -> tuple[OldName]:
    return (OldName(name, (OptionName(group, option),), converter),)


def _both(name: str, converter: Converter = TEXT) -> tuple[OldName]:
    groups = ("l3_linux", "dhcp_dnsmasq")
    return (OldName(name, tuple(OptionName(group, name) for group in groups), converter),)


def _same(*names: str) -> tuple[OldName, ...]:
    return tuple(OldName(name) for name in names)


def _ignored(why: str, *names: str) -> tuple[OldName, ...]:
    return tuple(OldName(name, ignored=why) for name in names)


CHAIN: tuple[OldName, ...] = (
    *_now("quantum_ipam_lib", "ipam", converter=IPAM_LIBS),
    *_now("use_melange_mac_generation", "mac", converter=_switch("melange", "random")),
    *_now("quantum_use_dhcp", "dhcp", converter=_switch("dnsmasq", "null")),
    *_now("quantum_use_port_security", "quantum", "port_security", BOOLEAN),
    *_now(
        "quantum_port_security_include_link_local", "quantum", "port_security_link_local", BOOLEAN
    ),
    *_now("quantum_connection_host", "quantum_v1", "host"),
    *_now("quantum_connection_port", "quantum_v1", "port", INTEGER),
    *_now("quantum_default_tenant_id", "quantum", "default_project"),
    *_now("quantum_request_timeout", "quantum_v1", "timeout", INTEGER),
    *_now("melange_host", "ipam_melange", "host"),
    *_now("melange_port", "ipam_melange", "port", INTEGER),
    *_now("melange_num_retries", "ipam_melange", "num_retries", INTEGER),
    *_same("node_availability_zone"),
    *_now("network_topic", "rpc", "topic"),
    *_same("multi_host", "network_size", "vlan_start", "vpn_start", "flat_injected"),
    OldName(
        "fake_network",
        (OptionName("l3", "driver"), OptionName("dhcp", "driver")),
        _switch("null", None),
        outranks=("l3_lib", "quantum_use_dhcp"),
    ),
    *_both("use_ipv6", BOOLEAN),
    *_now("dhcp_domain", "dhcp", "domain"),
    *_now("dhcp_lease_time", "dhcp", "lease_time", INTEGER),
)
"""What the QuantumManager read itself."""

INHERITED: tuple[OldName, ...] = (
    *_same("host"),
    *_to("l3_linux", "my_ip"),
    *_ignored("the drivers of [l3] and [dhcp] took its place", "network_driver"),
    *_ignored("there is one manager", "network_manager"),
    *_now("l3_lib", "l3", converter=L3_LIBS),
    *_to("ipam", "ipv6_backend"),
    *_ignored("the rules are made of the cidrs of the networks that there are", "fixed_range"),
    *_now("create_unique_mac_address_attempts", "mac", "unique_attempts", INTEGER),
    *_now("fixed_ip_disassociate_timeout", "ipam", "reuse_delay", INTEGER),
    *_ignored("leases of what is freed are always given back", "force_dhcp_release"),
    *_ignored(
        "qplug has no floating IPs yet",
        "default_floating_pool",
        "auto_assign_floating_ip",
        "quota_floating_ips",
        "public_interface",
        "send_arp_for_ha",
    ),
    *_ignored("networks are created one by one", "num_networks"),
    *_ignored("qplug reserves no addresses for VPN clients", "cnt_vpn_clients", "vpn_ip"),
    *_ignored(
        "the L3 driver names its devices itself",
        "flat_network_bridge",
        "flat_interface",
        "vlan_interface",
    ),
    *_ignored("DNS servers are given with 'qplug network create --dns'", "flat_network_dns"),
    *_ignored(
        "the QuantumManager never read it",
        "fixed_range_v6",
        "floating_range",
        "gateway",
        "gateway_v6",
        "network_host",
        "fake_call",
    ),
    *_ignored(
        "qplug has no DNS drivers yet",
        "instance_dns_manager",
        "floating_ip_dns_manager",
        "instance_dns_domain",
    ),
    *_ignored("security groups are not qplug's business", "security_group_handler"),
    *_ignored(
        "qplug sends no notifications yet",
        "notification_driver",
        "default_publisher_id",
        "default_notification_level",
    ),
    *_to("oslo_policy", "policy_file", "policy_default_rule"),
    *_ignored(
        "qplug has no quotas yet", "reservation_expire", "until_refresh", "max_age", "quota_driver"
    ),
    *_ignored("the service has a pace of its own", "periodic_interval", "periodic_fuzzy_delay"),
    *_same("rpc_response_timeout"),
    *_ignored("one machine needs no message bus", "fake_rabbit"),
    *_ignored("qplug needs no lock files", "lock_path", "disable_process_locking"),
    *_ignored("drivers run no commands as somebody else", "root_helper"),
)
"""What code that the QuantumManager inherited read."""

LINUX: tuple[OldName, ...] = (
    *_to("dhcp_dnsmasq", "networks_path"),
    *_ignored("the DHCP driver brings its own", "dhcpbridge", "dhcpbridge_flagfile"),
    *_ignored("dnsmasq is told everything by its arguments", "dnsmasq_config_file"),
    *_ignored("dnsmasq answers no DNS; see 'qplug network create --dns'", "dns_server"),
    *_ignored("qplug gives every network its gateway yet", "use_single_default_gateway"),
    *_ignored(
        "qplug makes Linux bridges alone yet",
        "linuxnet_interface_driver",
        "linuxnet_ovs_integration_bridge",
    ),
    *_now("network_device_mtu", "l3", "mtu", INTEGER),
    *_to("l3_linux", "routing_source_ip", "metadata_host"),
    *_to("l3_linux", "metadata_port", converter=INTEGER),
    *_to("l3_linux", "dmz_cidr"),
    *_ignored("there is no DNS driver that writes files", "logdir"),
    *_ignored(
        "qplug has no LDAP DNS driver",
        "ldap_dns_url",
        "ldap_dns_user",
        "ldap_dns_password",
        "ldap_dns_base_dn",
        "ldap_dns_servers",
        "ldap_dns_soa_hostmaster",
        "ldap_dns_soa_refresh",
        "ldap_dns_soa_retry",
        "ldap_dns_soa_expiry",
        "ldap_dns_soa_minimum",
    ),
)
"""What Nova's Linux network driver read."""

OLD_NAMES: tuple[OldName, ...] = (*CHAIN, *INHERITED, *LINUX)
