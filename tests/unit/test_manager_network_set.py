"""Pools, reservations, name servers and subnets of a network change while it is in use."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Event, Thread
from typing import Any

import pytest
from netaddr import IPAddress, IPNetwork, IPRange
from oslo_config.cfg import ConfigOpts

from qplug.builtin.memory_ipam import MemoryIpam
from qplug.contracts import IpamDriver
from qplug.errors import (
    BackendUnavailable,
    CidrConflict,
    DriverFailed,
    FixedIpInvalid,
    Invalid,
    LabelInUse,
    NetworkInTransition,
    NetworkNotFound,
    NetworkOnOtherHost,
    NoMoreFixedIps,
    NotSupported,
    QplugError,
)
from qplug.manager import SubnetChanges
from qplug.model import Instance, Network, NetworkRequest, assignable
from qplug.store.tables import networks, subnets
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.values import OTHER_PROJECT, call, dhcp_host, network_spec, vif

FAILURES = [
    pytest.param(BackendUnavailable("it", "told to"), BackendUnavailable, id="typed"),
    pytest.param(RuntimeError("boo"), DriverFailed, id="untyped"),
    pytest.param(KeyboardInterrupt(), KeyboardInterrupt, id="interrupt"),
]
STEPS = ["ipam.update_subnets", "dhcp.apply", "l3.enable_gateway", "l3.enable_nat"]

MOST = SubnetChanges(
    cidrs=(IPNetwork("10.0.1.0/24"),),
    pools=(IPRange("10.0.0.100", "10.0.0.109"),),
    reserved=(IPRange("10.0.0.105", "10.0.0.105"),),
    dns=(IPAddress("192.0.2.9"),),
)


@pytest.fixture
def blue(chain: RecordedChain) -> Network:
    """Return a network that serves an instance."""
    blue = chain.network("10.0.0.0/24", "fd00::/64", dns=["192.0.2.1"])
    chain.admin.allocate_for_instance(instance())
    return blue


def ranges(*texts: str) -> tuple[IPRange, ...]:
    return tuple(IPRange(*text.split("-")) for text in texts)


def everything(chain: RecordedChain) -> Mapping[str, Any]:
    pools = {
        pool.subnet.id: (pool.subnet, sorted(pool._fresh))
        for each in chain.ipam._pools.values()
        for pool in each
    }
    return {
        **chain.holdings(),
        "networks": chain.table(networks),
        "subnets": chain.table(subnets),
        "pools": pools,
    }


def given(chain: RecordedChain, made: Instance) -> Sequence[str]:
    (vif,) = chain.admin.get_instance_nw_info(made.id)
    return [str(ip.address) for ip in vif.fixed_ips()]


def allocated(chain: RecordedChain, *addresses: str) -> Sequence[str]:
    made, wanted = instance(), tuple(map(IPAddress, addresses))
    chain.admin.allocate_for_instance(made, [NetworkRequest(network_id="blue", addresses=wanted)])
    return given(chain, made)


class TestWhatChanges:
    """What is recorded, and what instances are given from then on."""

    def test_pools_are_replaced_and_reservations_added_and_taken_away(
        self, chain: RecordedChain, blue: Network
    ) -> None:
        chain.admin.update("blue", MOST)
        assert allocated(chain)[0] == "10.0.0.100"
        with pytest.raises(FixedIpInvalid, match="reserved"):
            allocated(chain, "10.0.0.105")
        with pytest.raises(FixedIpInvalid, match="outside the pools"):
            allocated(chain, "10.0.0.99")
        changed = chain.admin.update(
            "blue",
            SubnetChanges(
                no_pools=(IPNetwork("10.0.0.0/24"),),
                reserved=ranges("10.0.0.2-10.0.0.9"),
                unreserved=ranges("10.0.0.5-10.0.0.6", "10.0.0.105-10.0.0.105"),
            ),
        )
        part = changed.subnets[0]
        assert part.pools == ()
        assert part.reserved == ranges("10.0.0.2-10.0.0.4", "10.0.0.7-10.0.0.9")
        assert allocated(chain)[0] == "10.0.0.5"
        assert chain.admin.get("blue") == changed

    def test_an_address_in_use_stays_with_its_instance_and_goes_to_nobody_after_it(
        self, chain: RecordedChain, blue: Network
    ) -> None:
        mine = instance()
        chain.admin.allocate_for_instance(mine)
        before = given(chain, mine)
        chain.admin.update("blue", SubnetChanges(pools=ranges("10.0.0.200-10.0.0.200")))
        assert given(chain, mine) == before
        chain.admin.deallocate_for_instance(mine.id)
        assert allocated(chain)[0] == "10.0.0.200"
        with pytest.raises(NoMoreFixedIps):
            allocated(chain)

    def test_a_network_grows_by_a_subnet_that_tells_the_same_name_servers(
        self, chain: RecordedChain, blue: Network
    ) -> None:
        mine = instance()
        chain.admin.allocate_for_instance(mine)
        before = given(chain, mine)
        grown = chain.admin.update("blue", SubnetChanges(cidrs=(IPNetwork("10.0.1.0/24"),)))
        assert [str(part.cidr) for part in grown.subnets] == [
            "10.0.0.0/24",
            "10.0.1.0/24",
            "fd00::/64",
        ]
        assert grown.subnets[1].dns == grown.subnets[0].dns == (IPAddress("192.0.2.1"),)
        assert given(chain, mine) == before
        chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=IPAddress("10.0.1.7"))
        assert "10.0.1.7" in given(chain, mine)
        assert allocated(chain)[1] == "10.0.1.2"

    def test_a_full_network_that_grows_gives_addresses_again(self, chain: RecordedChain) -> None:
        chain.network("10.0.0.0/30")
        mine = instance()
        chain.admin.allocate_for_instance(mine)
        with pytest.raises(NoMoreFixedIps):
            chain.admin.add_fixed_ip_to_instance(mine.id, "blue")
        chain.admin.update("blue", SubnetChanges(cidrs=(IPNetwork("10.0.1.0/30"),)))
        assert str(chain.admin.add_fixed_ip_to_instance(mine.id, "blue")) == "10.0.1.2"

    @pytest.mark.parametrize(
        ("asked", "told"),
        [
            (SubnetChanges(dns=(IPAddress("192.0.2.9"),)), ["192.0.2.9"]),
            (SubnetChanges(dns=()), []),
        ],
    )
    def test_name_servers_are_replaced(
        self, chain: RecordedChain, blue: Network, asked: SubnetChanges, told: list[str]
    ) -> None:
        changed = chain.admin.update("blue", asked)
        assert [str(address) for address in changed.subnets[0].dns] == told

    def test_label_and_subnets_change_together(self, chain: RecordedChain, blue: Network) -> None:
        changed = chain.admin.update("blue", MOST, label="red", priority=3)
        assert (changed.label, changed.priority, len(changed.subnets)) == ("red", 3, 3)
        assert chain.admin.get("red") == changed

    def test_the_subnets_of_an_added_cidr_follow_its_own_options(
        self, chain: RecordedChain, blue: Network
    ) -> None:
        asked = SubnetChanges(
            cidrs=(IPNetwork("10.0.1.0/24"), IPNetwork("fd01::/96")),
            gateways=(IPAddress("10.0.1.254"),),
            no_gateway=(4, 6),
            pools=ranges("10.0.1.10-10.0.1.20"),
            reserved=ranges("10.0.1.15-10.0.1.15"),
        )
        _, added, _, bare = chain.admin.update("blue", asked).subnets
        assert str(added.gateway) == "10.0.1.254"
        assert sum(part.size for part in assignable(added)) == 10
        assert bare.gateway is None

    def test_a_served_network_is_served_as_it_is_then(
        self, chain: RecordedChain, blue: Network
    ) -> None:
        chain.journal.clear()
        changed = chain.admin.update("blue", MOST)
        assert [step for step in chain.journal.steps if step in STEPS] == [
            "ipam.update_subnets",
            "l3.enable_gateway",
            "dhcp.apply",
            "l3.enable_nat",
        ]
        assert chain.l3.gateways[blue.id].subnets == changed.subnets
        assert len(chain.dhcp.served[blue.id]) == 1

    def test_an_instance_that_is_being_made_meanwhile_stays_served(
        self, chain: RecordedChain, blue: Network
    ) -> None:
        host = dhcp_host(vif(blue), "10.0.0.9")
        chain.dhcp.apply(call(), blue, changed=[host])
        chain.admin.update("blue", MOST)
        assert chain.dhcp.served[blue.id][host.vif_id] == host

    def test_a_network_that_another_host_took_meanwhile_is_left_to_that(
        self, chain: RecordedChain, blue: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        updates = chain.manager._chain.store.network_updates
        begin = updates.begin

        def taken(*args: Any) -> Network:
            return replace(begin(*args), host="host-2")

        monkeypatch.setattr(updates, "begin", taken)
        with pytest.raises(NetworkOnOtherHost):
            chain.admin.update("blue", MOST)
        assert chain.l3.gateways[blue.id].subnets == blue.subnets

    def test_a_subnet_that_has_nothing_left_to_give_is_warned_of(
        self, chain: RecordedChain, blue: Network, caplog: pytest.LogCaptureFixture
    ) -> None:
        chain.admin.update("blue", SubnetChanges(pools=ranges("10.0.0.0-10.0.0.1")))
        assert "subnet 10.0.0.0/24 of network 'blue' has no address left to give" in caplog.text

    def test_a_network_that_serves_nobody_yet_is_not_served_by_its_change(
        self, chain: RecordedChain
    ) -> None:
        chain.network()
        chain.admin.update("blue", MOST)
        assert not chain.journal.of("dhcp.apply")
        assert not chain.l3.gateways


class TestRefusals:
    """What can never be right is said, and nothing is changed."""

    @pytest.mark.parametrize(
        ("asked", "error", "says"),
        [
            (SubnetChanges(cidrs=(IPNetwork("10.0.0.0/25"),)), CidrConflict, "10.0.0.0/24"),
            (SubnetChanges(cidrs=(IPNetwork("10.9.0.1/24"),)), Invalid, "host bits"),
            (SubnetChanges(cidrs=(IPNetwork("10.7.0.0/25"),)), CidrConflict, "'other'"),
            (SubnetChanges(pools=ranges("10.8.0.1-10.8.0.2")), Invalid, "10.8.0.1-10.8.0.2"),
            (SubnetChanges(reserved=ranges("10.8.0.1-10.8.0.1")), Invalid, "10.8.0.1"),
            (SubnetChanges(unreserved=ranges("10.8.0.1-10.8.0.1")), Invalid, "10.8.0.1"),
            (SubnetChanges(no_pools=(IPNetwork("10.0.0.0/25"),)), Invalid, "10.0.0.0/25"),
            (SubnetChanges(gateways=(IPAddress("10.0.0.9"),)), Invalid, "that is there stays"),
            (SubnetChanges(no_gateway=(4, 6)), Invalid, "subnet that is added"),
            (SubnetChanges(pools=ranges("fd00::5-fd00::9")), Invalid, "left without pools"),
            (
                SubnetChanges(pools=ranges("10.0.0.5-10.0.0.9", "10.0.0.9-10.0.0.10")),
                Invalid,
                "overlaps",
            ),
            (
                SubnetChanges(
                    pools=ranges("10.0.0.5-10.0.0.9"), no_pools=(IPNetwork("10.0.0.0/24"),)
                ),
                Invalid,
                "not both",
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_wrong_change_is_refused_and_changes_nothing(
        self,
        chain: RecordedChain,
        blue: Network,
        asked: SubnetChanges,
        error: type[QplugError],
        says: str,
    ) -> None:
        chain.network("10.7.0.0/24", label="other")
        before = everything(chain)
        with pytest.raises(error, match=says):
            chain.admin.update("blue", asked, priority=7)
        assert everything(chain) == before

    def test_pools_of_a_64_that_has_some_are_changed_but_not_taken_away(
        self, chain: RecordedChain
    ) -> None:
        chain.network("fd00::/64", pools=["fd00::10-fd00::1f"])
        chain.admin.update("blue", SubnetChanges(pools=ranges("fd00::20-fd00::2f")))
        assert allocated(chain) == ["fd00::20"]
        with pytest.raises(Invalid, match="left with a pool"):
            chain.admin.update("blue", SubnetChanges(no_pools=(IPNetwork("fd00::/64"),)))

    def test_a_taken_label_leaves_the_subnets_as_they_were(
        self, chain: RecordedChain, blue: Network
    ) -> None:
        chain.network("10.7.0.0/24", label="red")
        before = everything(chain)
        with pytest.raises(LabelInUse):
            chain.admin.update("blue", MOST, label="red")
        assert everything(chain) == before

    def test_a_driver_that_cannot_change_subnets_is_named(
        self, make_manager: MakeManager, api_of: ApiOf, conf: ConfigOpts
    ) -> None:
        parts = {name: part for name, part in vars(MemoryIpam).items() if name != "__dict__"}
        bare = type("WithoutWhatIsOptional", (IpamDriver,), parts)
        api = api_of(make_manager(ipam=bare(conf)))
        api.create(network_spec("10.0.0.0/24"))
        with pytest.raises(NotSupported, match="ipam driver 'memory' has no way to change subnets"):
            api.update("blue", MOST)
        assert api.update("blue", SubnetChanges(dns=())).subnets[0].dns == ()

    def test_other_projects_change_nothing(
        self, chain: RecordedChain, blue: Network, api_of: ApiOf
    ) -> None:
        with pytest.raises(NetworkNotFound):
            api_of(chain.manager, OTHER_PROJECT).update("blue", MOST)


class TestAllOrNothing:
    """Whichever step fails, and however, everything is as it was."""

    @pytest.mark.parametrize("step", STEPS)
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize(("error", "raised"), FAILURES)
    def test_a_step_that_fails_leaves_everything_as_it_was(
        self,
        chain: RecordedChain,
        blue: Network,
        step: str,
        after: bool,
        error: BaseException,
        raised: type[BaseException],
    ) -> None:
        before = everything(chain)
        chain.journal.fail(step, error, after=after)
        with pytest.raises(raised):
            chain.admin.update("blue", MOST, label="red")
        assert everything(chain) == before
        assert len(chain.admin.update("blue", MOST).subnets) == 3

    def test_the_next_change_puts_right_what_a_killed_one_left_in_ipam(
        self, chain: RecordedChain, blue: Network
    ) -> None:
        chain.admin.update("blue", MOST)
        before = everything(chain)
        chain.ipam.update_subnets(call(), blue)
        assert everything(chain) != before
        chain.admin.update("blue", SubnetChanges(reserved=MOST.reserved))
        assert everything(chain) == before

    def test_a_first_gateway_is_no_longer_translated_when_a_later_step_fails(
        self, chain: RecordedChain
    ) -> None:
        chain.network("10.0.0.0/24", no_gateway=(4,))
        chain.journal.fail("l3.enable_nat", RuntimeError("boo"), after=True)
        with pytest.raises(DriverFailed):
            chain.admin.update("blue", MOST)
        assert chain.l3.translated == set()


class TestTwoAtOnce:
    """One command at a time changes a network; the others wait, and instances do not."""

    @pytest.fixture
    def halted(
        self, chain: RecordedChain, blue: Network, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[], None]:
        """Halt a change in IPAM; return what lets it go on and waits for its end."""
        reached, go_on = Event(), Event()
        update = chain.ipam.update_subnets

        def halting(*args: Any) -> None:
            reached.set()
            assert go_on.wait(30)
            update(*args)

        monkeypatch.setattr(chain.ipam, "update_subnets", halting)
        thread = Thread(target=chain.admin.update, args=("blue", MOST))
        thread.start()
        assert reached.wait(30)

        def finish() -> None:
            go_on.set()
            thread.join()

        return finish

    def test_instances_are_served_meanwhile(
        self, chain: RecordedChain, halted: Callable[[], None]
    ) -> None:
        assert len(allocated(chain)) == 2
        assert [each.label for each in chain.admin.get_all()] == ["blue"]
        halted()
        assert len(allocated(chain)) == 3

    def test_another_change_and_a_deletion_are_refused_meanwhile(
        self, chain: RecordedChain, conf: ConfigOpts, halted: Callable[[], None]
    ) -> None:
        conf.set_override("operation_timeout", 0.2)
        for act in (
            lambda: chain.admin.update("blue", SubnetChanges(dns=())),
            lambda: chain.admin.delete("blue"),
        ):
            with pytest.raises(NetworkInTransition, match="'blue' is updating just now"):
                act()
        halted()
        assert len(chain.admin.get("blue").subnets) == 3

    def test_no_host_takes_it_meanwhile(self, chain: RecordedChain, conf: ConfigOpts) -> None:
        blue = chain.network()
        chain.admin.disassociate("blue", project=False)
        updates = chain.manager._chain.store.network_updates
        updates.begin(call(), blue.id, 7)
        conf.set_override("operation_timeout", 0.2)
        for take in (
            lambda: chain.admin.set_host("blue"),
            lambda: chain.admin.allocate_for_instance(instance()),
        ):
            with pytest.raises(NetworkInTransition):
                take()
        updates.cancel(call(), blue.id, 7)
        assert chain.admin.set_host("blue") == "host-1"

    def test_another_change_waits_for_the_first_and_keeps_what_that_did(
        self, chain: RecordedChain, halted: Callable[[], None]
    ) -> None:
        asked = SubnetChanges(reserved=ranges("10.0.0.107-10.0.0.107"))
        second = Thread(target=chain.admin.update, args=("blue", asked))
        second.start()
        halted()
        second.join()
        part = chain.admin.get("blue").subnets[0]
        assert part.reserved == ranges("10.0.0.105-10.0.0.105", "10.0.0.107-10.0.0.107")
        assert part.pools == MOST.pools
