"""Networks whose addresses are in use already, written in bulk."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from benchmarks.raw import Raw
from qplug.model import Network

PROJECT = "bench"

CREATED = 1.7e9
"""Seconds since 1970."""


@dataclass(frozen=True)
class Seed:
    """An instance with one vif on the network."""

    instance: str
    vif: str
    port: str
    allocation: str
    mac: str
    address: str


def fill(raw: Raw, network: Network, count: int) -> None:
    """Give the lowest addresses to as many instances, as if qplug had."""
    [subnet] = network.subnets
    lowest = int(subnet.cidr.first) + 2  # after the network's own and the gateway
    seeds = [_seed(number, lowest + number) for number in range(count)]
    with raw.transaction():
        for table, columns, rows in _tables(network.id, subnet.id, seeds):
            raw.insert(table, columns, rows)
        first = f"4{lowest + count:08x}"
        raw.execute(
            f"UPDATE qplug_ipam_nova_free SET first = '{first}' WHERE subnet_id = '{subnet.id}'"  # noqa: S608  # our own values
        )
    raw.analyze()


def _seed(number: int, address: int) -> Seed:
    mac = f"02:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}:00:00"
    return Seed(_id(), _id(), _id(), _id(), mac, f"4{address:08x}")


def _id() -> str:
    return str(uuid4())


def _tables(
    network: str, subnet: str, seeds: list[Seed]
) -> Iterator[tuple[str, list[str], Iterator[tuple[Any, ...]]]]:
    yield (
        "qplug_instances",
        ["id", "project_id", "rxtx_factor", "request", "state", "epoch", "created_at"],
        ((s.instance, PROJECT, 1.0, "[]", "active", 1, CREATED) for s in seeds),
    )
    yield (
        "qplug_vifs",
        ["id", "instance_id", "network_id", "project_id", "position", "mac", "port_id", "state"],
        ((s.vif, s.instance, network, PROJECT, 0, s.mac, s.port, "active") for s in seeds),
    )
    yield (
        "qplug_allocations",
        ["id", "vif_id", "network_id", "subnet_id", "address"],
        ((s.allocation, s.vif, network, subnet, s.address) for s in seeds),
    )
    yield (
        "qplug_local_ports",
        ["id", "network_id", "attachment", "mac", "instance_id", "rxtx_factor", "address_pairs"],
        ((s.port, network, s.vif, s.mac, s.instance, 1.0, "[]") for s in seeds),
    )
    yield (
        "qplug_ipam_nova_addresses",
        ["subnet_id", "address", "network_id", "vif_id", "slot", "instance_id"],
        ((subnet, s.address, network, s.vif, 0, s.instance) for s in seeds),
    )
