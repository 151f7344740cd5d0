"""From one machine to three: what the page and README say to type, typed on three machines.

PostgreSQL and RabbitMQ are real and speak TLS alone; the services have the rights that the unit for
systemd gives them, and what they serve is asked by a DHCP client.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import hosts
import machines
import pytest
from installing import ROOT

from qplug.testing.requirements import require

pytestmark = pytest.mark.integration

UNIT = ROOT / "docs/qplug-manager.service"


def test_all_commands_from_one_machine_to_three_run_as_written(tmp_path: Path) -> None:
    require(hosts.unshared_works(), hosts.NO_USER_NAMESPACES)
    for folder in ("rabbitmq/lib", "postgresql"):
        require(Path("/usr/lib", folder).is_dir(), f"no {folder}; install both servers")
    require(shutil.which("openssl"), "no openssl; install it")
    done = subprocess.run(
        [*hosts.UNSHARED, sys.executable, machines.__file__, str(tmp_path)],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    said = done.stdout
    assert re.search(r"\| net-3 +\| True +\| +0 \|", said)
    assert "leased 10.30.0.2\n" in said
    refused = [line for line in said.splitlines() if "error" in line]
    assert len(refused) == 2
    assert all("certificate verify failed" in line for line in refused)
    assert "PASSWORD" not in said
    assert said.count("is served: qplug-manager") == 3


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    require(shutil.which("systemd-analyze"), "no systemd-analyze; install systemd")
    unit = tmp_path / UNIT.name
    program = Path(sys.executable).with_name("qplug-manager")
    unit.write_text(UNIT.read_text().replace("/opt/qplug/bin/qplug-manager", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
