"""A disk that can be full."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qplug.testing.requirements import require


class Disk:
    """A small file system in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, *, leaving: int = 0) -> None:
        """Use all of it but some bytes."""
        self.clear()
        disk = os.statvfs(self.path)
        with self._ballast.open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, disk.f_bavail * disk.f_frsize - leaving)

    def clear(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, *, size: int) -> Iterator[Disk]:
    """Mount a disk of so many bytes, and unmount it."""
    require(shutil.which("mount"), "no mount; install it")
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    require(not mounted.returncode, f"{mounted.stderr.strip()}; run as root, who may mount")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", str(path)], check=True)
