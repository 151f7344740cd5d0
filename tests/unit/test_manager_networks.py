"""Networks: made in Quantum, IPAM, gateway and store together, or not at all."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.builtin.memory_ipam import MemoryIpam
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.errors import (
    AmbiguousLabel,
    BackendUnavailable,
    CidrConflict,
    Conflict,
    DatabaseUnavailable,
    DeadlineExceeded,
    DriverFailed,
    DriversChanged,
    InvalidInput,
    LabelInUse,
    NetworkBusy,
    NetworkExists,
    NetworkInTransition,
    NetworkInUse,
    NetworkNotFound,
    NetworkNotInQuantum,
    NotFound,
    NotSupported,
)
from qplug.model import Network, NetworkRequest, PortRequest
from qplug.store.tables import networks, subnets
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.clock import Clock, Statements
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.values import (
    DEFAULT_PROJECT,
    OTHER_PROJECT,
    PROJECT,
    call,
    network_spec,
    vif,
)

STRANGER = "5f0e1d2c-0000-4000-8000-00000000dead"
"""An id that nothing has."""

MAKING = ["quantum.create_network", "ipam.create_subnets", "l3.initialize", "l3.enable_nat"]
"""The steps of a network's creation, on a host that was not initialised."""

DELETING = [
    "quantum.ports",
    "ipam.delete_subnets",
    "dhcp.stop",
    "l3.disable_nat",
    "quantum.port_by_attachment",
    "quantum.detach_port",
    "l3.disable_gateway",
    "quantum.delete_network",
]
"""The steps of the deletion of a network that has served an instance."""

FAILURES = [
    pytest.param(BackendUnavailable("it", "told to"), BackendUnavailable, id="typed"),
    pytest.param(RuntimeError("boo"), DriverFailed, id="untyped"),
    pytest.param(KeyboardInterrupt(), KeyboardInterrupt, id="interrupt"),
]
GONE = BackendUnavailable("it", "told to")


@pytest.fixture
def chain(make_chain: Callable[..., RecordedChain]) -> RecordedChain:
    """Return a recorded chain whose tables are there."""
    chain = make_chain()
    assert chain.admin.get_all() == []
    return chain


def everything(chain: RecordedChain) -> dict[str, Any]:
    """Return what drivers and tables have, networks among it."""
    return {
        **chain.holdings(),
        "networks": chain.table(networks),
        "subnets": chain.table(subnets),
        "kept by IPAM": MemoryIpam.check(chain.ipam, call()),
        "Quantum": in_quantum(chain),
    }


def in_quantum(chain: RecordedChain) -> list[str]:
    projects = (PROJECT, OTHER_PROJECT, DEFAULT_PROJECT)
    return [n for p in projects for n in MemoryQuantum.networks(chain.quantum, call(), p)]


def foreign(chain: RecordedChain, project_id: str = PROJECT) -> str:
    """Return the id of a network that somebody else made in Quantum."""
    key = str(uuid4())
    return MemoryQuantum.create_network(chain.quantum, call(), project_id, "theirs", key=key)


def served(chain: RecordedChain, **rest: Any) -> Network:
    """Return a network that has its gateway and no instance any more."""
    network, guest = chain.network(**rest), instance()
    request = NetworkRequest(network_id=network.id)
    chain.admin.allocate_for_instance(guest, [request])
    assert chain.admin.deallocate_for_instance(guest.id) == []
    chain.journal.clear()
    return network


def is_usable(chain: RecordedChain, network: Network, project_id: str = PROJECT) -> bool:
    """Say whether instances can be given an address there."""
    guest, request = instance(project_id), NetworkRequest(network_id=network.id)
    chain.admin.allocate_for_instance(guest, [request])
    (joined,) = chain.admin.get_vifs_by_instance(guest.id)
    chain.admin.deallocate_for_instance(guest.id)
    return joined.network_id == network.id


def is_given_to_nobody(chain: RecordedChain) -> bool:
    """Say whether an instance of the project that asks for no network by name gets none."""
    guest = instance()
    info = chain.admin.allocate_for_instance(guest)
    chain.admin.deallocate_for_instance(guest.id)
    return not info


