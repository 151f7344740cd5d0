"""The configuration: files, values, old names, plugins' options, the documentation."""

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg
from stevedore import ExtensionManager

import qplug
from qplug.config import list_opts, load_config, problems, sample
from qplug.config.docs import with_table
from qplug.config.files import OptionName
from qplug.config.old_names import OLD_NAMES
from qplug.config.plugins import installed
from qplug.errors import ConfigInvalid

ROOT = Path(qplug.__file__).parents[1]

Write = Callable[..., str]


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test a home of its own, without a configuration."""
    places = ("~/.config/qplug/qplug.conf", str(tmp_path / "etc.conf"))
    monkeypatch.setattr("qplug.config.files.PLACES", places)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("QPLUG_CONFIG", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a configuration file and returns its path."""

    def writer(text: str, name: str = "test.conf") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    return writer


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Return a function that installs a distribution which lists options."""
    # The generator of oslo.config asks stevedore, which asks the path once in a process.
    monkeypatch.setattr(ExtensionManager, "ENTRY_POINT_CACHE", {})

    def installer(dist: str, points: str, source: str = "") -> None:
        place = tmp_path / "site"
        info = place / f"{dist}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[oslo.config.opts]\n{points}\n")
        (place / f"{dist}_options.py").write_text(source)
        monkeypatch.syspath_prepend(str(place))

    return installer


@pytest.fixture
def _core(install: Callable[..., None]) -> None:
    """Have the core installed, also where the tests run from a checkout alone."""
    install("qplug_core", "qplug = qplug.config:list_opts")


def refusal(*files: str) -> str:
    """Return the sentence with which the files are refused."""
    with pytest.raises(ConfigInvalid) as refused:
        load_config(files)
    return str(refused.value)


def value(conf: cfg.ConfigOpts, option: OptionName) -> str:
    """Read an option as text; a plugin that is not installed is stood in for."""
    if option.group == "DEFAULT":
        return str(conf[option.name])
    conf.register_group(cfg.OptGroup(option.group))
    if option.name not in conf[option.group]:
        conf.register_opt(cfg.StrOpt(option.name), group=option.group)
    found = conf[option.group][option.name]
    return f"{found:g}" if isinstance(found, float) else str(found)


# --- Where it is read from ----------------------------------------------------------------------


def test_without_a_file_everything_has_its_default() -> None:
    conf = load_config()
    drivers = [conf[kind].driver for kind in ("ipam", "quantum", "mac", "l3", "dhcp")]
    assert drivers == ["nova", "local", "random", "null", "null"]
    assert conf.host == socket.gethostname()
    assert conf.database.connection is None


def test_files_are_looked_for_in_their_order(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("[DEFAULT]\nhost = etc\n", "etc.conf")
    assert load_config().host == "etc"
    write("[DEFAULT]\nhost = home\n", ".config/qplug/qplug.conf")
    assert load_config().host == "home"
    monkeypatch.setenv("QPLUG_CONFIG", write("[DEFAULT]\nhost = variable\n"))
    assert load_config().host == "variable"
    assert load_config([write("[DEFAULT]\nhost = named\n", "named.conf")]).host == "named"


def test_of_several_files_the_later_one_wins(write: Write) -> None:
    first = write("[DEFAULT]\nhost = one\n[ipam]\nreuse_delay = 1\n", "first.conf")
    second = write("[DEFAULT]\nhost = two\n", "second.conf")
    conf = load_config([first, second])
    assert (conf.host, conf.ipam.reuse_delay) == ("two", 1)


def test_each_configuration_is_its_own(write: Write) -> None:
    assert load_config([write("[DEFAULT]\nhost = a\n")]).host == "a"
    assert load_config().host == socket.gethostname()
    assert "state_path" not in cfg.CONF


def test_the_environment_sets_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_IPAM__DRIVER", "melange")
    assert load_config().ipam.driver == "nova"


def test_an_empty_configuration_file_may_be_named() -> None:
    assert load_config([os.devnull]).ipam.driver == "nova"


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_a_named_file_that_is_missing_is_refused(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "none.conf")
    if how == "variable":
        monkeypatch.setenv("QPLUG_CONFIG", path)
    assert refusal(*([path] if how == "argument" else [])) == (
        f"configuration {path}: it cannot be read: No such file or directory"
    )


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    assert refusal(str(tmp_path)).endswith("it cannot be read: Is a directory")
    (tmp_path / "bytes").write_bytes(b"[ipam]\ndriver = \xff\n")
    assert refusal(str(tmp_path / "bytes")).endswith("it must be text in UTF-8")
    os.mkfifo(tmp_path / "pipe")
    assert "no pipe" in refusal(str(tmp_path / "pipe"))


def test_a_broken_line_is_named_and_not_shown(write: Write) -> None:
    path = write("[database]\nconnection mysql//me.secret@host\n")
    assert refusal(path) == (
        f"configuration {path}: line 2 is wrong: No ':' or '=' found in assignment"
    )


@pytest.mark.parametrize(
    ("environment", "euid", "expected"),
    [
        ({"XDG_STATE_HOME": "/xdg"}, 1000, "/xdg/qplug"),
        ({"HOME": "/home/me"}, 1000, "/home/me/.local/state/qplug"),
        ({"HOME": "/home/me", "XDG_STATE_HOME": "relative"}, 1000, "/home/me/.local/state/qplug"),
        ({"HOME": "/home/$me"}, 1000, "/home/$me/.local/state/qplug"),
        ({"HOME": "/root"}, 0, "/var/lib/qplug"),
    ],
)
def test_state_is_kept_where_the_user_may_write(
    environment: dict[str, str], euid: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr("os.geteuid", lambda: euid)
    assert load_config().state_path == expected


def test_loading_imports_nothing_that_only_other_commands_need() -> None:
    code = (
        "import sys, qplug.config; qplug.config.load_config();"
        "print({'yaml', 'oslo_config.generator', 'oslo_policy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "set()\n", run.stderr


# --- Values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "[ipam]\nreuse_delay = soon",
            (
                "[ipam] reuse_delay = 'soon' is wrong: "
                "it must be an integer value, at least 0, at most 315360000"
            ),
        ),
        (
            "[ipam]\nreuse_delay = 315360001",
            (
                "[ipam] reuse_delay = '315360001' is wrong: "
                "it must be an integer value, at least 0, at most 315360000"
            ),
        ),
        *(
            (
                f"[DEFAULT]\noperation_timeout = {text}",
                (
                    f"[DEFAULT] operation_timeout = '{text}' is wrong: "
                    "it must be a floating point value, at least 0.1, at most 86400"
                ),
            )
            for text in ("nan", "inf", "-inf", "0", "86401", "1e400", "")
        ),
        (
            "[mac]\nunique_attempts =",
            "[mac] unique_attempts = '' is wrong: it must be an integer value, at least 1",
        ),
        (
            "[mac]\nunique_attempts = 0",
            "[mac] unique_attempts = '0' is wrong: it must be an integer value, at least 1",
        ),
        (
            "[DEFAULT]\nvlan_start = 0",
            (
                "[DEFAULT] vlan_start = '0' is wrong: "
                "it must be an integer value, at least 1, at most 4094"
            ),
        ),
        (
            "[ipam]\nipv6_backend = eui",
            "[ipam] ipv6_backend = 'eui' is wrong: it must be one of rfc2462, account_identifier",
        ),
        (
            "[quantum]\nport_security = maybe",
            "[quantum] port_security = 'maybe' is wrong: it must be a boolean value",
        ),
        (
            "[DEFAULT]\nstate_path = here",
            "[DEFAULT] state_path = 'here' is wrong: it must be an absolute path",
        ),
        ("[l3]\ndriver =", "[l3] driver = '' is wrong: it must be a name"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_wanted(write: Write, text: str, reason: str) -> None:
    path = write(text + "\n")
    assert refusal(path) == f"configuration {path}: {reason}"
    assert problems([path]) == [f"configuration {path}: {reason}"]


def test_the_file_that_holds_the_wrong_value_is_named(write: Write) -> None:
    wrong = write("[ipam]\nreuse_delay = soon\n", "wrong.conf")
    other = write("[ipam]\ndriver = memory\n", "other.conf")
    assert refusal(wrong, other).startswith(f"configuration {wrong}: ")


@pytest.mark.parametrize("text", ["connection = mysql://u:pa$word@h/d", "connection = $connection"])
def test_a_dollar_sign_that_refers_to_nothing_is_explained_and_not_shown(
    write: Write, text: str
) -> None:
    said = refusal(write(f"[database]\n{text}\n"))
    assert said.endswith(
        "[database] connection refers with a dollar sign to what is no option; "
        "write $$ for the sign itself"
    )


def test_a_value_may_refer_to_another_option(write: Write) -> None:
    conf = load_config([write("[database]\nconnection = sqlite:///$state_path/a$$b\n")])
    assert conf.database.connection == f"sqlite:///{conf.state_path}/a$b"


# --- Old names ----------------------------------------------------------------------------------

LIBS = "nova.network.quantum."
L3 = "nova.network.l3."

# Name, Nova's default, another value and what the new option then is.
CHAIN_2012 = [
    ("quantum_ipam_lib", f"{LIBS}nova_ipam_lib", f"{LIBS}melange_ipam_lib", "melange"),
    ("use_melange_mac_generation", "False", "True", "melange"),
    ("quantum_use_dhcp", "False", "True", "dnsmasq"),
    ("quantum_use_port_security", "False", "true", "True"),
    ("quantum_port_security_include_link_local", "False", "1", "True"),
    ("quantum_connection_host", "127.0.0.1", "10.1.1.1", "10.1.1.1"),
    ("quantum_connection_port", "9696", "9797", "9797"),
    ("quantum_default_tenant_id", "default", "services", "services"),
    ("quantum_request_timeout", "20", "5", "5"),
    ("melange_host", "127.0.0.1", "melange.example", "melange.example"),
    ("melange_port", "9898", "80", "80"),
    ("melange_num_retries", "0", "3", "3"),
    ("node_availability_zone", "nova", "east", "east"),
    ("network_topic", "network", "net", "net"),
    ("multi_host", "False", "True", "True"),
    ("network_size", "256", "8", "8"),
    ("vlan_start", "100", "200", "200"),
    ("vpn_start", "1000", "2000", "2000"),
    ("flat_injected", "False", "True", "True"),
    ("fake_network", "False", "True", "null"),
    ("use_ipv6", "False", "True", "True"),
    ("dhcp_domain", "novalocal", "example.org", "example.org"),
    ("dhcp_lease_time", "120", "3600", "3600"),
]

INHERITED_2012 = re.findall(
    r"\w+",
    """
