"""Options are documented, and a check says in one sentence what is wrong with them."""

import re
from pathlib import Path

import pytest
from commands import Commands, qplug
from neutron import Neutron
from oslo_config.cfg import ConfigOpts
from untrusted import behind_tls

from qplug.config import load_config
from qplug.config.check import problems
from qplug.errors import ConfigInvalid
from qplug.http.server import Answer, Front, Request, StandIn
from qplug_quantum_neutron.driver import NeutronQuantum
from qplug_quantum_neutron.options import GROUP, OPTS, list_opts

__all__ = ["qplug"]

PAGE = Path(__file__).parents[2] / "docs/quantum-neutron.md"


def test_the_page_has_every_option_with_its_default_and_its_help() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    told = {name: (default.strip("`"), meaning) for name, default, meaning in rows}
    assert told == {opt.name: (shown(opt.default), opt.help) for opt in OPTS}


def shown(default: object) -> str:
    if isinstance(default, list):
        return ",".join(default)
    return "empty" if default in ("", {}) else str(default)


def test_all_ways_to_log_in_may_be_configured(tmp_path: Path) -> None:
    ((group, options),) = list_opts()
    names = {option.dest for option in options}
    assert group == GROUP
    assert {"auth_type", "username", "password", "application_credential_secret", "token"} <= names
    file = tmp_path / "qplug.conf"
    file.write_text(
        "[quantum]\ndriver = neutron\n[quantum_neutron]\nauth_type = password\n"
        "auth_url = http://127.0.0.1/v3\nusername = nova\npassword = x\nproject_name = service\n"
    )
    assert problems([str(file)]) == []
    NeutronQuantum(load_config([str(file)])).close()


def test_a_sample_tells_of_nothing_that_is_not_there(qplug: Commands) -> None:
    done = qplug("config sample")
    assert (done.code, done.err) == (0, "")
    assert "#application_credential_secret" in done.out


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("auth_type = pasword", "pasword"),
        ("auth_type = password", "auth_url"),
        ("cloud = nowhere", "nowhere"),
    ],
)
def test_a_way_to_log_in_that_is_none_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "qplug.conf"
    file.write_text(f"[quantum_neutron]\n{said}\n")
    with pytest.raises(ConfigInvalid, match=reason) as raised:
        NeutronQuantum(load_config([str(file)]))
    assert "[quantum_neutron]" in str(raised.value)


def test_clouds_without_openstacksdk_say_what_to_install(
    conf: ConfigOpts, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.register_opts(OPTS, group=GROUP)
    conf.set_override("cloud", "ours", GROUP)
    monkeypatch.setitem(__import__("sys").modules, "openstack.config", None)
    with pytest.raises(ConfigInvalid, match=r"qplug-quantum-neutron\[clouds\]"):
        NeutronQuantum(conf)


# --- qplug driver check quantum -----------------------------------------------------------------


def checked(qplug: Commands, url: str, more: str = "") -> tuple[int, str]:
    """Return what the command says of a server, and its exit code."""
    qplug.configure(f"[quantum]\ndriver = neutron\n[quantum_neutron]\nurl = {url}\n{more}")
    done = qplug("driver check quantum -f value")
    assert done.err == ""
    (line,) = done.out.splitlines()
    return done.code, line.removeprefix("quantum neutron ")


@pytest.mark.integration
def test_a_check_says_what_answered(qplug: Commands, neutron: Neutron) -> None:
    said = f"Neutron at {neutron.url} has 0 network(s) of project 'default'"
    assert checked(qplug, f"{neutron.url}/v2.0/") == (0, said)


def test_a_check_says_that_there_is_no_such_host(qplug: Commands) -> None:
    code, said = checked(qplug, "http://nowhere.invalid:9696")
    assert code == 1
    assert "there is no host of the name in http://nowhere.invalid:9696" in said


def test_a_check_says_that_nobody_listens(qplug: Commands) -> None:
    code, said = checked(qplug, "http://127.0.0.1:1")
    assert code == 1
    assert said.startswith("Neutron at http://127.0.0.1:1 does not answer: the connection was ref")


def test_a_check_says_that_nobody_says_where(qplug: Commands) -> None:
    code, said = checked(qplug, "")
    assert code == 1
    assert said == (
        "configuration [quantum_neutron]: the catalog has no such network service; set url, or "
        "another region_name"
    )


def test_a_check_says_that_a_certificate_is_not_trusted(qplug: Commands, tmp_path: Path) -> None:
    with behind_tls(tmp_path) as url:
        code, said = checked(qplug, url)
    assert code == 1
    assert said.startswith(f"there is no TLS with Neutron at {url}: ")
    assert "self-signed" in said


@pytest.mark.integration
@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("auth_type = admin_token\ntoken = expired\n", "Neutron does not know who asks: GET "),
        ("path", "GET {url}/network/v2.0/extensions was answered with 404 and"),
    ],
    ids=["401", "wrong path"],
)
def test_a_check_says_who_is_not_known_and_which_path_is_not_neutrons(
    qplug: Commands, neutron: Neutron, said: str, sentence: str
) -> None:
    url, more = (f"{neutron.url}/network", "") if said == "path" else (neutron.url, said)
    if more:
        more += f"endpoint = {neutron.url}\n"
    code, found = checked(qplug, url, more)
    assert code == 1
    assert found.startswith(sentence.format(url=neutron.url))


