"""Pages of the documentation as what a reader does who follows them."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from installing import ROOT

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIRST_LINE = re.compile(r"# ([\w./]+\.(?:cfg|toml|conf|py))")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: commands, or a file whose first line says its path."""

    language: str
    text: str

    @property
    def path(self) -> str | None:
        """Where the block is to be written."""
        named = FIRST_LINE.fullmatch(self.text.partition("\n")[0])
        return named[1] if named else None


def blocks(page: str, section: str = "") -> Sequence[Block]:
    """Return the fenced blocks of a page, or of one section of it, in order."""
    text = (ROOT / page).read_text()
    if section:
        begins = re.search(rf"^##+ {re.escape(section)}$", text, re.MULTILINE)
        text = re.split(r"^##+ ", text[begins.end() :], flags=re.MULTILINE)[0] if begins else ""
        assert text, f"{page} has no section '{section}'"
    return [Block(language, block) for language, block in FENCE.findall(text)]


def script(page: str, section: str = "") -> str:
    """Return what a reader types who does as the page says, one thing after the other."""
    return "".join(map(_typed, blocks(page, section)))


def typed(text: str, home: Path, **variables: str) -> str:
    """Type commands where qplug is installed, and return what they print.

    :param variables: what the shell has in its environment besides
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {"HOME": str(home), "XDG_STATE_HOME": str(home), "PATH": path, **variables}
    shell = ["sh", "-eux", "-c", text]
    done = subprocess.run(shell, env=variables, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_files(page: str, folder: Path) -> Path:
    """Write the files of a page into a folder and return it."""
    for block in blocks(page):
        if block.path is not None:
            target = folder / block.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
    return folder


def _typed(block: Block) -> str:
    if block.path is not None:
        folder = Path(block.path).parent
        return f"mkdir -p {folder}\ncat > {block.path} <<'WRITTEN'\n{block.text}WRITTEN\n"
    return block.text if block.language == "sh" else ""
