"""The stale sweep: which addresses it lets go, and what does not stop it."""

import logging
from collections.abc import Sequence

import pytest
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.errors import BackendUnavailable, FixedIpAlreadyInUse
from qplug.manager import Context
from qplug.model import Lease, Network, NetworkRequest
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.clock import Clock
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.values import network_spec

ADMIN = Context(is_admin=True)
DELAY = 600


@pytest.fixture
def blue(chain: RecordedChain) -> Network:
    return chain.network("10.0.0.0/24", "fd00::/96")


def rested(chain: RecordedChain, *addresses: str) -> Sequence[Lease]:
    """Give addresses to an instance each and take them back; return the leases they had."""
    leases = []
    for text in addresses:
        made, wanted = instance(), IPAddress(text)
        request = NetworkRequest(network_id="blue", addresses=(wanted,))
        (vif,) = chain.admin.allocate_for_instance(made, [request])
        network_id = chain.admin.get("blue").id
        leases.append(Lease(network_id=network_id, address=wanted, mac=vif.address))
        chain.admin.deallocate_for_instance(made.id)
    return leases


def is_free(chain: RecordedChain, address: str) -> bool:
    request = NetworkRequest(network_id="blue", addresses=(IPAddress(address),))
    made = instance()
    try:
        chain.admin.allocate_for_instance(made, [request])
    except FixedIpAlreadyInUse:
        return False
    chain.admin.deallocate_for_instance(made.id)
    return True


def test_r98_a_timed_out_address_needs_no_sweep(
    chain: RecordedChain, blue: Network, clock: Clock
) -> None:
    rested(chain, "10.0.0.7", "fd00::7")
    clock.advance(DELAY - 1)
    assert not is_free(chain, "10.0.0.7")
    clock.advance(1)
    assert is_free(chain, "10.0.0.7")
    assert is_free(chain, "fd00::7")


def test_r98_r72_a_sweep_lets_go_what_dhcp_of_this_host_says_has_ended_and_nothing_else(
    chain: RecordedChain, blue: Network
) -> None:
    four, six, _ = rested(chain, "10.0.0.7", "fd00::7", "10.0.0.8")
    chain.dhcp.ended += [four, six]
    assert chain.admin.sweep_host() == 2
    assert chain.dhcp.ended == []
    assert is_free(chain, "10.0.0.7")
    assert is_free(chain, "fd00::7")
    assert not is_free(chain, "10.0.0.8")
    assert chain.admin.sweep_host() == 0


def test_r98_an_address_that_is_allocated_stays(chain: RecordedChain, blue: Network) -> None:
    mine = instance()
    (vif,) = chain.admin.allocate_for_instance(mine)
    before = chain.holdings()
    chain.dhcp.ended += [
        Lease(network_id=blue.id, address=IPAddress(str(ip.address)), mac=vif.address)
        for ip in vif.fixed_ips()
    ]
    assert chain.admin.sweep_host() == 2
    assert chain.holdings() == before


@pytest.mark.parametrize("error", [BackendUnavailable("it", "told to"), RuntimeError("boo")])
def test_r98_a_lease_that_fails_does_not_stop_the_others_and_is_tried_again(
    chain: RecordedChain, blue: Network, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = rested(chain, "10.0.0.7", "10.0.0.8")
    chain.dhcp.ended += [one, other]
    chain.journal.fail("ipam.lease_ended", error)
    with caplog.at_level(logging.ERROR):
        assert chain.admin.sweep_host() == 1
    assert "the rest of 10.0.0.7 on network" in caplog.text
    assert chain.dhcp.ended == [one]
    assert not is_free(chain, "10.0.0.7")
    assert chain.admin.sweep_host() == 1
    assert is_free(chain, "10.0.0.7")


def test_more_leases_than_a_driver_tells_at_once_are_all_passed_on(
    chain: RecordedChain, blue: Network
) -> None:
    (lease,) = rested(chain, "10.0.0.7")
    strangers = [
        Lease(network_id=blue.id, address=IPAddress("10.0.0.0") + n, mac=lease.mac)
        for n in range(100, 2101)
    ]
    chain.dhcp.ended += [*strangers, lease]
    assert chain.admin.sweep_host() == len(strangers) + 1
    assert is_free(chain, "10.0.0.7")


def test_r72_without_a_dhcp_driver_that_tells_of_leases_there_is_nothing_to_sweep(
    make_manager: MakeManager, api_of: ApiOf, conf: ConfigOpts
) -> None:
    api = api_of(make_manager())
    api.create(network_spec("10.0.0.0/24"))
    assert api.sweep_host() == 0
