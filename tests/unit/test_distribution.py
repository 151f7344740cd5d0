"""What we publish: names required, errors promised, words in the documentation."""

import ast
import builtins
import configparser
import os
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import distributions
from importlib.util import find_spec
from inspect import isclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import qplug
import qplug.http.errors as http_errors
from qplug import errors
from qplug.contracts import KINDS
from qplug.model import Capability

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT, *sorted(path.parent for path in ROOT.glob("qplug_*/setup.cfg"))]
OURS = [path.name for path in FOLDERS[1:]]
STRANGER = "qplug"
"""A distribution on the package index that is none of ours."""

# --- names --------------------------------------------------------------------------------------


def required(folder: Path) -> Iterator[str]:
    """Yield every requirement that a distribution states, for itself, its extras and its build."""
    setup = configparser.ConfigParser()
    setup.read(folder / "setup.cfg")
    for section in ("options", "options.extras_require"):
        for option, lines in setup[section].items() if section in setup else ():
            if section.endswith("extras_require") or option in (
                "install_requires",
                "setup_requires",
            ):
                yield from filter(None, lines.splitlines())
    yield from tomllib.loads((folder / "pyproject.toml").read_text())["build-system"]["requires"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_distribution_of_ours_requires_the_strangers_qplug(folder: Path) -> None:
    names = {canonicalize_name(Requirement(line).name) for line in required(folder)}
    assert "setuptools" in names
    assert STRANGER not in names


def test_no_tool_of_ours_requires_the_strangers_qplug() -> None:
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    names = {Requirement(line).name for line in lines if line and not line.startswith("#")}
    assert "pytest-xdist" in names
    assert STRANGER not in names


def test_nothing_installed_here_of_ours_requires_the_strangers_qplug() -> None:
    ours = [d for d in distributions() if canonicalize_name(d.name).startswith("qplug-")]
    assert "qplug-core" in {canonicalize_name(each.name) for each in ours}
    for each in ours:
        assert STRANGER not in {Requirement(line).name for line in each.requires or ()}


@pytest.mark.parametrize("folder", FOLDERS[1:], ids=lambda folder: folder.name)
def test_a_plugin_requires_the_core_and_is_licensed_like_it(folder: Path) -> None:
    assert "qplug-core" in {Requirement(line).name for line in required(folder)}
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (folder / "README.md").is_file()


def test_the_run_against_wheels_has_nothing_of_the_checkout() -> None:
    wanted = "site-packages" if "QPLUG_TEST_WHEELS" in os.environ else ROOT.name
    assert Path(qplug.__file__).parents[1].name == wanted


# --- errors that docstrings promise -------------------------------------------------------------


def promises() -> Iterator[tuple[str, str]]:
    """Yield module and error of every ``:raises X, Y:`` in a docstring."""
    sources = [ROOT / "qplug", *(folder / "src" / folder.name for folder in FOLDERS[1:])]
    for source in sources:
        for path in sorted(source.rglob("*.py")):
            module = ".".join(path.relative_to(source.parent).with_suffix("").parts)
            for names in _raises(ast.parse(path.read_text())):
                for name in names.split(","):
                    yield module.removesuffix(".__init__"), name.strip()


def _raises(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield from re.findall(r":raises ([\w., \n]+):", ast.get_docstring(node) or "")


PROMISES = sorted(set(promises()))


@pytest.mark.parametrize(("module", "name"), PROMISES)
def test_an_error_that_a_docstring_promises_exists(module: str, name: str) -> None:
    """It is one of ours, Python's, another package's by its full name, or in sight there.

    A distribution has its own in its module ``errors``, and what speaks HTTP those of that.
    """
    place, _, leaf = name.rpartition(".")
    own = f"{module.partition('.')[0]}.errors"
    there = [module, own] if find_spec(own) else [module]
    holders = (
        [import_module(place)]
        if place
        else [
            errors,
            http_errors,
            builtins,
            *map(import_module, there),
        ]
    )
    found = next((getattr(each, leaf) for each in holders if hasattr(each, leaf)), None)
    assert isclass(found)
    assert issubclass(found, Exception)


def test_docstrings_promise_errors_at_all() -> None:
    assert ("qplug.contracts.ipam", "NoMoreFixedIps") in PROMISES
    assert {module.partition(".")[0] for module, _ in PROMISES} == {"qplug", *OURS}


# --- words --------------------------------------------------------------------------------------

PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("changes/*.md"),
    *ROOT.glob("qplug_*/*.md"),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_contracts_page_lists_every_kind_and_capability() -> None:
    page = (ROOT / "docs/contracts.md").read_text()
    capabilities = {each.name: each.value for each in Capability}
    assert dict(re.findall(r"^\| `([A-Z_]+)` \| (.+) \|$", page, re.MULTILINE)) == capabilities
    assert re.findall(r"^\| \[`(\w+)`\]\(\.\./qplug/contracts/\1\.py\)", page, re.MULTILINE) == [
        *KINDS
    ]


def test_the_contracts_page_tells_the_right_kind_of_an_error() -> None:
    page = (ROOT / "docs/contracts.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ((?:`\w+`(?:, )?)+) \|$", page, re.MULTILINE)
    assert {kind for kind, _ in rows} == {
        each.__name__ for each in errors.QplugError.__subclasses__()
    }
    for kind, leaves in rows:
        for leaf in re.findall(r"\w+", leaves):
            assert issubclass(getattr(errors, leaf), getattr(errors, kind))


def test_every_decision_is_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs/decisions"
    titles = {
        page.name: page.read_text().partition("\n")[0].partition(": ")[2]
        for page in folder.glob("0*.md")
    }
    listed = re.findall(
        r"^\| \[\d{4}\]\((.+?)\) \| (.+) \|$", (folder / "README.md").read_text(), re.M
    )
    assert dict(listed) == titles
