"""Projects are walls: who sees what, who may do what, and what a policy file changes."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from inspect import getmembers, isfunction
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from doors import ADMIN, ADMINS, NAMED, OPERATIONS, SILENT, network_and_instance
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.errors import (
    AmbiguousLabel,
    ConfigInvalid,
    Forbidden,
    InvalidInput,
    NetworkNotFound,
    NotFound,
    PolicyNotAuthorized,
)
from qplug.manager import Context, Manager
from qplug.manager.policy import ACTIONS, Policy, rules
from qplug.model import Instance, Network
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.values import OTHER_PROJECT, PROJECT, network_spec

SEVEN = {
    "get_all_networks",
    "get_network",
    "delete_network",
    "allocate_for_instance",
    "deallocate_for_instance",
    "validate_networks",
    "get_instance_nw_info",
}
"""What Nova's QuantumManager overrode without its guard."""


@pytest.fixture
def forbid(conf: ConfigOpts, tmp_path: Path) -> Callable[..., None]:
    """Return what writes a policy file that overrides rules."""
    seconds = count(1_800_000_000)

    def write(**overrides: str) -> None:
        file = tmp_path / "rules.yaml"
        lines = (f'"{name.replace("__", ":")}": "{rule}"\n' for name, rule in overrides.items())
        written = tmp_path / "rules.new"
        written.write_text("".join(lines))
        os.utime(written, times=(next(seconds), next(seconds)))  # it is read again if newer
        written.rename(file)
        Policy(conf)  # which registers the option
        conf.set_override("policy_file", str(file), "oslo_policy")

    return write


@pytest.fixture
def instance() -> Instance:
    return Instance(id=str(uuid4()), project_id=PROJECT)


def labels(networks: Sequence[Network]) -> list[str]:
    return [network.label for network in networks]


def made(api: NetworkApi, label: str, cidr: str, project_id: str | None) -> Network:
    return api.create(network_spec(cidr, label=label, project_id=project_id))


def refusal_of(action: str) -> AbstractContextManager[object]:
    """Return what expects how the action is refused to a stranger, if it is."""
    if action in SILENT:
        return nullcontext()
    return pytest.raises(Forbidden if action in NAMED else NotFound)


# --- guards -------------------------------------------------------------------------------------


def test_every_guarded_action_is_in_the_table_of_this_test() -> None:
    assert OPERATIONS.keys() == ACTIONS.keys()


def test_every_operation_of_the_door_has_an_action_of_its_name() -> None:
    doors = {name for name, _ in getmembers(Manager, isfunction) if not name.startswith("_")}
    assert {name.replace("create_network", "create_networks") for name in doors} - {
        "close"
    } == ACTIONS.keys()


@pytest.mark.parametrize("action", sorted(OPERATIONS))
def test_r96_each_operation_of_the_door_asks_the_policy_under_its_own_name(
    action: str,
    make_manager: MakeManager,
    api_of: ApiOf,
    forbid: Callable[..., None],
    instance: Instance,
) -> None:
    """R96: the guards that were lost are among them; an owner is refused by the rule alone."""
    forbid(**{f"network__{action}": "!"})
    manager = make_manager()
    owner = Context(project_id=PROJECT)
    network = network_and_instance(manager, instance, besides=action)
    with pytest.raises(PolicyNotAuthorized) as refused:
        OPERATIONS[action](manager, owner, network, instance)
    assert refused.value.action == f"network:{action}"
    assert refused.value.project_id == PROJECT


def test_r96_the_seven_guards_that_were_lost_are_back() -> None:
    assert SEVEN - ACTIONS.keys() == set()


@pytest.mark.parametrize("action", sorted(OPERATIONS))
def test_an_owner_may_do_to_its_own_all_but_what_is_an_administrators(
    action: str, manager: Manager, instance: Instance
) -> None:
    network = network_and_instance(manager, instance, besides=action)
    owner = Context(project_id=PROJECT)
    if action in ADMINS:
        with pytest.raises(PolicyNotAuthorized):
            OPERATIONS[action](manager, owner, network, instance)
    else:
        OPERATIONS[action](manager, owner, network, instance)


@pytest.mark.parametrize("action", sorted(OPERATIONS))
def test_nobody_can_do_or_learn_anything_of_another_projects_things(
    action: str, manager: Manager, instance: Instance
) -> None:
    network = network_and_instance(manager, instance, besides=action)
    before = manager.get_network(ADMIN, network.id), list(manager.get_all_fixed_ips(ADMIN))
    stranger = Context(project_id=OTHER_PROJECT)
    with refusal_of(action):
        answer = OPERATIONS[action](manager, stranger, network, instance)
        assert not answer or action == "create_networks"
    after = manager.get_network(ADMIN, network.id), list(manager.get_all_fixed_ips(ADMIN))
    assert after == before


