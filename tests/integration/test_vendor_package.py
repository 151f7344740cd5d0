"""R100: a vendor's package, built outside of the core, is found, chosen, used and missed by name.

The package is the one that docs/drivers.md shows. It is installed as wheels are, into environments
that have nothing of ours but what a test installs; see :class:`installing.Environment`.
"""

import json
from pathlib import Path

import pytest
from documentation import write_files
from installing import Environment, build_wheels

pytestmark = pytest.mark.integration

INSTANCE = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
LEDGER = "[ipam]\ndriver = ledger\n"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the vendor's package."""
    return write_files("docs/drivers.md", tmp_path_factory.mktemp("vendor"))


@pytest.fixture(scope="module")
def shipped(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that the vendor ships."""
    folder = tmp_path_factory.mktemp("shipped")
    build_wheels(folder, package)
    (wheel,) = folder.iterdir()
    return wheel


@pytest.fixture
def vendor(environment: Environment, shipped: Path) -> Environment:
    """Return an environment with the core, our IPAM driver and the vendor's, which is chosen."""
    environment.install("qplug-core", "qplug-ipam-nova", shipped)
    environment.configure(LEDGER)
    return environment


def test_r100_a_vendors_driver_is_listed_with_its_package(vendor: Environment) -> None:
    listed = json.loads(vendor.run("qplug", "driver", "list", "-f", "json"))
    found = {each["name"]: each for each in listed if each["kind"] == "ipam"}
    assert sorted(found) == ["ledger", "memory", "nova"]
    assert (found["ledger"]["package"], found["ledger"]["state"]) == ("qplug-ipam-ledger", "ok")


def test_r100_a_vendors_driver_serves_the_network_that_it_is_chosen_for(
    vendor: Environment,
) -> None:
    vendor.run("qplug", "network", "create", "blue", "--cidr", "10.20.0.0/24")
    vendor.run("qplug", "instance", "allocate", INSTANCE, "--project", "alice")
    (vif,) = json.loads(vendor.run("qplug", "instance", "show", INSTANCE, "-f", "json"))
    assert vif["network"]["subnets"][0]["ips"][0]["address"] == "10.20.0.2"
    assert "ledger.sqlite holds 1 address(es)" in vendor.run("qplug", "driver", "check", "ipam")
    vendor.run("qplug", "instance", "deallocate", INSTANCE)
    assert "ledger.sqlite holds 0 address(es)" in vendor.run("qplug", "driver", "check", "ipam")
    vendor.run("qplug", "network", "delete", "blue")


def test_r100_a_vendors_driver_passes_the_suite_that_is_shipped(
    vendor: Environment, package: Path
) -> None:
    said = vendor.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package))
    assert " passed" in said


def test_r100_a_vendors_driver_that_is_gone_is_missed_in_one_sentence(vendor: Environment) -> None:
    vendor.run("qplug", "network", "create", "blue", "--cidr", "10.20.0.0/24")
    vendor.uninstall("qplug-ipam-ledger")
    missed = vendor.call("qplug", "instance", "allocate", INSTANCE, "--project", "alice")
    assert (missed.returncode, missed.stdout) == (1, "")
    assert missed.stderr == (
        "qplug: error: no ipam driver is called 'ledger' (installed: memory, nova); "
        "install the package that brings it, or name one of those\n"
    )


def test_r100_the_core_alone_says_which_package_brings_the_default_driver(
    environment: Environment,
) -> None:
    environment.install("qplug-core")
    missed = environment.call("qplug", "network", "create", "blue", "--cidr", "10.20.0.0/24")
    assert (missed.returncode, missed.stdout) == (1, "")
    assert missed.stderr == (
        "qplug: error: no ipam driver is called 'nova' (installed: memory); "
        "install the package qplug-ipam-nova\n"
    )


def test_r100_the_core_alone_serves_one_process_from_memory(environment: Environment) -> None:
    environment.install("qplug-core")
    environment.configure(
        "[database]\nconnection = sqlite://\n[ipam]\ndriver = memory\n[quantum]\ndriver = memory\n"
    )
    program = environment.folder / "one_process.py"
    program.write_text(ONE_PROCESS)
    assert environment.run("python", str(program)) == "10.20.0.2\n"


ONE_PROCESS = f"""
from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.model import Instance

manager = create_manager(load_config())
api = NetworkApi(manager, Context(is_admin=True))
api.create_networks(label="blue", cidr="10.20.0.0/24")
info = api.allocate_for_instance(Instance(id="{INSTANCE}", project_id="alice"))
print(*(ip.address for ip in info.fixed_ips()))
manager.close()
"""
