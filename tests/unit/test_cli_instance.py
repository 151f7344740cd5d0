"""``qplug instance``, ``fixed-ip`` and ``vif``, as their caller sees them."""

import json

import pytest
import yaml  # type: ignore[import-untyped]  # its types are one more package
from commands import Commands

from qplug.network_info import NetworkInfo

WEB = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
DB = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e22"


@pytest.fixture(autouse=True)
def networks(qplug: Commands) -> None:
    """Make a dual-stack network of project a, and a global one."""
    qplug("network create blue --project a --cidr 10.0.0.0/24 --cidr fd00::/112 --rxtx-base 100")
    qplug("network create public --cidr 192.0.2.0/24 --priority 5")


def fixed_ips(qplug: Commands, words: str = "") -> list[str]:
    return qplug(f"fixed-ip list {words} -f value -c address").out.split()


def test_allocate_answers_with_the_array_of_compute(qplug: Commands) -> None:
    done = qplug(f"instance allocate {WEB} --project a --rxtx-factor 2 -f json")
    blue, public = done.json
    assert list(blue) == ["id", "address", "network", "meta"]
    assert blue["meta"] == {"rxtx_cap": 200}
    assert blue["network"]["label"] == "blue"
    assert blue["network"]["meta"] == {"tenant_id": "a"}
    assert [s["ips"][0]["address"] for s in blue["network"]["subnets"]] == ["10.0.0.2", "fd00::2"]
    assert public["network"]["label"] == "public"
    assert NetworkInfo.hydrate(done.out).to_list() == done.json


def test_show_says_what_allocate_said(qplug: Commands) -> None:
    allocated = qplug(f"instance allocate {WEB} --project a -f json").json
    assert qplug(f"instance show {WEB} -f json").json == allocated
    assert yaml.safe_load(qplug(f"instance show {WEB} -f yaml").out) == allocated


def test_a_table_shows_network_mac_and_addresses(qplug: Commands) -> None:
    lines = qplug(f"instance allocate {WEB} --project a --network blue").out.splitlines()
    mac = qplug(f"vif list {WEB} -f value -c mac").out.strip()
    assert lines[1] == "| network | mac               | addresses |"
    assert lines[3] == f"| blue    | {mac} | 10.0.0.2  |"
    assert lines[4] == "|         |                   | fd00::2   |"
    assert qplug(f"instance show {WEB} -f value").out == f"blue {mac} 10.0.0.2,fd00::2\n"
    csv = f'"network","mac","addresses"\n"blue","{mac}","10.0.0.2,fd00::2"\n'
    assert qplug(f"instance show {WEB} -f csv").out == csv


def test_the_same_request_again_is_the_same_answer(qplug: Commands) -> None:
    line = f"instance allocate {WEB} --project a --network blue=10.0.0.9 -f json"
    assert qplug(line).json == qplug(line).json
    assert "by a different request" in qplug(f"instance allocate {WEB} --project a").sentence


def test_requested_addresses_are_given(qplug: Commands) -> None:
    wanted = "--network blue=10.0.0.9,fd00::9 --network public=192.0.2.9 --network blue"
    qplug(f"instance allocate {WEB} --project a {wanted}")
    shown = qplug(f"instance show {WEB} -f value -c network -c addresses").out.splitlines()
    assert shown == [
        "blue 10.0.0.9,fd00::9",
        "public 192.0.2.9",
        "blue 10.0.0.2,fd00::2",
    ]


def test_an_instance_without_networks_is_no_error(qplug: Commands) -> None:
    qplug("network delete public")
    assert qplug(f"instance allocate {WEB} --project nobody -f json").json == []


def test_the_callers_project_is_an_instances_owner_by_default(qplug: Commands) -> None:
    assert qplug(f"--project a instance allocate {WEB}").code == 0
    assert qplug("instance list -f value -c project_id").out == "a\n"
    refused = qplug(f"instance allocate {DB}")
    assert refused.code == 2
    assert refused.sentence == "an instance has an owner; name it with --project"


def test_list_shows_what_was_said_of_instances(qplug: Commands) -> None:
    qplug(f"instance allocate {WEB} --project a --name web --zone z --host h --rxtx-factor 1.5")
    qplug(f"instance allocate {DB} --project b")
    web, db = qplug("instance list -f json").json
    assert web == {
        "id": WEB,
        "project_id": "a",
        "name": "web",
        "zone": "z",
        "host": "h",
        "rxtx_factor": 1.5,
    }
    assert (db["id"], db["name"]) == (DB, None)
    assert qplug("--project b instance list -f value -c id").out == f"{DB}\n"


