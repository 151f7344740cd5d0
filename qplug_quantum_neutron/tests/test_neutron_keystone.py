"""Real tokens of a real Keystone, and what is written of them anywhere: nothing."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path

import pytest
from commands import Commands, qplug
from keystone import Keystone
from keystoneauth1 import loading
from neutron import Neutron
from oslo_config.cfg import ConfigOpts

from qplug.http.errors import ServiceForbids
from qplug.model import Instance
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.requirements import require
from qplug.testing.values import call, network_spec
from qplug_quantum_neutron.driver import NeutronQuantum
from qplug_quantum_neutron.options import GROUP, OPTS

__all__ = ["qplug"]

pytestmark = pytest.mark.integration

PASSWORD = "s3cret-of-nova"
SECRET = "s3cret-of-the-application"

Options = Mapping[str, str]


@dataclass(frozen=True)
class Cloud:
    """A Keystone whose catalog has a Neutron."""

    keystone: Keystone
    neutron: Neutron
    project_id: str
    """Of the instances."""
    by_password: Options
    """What an operator writes to ask as the user nova."""
    by_credential: Options
    """The same with an application credential."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    with ExitStack() as stack:
        keystone = Keystone(folder / "keystone")
        stack.callback(keystone.stop)
        keystone.start()
        for user in ("neutron", "nova"):
            made = keystone.make_user(user, PASSWORD, "service", "admin", "service")
        alice = keystone.make_user("alice", "hers", "alice", "member")
        by_password = {
            "auth_url": f"{keystone.url}/v3",
            "auth_type": "password",
            "username": "nova",
            "password": PASSWORD,
            "project_name": "service",
            "user_domain_id": "default",
            "project_domain_id": "default",
        }
        asking = {**by_password, "username": "neutron", "token_cache_time": "-1"}
        neutron = Neutron(folder / "neutron", keystone=asking)
        stack.callback(neutron.stop)
        neutron.start()
        keystone.make_endpoint("network", neutron.url)
        credential = keystone.make_credential(made["user_id"], PASSWORD, "service", SECRET)
        yield Cloud(
            keystone=keystone,
            neutron=neutron,
            project_id=alice["project_id"],
            by_password=by_password,
            by_credential={
                "auth_url": f"{keystone.url}/v3",
                "auth_type": "v3applicationcredential",
                "application_credential_id": credential,
                "application_credential_secret": SECRET,
            },
        )


@pytest.fixture
def driver_by(conf: ConfigOpts) -> Iterator[Callable[[Options], NeutronQuantum]]:
    """Return what makes drivers that log in in some way."""
    with ExitStack() as stack:

        def make(options: Options) -> NeutronQuantum:
            conf.register_opts(OPTS, group=GROUP)
            conf.register_opts(loading.get_auth_common_conf_options(), GROUP)
            if "auth_type" in options:
                way = loading.get_auth_plugin_conf_options(options["auth_type"])
                conf.register_opts(way, GROUP)
            for name, value in options.items():
                conf.set_override(name, value, GROUP)
            return stack.enter_context(closing(NeutronQuantum(conf)))

        yield make


def token_of(driver: NeutronQuantum) -> str:
    """Return the token that a driver sends."""
    neutron = driver._neutron
    headers = neutron._login.tokens.headers(call(), neutron._http.session())
    return headers["X-Auth-Token"]


@pytest.mark.parametrize("way", ["by_password", "by_credential"])
def test_the_catalog_tells_where_neutron_is_and_no_log_tells_a_secret(
    cloud: Cloud,
    driver_by: Callable[[Options], NeutronQuantum],
    make_manager: MakeManager,
    api_of: ApiOf,
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    caplog.set_level(logging.DEBUG)  # of everybody: urllib3 and keystoneauth too
    driver = driver_by(getattr(cloud, way))
    api = api_of(make_manager(quantum=driver))
    made = api.create(network_spec("10.0.0.0/24", project_id=cloud.project_id))
    one = Instance(id="5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11", project_id=cloud.project_id)
    api.allocate_for_instance(one)
    api.deallocate_for_instance(one.id)
    api.delete(made.id)
    assert driver.check(call()).startswith(f"Neutron at {cloud.neutron.url} has 0 network(s)")
    assert {"keystoneauth", "urllib3"} <= {each.name.partition(".")[0] for each in caplog.records}
    for secret in (PASSWORD, SECRET, token_of(driver)):
        assert secret not in caplog.text


def test_a_token_that_was_revoked_is_renewed(
    cloud: Cloud, driver_by: Callable[[Options], NeutronQuantum]
) -> None:
    driver = driver_by(cloud.by_password)
    assert list(driver.networks(call(), cloud.project_id)) == []
    first = token_of(driver)
    revoke(cloud.keystone, first)
    assert list(driver.networks(call(), cloud.project_id)) == []
    assert token_of(driver) != first


def revoke(keystone: Keystone, token: str) -> None:
    connection = HTTPConnection("127.0.0.1", keystone.port, timeout=30)
    with closing(connection):
        headers = {"X-Auth-Token": token, "X-Subject-Token": token}
        connection.request("DELETE", "/v3/auth/tokens", headers=headers)
        assert connection.getresponse().status == 204


def test_a_password_that_is_wrong_is_said_to_be_without_saying_it(
    cloud: Cloud,
    driver_by: Callable[[Options], NeutronQuantum],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    driver = driver_by({**cloud.by_password, "password": "wr0ng"})
    with pytest.raises(ServiceForbids) as raised:
        driver.check(call())
    assert str(raised.value) == (
        f"Keystone does not know who asks: a token of {cloud.keystone.url}/v3 was answered with "
        "401; check the credentials in [quantum_neutron]"
    )
    assert "wr0ng" not in caplog.text


@pytest.mark.filterwarnings("ignore:Support for InfluxDB")
def test_a_cloud_of_clouds_yaml_says_as_whom_to_ask(
    cloud: Cloud,
    driver_by: Callable[[Options], NeutronQuantum],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require(find_spec("openstack"), "openstacksdk is not installed; run make")
    auth = {name: value for name, value in cloud.by_password.items() if name != "auth_type"}
    file = tmp_path / "clouds.yaml"
    said = {"clouds": {"ours": {"auth": auth, "region_name": "R1"}}}
    file.write_text(json.dumps(said))  # which is YAML too
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    driver = driver_by({"cloud": "ours"})
    assert "has 0 network(s)" in driver.check(call())


def test_commands_write_no_secret_even_with_debug(
    cloud: Cloud, qplug: Commands, tmp_path: Path
) -> None:
    said = "".join(f"{name} = {value}\n" for name, value in cloud.by_password.items())
    qplug.configure(f"[quantum]\ndriver = neutron\n[quantum_neutron]\n{said}")
    done = [
        qplug("--debug driver check quantum"),
        qplug(f"--debug network create blue --project {cloud.project_id} --cidr 10.0.0.0/24"),
        qplug("--debug network delete blue"),
    ]
    assert [each.code for each in done] == [0, 0, 0]
    written = "".join(each.out + each.err for each in done)
    written += "".join(file.read_text() for file in tmp_path.rglob("*.log"))
    assert "delete_network" in written
    assert " debug: " in written
    assert PASSWORD not in written
    assert "gAAAA" not in written  # with which tokens begin
