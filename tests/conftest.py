"""What all tests share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from qplug.db import Migrations

pytest_plugins = ["qplug.testing.fixtures", "commands", "sites", "talking"]

settings.register_profile("qplug", deadline=None)  # a busy machine is no defect
settings.load_profile("qplug")

VERSIONS = {
    "0001": """
def upgrade():
    op.create_table("qplug_fake_parents", sa.Column("id", sa.Integer, primary_key=True))
    op.create_table(
        "qplug_fake_children",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("parent", sa.Integer, sa.ForeignKey("qplug_fake_parents.id", ondelete="CASCADE")),
    )
""",
    "0002": """
def upgrade():
    anew = "always" if op.get_context().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("qplug_fake_parents", recreate=anew) as batch:
        batch.add_column(sa.Column("colour", sa.String(9), server_default="red"))
""",
}


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], Migrations]:
    """Return a maker of releases of a distribution ``fake``: a package with so many versions.

    On SQLite the second makes a table anew that another one points to. The folder has a hard name.
    """

    def make(package: str, count: int) -> Migrations:
        folder = tmp_path / "100% hard: name" / package
        (folder / "versions").mkdir(parents=True)
        (folder / "__init__.py").touch()
        down = None
        for version, body in [*VERSIONS.items()][:count]:
            head = f"revision, down_revision = {version!r}, {down!r}"
            text = f"import sqlalchemy as sa\nfrom alembic import op\n{head}\n{body}"
            (folder / "versions" / f"{version}_change.py").write_text(text)
            down = version
        monkeypatch.syspath_prepend(folder.parent)
        return Migrations(name="fake", package=package, head=f"{count:04}")

    return make