@contextmanager
def failing_sql(chain: RecordedChain, start: str, value: str) -> Iterator[None]:
    """Let the database fail at the statements that begin so and have that value."""
    engine = chain.manager._chain.store.database.engine

    def fail(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        values = parameters.values() if isinstance(parameters, Mapping) else parameters
        if statement.startswith(start) and value in values:
            error = sqlite3.OperationalError("disk I/O error")
            raise sa.exc.OperationalError(statement, parameters, error)

    sa.event.listen(engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", fail)


# --- creating -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("owner", "tenant"), [(PROJECT, PROJECT), (None, DEFAULT_PROJECT)])
def test_r9_without_uuid_a_quantum_network_is_made_under_the_owner_or_the_default_project(
    owner: str | None, tenant: str, chain: RecordedChain
) -> None:
    """R9: with the label, the zone that stands for nova_id, and a key to find it again."""
    network = chain.network(project_id=owner)
    (asked,) = chain.journal.of("quantum.create_network")
    assert (asked.args["project_id"], asked.args["label"]) == (tenant, "blue")
    assert asked.args["zone"] == "nova"
    assert str(UUID(asked.args["key"])) == asked.args["key"]
    assert in_quantum(chain) == [network.id]
    assert (network.project_id, network.quantum_project) == (owner, tenant)
    assert not network.adopted


def test_r9_a_network_in_a_zone_is_made_there(chain: RecordedChain) -> None:
    """R9: the node's zone is only the default."""
    assert chain.network(zone="attic").zone == "attic"
    assert chain.journal.of("quantum.create_network")[0].args["zone"] == "attic"


@pytest.mark.parametrize(("owner", "tenant"), [(PROJECT, PROJECT), (None, DEFAULT_PROJECT)])
def test_r10_a_uuid_adopts_the_network_that_quantum_has_for_the_owner(
    owner: str | None, tenant: str, chain: RecordedChain
) -> None:
    """R10: and nothing is made there."""
    there = foreign(chain, tenant)
    network = chain.network(project_id=owner, uuid=there.upper())
    assert (network.id, network.adopted) == (there, True)
    assert "quantum.create_network" not in chain.journal.steps
    assert chain.admin.get_all() == [network]


@pytest.mark.parametrize("owner", [OTHER_PROJECT, None])
def test_r10_a_uuid_that_quantum_has_not_for_the_owner_is_refused_by_name(
    owner: str | None, chain: RecordedChain
) -> None:
    """R10: the error names project and id."""
    there, before = foreign(chain), everything(chain)
    with pytest.raises(NetworkNotInQuantum) as error:
        chain.network(project_id=owner, uuid=there)
    assert error.value.network == there
    assert error.value.project_id == owner or DEFAULT_PROJECT
    assert everything(chain) == before


def test_what_is_managed_here_cannot_be_adopted_again(chain: RecordedChain) -> None:
    network = chain.network()
    before = everything(chain)
    with pytest.raises(NetworkExists):
        chain.network("10.1.0.0/24", label="again", uuid=network.id)
    assert everything(chain) == before


def test_r14_ipam_is_told_the_owner_priority_cidrs_gateways_and_name_servers(
    chain: RecordedChain,
) -> None:
    """R14: the owner of a global network is nobody, not the default project."""
    network = chain.network(
        "10.0.0.0/24",
        "fd00::/64",
        project_id=None,
        priority=7,
        gateways=["10.0.0.254"],
        dns=["9.9.9.9", "2620:fe::fe"],
    )
    (asked,) = chain.journal.of("ipam.create_subnets")
    told = asked.args["network"]
    assert told == network
    assert (told.project_id, told.priority) == (None, 7)
    assert [str(subnet.cidr) for subnet in told.subnets] == ["10.0.0.0/24", "fd00::/64"]
    assert [str(subnet.gateway) for subnet in told.subnets] == ["10.0.0.254", "fd00::1"]
    assert [[str(a) for a in s.dns] for s in told.subnets] == [["9.9.9.9"], ["2620:fe::fe"]]


def test_r68_the_gateway_is_the_first_address_and_instances_begin_at_the_second(
    chain: RecordedChain,
) -> None:
    """R68: the DHCP server's address is the gateway's, where there is one."""
    (subnet,) = chain.network("10.0.0.0/24").subnets
    assert (str(subnet.gateway), str(subnet.dhcp_server)) == ("10.0.0.1", "10.0.0.1")
    info = chain.admin.allocate_for_instance(instance())
    assert [str(ip.address) for one in info for ip in one.fixed_ips()] == ["10.0.0.2"]


@pytest.mark.parametrize("gateway", ["10.0.0.1", "10.0.0.77", "10.0.0.254"])
def test_r13_any_gateway_in_the_subnet_is_accepted_and_serves_dhcp(
    gateway: str, chain: RecordedChain
) -> None:
    """R13: an explicit DHCP server's address takes the place of the rule that it ends in .1."""
    (subnet,) = chain.network(gateways=[gateway]).subnets
    assert str(subnet.gateway) == str(subnet.dhcp_server) == gateway


def test_r13_a_subnet_without_gateway_has_its_first_address_for_dhcp(chain: RecordedChain) -> None:
    """R13: so that an instance is never given it."""
    (subnet,) = chain.network(no_gateway=(4,)).subnets
    assert (subnet.gateway, str(subnet.dhcp_server)) == (None, "10.0.0.1")


def test_r15_a_network_belongs_to_the_host_that_makes_it_which_is_initialised(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    """R15: once, before translation is enabled."""
    conf.set_override("host", "host-7")
    assert chain.network().host == "host-7"
    assert chain.network("10.1.0.0/24", label="green").host == "host-7"
    assert chain.journal.steps == [*MAKING, *(s for s in MAKING if s != "l3.initialize")]
    assert chain.l3.initialized


def test_r15_the_legacy_call_returns_a_list_with_one_uuid(chain: RecordedChain) -> None:
    """R15: as compute's tools of 2012 expect."""
    (made,) = chain.admin.create_networks(label="blue", cidr="10.0.0.0/24", project_id=PROJECT)
    assert made == {"uuid": chain.admin.get("blue").id}


@pytest.mark.parametrize(
    ("cidrs", "no_gateway", "translated"),
    [
        (["fd00::/64"], (), False),
        (["fd00::/64"], (6,), False),
        (["10.0.0.0/24"], (4,), False),
        (["10.0.0.0/24", "fd00::/64"], (4, 6), False),
        (["10.0.0.0/24", "fd00::/64"], (6,), True),
        (["10.0.0.0/24"], (), True),
    ],
)
def test_r17_only_an_ipv4_subnet_with_gateway_is_translated(
    cidrs: list[str], no_gateway: tuple[int, ...], translated: bool, chain: RecordedChain
) -> None:
    """R17: networks of IPv6 alone or without gateway are made all the same."""
    network = chain.network(*cidrs, no_gateway=no_gateway)
    assert (network.id in chain.l3.translated) is translated
    assert is_usable(chain, network)


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/31", "10.0.0.7/32"])
@pytest.mark.parametrize("cidr_v6", ["::/0", "fd00::/48", "fd00::/64", "fd00::/127", "fd00::7/128"])
def test_a_network_may_be_of_any_size(cidr: str, cidr_v6: str, chain: RecordedChain) -> None:
    network = chain.network(cidr, cidr_v6)
    assert [str(subnet.cidr) for subnet in network.subnets] == [cidr, cidr_v6]
    assert chain.admin.get(network.id) == network


# --- nothing left -------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", MAKING)
@pytest.mark.parametrize(("error", "raised"), FAILURES)
def test_r16_whichever_step_of_creation_fails_nothing_is_left(
    step: str,
    after: bool,
    error: BaseException,
    raised: type[BaseException],
    chain: RecordedChain,
) -> None:
    """R16: neither of a network made by the call nor of anything else, and it can be repeated."""
    before = everything(chain)
    chain.journal.fail(step, error, after=after)
    with pytest.raises(raised) as seen:
        chain.network()
    assert error in (seen.value, seen.value.__cause__)
    assert everything(chain) == before
    assert is_usable(chain, chain.network())


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["quantum.network_exists", *MAKING[1:]])
def test_r16_whichever_step_of_an_adoption_fails_the_network_stays_in_quantum(
    step: str, after: bool, chain: RecordedChain
) -> None:
    """R16: a network that was there before is never removed by an undo."""
    there = foreign(chain)
    before = everything(chain)
    chain.journal.fail(step, GONE, after=after)
    with pytest.raises(BackendUnavailable):
        chain.network(uuid=there)
    assert everything(chain) == before
    assert chain.network(uuid=there).id == there


@pytest.mark.parametrize("label", ["blue", "green"])
def test_r16_a_refusal_for_what_is_there_reaches_no_driver(
    label: str, chain: RecordedChain
) -> None:
    """R16: label and cidrs are the network's own before anything is made."""
    chain.network()
    before = everything(chain)
    chain.journal.clear()
    with pytest.raises(LabelInUse if label == "blue" else CidrConflict):
        chain.network("10.0.0.0/16", label=label)
    assert everything(chain) == before
    assert chain.journal.steps == []


def test_r16_a_store_that_fails_at_the_end_has_all_taken_back(chain: RecordedChain) -> None:
    """R16: the last step is no exception."""
    before = everything(chain)
    with (
        failing_sql(chain, "UPDATE qplug_networks", "active"),
        pytest.raises(DatabaseUnavailable, match="disk"),
    ):
        chain.network()
    assert everything(chain) == before
    assert is_usable(chain, chain.network())


def test_r16_a_network_that_became_active_without_our_knowing_is_taken_back_too(
    chain: RecordedChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R16: only the answer of the last step was lost."""
    before = everything(chain)
    store = chain.manager._chain.store.network_creations
    activate = store.activate

    def lost(*args: Any) -> None:
        activate(*args)
        raise DatabaseUnavailable("it", "the connection was lost")

    monkeypatch.setattr(store, "activate", lost)
    with pytest.raises(DatabaseUnavailable):
        chain.network()
    assert everything(chain) == before


def test_an_operation_whose_time_is_over_is_undone_in_overtime(chain: RecordedChain) -> None:
    before = everything(chain)
    with pytest.raises(DeadlineExceeded, match="before creating the network"):
        chain.manager.creating.create(call(seconds=-1), network_spec("10.0.0.0/24"))
    assert chain.journal.steps == ["quantum.network_by_key"]
    assert everything(chain) == before


@pytest.mark.parametrize("uuid", [False, True], ids=["made", "adopted"])
@pytest.mark.parametrize(
    ("step", "undo"),
    [
        ("ipam.create_subnets", "ipam.delete_subnets"),
        ("l3.enable_nat", "ipam.delete_subnets"),
        ("l3.enable_nat", "l3.disable_nat"),
        ("l3.enable_nat", "quantum.delete_network"),
    ],
)
def test_what_cannot_be_undone_is_hidden_and_deleting_it_completes(
    step: str, undo: str, uuid: bool, chain: RecordedChain
) -> None:
    there = foreign(chain) if uuid else None
    before = everything(chain)
    chain.journal.fail(step, GONE, after=True)
    chain.journal.fail(undo, RuntimeError("boo"))
    with pytest.raises(BackendUnavailable):
        chain.network(uuid=there)
    if undo == "quantum.delete_network" and uuid:
        assert everything(chain) == before  # that is no step of this undo
        return
    assert chain.admin.get_all() == []
    with pytest.raises(NetworkNotFound):
        chain.admin.get("blue")
    [work] = chain.admin.get_pending()
    assert (work.kind, work.name, work.state, work.attempts) == ("network", "blue", "deleting", 1)
    assert "boo" in str(work.error)
    chain.admin.delete("blue")
    assert everything(chain) == before


def test_a_quantum_network_whose_id_never_reached_us_is_found_by_its_key(
    chain: RecordedChain,
) -> None:
    """Neither creation nor undo got an answer; deleting looks for what the key made."""
    before = everything(chain)
    chain.journal.fail("quantum.create_network", GONE, after=True)
    chain.journal.fail("quantum.network_by_key", GONE)
    with pytest.raises(BackendUnavailable):
        chain.network()
    assert len(in_quantum(chain)) == 1
    chain.admin.delete("blue")
    assert everything(chain) == before


def test_an_undo_marks_the_network_before_it_takes_anything_back(chain: RecordedChain) -> None:
    """Who is killed in the middle of it leaves what deleting it completes."""
    before = everything(chain)
    chain.journal.fail("l3.enable_nat", GONE)
    chain.journal.fail("l3.disable_nat", KeyboardInterrupt(), times=2)
    with pytest.raises(KeyboardInterrupt):
        chain.network()
    assert [row["state"] for row in chain.table(networks)] == ["deleting"]
    chain.let_deadlines_pass()
    chain.admin.delete("blue")
    assert everything(chain) == before


def test_a_kill_in_the_middle_of_creation_leaves_what_cannot_be_mistaken_for_a_network(
    chain: RecordedChain,
) -> None:
    spec = network_spec("10.0.0.0/24")
    reserved = chain.manager.creating._complete(spec)
    chain.manager._chain.store.network_creations.reserve(call(), reserved, 7)
    assert chain.admin.get_all() == []
    with pytest.raises(NetworkInTransition, match="'blue' is building"):
        chain.manager.deleting.delete(call(seconds=0.1), reserved)
    assert is_given_to_nobody(chain)


@pytest.mark.parametrize("what", ["label", "cidr", "uuid"])
def test_of_creations_that_race_exactly_one_wins_and_the_others_leave_nothing(
    what: str, chain: RecordedChain
) -> None:
    racers, there = 6, foreign(chain)

    def race(number: int) -> int:
        try:
            chain.network(
                "10.0.0.0/16" if what == "cidr" else f"10.{number}.0.0/16",
                label="blue" if what == "label" else f"net-{number}",
                uuid=there if what == "uuid" else None,
            )
        except Conflict:
            return 0
        return 1

    with ThreadPoolExecutor(racers) as pool:
        assert sum(pool.map(race, range(racers))) == 1
    assert len(chain.admin.get_all()) == len(chain.table(subnets)) == 1
    assert len(in_quantum(chain)) == (1 if what == "uuid" else 2)
    assert everything(chain)["kept by IPAM"].startswith("1 network")
    assert len(chain.journal.of("ipam.create_subnets")) == 1


# --- reading ------------------------------------------------------------------------------------


def test_r22_a_project_is_listed_global_networks_and_its_own_without_duplicates(
    chain: RecordedChain, api_of: ApiOf, clock: Clock
) -> None:
    """R22: in order of creation."""
    owners = {"b": None, "a": PROJECT, "x": OTHER_PROJECT, "c": PROJECT}
    for number, (label, owner) in enumerate(owners.items()):
        chain.network(f"10.{number}.0.0/24", f"fd00:{number}::/64", label=label, project_id=owner)
        clock.advance(1)
    listed = api_of(chain.manager, PROJECT).get_all()
    assert [network.label for network in listed] == ["b", "a", "c"]


def test_r23_a_network_is_got_by_id_and_label_by_manager_and_facade(chain: RecordedChain) -> None:
    """R23: no operation hides another one's name."""
    network = chain.network()
    assert chain.admin.get(network.id) == chain.admin.get("blue") == network


def test_r23_disassociating_makes_a_network_global_and_takes_its_host(
    chain: RecordedChain, api_of: ApiOf
) -> None:
    """R23: it stays where it is in Quantum, and usable by all."""
    network = chain.network()
    changed = chain.admin.disassociate("blue")
    assert (changed.project_id, changed.host) == (None, None)
    assert changed.quantum_project == PROJECT
    assert api_of(chain.manager, OTHER_PROJECT).get_all() == [changed]
    assert is_usable(chain, network, OTHER_PROJECT)


@pytest.mark.parametrize(
    ("host", "project", "left"),
    [
        (True, False, (PROJECT, None)),
        (False, True, (None, "host-1")),
        (False, False, (PROJECT, "host-1")),
    ],
)
def test_r23_host_and_owner_are_taken_separately(
    host: bool, project: bool, left: tuple[str | None, str | None], chain: RecordedChain
) -> None:
    """R23: each flag for itself, and again is quiet."""
    chain.network()
    for _ in range(2):
        changed = chain.admin.disassociate("blue", host=host, project=project)
        assert (changed.project_id, changed.host) == left


@pytest.mark.parametrize(
    ("cidr", "label", "refusal"),
    [
        ("10.1.0.0/24", "blue", LabelInUse),
        ("10.0.0.0/24", "green", CidrConflict),
        ("10.0.0.0/16", "green", CidrConflict),
        ("10.0.0.128/25", "green", CidrConflict),
    ],
)
def test_a_network_cannot_become_global_beside_one_that_is_in_the_way(
    cidr: str, label: str, refusal: type[Conflict], chain: RecordedChain
) -> None:
    chain.network("192.0.2.0/24", "10.0.0.0/24")
    chain.network(cidr, label=label, project_id=None)
    before = everything(chain)
    network = next(n for n in chain.admin.get_all() if n.project_id == PROJECT)
    with pytest.raises(refusal):
        chain.admin.disassociate(network.id)
    assert everything(chain) == before


def test_a_network_that_became_global_takes_its_label_and_cidr_along(chain: RecordedChain) -> None:
    chain.network()
    chain.admin.disassociate("blue")
    chain.network("10.0.0.0/24", label="blue")
    with pytest.raises(CidrConflict):
        chain.network("10.0.0.0/25", label="green", project_id=None)


@pytest.mark.parametrize(("owner", "tenant"), [(PROJECT, PROJECT), (None, DEFAULT_PROJECT)])
def test_r24_a_known_network_resolves_to_its_id_and_project_in_quantum(
    owner: str | None, tenant: str, chain: RecordedChain
) -> None:
    """R24: the default project stands for nobody."""
    network = chain.network(project_id=owner)
    resolved = chain.manager.networks.resolve(call(), network.id, owner)
    assert (resolved.id, resolved.quantum_project) == (network.id, tenant)


@pytest.mark.parametrize(("owner", "tenant"), [(PROJECT, PROJECT), (None, DEFAULT_PROJECT)])
def test_r25_a_network_that_the_store_lacks_resolves_to_a_placeholder(
    owner: str | None, tenant: str, chain: RecordedChain
) -> None:
    """R25: label, priority and project as documented; it has no subnets and no host."""
    unknown = str(uuid4())
    resolved = chain.manager.networks.resolve(call(), unknown, owner)
    assert (resolved.id, resolved.label) == (unknown, f"quantum-net-{unknown}")
    assert (resolved.quantum_project, resolved.project_id) == (tenant, tenant)
    assert (resolved.priority, resolved.host, resolved.subnets) == (0, None, ())


@pytest.mark.parametrize("names", [None, [], ()])
def test_r62_validating_no_networks_is_fine(names: Any, chain: RecordedChain) -> None:
    """R62: as a request without networks means those the project has."""
    chain.admin.validate_networks(names)
    assert chain.journal.steps == []


@pytest.mark.parametrize("name", ["", "no such network", STRANGER, "a\x00b", "\ud800"])
def test_r62_validating_an_unknown_network_is_not_found(name: str, chain: RecordedChain) -> None:
    """R62: whatever the name is."""
    chain.network()
    with pytest.raises(NetworkNotFound) as error:
        chain.admin.validate_networks(["blue", name])
    assert error.value.network == name
    assert str(error.value).isprintable()


@pytest.mark.parametrize("owner", [PROJECT, None])
def test_r63_a_network_needs_subnets_and_to_be_in_quantum(
    owner: str | None, chain: RecordedChain, api_of: ApiOf
) -> None:
    """R63: in Quantum for the caller's project, or the default one if it is global."""
    network = chain.network(project_id=owner)
    member = api_of(chain.manager, PROJECT)
    member.validate_networks([network.id, "blue"])
    MemoryIpam.delete_subnets(chain.ipam, call(), network)
    with pytest.raises(NetworkNotFound):
        member.validate_networks([network.id])
    MemoryIpam.create_subnets(chain.ipam, call(), network)
    MemoryQuantum.delete_network(chain.quantum, call(), network.quantum_project, network.id)
    with pytest.raises(NetworkNotFound):
        member.validate_networks([network.id])


def test_usage_tells_of_each_subnet_of_each_network(chain: RecordedChain, clock: Clock) -> None:
    chain.network("10.0.0.0/29", "fd00::/120")
    clock.advance(1)
    chain.network("10.1.0.0/30", label="green", project_id=None)
    chain.admin.allocate_for_instance(instance(), [NetworkRequest(network_id="blue")])
    told = [(net.label, str(u.cidr), u.used, u.free) for net, u in chain.admin.get_usage()]
    assert told == [
        ("blue", "10.0.0.0/29", 1, 4),
        ("blue", "fd00::/120", 1, 253),
        ("green", "10.1.0.0/30", 0, 1),
    ]
    assert [str(u.cidr) for _, u in chain.admin.get_usage("green")] == ["10.1.0.0/30"]


def test_usage_counts_what_waits_for_a_clean_up_apart(chain: RecordedChain) -> None:
    chain.network("10.0.0.0/29")
    guest = instance()
    chain.admin.allocate_for_instance(guest)
    chain.journal.fail("quantum.detach_port", GONE)
    assert chain.admin.deallocate_for_instance(guest.id) != []
    ((_, usage),) = chain.admin.get_usage()
    assert (usage.used, usage.held) == (0, 1)


def test_usage_is_not_supported_by_a_driver_that_does_not_count(
    make_chain: Callable[..., RecordedChain], conf: ConfigOpts
) -> None:
    class Uncounting:
        """All of the memory driver but its ABC of counting."""

        def __init__(self) -> None:
            self._driver = MemoryIpam(conf)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._driver, name)

    chain = make_chain(ipam=Uncounting())
    chain.network()
    with pytest.raises(NotSupported, match="usage"):
        chain.admin.get_usage()


# --- changing -----------------------------------------------------------------------------------


def test_label_priority_zone_and_bandwidth_can_be_changed(chain: RecordedChain) -> None:
    network = chain.network()
    changed = chain.admin.update("blue", label="green", priority=-1, zone="attic", rxtx_base=100)
    assert chain.admin.get("green") == changed
    assert changed.id == network.id
    cleared = chain.admin.update("green", priority=None, zone=None, rxtx_base=None)
    assert (cleared.priority, cleared.zone, cleared.rxtx_base) == (None, None, None)
    with pytest.raises(NetworkNotFound):
        chain.admin.get("blue")


@pytest.mark.parametrize(
    "change", [{"mtu": 9000}, {"dns_domain": "cloud.example.org"}, {"lease_time": 600}], ids=str
)
def test_what_instances_are_told_is_changed_where_it_is_served(
    change: dict[str, Any], chain: RecordedChain
) -> None:
    chain.network()
    chain.admin.allocate_for_instance(instance())
    chain.journal.clear()
    changed = chain.admin.update("blue", **change)
    assert chain.admin.get("blue") == changed == replace(changed, **change)
    assert {"l3.enable_gateway", "dhcp.apply"} <= set(chain.journal.steps)


def test_a_change_that_dhcp_does_not_take_is_no_change(chain: RecordedChain) -> None:
    before = chain.network()
    chain.admin.allocate_for_instance(instance())
    chain.journal.fail("dhcp.apply", GONE)
    with pytest.raises(BackendUnavailable):
        chain.admin.update("blue", mtu=9000, priority=7)
    assert chain.admin.get("blue") == before


@pytest.mark.parametrize(
    "change",
    [
        {"label": ""},
        {"label": "a=b"},
        {"label": str(uuid4())},
        {"priority": 2**31},
        {"priority": -(2**31)},
        {"zone": ""},
        {"zone": "a\nb"},
        {"rxtx_base": 0},
        {"rxtx_base": -1},
        {"rxtx_base": 2**31},
        {"mtu": 1279},
        {"mtu": 65536},
        {"lease_time": 119},
        {"lease_time": 2**31},
        {"dns_domain": ""},
        {"dns_domain": "a..b"},
        {"dns_domain": "a.b\nc"},
        {"dns_domain": "a,b"},
        {"dns_domain": "$(reboot)"},
        {"dns_domain": "a" * 64},
        {"dns_domain": ".".join(["a" * 49] * 6)},
        {"colour": "blue"},
    ],
)
def test_a_change_that_cannot_be_kept_is_refused(
    change: dict[str, Any], chain: RecordedChain
) -> None:
    before = chain.network()
    with pytest.raises(InvalidInput):
        chain.admin.update("blue", **change)
    assert chain.admin.get("blue") == before


def test_a_label_can_be_passed_on(chain: RecordedChain) -> None:
    chain.network()
    chain.network("10.1.0.0/24", label="green")
    with pytest.raises(LabelInUse):
        chain.admin.update("green", label="blue")
    chain.admin.update("blue", label="red")
    assert chain.admin.update("green", label="blue").label == "blue"


def test_r26_a_host_is_set_only_if_there_is_none(chain: RecordedChain, conf: ConfigOpts) -> None:
    """R26: the answer is the host that the network has then."""
    chain.network()
    assert chain.admin.set_host("blue", "host-2") == "host-1"
    chain.admin.disassociate("blue", project=False)
    assert chain.admin.set_host("blue", "host-2") == "host-2"
    chain.admin.disassociate("blue", project=False)
    assert chain.admin.set_host("blue") == "host-1"


@pytest.mark.parametrize("host", ["a\nb", " host", "h" * 256])
def test_a_host_must_have_a_name(host: str, chain: RecordedChain) -> None:
    chain.network()
    chain.admin.disassociate("blue")
    with pytest.raises(InvalidInput):
        chain.admin.set_host("blue", host)


# --- deleting -----------------------------------------------------------------------------------


def test_r19_the_gateway_goes_after_ipam_agreed_and_before_the_quantum_network(
    chain: RecordedChain,
) -> None:
    """R19: its port is detached and deleted, its device removed."""
    network = served(chain)
    assert len(chain.holdings()["ports"][0]) == 1
    chain.admin.delete("blue")
    assert chain.journal.steps == DELETING
    assert network.id not in chain.l3.gateways
    assert network.id not in chain.l3.translated


@pytest.mark.parametrize("project_id", [PROJECT, None])
def test_r20_nothing_of_a_deleted_network_is_left(
    project_id: str | None, chain: RecordedChain
) -> None:
    """R20: Quantum's network, IPAM's subnets and the rows are gone."""
    before = everything(chain)
    served(chain, project_id=project_id)
    chain.admin.delete("blue")
    assert everything(chain) == before


@pytest.mark.parametrize("name", ["", "no such network", STRANGER, "a\x00b"])
def test_r20_deleting_an_unknown_network_is_not_found(name: str, chain: RecordedChain) -> None:
    """R20: and a second time it is unknown."""
    chain.network()
    with pytest.raises(NetworkNotFound):
        chain.admin.delete(name)
    chain.admin.delete("blue")
    with pytest.raises(NetworkNotFound):
        chain.admin.delete("blue")


def test_a_label_that_is_ambiguous_deletes_nothing(chain: RecordedChain) -> None:
    chain.network()
    chain.network(project_id=None)
    with pytest.raises(AmbiguousLabel):
        chain.admin.delete("blue")
    assert len(chain.admin.get_all()) == 2


def test_r18_a_network_with_instances_is_busy_and_unchanged(chain: RecordedChain) -> None:
    """R18: the message calls it by its label."""
    network = chain.network()
    chain.admin.allocate_for_instance(instance())
    before = everything(chain)
    chain.journal.clear()
    with pytest.raises(NetworkBusy, match="'blue'"):
        chain.admin.delete(network.id)
    assert everything(chain) == before
    assert chain.journal.steps == []
    assert is_usable(chain, network)


def test_r18_a_port_of_a_stranger_makes_it_busy_and_the_gateways_does_not(
    chain: RecordedChain,
) -> None:
    """R18: even one that was made behind our back; nothing is changed."""
    network = served(chain)
    stranger = chain.quantum.make_port(PROJECT, network.id, PortRequest(attachment="them"))
    before = everything(chain)
    with pytest.raises(NetworkBusy, match="'blue' still has 1"):
        chain.admin.delete("blue")
    assert everything(chain) == before
    assert is_usable(chain, network)
    MemoryQuantum.detach_port(chain.quantum, call(), PROJECT, network.id, stranger)
    chain.admin.delete("blue")


def test_addresses_in_use_refuse_a_deletion_and_change_nothing(chain: RecordedChain) -> None:
    network = served(chain)
    stranger = vif(network)
    MemoryIpam.allocate(chain.ipam, call(), network, stranger)
    before = everything(chain)
    with pytest.raises(NetworkInUse):
        chain.admin.delete("blue")
    assert everything(chain) == before
    assert is_usable(chain, network)
    MemoryIpam.deallocate(chain.ipam, call(), network, stranger)
    chain.admin.delete("blue")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", DELETING)
@pytest.mark.parametrize(("error", "raised"), FAILURES)
def test_whichever_step_of_a_deletion_fails_it_can_be_deleted_again(
    step: str,
    after: bool,
    error: BaseException,
    raised: type[BaseException],
    chain: RecordedChain,
) -> None:
    """Until something was done the network is as it was; from then on it is hidden."""
    before = everything(chain)
    network = served(chain)
    unchanged = everything(chain)
    chain.journal.fail(step, error, after=after)
    with pytest.raises(raised):
        chain.admin.delete("blue")
    if step == "quantum.ports":
        assert everything(chain) == unchanged
        assert is_usable(chain, network)
    else:
        assert chain.admin.get_all() == []
        assert is_given_to_nobody(chain)
    chain.admin.delete("blue" if after else network.id)
    assert everything(chain) == before


def test_a_deletion_that_was_half_done_is_not_shown_again_when_it_is_refused(
    chain: RecordedChain,
) -> None:
    """Its subnets are gone, so that it is no network any more."""
    network = served(chain)
    chain.journal.fail("quantum.delete_network", GONE)
    with pytest.raises(BackendUnavailable):
        chain.admin.delete("blue")
    port = chain.quantum.make_port(PROJECT, network.id, PortRequest(attachment="them"))
    with pytest.raises(NetworkBusy):
        chain.admin.delete("blue")
    assert chain.admin.get_all() == []
    MemoryQuantum.detach_port(chain.quantum, call(), PROJECT, network.id, port)
    chain.admin.delete("blue")
    assert chain.table(networks) == []


def test_a_label_does_not_delete_another_network_than_the_one_that_is_half_deleted(
    chain: RecordedChain,
) -> None:
    """The label was one network's; now that this is hidden, it must not mean the next one."""
    network = served(chain)
    other = chain.network(project_id=OTHER_PROJECT)
    chain.journal.fail("quantum.delete_network", GONE)
    with pytest.raises(BackendUnavailable):
        chain.admin.delete(network.id)
    with pytest.raises(AmbiguousLabel):
        chain.admin.delete("blue")
    assert chain.admin.get_all() == [other]
    chain.admin.delete(network.id)


def test_a_quantum_network_that_was_deleted_behind_our_back_is_no_obstacle(
    chain: RecordedChain,
) -> None:
    network = chain.network()
    MemoryQuantum.delete_network(chain.quantum, call(), PROJECT, network.id)
    chain.admin.delete("blue")
    assert chain.table(networks) == []


def test_an_adopted_network_stays_in_quantum(chain: RecordedChain) -> None:
    there = foreign(chain)
    network = served(chain, uuid=there)
    chain.quantum.make_port(PROJECT, there, PortRequest(attachment="them"))
    chain.admin.delete("blue")
    assert in_quantum(chain) == [there]
    assert [p.attachment for p in MemoryQuantum.ports(chain.quantum, call(), PROJECT, there)] == [
        "them"
    ]
    assert network.adopted


def test_an_adopted_network_is_deleted_in_quantum_if_that_is_said(chain: RecordedChain) -> None:
    there = foreign(chain)
    served(chain, uuid=there)
    port = chain.quantum.make_port(PROJECT, there, PortRequest(attachment="them"))
    with pytest.raises(NetworkBusy):
        chain.admin.delete("blue", with_quantum=True)
    MemoryQuantum.detach_port(chain.quantum, call(), PROJECT, there, port)
    chain.admin.delete("blue", with_quantum=True)
    assert in_quantum(chain) == []


def test_a_network_deleted_by_several_at_once_is_gone_once(chain: RecordedChain) -> None:
    for number in range(5):
        served(chain, label=f"net-{number}")

        def delete(label: str) -> int:
            try:
                chain.admin.delete(label)
            except NotFound:
                return 0
            return 1

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(delete, [f"net-{number}"] * 4)) >= 1
        assert not chain.table(networks)
        assert not chain.table(subnets)
        assert not in_quantum(chain)


def test_a_member_deletes_its_own_network_by_label(chain: RecordedChain, api_of: ApiOf) -> None:
    chain.network()
    chain.network(project_id=OTHER_PROJECT)
    api_of(chain.manager, PROJECT).delete("blue")
    assert [network.project_id for network in chain.admin.get_all()] == [OTHER_PROJECT]


def test_a_member_completes_a_deletion_of_its_own_and_of_no_one_elses(
    chain: RecordedChain, api_of: ApiOf
) -> None:
    served(chain)
    chain.journal.fail("l3.disable_gateway", GONE)
    with pytest.raises(BackendUnavailable):
        chain.admin.delete("blue")
    with pytest.raises(NetworkNotFound):
        api_of(chain.manager, OTHER_PROJECT).delete("blue")
    api_of(chain.manager, PROJECT).delete("blue")
    assert chain.table(networks) == []


# --- the drivers that serve a network -----------------------------------------------------------


@pytest.mark.parametrize("kind", ["ipam", "quantum", "mac", "l3", "dhcp"])
def test_a_network_is_used_and_deleted_by_the_drivers_it_was_made_with_alone(
    kind: str, chain: RecordedChain, make_manager: MakeManager, api_of: ApiOf, conf: ConfigOpts
) -> None:
    network = chain.network()
    made_with = conf[kind].driver
    conf.set_override("driver", "other", kind)
    drivers = {name: getattr(chain, name) for name in ("ipam", "quantum", "mac", "l3", "dhcp")}
    other = api_of(make_manager(**drivers))
    before = everything(chain)
    chain.journal.clear()
    for refused in (
        lambda: other.allocate_for_instance(instance()),
        lambda: other.validate_networks(["blue"]),
        lambda: other.get_usage("blue"),
        lambda: other.delete("blue"),
    ):
        with pytest.raises(DriversChanged, match=rf"\[{kind}\] driver = {made_with}") as error:
            refused()
        assert (error.value.network, error.value.configured) == ("blue", "other")
    assert everything(chain) == before
    assert chain.journal.steps == []
    assert other.get_all() == [other.get("blue")] == [network]
    assert other.update("blue", priority=1).priority == 1


def test_usage_leaves_out_what_another_ipam_driver_serves(
    chain: RecordedChain, make_manager: MakeManager, api_of: ApiOf, conf: ConfigOpts
) -> None:
    chain.network()
    conf.set_override("driver", "other", "ipam")
    other = api_of(make_manager(ipam=chain.ipam))
    assert other.get_usage() == []


# --- cost ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cidr", ["10.0.0.0/24", "10.0.0.0/8", "fd00::/64", "fd00::/48"])
def test_creation_costs_the_same_whatever_the_size(
    cidr: str, chain: RecordedChain, statements: Statements
) -> None:
    chain.network("192.0.2.0/24", label="warm")
    statements.clear()
    chain.network(cidr)
    assert (len(statements), statements.transactions) == (8, 3)  # Quantum chose the id


@pytest.mark.usefixtures("one_look")
@pytest.mark.parametrize("count", [1, 200])
def test_operations_cost_the_same_however_many_networks_there_are(
    count: int, chain: RecordedChain, statements: Statements
) -> None:
    for number in range(count):
        chain.network(f"10.{number}.0.0/24", f"fd00:{number:x}::/64", label=f"net-{number}")
    admin = chain.admin
    costs: dict[str, tuple[Callable[[], object], int]] = {
        "create": (lambda: chain.network("192.0.2.0/24"), 8),  # Quantum chose the id
        "list": (admin.get_all, 1),
        "show": (lambda: admin.get("blue"), 1),
        "usage of all": (admin.get_usage, 2),
        "usage of one": (lambda: admin.get_usage("blue"), 2),
        "validate": (lambda: admin.validate_networks(["blue"]), 1),
        "change": (lambda: admin.update("blue", label="green"), 4),
        "set host": (lambda: admin.set_host("green"), 3),
        "delete": (lambda: admin.delete("green"), 6),
    }
    seen = {}
    for name, (operation, _) in costs.items():
        statements.clear()
        operation()
        seen[name] = len(statements)
    assert seen == {name: cost for name, (_, cost) in costs.items()}


def test_an_address_of_a_size_without_end_is_found_at_once(chain: RecordedChain) -> None:
    """No list of hosts is built for a /8 or a /48."""
    chain.network("10.0.0.0/8", "fd00::/48", gateways=["10.255.255.254"])
    info = chain.admin.allocate_for_instance(instance())
    given = [ip.address for one in info for ip in one.fixed_ips()]
    assert given == [IPAddress("10.0.0.1"), IPAddress("fd00::2")]
