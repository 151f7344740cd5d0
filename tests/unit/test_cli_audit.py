"""``qplug audit``, as its caller sees it."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from commands import Commands
from netaddr import IPAddress

from qplug.config import load_config
from qplug.factory import create_manager
from qplug.manager import Manager
from qplug.model import Network, Vif
from qplug.store import NO_MAC
from qplug.testing.values import call

WEB = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
STRANGER = "0c0ffee0-0000-4000-8000-000000000001"

KEYS = [
    "kind",
    "where",
    "what",
    "network_id",
    "label",
    "instance_id",
    "vif_id",
    "address",
    "port_id",
    "wanted",
    "found",
    "plan",
    "kept",
    "repaired",
]


@pytest.fixture
def blue(qplug: Commands) -> dict[str, Any]:
    """Make a network with an instance."""
    made: dict[str, Any] = qplug("network create blue --cidr 10.0.0.0/24 -f json").json
    assert qplug(f"instance allocate {WEB} --project a").code == 0
    return made


@contextmanager
def behind_the_back(qplug: Commands) -> Iterator[Manager]:
    """Yield a manager whose drivers can be told what the store does not hear of."""
    with closing(create_manager(load_config([str(qplug.conf)]))) as manager:
        yield manager


def lose_address(qplug: Commands) -> None:
    with behind_the_back(qplug) as manager:
        chain = manager._chain
        record = chain.store.instances.get(call(), WEB)
        assert record is not None
        (one,) = record.vifs
        chain.ipam.deallocate(call(), one.network, one.vif)


def add_stranger(qplug: Commands, address: str = "10.0.0.77") -> None:
    with behind_the_back(qplug) as manager:
        network = manager._chain.store.networks.find(call(), "blue")
        manager._chain.ipam.add_address(
            call(), network, stranger(network), wanted=IPAddress(address)
        )


def stranger(network: Network) -> Vif:
    return Vif(
        id=STRANGER,
        network_id=network.id,
        instance_id=STRANGER,
        project_id="a",
        mac=NO_MAC,
    )


def test_where_nothing_differs_it_is_said_and_the_code_is_0(
    qplug: Commands, blue: dict[str, Any]
) -> None:
    done = qplug("audit -f json")
    assert (done.code, done.out, done.err) == (0, "[]\n", "qplug: audit: nothing differs\n")


def test_a_difference_is_shown_with_all_that_is_known_and_the_code_is_3(
    qplug: Commands, blue: dict[str, Any]
) -> None:
    lose_address(qplug)
    done = qplug("audit -f json")
    (shown,) = json.loads(done.out)
    assert done.code == 3
    assert done.err == "qplug: audit: 1 difference(s), 0 repaired, 1 left\n"
    assert list(shown) == KEYS
    vif = qplug(f"vif list {WEB} -f json").json[0]["id"]
    assert shown | {"port_id": None} == {
        "kind": "missing",
        "where": "ipam",
        "what": "address",
        "network_id": blue["id"],
        "label": "blue",
        "instance_id": WEB,
        "vif_id": vif,
        "address": "10.0.0.2",
        "port_id": None,
        "wanted": "the vif has 10.0.0.2",
        "found": "IPAM has not given it to the vif",
        "plan": f"make all say of instance {WEB} what the store says",
        "kept": None,
        "repaired": False,
    }


def test_a_repair_says_what_it_does_before_and_the_code_is_0_when_nothing_is_left(
    qplug: Commands, blue: dict[str, Any]
) -> None:
    lose_address(qplug)
    done = qplug("audit --repair -f json")
    assert done.code == 0
    assert [one["repaired"] for one in json.loads(done.out)] == [True]
    plan = f"make all say of instance {WEB} what the store says"
    assert done.err.splitlines() == [
        f"qplug: repair: missing address 10.0.0.2: {plan}",
        "qplug: audit: 1 difference(s), 1 repaired, 0 left",
    ]
    assert qplug("audit").code == 0


def test_what_nobody_knows_is_kept_until_it_is_named(qplug: Commands, blue: dict[str, Any]) -> None:
    add_stranger(qplug)
    done = qplug("audit --repair -f json")
    (shown,) = json.loads(done.out)
    assert done.code == 3
    assert (shown["kind"], shown["vif_id"], shown["repaired"]) == ("extra", STRANGER, False)
    assert f"'qplug audit --release {STRANGER}' releases it" in shown["kept"]
    assert qplug(f"audit --release {STRANGER}").code == 0
    assert qplug("audit").code == 0


def test_a_table_is_brief_and_other_formats_are_whole(
    qplug: Commands, blue: dict[str, Any]
) -> None:
    add_stranger(qplug)
    table = qplug("audit")
    assert "| kind  | where | what    | label |" in table.out
    assert "wanted" not in table.out
    (head, row) = csv.reader(io.StringIO(qplug("audit -f csv").out))
    assert head == KEYS
    assert row[:3] == ["extra", "ipam", "address"]
    assert qplug("audit -f value -c vif_id -c address").out == f"{STRANGER} 10.0.0.77\n"


def test_a_vif_that_is_recorded_keeps_what_is(qplug: Commands, blue: dict[str, Any]) -> None:
    vif = qplug(f"vif list {WEB} -f json").json[0]["id"]
    done = qplug(f"audit --release {vif} -f value")
    assert (done.code, done.out) == (0, "")
    assert f"nothing of vif {vif} was found, so that nothing was released" in done.err
    assert len(qplug(f"fixed-ip list --instance {WEB} -f json").json) > 0


def test_a_member_may_not(qplug: Commands, blue: dict[str, Any]) -> None:
    assert "network:audit" in qplug("--project a audit -f value").sentence


def test_a_reader_sees_each_row_when_it_is_found(
    qplug: Commands, blue: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        add_stranger(qplug, f"10.0.0.{100 + number}")
    seen: list[int] = []
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr(out, "flush", lambda: seen.append(len(out.getvalue().splitlines())))
    from qplug.cli.main import main

    assert main(["audit", "-f", "csv"]) == 3
    assert seen[:3] == [2, 3, 4]