def test_find_matches_addresses(qplug: Commands) -> None:
    qplug(f"instance allocate {WEB} --project a --network blue=10.0.0.77")
    qplug(f"instance allocate {DB} --project b --network public")
    assert qplug(r"instance find --ip '10\.0.*77' -f json").json == [
        {"instance_uuid": WEB, "ip": "10.0.0.77"}
    ]
    assert qplug("instance find --ip6 fd00 -f value -c instance_uuid").out == f"{WEB}\n"
    assert qplug("instance find --fixed-ip 192.0.2.2 -f value -c ip").out == "192.0.2.2\n"
    assert qplug("instance find --ip 11 -f json").json == []


def test_deallocate_takes_several_and_is_quiet(qplug: Commands) -> None:
    before = qplug("network usage -f json -c used").json
    for instance in (WEB, DB):
        qplug(f"instance allocate {instance} --project a")
    done = qplug(f"instance deallocate {WEB} {DB} {WEB}")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert qplug("instance list -f json").json == []
    assert qplug("network usage -f json -c used").json == before


def test_one_bad_id_stops_all_deallocations(qplug: Commands) -> None:
    qplug(f"instance allocate {WEB} --project a")
    assert "'nonsense'" in qplug(f"instance deallocate {WEB} nonsense").sentence
    assert qplug("instance list -f value -c id").out == f"{WEB}\n"


def test_deallocate_goes_on_to_the_others_when_one_is_refused(qplug: Commands) -> None:
    policy = qplug.conf.with_name("policy.yaml")
    policy.write_text('"network:deallocate_for_instance": "project_id:%(project_id)s"\n')
    for instance, project in ((WEB, "a"), (DB, "b")):
        qplug(f"instance allocate {instance} --project {project}")
    qplug.configure(f"[oslo_policy]\npolicy_file = {policy}")
    done = qplug(f"--project b --as-admin instance deallocate {WEB} {DB}")
    assert "policy does not let" in done.sentence
    assert qplug("instance list -f value -c id").out == f"{WEB}\n"


def test_fixed_ips_are_listed_by_what_they_belong_to(qplug: Commands) -> None:
    qplug(f"instance allocate {WEB} --project a")
    qplug(f"instance allocate {DB} --project b")
    assert fixed_ips(qplug, "--network public") == ["192.0.2.2", "192.0.2.3"]
    assert fixed_ips(qplug, f"--instance {DB}") == ["192.0.2.3"]
    assert fixed_ips(qplug, "--address fd00::2") == ["fd00::2"]
    one = qplug("fixed-ip list --address fd00::2 -f json").json[0]
    names = ["id", "address", "network_id", "subnet_id", "instance_id", "vif_id", "mac"]
    assert list(one) == [*names, "project_id"]
    assert (one["instance_id"], one["project_id"]) == (WEB, "a")


def test_a_fixed_ip_is_shown_by_id_or_address(qplug: Commands) -> None:
    qplug(f"instance allocate {WEB} --project a")
    listed = qplug("fixed-ip list --address 10.0.0.2 -f json").json[0]
    assert qplug("fixed-ip show 10.0.0.2 -f json").json == listed
    assert qplug(f"fixed-ip show {listed['id']} -f json").json == listed


def test_an_address_of_several_networks_needs_its_id(qplug: Commands) -> None:
    qplug("network create green --project b --cidr 10.0.0.0/24")
    qplug(f"instance allocate {WEB} --project a --network blue")
    qplug(f"instance allocate {DB} --project b --network green")
    assert "told apart by an id" in qplug("fixed-ip show 10.0.0.2").sentence
    assert qplug("--project b fixed-ip show 10.0.0.2 -f json").json["instance_id"] == DB


def test_one_address_more_and_one_less(qplug: Commands) -> None:
    qplug(f"instance allocate {WEB} --project a --network blue")
    assert qplug(f"fixed-ip add {WEB} blue -f json").json == {"address": "10.0.0.3"}
    vif = qplug(f"vif list {WEB} -f value -c id").out.strip()
    added = qplug(f"fixed-ip add {WEB} blue --address fd00::9 --vif {vif} -f value")
    assert added.out == "fd00::9\n"
    assert fixed_ips(qplug) == ["10.0.0.2", "10.0.0.3", "fd00::2", "fd00::9"]
    done = qplug(f"fixed-ip remove {WEB} 10.0.0.2 --vif {vif}")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert qplug(f"fixed-ip remove {WEB} fd00::9").code == 0
    assert fixed_ips(qplug) == ["10.0.0.3", "fd00::2"]


def test_vifs_are_found_by_instance_and_by_mac(qplug: Commands) -> None:
    info = json.loads(qplug(f"instance allocate {WEB} --project a -f json").out)
    listed = qplug(f"vif list {WEB} -f json").json
    assert [vif["id"] for vif in listed] == [vif["id"] for vif in info]
    assert list(listed[0]) == ["id", "mac", "network_id", "instance_id", "project_id"]
    mac = info[0]["address"]
    assert qplug(f"vif show {mac} -f json").json == listed[0]
    assert qplug(f"vif show {mac.upper().replace(':', '-')} -f json").json == listed[0]
