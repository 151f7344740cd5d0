"""The page about a Linux host: its commands run as written, and its options are those there are."""

import os
import re
import subprocess
import sys
from pathlib import Path

import hosts
import pytest
from documentation import script
from installing import ROOT
from oslo_config import cfg

from qplug.testing.requirements import require
from qplug_dhcp_dnsmasq.options import opts
from qplug_l3_linux.options import OPTS

pytestmark = pytest.mark.integration

PAGE = "docs/linux.md"
INSIDE = """
mount -t tmpfs tmpfs /run && mkdir /run/netns && mount -t tmpfs tmpfs /var/lib
ip link set lo up && exec sh -eux -c "$1"
"""


def test_all_commands_of_the_page_run_as_written(tmp_path: Path) -> None:
    require(hosts.unshared_works(), hosts.NO_USER_NAMESPACES)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
    variables = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "PATH": path}
    done = subprocess.run(
        [*hosts.UNSHARED, "sh", "-c", INSIDE, "sh", script(PAGE)],
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "this host has the rules" in done.stdout or "has no rules yet" in done.stdout
    assert "2001:db8:20:0:f816:3eff:" in done.stdout
    assert done.stderr.count("nothing differs") == 2


@pytest.mark.parametrize(("group", "options"), [("l3_linux", OPTS), ("dhcp_dnsmasq", opts())])
def test_the_page_has_every_option_with_its_default_and_its_help(
    group: str, options: list[cfg.Opt]
) -> None:
    text = (ROOT / PAGE).read_text().partition(f"In `[{group}]`:")[2].partition("\n\nIn ")[0]
    text = text.partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (.+) \|$", text, re.MULTILINE)
    told = {name: (default.strip("`"), meaning) for name, default, meaning in rows}
    assert told == {option.name: (_default(option), option.help) for option in options}


def _default(option: cfg.Opt) -> str:
    found = option.default if option.sample_default is None else option.sample_default
    return "empty" if found in (None, "", []) else str(found)
