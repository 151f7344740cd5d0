"""An administrator is let through without oslo.policy only because the rules would do so."""

from pathlib import Path

import pytest
from oslo_config.cfg import ConfigOpts
from oslo_policy import policy

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


def test_a_policy_file_that_appears_later_binds_an_administrator_too(
    conf: ConfigOpts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    checked, admin = Policy(conf), Context(is_admin=True)
    checked.check(admin, "init_host")
    (tmp_path / ".qplug").mkdir()
    (tmp_path / ".qplug/policy.yaml").write_text('"network:init_host": "!"\n')
    with pytest.raises(PolicyNotAuthorized):
        checked.check(admin, "init_host")
    checked.check(admin, "get_all_networks")
