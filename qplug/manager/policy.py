"""Who may do what: rules of oslo.policy, checked against the target's real owner."""

import os
from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from oslo_config.cfg import ConfigOpts
from oslo_policy import opts

from qplug.errors import ConfigInvalid, PolicyNotAuthorized
from qplug.manager.context import Context

if TYPE_CHECKING:
    from oslo_policy import policy

DEFAULT_FILE = "policy.yaml"
"""Overrides the rules where it is found; it need not be there."""

SYSTEMS_PLACE = "/etc/qplug"
"""Where policy files are looked for that are not beside a configuration file."""

ADMIN = "rule:admin"
OWNER = "rule:admin_or_owner"
USER = "rule:admin_or_owner or 'True':%(is_global)s"
ANYONE = "@"

ACTIONS = {
    "create_networks": (OWNER, "Make a network; a global one has no owner"),
    "get_all_networks": (ANYONE, "List the networks the caller sees"),
    "get_network": (USER, "Look at a network"),
    "update_network": (OWNER, "Change a network's label, priority, zone, bandwidth or subnets"),
    "delete_network": (OWNER, "Delete a network"),
    "disassociate_network": (ADMIN, "Take owner and host from a network"),
    "set_network_host": (ADMIN, "Give a network a host"),
    "move_network": (ADMIN, "Have another host serve a network"),
    "get_services": (ADMIN, "See which services there are"),
    "validate_networks": (ANYONE, "Check that networks can be used"),
    "get_network_usage": (USER, "See how full a network's subnets are"),
    "allocate_for_instance": (OWNER, "Give an instance its vifs"),
    "deallocate_for_instance": (OWNER, "Take an instance's vifs back"),
    "get_instance_nw_info": (OWNER, "Look at an instance's network info"),
    "get_all_instances": (ANYONE, "List the instances the caller sees"),
    "get_instance_uuids_by_ip_filter": (ANYONE, "Find instances by their addresses"),
    "get_vifs_by_instance": (OWNER, "List an instance's vifs"),
    "get_vif_by_mac_address": (OWNER, "Find a vif by its MAC address"),
    "get_fixed_ip": (OWNER, "Look at a fixed IP"),
    "get_fixed_ip_by_address": (OWNER, "Find a fixed IP by its address"),
    "get_all_fixed_ips": (ANYONE, "List the fixed IPs the caller sees"),
    "add_fixed_ip_to_instance": (OWNER, "Give an instance one address more"),
    "remove_fixed_ip_from_instance": (OWNER, "Take an address from an instance"),
    "init_host": (ADMIN, "Make a host serve its networks"),
    "get_pending": (ADMIN, "List work that is unfinished and that nobody does"),
    "retry_pending": (ADMIN, "Try pending work now"),
    "drop_pending": (ADMIN, "Forget pending work as it is"),
    "audit": (ADMIN, "Compare drivers and store, and repair what differs"),
    "plug_vif": (ADMIN, "Connect a vif's device on a host"),
    "unplug_vif": (ADMIN, "Remove a vif's device from a host"),
    "get_dhcp_hosts": (ADMIN, "See whom DHCP answers on a network"),
    "get_dhcp_domain": (ADMIN, "See the domain that instances of a network are told"),
    "get_dhcp_leases": (ADMIN, "See which leases the clients of a network hold"),
    "sweep_host": (ADMIN, "Let addresses go whose leases ended on a host"),
    "serve_vif": (ADMIN, "Have a host serve a vif, as services ask each other"),
    "tell_vifs": (ADMIN, "Have a host serve vifs with what they have, as services ask each other"),
    "change_served": (ADMIN, "Have a host serve other subnets, as services ask each other"),
    "remove_gateway": (ADMIN, "Have a host remove a gateway, as services ask each other"),
    "stop_network": (ADMIN, "Have a host stop serving a network, as services ask each other"),
    "restore_network": (ADMIN, "Have a host serve a network, as services ask each other"),
}
"""Every guarded operation, with its default rule and what it lets a caller do."""


