"""An administrator is let through without oslo.policy only because the rules would do so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from oslo_config.cfg import ConfigOpts
from oslo_policy import policy

from qplug.config import load_config
from qplug.errors import PolicyNotAuthorized
from qplug.manager import Context
from qplug.manager.policy import ACTIONS, Policy, rules

ADMIN = {"is_admin": True, "roles": []}


@pytest.mark.parametrize("target", [{}, {"project_id": "a"}, {"is_global": "True"}], ids=str)
def test_every_default_rule_lets_an_administrator(conf: ConfigOpts, target: dict[str, str]) -> None:
    enforcer = policy.Enforcer(conf)
    enforcer.register_defaults(rules())
    for rule in ("admin", *(f"network:{action}" for action in ACTIONS)):
        assert enforcer.enforce(rule, target, ADMIN), rule


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigOpts:
    """Return the configuration of a file in a directory of its own, below a home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("qplug.manager.policy.SYSTEMS_PLACE", str(tmp_path / "etc/qplug"))
    (tmp_path / "beside").mkdir()
    file = tmp_path / "beside/qplug.conf"
    file.write_text("")
    return load_config([str(file)])


@pytest.mark.parametrize(
    "place",
    [
        "beside/policy.yaml",
        "beside/policy.d/more.yaml",
        "etc/qplug/policy.yaml",
        "etc/qplug/policy.d/more.yaml",
    ],
)
def test_a_policy_file_that_appears_later_binds_an_administrator_too(
    configured: ConfigOpts, tmp_path: Path, place: str
) -> None:
    checked, admin = Policy(configured), Context(is_admin=True)
    checked.check(admin, "init_host")
    _forbid_init_host(tmp_path / place)
    with pytest.raises(PolicyNotAuthorized):
        checked.check(admin, "init_host")
    checked.check(admin, "get_all_networks")


@pytest.mark.parametrize(
    "place",
    [
        "policy.yaml",
        ".qplug/policy.yaml",
        "policy.d/a.yaml",
        "etc/policy.yaml",
        "snap/etc/qplug/policy.yaml",
    ],
)
def test_a_policy_file_elsewhere_binds_nobody(
    configured: ConfigOpts, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNAP", str(tmp_path / "snap"))
    _forbid_init_host(tmp_path / place)
    checked = Policy(configured)
    for admin in (Context(is_admin=True), Context(project_id="p", roles=("admin",))):
        checked.check(admin, "init_host")


def test_oslo_policy_is_not_imported_for_an_administrator_without_a_policy_file() -> None:
    """Importing it takes longer than most commands."""
    code = (
        "import sys; from qplug.config import load_config; from qplug.manager import Context; "
        "from qplug.manager.policy import Policy; "
        "Policy(load_config([])).check(Context(is_admin=True), 'init_host'); "
        "print('oslo_policy.policy' in sys.modules)"
    )
    env = {**os.environ, "QPLUG_CONFIG": os.devnull}
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert run.stdout == "False\n"


def _forbid_init_host(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('"network:init_host": "!"\n')
