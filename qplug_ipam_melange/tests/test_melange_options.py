"""Options are documented, and old names still set them."""

import re
from pathlib import Path

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.config import load_config
from qplug_ipam_melange.driver import MelangeIpam
from qplug_ipam_melange.mac import MelangeMac
from qplug_ipam_melange.options import GROUP, OPTS, list_opts

PAGE = Path(__file__).parents[2] / "docs/melange.md"


def test_the_page_has_every_option_with_its_default_and_its_help() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    told = {name: (default.strip("`"), meaning) for name, default, meaning in rows}
    assert told == {
        opt.name: ("empty" if opt.default in ("", {}) else str(opt.default), opt.help)
        for opt in OPTS
    }


def test_both_drivers_share_their_options(conf: ConfigOpts) -> None:
    MelangeIpam(conf).close()
    MelangeMac(conf).close()
    assert list_opts() == [(GROUP, OPTS)]


def test_novas_names_still_say_where_melange_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "nova.conf"
    old.write_text(
        "[DEFAULT]\nmelange_host = melange.example\nmelange_port = 80\nmelange_num_retries = 3\n"
        "quantum_ipam_lib = nova.network.quantum.melange_ipam_lib\n"
        "use_melange_mac_generation = True\n"
    )
    conf = load_config([str(old)])
    MelangeIpam(conf).close()
    assert (conf.ipam.driver, conf.mac.driver) == ("melange", "melange")
    found = conf[GROUP]
    assert (found.host, found.port, found.num_retries) == ("melange.example", 80, 3)
