"""Many processes on one network of a real host, while its dnsmasq is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import hosts
import probing
import pytest
from crashing import LONG
from hosts import linux_host
from netaddr import EUI, IPAddress
from oslo_config.cfg import ConfigOpts
from scenes import Scene, make_scene, scene

from qplug.model import mac_address

pytestmark = pytest.mark.integration

__all__ = ["linux_host", "make_scene", "scene"]

WORKER = """
import json, random, sys, time, uuid
from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.errors import NoMoreFixedIps
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.model import Instance, NetworkRequest

file, project, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
manager = create_manager(load_config([file]))
api = NetworkApi(manager, Context(is_admin=True))
rng, mine, freed, until = random.Random(), {}, [], time.monotonic() + seconds
while time.monotonic() < until:
    if mine and (len(mine) > 12 or rng.random() < 0.45):
        id_ = rng.choice(sorted(mine))
        assert api.deallocate_for_instance(id_) == [], id_
        freed.append(mine.pop(id_)[0])
        continue
    instance = Instance(id=str(uuid.uuid4()), project_id=project)
    try:
        (vif,) = api.allocate_for_instance(instance, [NetworkRequest(network_id="a")])
    except NoMoreFixedIps:
        continue
    mine[instance.id] = (str(vif.address), [str(ip.address) for ip in vif.fixed_ips()])
manager.close()
print(json.dumps([list(mine.values()), freed]))
"""


def test_after_a_crowd_each_is_answered_with_its_address_and_who_left_is_not(
    scene: Scene, conf: ConfigOpts
) -> None:
    seconds = 30.0 if LONG else 12.0
    network = scene.network("a", "10.20.0.0/25")
    watcher = scene.vm("watcher", network)  # so that it is served all the time
    file = scene.host.path / "qplug.conf"
    file.write_text(
        f"[DEFAULT]\nstate_path = {conf.state_path}\nhost = {conf.host}\n"
        f"[database]\nconnection = {conf.database.connection}\n"
        "[ipam]\nreuse_delay = 0\n[l3]\ndriver = linux\nmtu = 1450\n[dhcp]\ndriver = dnsmasq\n"
        f"[dhcp_dnsmasq]\nnetworks_path = {conf.dhcp_dnsmasq.networks_path}\n"
    )
    command = [sys.executable, "-c", WORKER, str(file), str(network.project_id), str(seconds)]
    workers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    kills = _killed_now_and_then(scene, network, workers)
    there: dict[EUI, IPAddress] = {}
    gone: set[EUI] = set()
    for worker in workers:
        out, error = worker.communicate(timeout=120)
        assert worker.returncode == 0, error[-2000:]
        mine, freed = json.loads(out)
        there |= {mac_address(mac): IPAddress(addresses[0]) for mac, addresses in mine}
        gone |= {mac_address(mac) for mac in freed}
    assert kills >= 3
    assert len(there) + len(gone) > 100

    last = scene.allocated("last", network)  # dnsmasq may have been killed after all others
    there[last.mac] = IPAddress(last.address)
    assert scene.audited() == []
    asked = [*there, *gone]
    hosts.run("nft", "delete", "table", "bridge", "qplug_ps")  # the watcher speaks for all
    with hosts.entered(watcher.netns):
        answers = dict(probing.offers("eth0", asked))
    assert answers == there


def _killed_now_and_then(scene, network, workers) -> int:  # type: ignore[no-untyped-def]
    rng, kills = random.Random(5), 0
    while any(worker.poll() is None for worker in workers):
        time.sleep(rng.uniform(0.2, 1.5))
        for pid in scene.dnsmasqs(network):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                kills += 1
    return kills
