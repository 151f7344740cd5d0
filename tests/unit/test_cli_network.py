"""``qplug network``, as its caller sees it."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from commands import Commands

from qplug import loader
from qplug.config import load_config
from qplug.testing.values import DEFAULT_PROJECT, call

KEYS = [
    "id",
    "label",
    "project_id",
    "host",
    "priority",
    "zone",
    "rxtx_base",
    "mtu",
    "dns_domain",
    "lease_time",
    "adopted",
    "drivers",
    "subnets",
]
SUBNET_KEYS = ["id", "cidr", "gateway", "dhcp_server", "pools", "reserved", "dns", "routes"]
INSTANCE = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"


def labels(listed: list[dict[str, Any]]) -> list[str]:
    return [network["label"] for network in listed]


def test_create_answers_with_the_whole_network(qplug: Commands) -> None:
    made = qplug("network create blue --cidr 10.0.0.0/24 --project a -f json").json
    assert list(made) == KEYS
    assert list(made["subnets"][0]) == SUBNET_KEYS
    assert str(UUID(made["id"])) == made["id"]
    assert made | {"id": "", "subnets": []} == {
        "id": "",
        "label": "blue",
        "project_id": "a",
        "host": "host-1",
        "priority": None,
        "zone": None,
        "rxtx_base": None,
        "mtu": None,
        "dns_domain": None,
        "lease_time": None,
        "adopted": False,
        "drivers": {
            "ipam": "nova",
            "quantum": "local",
            "mac": "random",
            "l3": "null",
            "dhcp": "null",
        },
        "subnets": [],
    }


def test_what_is_repeated_goes_to_the_subnet_that_contains_it(qplug: Commands) -> None:
    made = qplug(
        "network create blue --cidr fd00::/112 --cidr 10.0.0.0/24 --cidr 10.1.0.0/24"
        " --gateway 10.1.0.254 --gateway none --dns 10.0.0.53 --dns fd00::53"
        " --pool 10.0.0.20-10.0.0.29 --pool 10.0.0.10-10.0.0.19 --pool fd00::10-fd00::ff"
        " --reserve 10.0.0.15 --reserve 10.1.0.5-10.1.0.6 -f json"
    ).json
    four, other, six = [subnet | {"id": "x"} for subnet in made["subnets"]]
    assert four == {
        "id": "x",
        "cidr": "10.0.0.0/24",
        "gateway": None,
        "dhcp_server": "10.0.0.1",
        "pools": ["10.0.0.10-10.0.0.19", "10.0.0.20-10.0.0.29"],
        "reserved": ["10.0.0.15"],
        "dns": ["10.0.0.53"],
        "routes": [],
    }
    assert (other["cidr"], other["gateway"]) == ("10.1.0.0/24", "10.1.0.254")
    assert other["reserved"] == ["10.1.0.5-10.1.0.6"]
    assert (six["cidr"], six["gateway"]) == ("fd00::/112", None)
    assert (six["pools"], six["dns"]) == (["fd00::10-fd00::ff"], ["fd00::53"])


def test_a_subnet_has_its_first_address_as_gateway_unless_told(qplug: Commands) -> None:
    made = qplug("network create blue --cidr 10.0.0.0/24 --cidr fd00::/64 -f json").json
    assert [subnet["gateway"] for subnet in made["subnets"]] == ["10.0.0.1", "fd00::1"]


def test_the_properties_are_kept(qplug: Commands) -> None:
    qplug("network create blue --cidr 10.0.0.0/24 --priority 3 --zone z1 --rxtx-base 100")
    shown = qplug("network show blue -f json").json
    assert (shown["priority"], shown["zone"], shown["rxtx_base"]) == (3, "z1", 100)


@pytest.mark.parametrize(
    ("line", "owner"),
    [
        ("network create x --cidr 10.0.0.0/24", None),
        ("network create x --cidr 10.0.0.0/24 --project a", "a"),
        ("--project a network create x --cidr 10.0.0.0/24", "a"),
        ("--project a network create x --cidr 10.0.0.0/24 --project a", "a"),
        ("--project a --as-admin network create x --cidr 10.0.0.0/24", "a"),
        ("--project a --as-admin network create x --cidr 10.0.0.0/24 --project b", "b"),
        ("--as-admin network create x --cidr 10.0.0.0/24", None),
    ],
)
def test_who_calls_decides_who_owns_it(qplug: Commands, line: str, owner: str | None) -> None:
    assert qplug(f"{line} -f json").json["project_id"] == owner


def test_a_member_sees_its_own_and_global_networks(qplug: Commands) -> None:
    for label, project in (("a-net", "--project a"), ("b-net", "--project b"), ("pub", "")):
        qplug(f"network create {label} {project} --cidr 10.0.0.0/24")
    assert labels(qplug("network list -f json").json) == ["a-net", "b-net", "pub"]
    assert labels(qplug("--project a network list -f json").json) == ["a-net", "pub"]
    admin = qplug("--project a --as-admin network list -f json").json
    assert labels(admin) == ["a-net", "b-net", "pub"]


def test_list_and_show_say_the_same(qplug: Commands) -> None:
    made = qplug("network create blue --cidr 10.0.0.0/24 -f json").json
    assert qplug("network list -f json").json == [made]
    assert qplug("network show blue -f json").json == made
    assert qplug("network show", made["id"], "-f", "json").json == made


def test_a_table_shows_a_subnet_a_line(qplug: Commands) -> None:
    qplug("network create blue --cidr 10.0.0.0/24 --cidr fd00::/64 --pool 10.0.0.9-10.0.0.19")
    shown = qplug("network show blue -c subnets").out.splitlines()
    assert "| subnets | 10.0.0.0/24, gateway 10.0.0.1, pool 10.0.0.9-10.0.0.19 |" in shown
    assert any(line.startswith("|         | fd00::/64, gateway fd00::1 ") for line in shown)
    listed = qplug("network list").out.splitlines()
    assert "10.0.0.0/24" in listed[3]
    assert "fd00::/64" in listed[4]


def test_an_empty_table_keeps_its_head(qplug: Commands) -> None:
    head = "| id | label | project_id | host | subnets |"
    assert qplug("network list").out.splitlines()[1] == head


def test_set_changes_what_is_named_and_nothing_else(qplug: Commands) -> None:
    before = qplug("network create blue --cidr 10.0.0.0/24 --priority 3 -f json").json
    after = qplug("network set blue --label red --rxtx-base 10 -f json").json
    assert after == before | {"label": "red", "rxtx_base": 10}
    assert qplug("network show red -f json").json == after


def test_a_network_is_given_another_host(qplug: Commands) -> None:
    qplug("network create blue --cidr 10.0.0.0/24")
    assert qplug("network set-host blue host-2 -f value").out == "host-2\n"
    assert qplug("network show blue -f value -c host").out == "host-2\n"
    assert qplug("network set-host blue -f value").out == "host-1\n"
    assert qplug("network disassociate blue --keep-project -f json").json["host"] is None
    assert qplug("network set-host blue host-2 -f value").out == "host-2\n"


def test_disassociate_takes_owner_and_host(qplug: Commands) -> None:
    for label in ("both", "host", "owner"):
        qplug(f"network create {label} --cidr 10.0.0.0/24 --project {label}")
    both = qplug("network disassociate both -f json").json
    assert (both["project_id"], both["host"]) == (None, None)
    qplug("network delete both")
    host = qplug("network disassociate host --keep-project -f json").json
    assert (host["project_id"], host["host"]) == ("host", None)
    owner = qplug("network disassociate owner --keep-host -f json").json
    assert (owner["project_id"], owner["host"]) == (None, "host-1")


def test_usage_counts_every_address_once(qplug: Commands) -> None:
    qplug("network create blue --cidr 10.0.0.0/29 --cidr fd00::/64 --project a")
    qplug("network create red --cidr 10.1.0.0/24 --project b")
    qplug(f"instance allocate {INSTANCE} --project a")
    four, six = qplug("network usage blue -f json").json
    assert four == {
        "network": "blue",
        "cidr": "10.0.0.0/29",
        "used": 1,
        "resting": 0,
        "held": 0,
        "reserved": 3,
        "free": 4,
        "percent": 20,
        "warning": None,
    }
    counts = [six[name] for name in ("used", "resting", "held", "reserved", "free")]
    assert sum(counts) == 2**64
    assert len(qplug("network usage -f json").json) == 3
    assert len(qplug("--project b network usage -f json").json) == 1


def test_usage_warns_of_subnets_that_are_nearly_full(qplug: Commands) -> None:
    qplug("network create blue --cidr 10.0.0.0/29 --cidr 10.0.1.0/24 --project a")
    for number in range(5):
        qplug(f"instance allocate {INSTANCE[:-1]}{number} --project a")
        one, other = qplug("network usage --warn-at 60 -f json -c percent -c warning").json
        expected = [None, None, "nearly full", "nearly full", "full"][number]
        assert one == {"percent": 20 * (number + 1), "warning": expected}
        assert other["warning"] is None
    assert qplug("network usage blue -c warning -f value").out == "full\n-\n"
    assert "a whole number from 1 to 100" in qplug("network usage --warn-at 0").sentence


def test_a_resting_address_counts_as_neither_used_nor_a_reason_to_warn(qplug: Commands) -> None:
    qplug("network create blue --cidr 10.0.0.0/30 --project a")
    qplug(f"instance allocate {INSTANCE} --project a")
    qplug(f"instance deallocate {INSTANCE}")
    (usage,) = qplug("network usage blue -f json").json
    assert (usage["resting"], usage["percent"], usage["warning"]) == (1, 0, None)


def test_set_changes_subnets_that_are_in_use(qplug: Commands) -> None:
    qplug("network create blue --cidr 10.0.0.0/24 --dns 192.0.2.1 --project a")
    qplug(f"instance allocate {INSTANCE} --project a")
    line = "network set blue --pool 10.0.0.20-10.0.0.29 --reserve 10.0.0.25 --cidr 10.0.1.0/24"
    one, other = qplug(f"{line} --gateway none --dns 192.0.2.9 -f json").json["subnets"]
    assert (one["pools"], one["reserved"]) == (["10.0.0.20-10.0.0.29"], ["10.0.0.25"])
    assert (other["cidr"], other["gateway"]) == ("10.0.1.0/24", None)
    assert one["dns"] == other["dns"] == ["192.0.2.9"]
    assert qplug("network usage blue -f value -c used -c free").out == "1 9\n0 253\n"
    line = "network set blue --no-pool 10.0.0.0/24 --unreserve 10.0.0.20-10.0.0.30 --no-dns"
    one, _ = qplug(f"{line} -f json").json["subnets"]
    assert (one["pools"], one["reserved"], one["dns"]) == ([], [], [])


def test_routes_are_told_on_the_subnet_of_their_next_hop(qplug: Commands) -> None:
    ways = "--route 192.168.0.0/16=10.0.0.9 --route fd01::/48=fd00::9 --route 0.0.0.0/0=10.0.1.9"
    line = "network create blue --cidr 10.0.0.0/24 --cidr 10.0.1.0/24 --cidr fd00::/64"
    made = qplug(f"{line} {ways} -f json").json["subnets"]
    assert [subnet["routes"] for subnet in made] == [
        [{"cidr": "192.168.0.0/16", "gateway": "10.0.0.9"}],
        [{"cidr": "0.0.0.0/0", "gateway": "10.0.1.9"}],
        [{"cidr": "fd01::/48", "gateway": "fd00::9"}],
    ]
    line = "network set blue --cidr 10.0.2.0/24 --route 192.168.0.0/16=10.0.2.9"
    changed = qplug(f"{line} --route 172.16.0.0/12=10.0.0.8 -f json").json["subnets"]
    assert [[route["gateway"] for route in subnet["routes"]] for subnet in changed] == [
        ["10.0.0.8"],
        [],
        ["10.0.2.9"],
        [],
    ]
    none = qplug("network set blue --no-route -f json").json["subnets"]
    assert all(subnet["routes"] == [] for subnet in none)


def test_a_table_shortens_what_csv_spells_out(qplug: Commands) -> None:
    qplug("network create blue --cidr fd00::/64")
    assert "1.8e19" in qplug("network usage").out
    assert str(2**64 - 2) in qplug("network usage -f csv").out


def test_delete_says_nothing_and_leaves_nothing(qplug: Commands) -> None:
    qplug("network create blue --cidr 10.0.0.0/24")
    done = qplug("network delete blue")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert qplug("network list -f json").json == []


def test_an_adopted_network_stays_in_quantum_unless_asked(qplug: Commands) -> None:
    network_id = made_in_quantum()
    adopt = f"network create blue --uuid {network_id} --cidr 10.0.0.0/24 -f json"
    made = qplug(adopt).json
    assert (made["id"], made["adopted"]) == (network_id, True)
    assert qplug("network delete blue").code == 0
    assert qplug(adopt).json["adopted"] is True
    assert qplug("network delete blue --with-quantum").code == 0
    assert "Quantum has no network" in qplug(adopt).sentence


def made_in_quantum() -> str:
    conf = load_config()
    quantum = loader.load(loader.QUANTUM, conf.quantum.driver, conf)
    try:
        return quantum.create_network(call(), DEFAULT_PROJECT, "theirs", key=str(uuid4()))
    finally:
        quantum.close()
