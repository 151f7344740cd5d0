"""An upgrade from the version of the last commit, host after host, while requests go on.

``QPLUG_TEST_UPGRADE_FROM`` names another revision.
"""

import operator
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from fleets import Host, fleet_of, noting, until
from installing import ROOT

from qplug.api import NetworkApi
from qplug.errors import Unavailable
from qplug.model import Instance, NetworkRequest
from qplug.testing.requirements import require
from qplug.testing.values import PROJECT

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("database_kind", ["postgresql"])]

__all__ = ["noting"]

FROM = os.environ.get("QPLUG_TEST_UPGRADE_FROM", "HEAD~1")
QPLUG = (sys.executable, "-m", "qplug.cli.main")


@pytest.fixture
def older(tmp_path: Path, noting: None) -> dict[str, str]:
    """Return the environment in which Python finds the version of the last commit."""
    folder = tmp_path / "older"
    folder.mkdir()
    archived = subprocess.run(["git", "archive", FROM], cwd=ROOT, capture_output=True, check=False)
    require(archived.returncode == 0, f"no git, or no revision {FROM}; clone the whole history")
    subprocess.run(["tar", "--extract"], cwd=folder, input=archived.stdout, check=True)
    sources = [folder, *sorted(folder.glob("qplug_*/src"))]
    path = os.pathsep.join([*map(str, sources), os.environ["PYTHONPATH"]])
    found = {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}  # not what is in the working directory
    code = "import qplug, qplug_ipam_nova; print(qplug.__file__, qplug_ipam_nova.__file__)"
    imported = subprocess.check_output(
        [sys.executable, "-c", code], text=True, env={**os.environ, **found}
    )
    assert imported.count(str(folder)) == 2
    return found


def test_hosts_are_upgraded_one_after_the_other_while_requests_go_on(
    tmp_path: Path, bare_database_url: str, older: dict[str, str]
) -> None:
    with fleet_of(tmp_path, bare_database_url) as fleet:
        hosts = [fleet.host(f"host-{n}") for n in (1, 2)]
        typed(hosts[0], "db upgrade", **older)
        for number, host in enumerate(hosts):
            host.launch(**older)
            host.wait_ready()
            create = f"network create net-{number} --project {PROJECT} --cidr 10.{number}.0.0/24"
            for line in (create, f"network set-host net-{number} {host.name}"):
                typed(host, f"--via-service {line}", **older)
        typed(hosts[0], "db upgrade")  # the older services go on with what they know
        come_and_go(hosts, older)
        guests = Guests([fleet.api(host=f"client-{n}") for n in range(4)])
        with ThreadPoolExecutor(4) as threads:
            going: list[Future[None]] = []
            try:
                for host in reversed(hosts):
                    assert host.stop() == 0
                    host.start()
                    # Callers are upgraded after the first service, and others never.
                    going = going or guests.begin(threads)
                    guests.settle()
                    refused = guests.refused
                    guests.come_and_go(40)
                    come_and_go(hosts, older)
                    assert guests.refused == refused, guests.answers
                    for line in ("network list -f json", "host list -c host -f json"):
                        told = typed(host, f"--via-service {line}")
                        assert typed(host, f"--via-service {line}", **older) == told
            finally:
                guests.over.set()
            for each in going:
                each.result()
        assert not any(name.startswith("bug") for name in guests.answers), guests.answers
        api = fleet.api()
        until(lambda: all(work.state == "released" for work in api.get_pending()), 90)
        assert list(api.audit()) == []
        for host in hosts:
            assert "Traceback" not in host.log


def typed(host: Host, line: str, **variables: str) -> str:
    """Type a command on a host and return what it prints."""
    return subprocess.run(
        [*QPLUG, "--config-file", str(host.file), *line.split()],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def come_and_go(hosts: list[Host], variables: dict[str, str]) -> None:
    """Have an instance on each network, asked for on each host."""
    for host in hosts:
        guest = str(uuid4())
        for line in (f"allocate {guest} --project {PROJECT}", f"deallocate {guest}"):
            typed(host, f"--via-service instance {line}", **variables)


class Guests:
    """Instances that come and go, until that is over."""

    def __init__(self, apis: list[NetworkApi]) -> None:
        self.over = threading.Event()
        self.answers: Counter[str] = Counter()
        self._apis = apis
        self._lives = [0] * len(apis)

    def begin(self, threads: ThreadPoolExecutor) -> list[Future[None]]:
        """Begin."""
        return [threads.submit(self._live, api, n) for n, api in enumerate(self._apis)]

    @property
    def refused(self) -> int:
        """How often somebody was told to try again."""
        return self.answers.total() - self.answers["lived"]

    def come_and_go(self, count: int) -> None:
        """Wait until that many more instances did."""
        before = self.answers["lived"]
        until(lambda: self.answers["lived"] >= before + count, 60)

    def settle(self) -> None:
        """Wait until each has lived since: whoever was refused meanwhile has been told so."""
        enough = [lived + 2 for lived in self._lives]
        until(lambda: all(map(operator.ge, self._lives, enough)), 60)

    def _live(self, api: NetworkApi, number: int) -> None:
        chance = random.Random(number)
        while not self.over.is_set():
            guest = Instance(id=str(uuid4()), project_id=PROJECT)
            wanted = NetworkRequest(network_id=f"net-{chance.randrange(2)}")
            try:
                assert len(api.allocate_for_instance(guest, [wanted])) == 1
                assert len(api.get_vifs_by_instance(guest.id)) == 1
                answer = "lived"
            except Unavailable as error:
                answer = type(error).__name__
            except Exception as error:  # whatever it is, the test fails with its name
                answer = f"bug {type(error).__name__}: {error}"
            self.answers[answer] += 1
            until(partial(self._is_freed, api, guest), 60)
            self._lives[number] += answer == "lived"

    def _is_freed(self, api: NetworkApi, guest: Instance) -> bool:
        try:
            api.deallocate_for_instance(guest.id)
        except Unavailable as error:
            self.answers[type(error).__name__] += 1
            return False
        return True
