"""A folder on the path in which packages can be installed, broken ones too."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


class Site:
    """A folder on the path with packages as an installer leaves them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def install(
        self, name: str, *entry_points: str, kind: str = "mac", version: str = "1.2", **code: str
    ) -> None:
        """Install a package that offers entry points of one kind, with its modules' code."""
        metadata = self.path / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir(parents=True, exist_ok=True)
        (metadata / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        lines = "\n".join([f"[qplug.{kind}]", *entry_points])
        (metadata / "entry_points.txt").write_text(lines + "\n")
        for module, text in code.items():
            (self.path / f"{module}.py").write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return a folder that is on the path during the test."""
    site = Site(tmp_path / "site")
    site.path.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(site.path)
    yield site
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(site.path)):
            del sys.modules[name]