host my_ip network_driver network_manager l3_lib ipv6_backend fixed_range
create_unique_mac_address_attempts fixed_ip_disassociate_timeout force_dhcp_release
default_floating_pool auto_assign_floating_ip public_interface num_networks cnt_vpn_clients
flat_network_bridge flat_interface vlan_interface flat_network_dns vpn_ip fixed_range_v6
floating_range gateway gateway_v6 network_host fake_call instance_dns_manager
floating_ip_dns_manager instance_dns_domain security_group_handler notification_driver
default_publisher_id default_notification_level policy_file policy_default_rule
quota_floating_ips reservation_expire until_refresh max_age quota_driver periodic_interval
periodic_fuzzy_delay rpc_response_timeout fake_rabbit lock_path disable_process_locking
root_helper
networks_path dhcpbridge dhcpbridge_flagfile dnsmasq_config_file dns_server
use_single_default_gateway linuxnet_interface_driver linuxnet_ovs_integration_bridge
network_device_mtu routing_source_ip metadata_host metadata_port dmz_cidr send_arp_for_ha logdir
ldap_dns_url ldap_dns_user ldap_dns_password ldap_dns_base_dn ldap_dns_servers
ldap_dns_soa_hostmaster ldap_dns_soa_refresh ldap_dns_soa_retry ldap_dns_soa_expiry
ldap_dns_soa_minimum
""",
)

ROWS = {row.name: row for row in OLD_NAMES}


def now(name: str) -> tuple[OptionName, ...]:
    """Return the options that an old name means."""
    return ROWS[name].now or (OptionName("DEFAULT", name),)


def test_the_table_has_every_option_of_2012_once() -> None:
    names = [name for name, *_ in CHAIN_2012] + INHERITED_2012
    assert sorted(row.name for row in OLD_NAMES) == sorted(names)


def test_no_two_old_names_set_the_same_option_unless_one_outranks_the_other() -> None:
    taken: dict[OptionName, str] = {}
    for row in sorted(OLD_NAMES, key=lambda row: bool(row.outranks)):
        for option in row.now:
            assert taken.setdefault(option, row.name) in {row.name, *row.outranks}


def test_r8_options_have_the_defaults_of_2012() -> None:
    conf = load_config()
    installed(conf)  # of plugins that are not installed nobody knows the defaults
    expected = {
        option: ROWS[name].converter.convert(default)
        for name, default, *_ in CHAIN_2012
        for option in now(name)
        if option.name != "use_ipv6"  # by default IPv6 subnets, which one need not make, are served
        if (option.group == "DEFAULT" or option.group in conf) and not ROWS[name].outranks
    }
    assert {option: value(conf, option) for option in expected} == expected
    assert {"DEFAULT", "ipam", "quantum", "mac", "dhcp"} <= {option.group for option in expected}


@pytest.mark.parametrize(("name", "_default", "other", "expected"), CHAIN_2012)
def test_r8_an_old_name_in_a_file_takes_effect(
    write: Write, name: str, _default: str, other: str, expected: str
) -> None:
    path = write(f"[DEFAULT]\n{name} = {other}\n")
    conf = load_config([path])
    assert {value(conf, option) for option in now(name)} == {expected}
    assert problems([path]) == []


@pytest.mark.parametrize(("name", "_default", "_other", "expected"), CHAIN_2012)
def test_r8_options_are_read_at_use_time(
    name: str, _default: str, _other: str, expected: str
) -> None:
    conf = load_config()
    for option in now(name):
        before = value(conf, option)
        group = None if option.group == "DEFAULT" else option.group
        conf.set_override(option.name, expected, group=group)
        assert value(conf, option) == expected
        conf.clear_override(option.name, group=group)
        assert value(conf, option) == before


def test_r8_a_fake_network_runs_no_driver_that_runs_commands(write: Write) -> None:
    real = "[DEFAULT]\nl3_lib = nova.network.l3.LinuxNetL3\nquantum_use_dhcp = True\n"
    conf = load_config([write(real)])
    assert (conf.l3.driver, conf.dhcp.driver) == ("linux", "dnsmasq")
    conf = load_config([write(real + "fake_network = False\n")])
    assert (conf.l3.driver, conf.dhcp.driver) == ("linux", "dnsmasq")
    conf = load_config([write(real + "fake_network = True\n")])
    assert (conf.l3.driver, conf.dhcp.driver) == ("null", "null")


@pytest.mark.parametrize(
    ("line", "option", "expected"),
    [
        ("l3_lib = nova.network.l3.NullL3", OptionName("l3", "driver"), "null"),
        ("fixed_ip_disassociate_timeout = 9", OptionName("ipam", "reuse_delay"), "9"),
        ("create_unique_mac_address_attempts = 2", OptionName("mac", "unique_attempts"), "2"),
        (
            "ipv6_backend = account_identifier",
            OptionName("ipam", "ipv6_backend"),
            "account_identifier",
        ),
        (
            "networks_path = $state_path/nets",
            OptionName("dhcp_dnsmasq", "networks_path"),
            "/s/nets",
        ),
        ("policy_file = /p.yaml", OptionName("oslo_policy", "policy_file"), "/p.yaml"),
        ('dmz_cidr = ""x" , $$y', OptionName("l3_linux", "dmz_cidr"), '""x" , $y'),
        ("dmz_cidr = a,\n  b", OptionName("l3_linux", "dmz_cidr"), "a,\nb"),
        (
            "my_ip = 10.9.9.9\nmetadata_host = $my_ip",
            OptionName("l3_linux", "metadata_host"),
            "10.9.9.9",
        ),
    ],
)
def test_old_values_arrive_under_their_new_names(
    write: Write, line: str, option: OptionName, expected: str
) -> None:
    conf = load_config([write(f"[DEFAULT]\nstate_path = /s\n{line}\n")])
    assert value(conf, option) == expected


def test_an_old_value_may_refer_to_an_option_of_the_group_it_goes_to(write: Write) -> None:
    conf = load_config([write("[DEFAULT]\nmetadata_host = ${my_ip}\n")])
    conf.register_opts([cfg.StrOpt("my_ip", default="10.1.1.1")], group="l3_linux")
    assert value(conf, OptionName("l3_linux", "metadata_host")) == "10.1.1.1"


def test_old_and_new_may_say_the_same(write: Write) -> None:
    conf = load_config(
        [
            write(
                "[DEFAULT]\nquantum_use_dhcp = yes\nquantum_use_port_security = 1\n"
                "dhcp_lease_time = 0300\n"
                "[dhcp]\ndriver = dnsmasq\nlease_time = 300\n[quantum]\nport_security = on\n"
            )
        ]
    )
    assert (conf.dhcp.driver, conf.quantum.port_security) == ("dnsmasq", True)


def test_old_and_new_may_not_differ(write: Write) -> None:
    old = write("[DEFAULT]\nmelange_host = one\n", "old.conf")
    new = write("[ipam_melange]\nhost = two\n", "new.conf")
    assert refusal(old, new) == (
        f"configuration {old}: [DEFAULT] melange_host asks for [ipam_melange] host = 'one', but "
        f"{new} sets [ipam_melange] host = 'two'; remove one of the two"
    )
    both = write("[DEFAULT]\nquantum_use_dhcp = False\n[dhcp]\ndriver = dnsmasq\n")
    assert "[DEFAULT] quantum_use_dhcp asks for [dhcp] driver = 'null'" in refusal(both)
    assert problems([both]) == [refusal(both)]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("melange_port = high", "melange_port = 'high' is wrong: it must be an integer"),
        ("use_ipv6 = si", "use_ipv6 = 'si' is wrong: it must be true or false"),
        (
            "l3_lib = L3",
            f"l3_lib = 'L3' is wrong: it must be one of {L3}LinuxNetL3, {L3}NullL3",
        ),
        (
            "fixed_ip_disassociate_timeout = -1",
            (
                "fixed_ip_disassociate_timeout = '-1' is wrong: "
                "it must be an integer value, at least 0, at most 315360000"
            ),
        ),
    ],
)
def test_a_wrong_old_value_is_refused_under_its_old_name(
    write: Write, line: str, wanted: str
) -> None:
    path = write(f"[DEFAULT]\n{line}\n")
    assert refusal(path) == f"configuration {path}: [DEFAULT] {wanted}"
    assert problems([path]) == [refusal(path)]


def test_an_option_without_effect_is_told_with_the_reason(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    path = write("[DEFAULT]\nlock_path = /tmp\nldap_dns_password = hush\n")
    with caplog.at_level(logging.WARNING):
        load_config([path])
    assert caplog.messages == [
        f"{path}: option lock_path is ignored: qplug needs no lock files",
        f"{path}: option ldap_dns_password is ignored: qplug has no LDAP DNS driver",
    ]


# --- Plugins ------------------------------------------------------------------------------------

ACME = """
from oslo_config import cfg