@pytest.mark.integration
def test_a_check_says_who_is_not_allowed(qplug: Commands, neutron: Neutron) -> None:
    with Front(neutron.url) as front:
        front.fail_next(
            403, text='{"NeutronError": {"type": "t", "message": "no role", "detail": ""}}'
        )
        code, said = checked(qplug, front.url)
    assert code == 1
    assert said.startswith(
        f"Neutron forbids GET {front.url}/v2.0/extensions (403: no role); see in"
    )


class Old(StandIn):
    """A Neutron of long ago, of which only its extensions matter."""

    def answer(self, request: Request) -> Answer:
        """Tell of few."""
        return Answer(200, b'{"extensions": [{"alias": "binding"}]}', "application/json")


def test_a_check_says_that_neutron_is_too_old(qplug: Commands) -> None:
    with Old() as old:
        code, said = checked(qplug, old.url)
    assert code == 1
    assert said == (
        f"Neutron at {old.url} has no extension allowed-address-pairs and none called "
        "port-security and none called standard-attr-description, which the driver needs; "
        "it is too old, or it is switched off there"
    )


# --- networks made elsewhere --------------------------------------------------------------------


@pytest.mark.integration
def test_a_network_made_elsewhere_is_adopted_used_and_left_there_unless_that_is_said(
    qplug: Commands, neutron: Neutron
) -> None:
    qplug.configure(f"[quantum]\ndriver = neutron\n[quantum_neutron]\nurl = {neutron.url}\n")
    wanted = {"network": {"name": "theirs", "tenant_id": "alice"}}
    there = neutron.ask("POST", "networks", wanted)["network"]["id"]
    adopt = f"network create blue --uuid {there} --cidr 10.20.0.0/24 --project"
    assert f"Quantum has no network '{there}' for project 'bob'" in qplug(f"{adopt} bob").sentence
    assert qplug(f"{adopt} alice -f json").json["adopted"] is True
    vm = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
    (vif,) = qplug(f"instance allocate {vm} --project alice -f json").json
    (port,) = neutron.ask("GET", "ports", device_id=vm)["ports"]
    assert (port["network_id"], port["name"]) == (there, vif["id"])
    assert qplug("audit").code == 0
    assert qplug(f"instance deallocate {vm}").code == 0
    assert qplug("network delete blue").code == 0
    left = neutron.ask("GET", f"networks/{there}")["network"]
    assert (left["name"], left["subnets"]) == ("theirs", [])
    assert neutron.ask("GET", "ports")["ports"] == []
    assert qplug(f"{adopt} alice").code == 0
    assert qplug("network delete blue --with-quantum").code == 0
    assert neutron.ask("GET", "networks")["networks"] == []