@pytest.mark.parametrize("action", sorted(OPERATIONS))
def test_the_default_rules_let_an_administrator_do_everything(
    action: str, make_manager: MakeManager, forbid: Callable[..., None], instance: Instance
) -> None:
    """They are not asked at all unless there is a policy file, be it an empty one."""
    forbid()
    manager = make_manager()
    network = network_and_instance(manager, instance, besides=action)
    OPERATIONS[action](manager, ADMIN, network, instance)


# --- who sees what ------------------------------------------------------------------------------


@pytest.fixture
def three(manager: Manager, api_of: ApiOf) -> Manager:
    """Return a manager with networks of two projects and a global one."""
    admin = api_of(manager)
    made(admin, "ours", "10.0.0.0/24", PROJECT)
    made(admin, "theirs", "10.0.0.0/24", OTHER_PROJECT)
    made(admin, "everybodys", "10.0.0.0/24", None)
    return manager


def test_a_member_sees_its_own_and_global_networks(three: Manager, api_of: ApiOf) -> None:
    assert set(labels(api_of(three, PROJECT).get_all())) == {"ours", "everybodys"}


def test_an_administrator_sees_all_networks(three: Manager, api_of: ApiOf) -> None:
    assert set(labels(api_of(three).get_all())) == {"ours", "theirs", "everybodys"}


def test_an_administrator_with_a_project_sees_all_networks(three: Manager, api_of: ApiOf) -> None:
    admin = api_of(three, PROJECT, is_admin=True)
    assert set(labels(admin.get_all())) == {"ours", "theirs", "everybodys"}
    admin.delete("theirs")


def test_the_role_admin_makes_an_administrator(three: Manager, api_of: ApiOf) -> None:
    admin = api_of(three, PROJECT, roles=("Admin",))
    assert set(labels(admin.get_all())) == {"ours", "theirs", "everybodys"}
    assert admin.set_host("theirs") == "host-1"
    admin.delete("theirs")


def test_another_role_makes_nobody_an_administrator(three: Manager, api_of: ApiOf) -> None:
    reader = api_of(three, PROJECT, roles=("reader", "administrator"))
    assert set(labels(reader.get_all())) == {"ours", "everybodys"}


def test_a_caller_without_project_and_rights_sees_global_networks_only(
    three: Manager, api_of: ApiOf
) -> None:
    nobody = api_of(three, None, is_admin=False)
    assert labels(nobody.get_all()) == ["everybodys"]


@pytest.mark.parametrize("name", ["theirs", "no such network"])
def test_what_a_member_may_not_see_is_not_found_as_if_it_were_not_there(
    name: str, three: Manager, api_of: ApiOf
) -> None:
    member = api_of(three, PROJECT)
    found = api_of(three).get(name).id if name == "theirs" else str(uuid4())
    for word in (name, found):
        for refused in (
            lambda word=word: member.get(word),
            lambda word=word: member.update(word, priority=1),
            lambda word=word: member.delete(word),
            lambda word=word: member.set_host(word),
            lambda word=word: member.disassociate(word),
            lambda word=word: member.validate_networks([word]),
            lambda word=word: member.get_usage(word),
        ):
            with pytest.raises(NetworkNotFound) as error:
                refused()
            assert (error.value.network, error.value.project_id) == (word, PROJECT)


def test_a_member_reads_a_global_network_and_may_not_change_it(
    three: Manager, api_of: ApiOf
) -> None:
    member = api_of(three, PROJECT)
    before = member.get("everybodys")
    member.validate_networks(["everybodys"])
    assert [network.label for network, _ in member.get_usage("everybodys")] == ["everybodys"]
    for refused in (
        lambda: member.update("everybodys", label="mine"),
        lambda: member.delete("everybodys"),
        lambda: member.set_host("everybodys"),
        lambda: member.disassociate("everybodys"),
    ):
        with pytest.raises(PolicyNotAuthorized):
            refused()
    assert member.get("everybodys") == before


@pytest.mark.parametrize("project_id", [None, "None", "null", "nobody"])
def test_a_global_network_is_not_owned_by_whoever_has_no_project_or_a_project_called_so(
    project_id: str | None, three: Manager, api_of: ApiOf
) -> None:
    caller = api_of(three, project_id, is_admin=False)
    with pytest.raises(PolicyNotAuthorized):
        caller.delete("everybodys")
    with pytest.raises(PolicyNotAuthorized):
        made(caller, "mine", "10.1.0.0/24", None)


@pytest.mark.parametrize("owner", [OTHER_PROJECT, None])
def test_a_member_makes_networks_for_its_own_project_only(
    owner: str | None, manager: Manager, api_of: ApiOf
) -> None:
    member = api_of(manager, PROJECT)
    with pytest.raises(PolicyNotAuthorized) as refused:
        made(member, "blue", "10.0.0.0/24", owner)
    assert refused.value.action == "network:create_networks"
    assert made(member, "blue", "10.0.0.0/24", PROJECT).project_id == PROJECT
    assert labels(api_of(manager).get_all()) == ["blue"]