def list_opts():
    return [(cfg.OptGroup("ipam_acme"), [
        cfg.IntOpt("port", default=1, max=99, help="Port.", deprecated_name="acme_port"),
        cfg.StrOpt("password", secret=True, help="Password."),
        cfg.IntOpt("retries", secret=True, help="Retries."),
    ])]

def broken():
    raise RuntimeError("two\\nlines")

def clash():
    return [("ipam", [cfg.BoolOpt("driver")])]
"""


@pytest.fixture
def _acme(install: Callable[..., None]) -> None:
    install("acme", "qplug.ipam_acme = acme_options:list_opts", ACME)


@pytest.mark.usefixtures("_core", "_acme")
def test_the_sample_has_every_option_with_its_default_and_nothing_of_this_machine() -> None:
    text = sample()
    assert "[ipam_acme]" in text
    assert "#port = 1" in text
    assert "\n[oslo_policy]\n" in text
    for group, options in list_opts():
        assert f"[{group.name if group else 'DEFAULT'}]" in text
        for option in options:
            assert option.help
            assert f"\n#{option.dest} =" in text
    assert socket.gethostname() not in text
    assert str(Path.home()) not in text
    assert "\n#state_path = /var/lib/qplug\n" in text
    assert text.count("#state_path =") == 1


@pytest.mark.usefixtures("_core", "_acme")
def test_the_sample_is_a_valid_file_also_when_all_of_it_is_switched_on(write: Write) -> None:
    lines = sample().splitlines()
    on = [line.removeprefix("#") if line[1:2].isalpha() else line for line in lines]
    path = write("\n".join(line for line in on if not line.endswith("<None>")))
    assert problems([path]) == []
    assert load_config([path]).state_path == "/var/lib/qplug"


@pytest.mark.usefixtures("_core", "_acme")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "[ipma]\ndriver = nova",
            "nothing installed has a section [ipma]; did you mean 'ipam'?",
        ),
        (
            "[default]\nhost = a",
            "nothing installed has a section [default]; did you mean 'DEFAULT'?",
        ),
        ("[zzz]\nx = 1", "nothing installed has a section [zzz]; see 'qplug config sample'"),
        (
            "[ipam]\nreuse-delay = 5",
            "section [ipam] has no option 'reuse-delay'; did you mean 'reuse_delay'?",
        ),
        (
            "[DEFAULT]\nmelange_hots = a",
            "section [DEFAULT] has no option 'melange_hots'; did you mean 'melange_host'?",
        ),
        (
            "[ipam_acme]\nport = 700",
            "[ipam_acme] port = '700' is wrong: it must be an integer value, at most 99",
        ),
        (
            "[ipam_acme]\nretries = hush",
            "[ipam_acme] retries is wrong: it must be an integer value",
        ),
    ],
)
def test_everything_wrong_is_found_with_a_hint(write: Write, text: str, found: str) -> None:
    path = write(text + "\n")
    assert problems([path]) == [f"configuration {path}: {found}"]


@pytest.mark.usefixtures("_core", "_acme")
def test_what_is_right_is_no_problem(write: Write) -> None:
    text = (
        "[IPAM_ACME]\nacme_port = 2\npassword = a\n[l3]\ndriver = not-installed\n"
        "[oslo_policy]\npolicy_file = a\n[DEFAULT]\nlock_path = /tmp\nmelange_host = a\n"
    )
    assert problems([write(text)]) == []


@pytest.mark.usefixtures("_core")
def test_all_problems_of_all_files_are_told(write: Write, tmp_path: Path) -> None:
    broken = write("no section\n", "broken.conf")
    wrong = write("[ipam]\nreuse_delay = a\nmore = 1\n[DEFAULT]\nmelange_port = b\n", "wrong.conf")
    missing = str(tmp_path / "missing")
    told = problems([broken, missing, wrong])
    assert [sentence.split(": ")[0].removeprefix("configuration ") for sentence in told] == [
        broken,
        missing,
        wrong,
        wrong,
        wrong,
    ]


@pytest.mark.usefixtures("_core")
def test_a_plugin_with_broken_options_is_one_sentence_and_no_more(
    install: Callable[..., None], write: Write
) -> None:
    points = (
        "qplug.a = acme_options:broken\nqplug.b = no_such_module:x\n"
        "qplug.c = acme_options:clash\nqplug.ipam_acme = acme_options:list_opts"
    )
    install("acme", points, ACME)
    raised, missing, clash = told = problems([write("[ipam_acme]\nport = 5\n")])
    assert raised == (
        "configuration options of 'qplug.a' (acme_options:broken): "
        "they cannot be used: RuntimeError: two\\nlines"
    )
    assert "'qplug.b' (no_such_module:x)" in missing
    assert "'qplug.c' (acme_options:clash)" in clash
    text = sample()
    assert "#port = 1" in text
    assert all(f"# {sentence}\n" in text for sentence in told)


# --- The documentation --------------------------------------------------------------------------


def test_the_documentation_has_the_table_of_old_names() -> None:
    page = (Path(__file__).parents[2] / "docs/configuration.md").read_text("utf-8")
    assert with_table(page) == page
    assert "| `quantum_use_dhcp` | `[dhcp] driver`; `True` means `dnsmasq`;" in page


def test_a_place_that_nobody_can_look_into_is_not_without_configuration(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "qplug"
    folder.parent.mkdir()
    assert load_config()
    folder.symlink_to(folder)
    with pytest.raises(ConfigInvalid, match="cannot be looked for"):
        load_config()


def test_a_folder_that_may_not_be_entered_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(place: str) -> None:
        raise PermissionError(13, "Permission denied", place)

    with monkeypatch.context() as as_another:
        as_another.setattr("qplug.config.files.os.stat", refused)
        with pytest.raises(ConfigInvalid, match="cannot be looked for: Permission denied"):
            load_config()