def rules() -> "Sequence[policy.RuleDefault]":
    """Return the defaults, which a policy file may override."""
    from oslo_policy import policy

    return [
        policy.RuleDefault("admin", "is_admin:True or role:admin", "Sees and does everything"),
        policy.RuleDefault(
            "admin_or_owner",
            "rule:admin or project_id:%(project_id)s",
            "Does everything to what is its own",
        ),
        *(
            policy.RuleDefault(f"network:{action}", rule, description)
            for action, (rule, description) in ACTIONS.items()
        ),
    ]


class Policy:
    """Checks callers against the rules. A policy file that changes is read again.

    :raises ConfigInvalid: the policy file is named but missing, or cannot be understood
    """

    def __init__(self, conf: ConfigOpts) -> None:
        opts.set_defaults(conf)
        self._conf: Any = _Places(conf)  # all that oslo.policy asks of a ConfigOpts
        self._file = str(conf.oslo_policy.policy_file)
        if self._file != DEFAULT_FILE and self._conf.find_file(self._file) is None:
            raise ConfigInvalid(self._file, "there is no such policy file")
        self._turn = Lock()  # while oslo.policy reads a changed file, rules are missing
        if self._overridden():
            self._allows("admin", None, Context())

    def check(self, context: Context, action: str, owner: str | None = None) -> None:
        """Let the caller do something to what the owner has, or refuse it.

        :param owner: a project; ``None`` for what is nobody's, or everybody's
        :raises PolicyNotAuthorized: the rule says no
        """
        if not self._allows(f"network:{action}", owner, context):
            raise PolicyNotAuthorized(f"network:{action}", context.project_id)

    def actions(self) -> Sequence[str]:
        """Return the names of the rules that are asked for."""
        return [f"network:{action}" for action in ACTIONS]

    def unknown_actions(self) -> Sequence[str]:
        """Return rules of the files that nothing asks for; other names are parts of rules."""
        if not self._overridden():
            return ()
        with self._turn:
            self._enforcer.load_rules()
            named = sorted(self._enforcer.file_rules)
        known = self.actions()
        return [name for name in named if name.startswith("network:") and name not in known]

    def sees(self, context: Context) -> str | None:
        """Return the project whose things the caller may know of; ``None`` means all things."""
        return None if self._allows("admin", None, context) else context.project_id or ""

    @cached_property
    def _enforcer(self) -> "policy.Enforcer":
        from oslo_policy import policy  # a tenth of a second, as it loads requests

        enforcer = policy.Enforcer(self._conf)
        enforcer.register_defaults(rules())
        return enforcer

    def _overridden(self) -> bool:
        """Say whether the rules may be others than the default ones."""
        files = (self._file, *self._conf.oslo_policy.policy_dirs)
        found = (self._conf.find_file(file) is not None for file in files)
        return self._file != DEFAULT_FILE or any(found)

    def _allows(self, rule: str, owner: str | None, context: Context) -> bool:
        if context.is_admin and not self._overridden():
            return True  # as every default rule says; most commands need not import oslo.policy
        target = _known(project_id=owner, is_global=str(owner is None))
        try:
            with self._turn:
                return bool(self._enforcer.enforce(rule, target, _credentials(context)))
        except Exception as error:  # whatever oslo.policy stumbles over in the file
            reason = str(error).partition("\n")[0]
            raise ConfigInvalid(self._file, f"it is no policy file: {reason}") from error


class _Places:
    """A configuration whose files are in the documented places; oslo.config has more, as ``~``."""

    def __init__(self, conf: ConfigOpts) -> None:
        self._conf = conf

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conf, name)

    def find_file(self, name: str) -> str | None:
        """Return the path of a file or directory, if it is there; a full path is its own."""
        beside = (os.path.dirname(os.path.abspath(file)) for file in reversed(self.config_file))
        paths = (os.path.join(place, name) for place in (*beside, SYSTEMS_PLACE))
        return next((path for path in paths if os.path.exists(path)), None)


def _credentials(context: Context) -> dict[str, Any]:
    return _known(
        project_id=context.project_id,
        user_id=context.user_id,
        roles=list(context.roles),
        is_admin=context.is_admin,
    )


def _known(**facts: Any) -> dict[str, Any]:
    """Leave out what nobody is: compared as text, it would equal a project called None."""
    return {name: fact for name, fact in facts.items() if fact is not None}
