"""What is inside our wheels."""

import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import pytest
from installing import ROOT
from packaging.requirements import Requirement

FOLDERS = {"qplug_core": ROOT} | {
    path.parent.name: path.parent / "src" for path in ROOT.glob("qplug_*/setup.cfg")
}


@pytest.fixture(params=sorted(FOLDERS))
def wheel(request: pytest.FixtureRequest, wheels: Path) -> Path:
    (found,) = wheels.glob(f"{request.param}-*.whl")
    return found


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode())


def test_no_wheel_requires_the_strangers_qplug(wheel: Path) -> None:
    stated = metadata(wheel).get_all("Requires-Dist") or []
    names = {Requirement(line).name for line in stated}
    assert "oslo.config" in names
    assert "qplug" not in names


def test_a_wheel_tells_its_license_and_describes_itself(wheel: Path) -> None:
    told = metadata(wheel)
    assert (told["License"], told["License-File"]) == ("Apache-2.0", "LICENSE")
    assert str(told.get_payload()).startswith("# qplug")


def test_a_wheel_has_every_module_of_its_source(wheel: Path) -> None:
    """Migrations too, which are in no package and so easily left out."""
    distribution = wheel.name.partition("-")[0]
    folder = FOLDERS[distribution]
    package = "qplug" if distribution == "qplug_core" else distribution
    sources = {str(path.relative_to(folder)) for path in (folder / package).rglob("*.py")}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.endswith(".py")}
        assert f"{package}/py.typed" in archive.namelist()
    assert packed == sources