def test_a_label_of_its_own_and_a_global_one_are_told_apart_by_id(
    manager: Manager, api_of: ApiOf
) -> None:
    admin, member = api_of(manager), api_of(manager, PROJECT)
    own = made(admin, "blue", "10.0.0.0/24", PROJECT)
    common = made(admin, "blue", "10.0.0.0/24", None)
    with pytest.raises(AmbiguousLabel) as error:
        member.get("blue")
    assert set(error.value.networks) == {own.id, common.id}
    assert member.get(own.id) == own


def test_a_label_of_another_project_is_not_ambiguous(manager: Manager, api_of: ApiOf) -> None:
    admin = api_of(manager)
    own = made(admin, "blue", "10.0.0.0/24", PROJECT)
    made(admin, "blue", "10.0.0.0/24", OTHER_PROJECT)
    assert api_of(manager, PROJECT).get("blue") == own


def test_an_update_cannot_reach_through_to_another_network_or_owner(
    three: Manager, api_of: ApiOf
) -> None:
    """Changes are named, not any attribute: an id among them would name what is written to."""
    admin, member = api_of(three), api_of(three, PROJECT)
    before = admin.get_all()
    for change in (
        {"id": admin.get("theirs").id},
        {"project_id": OTHER_PROJECT},
        {"quantum_project": OTHER_PROJECT},
        {"host": "host-2"},
        {"adopted": True},
        {"state": "deleting"},
    ):
        with pytest.raises(InvalidInput):
            member.update("ours", label="mine", **change)
    assert admin.get_all() == before


@pytest.mark.parametrize("project_id", ["", " ", "a\nb", "a\x00", "\ud800", "p" * 256])
def test_a_caller_cannot_speak_for_a_project_that_cannot_be(project_id: str) -> None:
    with pytest.raises(InvalidInput):
        Context(project_id=project_id)


# --- the policy file ----------------------------------------------------------------------------


def test_the_policy_file_can_open_an_action_to_members(
    make_manager: MakeManager, api_of: ApiOf, forbid: Callable[..., None]
) -> None:
    forbid(network__set_network_host="rule:admin_or_owner")
    manager = make_manager()
    made(api_of(manager), "ours", "10.0.0.0/24", PROJECT)
    assert api_of(manager, PROJECT).set_host("ours") == "host-1"


def test_the_policy_file_says_who_is_an_administrator(
    make_manager: MakeManager, api_of: ApiOf, forbid: Callable[..., None]
) -> None:
    forbid(admin="is_admin:True or role:operator")
    manager = make_manager()
    made(api_of(manager), "theirs", "10.0.0.0/24", OTHER_PROJECT)
    assert labels(api_of(manager, PROJECT, roles=("operator",)).get_all()) == ["theirs"]
    assert labels(api_of(manager, PROJECT, roles=("admin",)).get_all()) == []


def test_a_rule_that_cannot_be_parsed_lets_nobody_through(
    make_manager: MakeManager, api_of: ApiOf, forbid: Callable[..., None]
) -> None:
    forbid(network__get_all_networks="role:admin or or")
    with pytest.raises(PolicyNotAuthorized):
        api_of(make_manager()).get_all()


def test_a_policy_file_that_changes_is_honoured_at_once(
    make_manager: MakeManager, api_of: ApiOf, forbid: Callable[..., None]
) -> None:
    forbid(network__get_all_networks="@")
    api = api_of(make_manager(), PROJECT)
    assert api.get_all() == []
    forbid(network__get_all_networks="rule:admin  ")
    with pytest.raises(PolicyNotAuthorized):
        api.get_all()


def test_a_policy_file_that_is_named_must_be_there(
    conf: ConfigOpts, forbid: Callable[..., None], tmp_path: Path
) -> None:
    forbid()
    (tmp_path / "rules.yaml").unlink()
    with pytest.raises(ConfigInvalid, match=r"rules\.yaml"):
        Policy(conf)


@pytest.mark.parametrize("text", ["[1, 2]", "a: b: c", '"network:get_network": 5', "\x00"])
def test_a_policy_file_that_is_none_is_one_sentence_at_the_start(
    text: str, conf: ConfigOpts, forbid: Callable[..., None], tmp_path: Path
) -> None:
    forbid()
    (tmp_path / "rules.yaml").write_text(text)
    with pytest.raises(ConfigInvalid, match=r"rules\.yaml.*policy file") as error:
        Policy(conf)
    assert len(str(error.value).splitlines()) == 1


def test_every_rule_says_what_it_lets_a_caller_do() -> None:
    names = {rule.name: rule.description for rule in rules()}
    assert {f"network:{action}" for action in ACTIONS} <= names.keys()
    assert all(names.values())
