"""Every row of behaviour taken over from Nova's QuantumManager is proved by a test with its id."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLACES = ("tests/**/test_*.py", "qplug_*/tests/test_*.py", "qplug/testing/**/*.py")
PROVED_NOW = """
1-4 6-60 62-90 96 98-100
"""
"""The rows that do not wait for a driver of another distribution."""


def rows(text: str) -> Iterator[int]:
    for part in text.split():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def proofs() -> Iterator[tuple[int, str]]:
    """Yield row and test: ``test_r53_...``, or a docstring that begins with ``R53``."""
    for path in [path for place in PLACES for path in ROOT.glob(place)]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                said = (ast.get_docstring(node) or "").split("\n")[0]
                begins = re.match(r"(R\d+(, | and )?)+", said)
                ids = re.findall(r"_r(\d+)(?=_|$)", node.name)
                ids += re.findall(r"R(\d+)", begins[0] if begins else "")
                for row in ids:
                    yield int(row), f"{path.relative_to(ROOT)}::{node.name}"


PROOFS = sorted(proofs())


@pytest.mark.parametrize("row", list(rows(PROVED_NOW)), ids=lambda row: f"R{row}")
def test_a_row_of_parity_is_proved(row: int) -> None:
    assert [test for proved, test in PROOFS if proved == row]


def test_rows_are_written_as_ranges() -> None:
    assert list(rows("1-3 7")) == [1, 2, 3, 7]
