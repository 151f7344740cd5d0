"""What the page tells people to type does what it says, on a real Neutron."""

from pathlib import Path

import pytest
from documentation import script, typed
from neutron import Neutron

pytestmark = pytest.mark.integration


def test_the_commands_of_the_page_run_as_written(neutron: Neutron, tmp_path: Path) -> None:
    printed = typed(script("docs/quantum-neutron.md"), tmp_path, NEUTRON=neutron.url)
    assert f"Neutron at {neutron.url} has 0 network(s) of project" in printed
    assert '"ip_address":"10.20.0.2"' in printed
    assert printed.count("| kind | where | what |") == 2  # both empty, else it would fail
    assert neutron.ask("GET", "networks")["networks"] == []
