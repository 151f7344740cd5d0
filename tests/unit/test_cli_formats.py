"""Every command that prints does so in every format, and only the columns asked for."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are one more package
from commands import Commands, installation

from qplug.cli.main import main

WEB = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"

WORLD = (
    "network create blue --project a --cidr 10.0.0.0/24 --cidr fd00::/64 --dns 10.0.0.53",
    "network create public --cidr 192.0.2.0/24",
    f"instance allocate {WEB} --project a --name web",
)

LISTS = (
    "network list",
    "network usage",
    "network usage blue",
    f"instance allocate {WEB} --project a --name web",
    f"instance show {WEB}",
    "instance list",
    "instance find --ip 10",
    "fixed-ip list",
    f"vif list {WEB}",
    "driver list",
    "driver check",
    "db current",
    "db upgrade",
)
ONES = (
    "network show blue",
    "network set public --priority 3",
    "network set-host blue",
    "network disassociate public --keep-host",
    "fixed-ip show 10.0.0.2",
    "driver show ipam nova",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make something to show."""
    with installation(tmp_path_factory.mktemp("world")) as conf:
        for line in WORLD:
            assert main(line.split()) == 0
        yield conf


@pytest.fixture
def qplug(world: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Return a runner of commands in that world."""
    return Commands(world, capsys)


@pytest.mark.parametrize("line", LISTS)
def test_a_list_is_the_same_in_every_format(qplug: Commands, line: str) -> None:
    rows = qplug(f"{line} -f json").json
    assert rows
    assert yaml.safe_load(qplug(f"{line} -f yaml").out) == rows
    for form in ("csv", "value", "table"):
        check(qplug, f"{line} -f {form}", form, len(rows))


def check(qplug: Commands, line: str, form: str, count: int) -> None:
    """Look whether the output is fit for what reads such a format."""
    done = qplug(line)
    assert (done.code, done.err) == (0, "")
    if form == "csv":
        head, *rows = csv.reader(done.out.splitlines())
        assert {len(row) for row in rows} == {len(head)}
        assert len(rows) == count
    elif form == "value":
        assert len(done.out.splitlines()) == count
    else:
        assert len({len(text) for text in done.out.splitlines()}) == 1
    for python in ("None", "[", "{", "'"):
        assert python not in done.out


@pytest.mark.parametrize("line", ONES)
def test_one_thing_is_the_same_in_every_format(qplug: Commands, line: str) -> None:
    shown = qplug(f"{line} -f json").json
    assert yaml.safe_load(qplug(f"{line} -f yaml").out) == shown
    assert qplug(f"{line} -f value").out.count("\n") == len(shown)
    head, row = csv.reader(qplug(f"{line} -f csv").out.splitlines())
    assert head == list(shown)
    assert len(row) == len(head)
    assert "Field" in qplug(line).out


@pytest.mark.parametrize("line", [*LISTS, *ONES])
def test_columns_can_be_chosen(qplug: Commands, line: str) -> None:
    for form, names in COLUMNS.items():
        *_, last = names(qplug(f"{line} -f {form}").out)
        chosen = qplug(f"{line} -f {form} -c {last}")
        assert (chosen.code, chosen.err) == (0, "")
        assert names(chosen.out) == [last]
    bare = qplug(f"{line} -f value -c {COLUMNS['csv'](qplug(f'{line} -f csv').out)[0]}")
    assert (bare.code, bare.err) == (0, "")
    assert " " not in bare.out


def of_json(text: str) -> list[str]:
    read = yaml.safe_load(text)  # of which JSON is a part
    return list(read[0] if isinstance(read, list) else read)


def of_csv(text: str) -> list[str]:
    return next(csv.reader(text.splitlines()))


def of_table(text: str) -> list[str]:
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    head, *rows = filter(None, cells)
    return [row[0] for row in rows if row[0]] if head == ["Field", "Value"] else head


COLUMNS = {"json": of_json, "yaml": of_json, "csv": of_csv, "table": of_table}


def test_keys_are_lower_snake_case(qplug: Commands) -> None:
    for line in [*LISTS, *ONES]:
        for key in keys(qplug(f"{line} -f json").json):
            assert key == key.lower().replace("-", "_").replace(" ", "_")


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from keys(each)
    if isinstance(value, list):
        for each in value:
            yield from keys(each)
