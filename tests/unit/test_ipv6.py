"""Addresses derived from a MAC address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import EUI, AddrFormatError, IPAddress, IPNetwork

from qplug.model import mac_address
from qplug.model.ipv6 import (
    ACCOUNT_IDENTIFIER,
    BACKENDS,
    RFC2462,
    link_local,
    to_global,
    to_mac,
)

PREFIX = IPNetwork("fd00:10::/64")
MAC = mac_address("fa:16:3e:12:34:56")

macs = st.integers(0, 2**48 - 1).map(lambda bits: mac_address(EUI(bits, version=48)))
prefixes = st.builds(
    lambda bits, length: IPNetwork(f"{IPAddress(bits, 6)}/{length}").cidr,
    st.integers(0, 2**128 - 1),
    st.integers(0, 64),
)
projects = st.text("abcé-0123456789", min_size=1)


@pytest.mark.parametrize(
    ("backend", "address"),
    [
        (RFC2462, "fd00:10::f816:3eff:fe12:3456"),
        (ACCOUNT_IDENTIFIER, "fd00:10::956e:d313:ff12:3456"),
    ],
)
def test_r79_the_examples_of_both_backends_hold(backend: str, address: str) -> None:
    derived = to_global(backend, PREFIX, MAC, "tenant-a")
    assert str(derived) == address
    assert str(to_mac(backend, derived)) == "fa:16:3e:12:34:56"


@pytest.mark.parametrize("prefix", ["10.0.0.0/24", "fd00:10::/65", "fd00:10::/128"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_r79_a_prefix_without_64_free_bits_is_named(backend: str, prefix: str) -> None:
    with pytest.raises(ValueError, match=f"^prefix {prefix} is wrong"):
        to_global(backend, IPNetwork(prefix), MAC, "tenant-a")


@pytest.mark.parametrize("backend", BACKENDS)
def test_r79_a_mac_of_64_bits_is_named(backend: str) -> None:
    with pytest.raises(ValueError, match=r"^MAC address 00-00-00-00-00-00-00-01 is wrong"):
        to_global(backend, PREFIX, EUI(1, version=64), "tenant-a")


def test_r79_text_that_is_no_mac_never_becomes_one() -> None:
    with pytest.raises(AddrFormatError, match=r"not-a-mac"):
        mac_address("not-a-mac")


def test_r79_an_account_identifier_needs_a_project_and_rfc2462_does_not() -> None:
    with pytest.raises(ValueError, match=r"^project '' is wrong"):
        to_global(ACCOUNT_IDENTIFIER, PREFIX, MAC, "")
    assert to_global(RFC2462, PREFIX, MAC, "") == to_global(RFC2462, PREFIX, MAC, "tenant-a")


def test_an_unknown_backend_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'rfc4941' is wrong: .* rfc2462 or account_identifier"):
        to_global("rfc4941", PREFIX, MAC, "tenant-a")
    with pytest.raises(ValueError, match=r"'rfc4941' is wrong"):
        to_mac("rfc4941", IPAddress("fd00:10::1"))


def test_the_link_local_address_is_the_one_the_kernel_would_take() -> None:
    assert str(link_local(MAC)) == "fe80::f816:3eff:fe12:3456"


@pytest.mark.parametrize("address", ["fd00:10::1", "10.0.0.5", "::ffff:10.0.0.5"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_address_that_was_never_derived_has_no_mac(backend: str, address: str) -> None:
    with pytest.raises(ValueError, match=f"^address {address} is wrong"):
        to_mac(backend, IPAddress(address))


@given(st.sampled_from(BACKENDS), prefixes, macs, projects)
def test_a_derived_address_is_inside_its_prefix(
    backend: str, prefix: IPNetwork, mac: EUI, project: str
) -> None:
    assert to_global(backend, prefix, mac, project) in prefix


@given(prefixes, macs)
def test_rfc2462_tells_the_mac_again(prefix: IPNetwork, mac: EUI) -> None:
    assert to_mac(RFC2462, to_global(RFC2462, prefix, mac, "")) == mac


@given(prefixes, st.integers(0, 2**24 - 1), projects)
def test_an_account_identifier_tells_an_openstack_mac_again(
    prefix: IPNetwork, low: int, project: str
) -> None:
    mac = mac_address(EUI(0xFA163E << 24 | low, version=48))
    derived = to_global(ACCOUNT_IDENTIFIER, prefix, mac, project)
    assert to_mac(ACCOUNT_IDENTIFIER, derived) == mac


@given(macs)
def test_the_link_local_address_agrees_with_netaddr(mac: EUI) -> None:
    assert link_local(mac) == mac.ipv6_link_local()
