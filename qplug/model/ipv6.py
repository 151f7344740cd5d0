"""IPv6 addresses derived from a MAC address, by the names of ``ipv6_backend``, and back.

Both backends fill the low 64 bits, so a prefix has at most 64. A ValueError names the culprit.
"""

from hashlib import sha1

from netaddr import EUI, IPAddress, IPNetwork

from qplug.model.nouns import mac_address

RFC2462 = "rfc2462"
"""The MAC's modified EUI-64 (RFC 4291, appendix A)."""
ACCOUNT_IDENTIFIER = "account_identifier"
"""Four octets of the project's SHA-1, 0xff, and the last three octets of the MAC."""
BACKENDS = (RFC2462, ACCOUNT_IDENTIFIER)

_LINK_LOCAL = int(IPAddress("fe80::"))
_LOCAL_BIT = 0x02 << 56
_ACCOUNT_OUI = 0xFA163E << 24  # OpenStack's; the derivation drops it
_LOW_64 = (1 << 64) - 1
_LOW_24 = (1 << 24) - 1


def to_global(backend: str, prefix: IPNetwork, mac: EUI, project_id: str) -> IPAddress:
    """Return the address under the prefix; ``rfc2462`` does not look at the project.

    :raises ValueError: the backend is unknown, or prefix, MAC or project cannot be used
    """
    if prefix.version != 6 or prefix.prefixlen > 64:
        raise ValueError(f"prefix {prefix} is wrong: it must be IPv6 and leave 64 bits free")
    host = _eui64(mac) if _is_rfc2462(backend) else _account(mac, project_id)
    return IPAddress(prefix.first | host, 6)


def link_local(mac: EUI) -> IPAddress:
    """Return the link-local address that a host with this MAC gives itself.

    :raises ValueError: the MAC is not of 48 bits
    """
    return IPAddress(_LINK_LOCAL | _eui64(mac), 6)


def to_mac(backend: str, address: IPAddress) -> EUI:
    """Return the MAC that the address was derived from.

    For ``account_identifier`` this holds for MACs that begin with ``fa:16:3e``; its addresses do
    not tell the first three octets.

    :raises ValueError: the backend is unknown, or it never makes such an address
    """
    derived = _mac_of_eui64 if _is_rfc2462(backend) else _mac_of_account
    bits = derived(address.value & _LOW_64) if address.version == 6 else None
    if bits is None:
        raise ValueError(f"address {address} is wrong: {backend} never makes such a one")
    return mac_address(EUI(bits, version=48))


def _eui64(mac: EUI) -> int:
    bits = _bits(mac)
    return (bits >> 24 << 40 | 0xFFFE << 24 | bits & _LOW_24) ^ _LOCAL_BIT


def _mac_of_eui64(host: int) -> int | None:
    if host >> 24 & 0xFFFF != 0xFFFE:
        return None
    return (host ^ _LOCAL_BIT) >> 40 << 24 | host & _LOW_24


def _account(mac: EUI, project_id: str) -> int:
    if not project_id:
        raise ValueError(f"project '{project_id}' is wrong: {ACCOUNT_IDENTIFIER} needs one")
    digest = sha1(project_id.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4]) << 32 | 0xFF << 24 | _bits(mac) & _LOW_24


def _mac_of_account(host: int) -> int | None:
    return _ACCOUNT_OUI | host & _LOW_24 if host >> 24 & 0xFF == 0xFF else None


def _bits(mac: EUI) -> int:
    if mac.version != 48:
        raise ValueError(f"MAC address {mac} is wrong: it must be of 48 bits")
    return int(mac.value)


def _is_rfc2462(backend: str) -> bool:
    if backend not in BACKENDS:
        raise ValueError(f"IPv6 backend '{backend}' is wrong: it must be {' or '.join(BACKENDS)}")
    return backend == RFC2462
