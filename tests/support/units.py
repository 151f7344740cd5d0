"""Starts a unit of systemd's as systemd would, where that does not run: ``enable --now UNIT``.

Of what confines a service, the rights, the files it may write to and that it gets no new privileges
are done as the unit says; the rest is not.
"""

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

UNITS = Path("/etc/systemd/system")
OPEN = ("/dev", "/proc", "/sys")
"""What ``ProtectSystem=strict`` leaves as it is."""

CONFINE = """
for path in $1; do mount --bind "$path" "$path"; done
for path in $2; do mount -o remount,bind,ro "$path"; done
shift 2
exec "$@"
"""


def main(arguments: Sequence[str]) -> None:
    """Start a unit and wait for its word."""
    enable, now, name = arguments
    assert (enable, now) == ("enable", "--now")
    unit = _Unit(UNITS / f"{name}.service")
    assert unit.one("Type") == "notify"
    assert unit.one("ProtectSystem") == "strict"
    assert unit.one("NoNewPrivileges") == "true"
    state = [f"/var/lib/{each}" for each in unit.words("StateDirectory")]
    for each in state:
        Path(each).mkdir(mode=int(unit.one("StateDirectoryMode"), 8), exist_ok=True)
    rights = ",".join(f"+{each.lower()[4:]}" for each in unit.words("CapabilityBoundingSet"))
    command = ["setpriv", "--no-new-privs", f"--bounding-set=-all,{rights}", "--"]
    command += shlex.split(unit.one("ExecStart"))
    writable = [*state, *unit.words("ReadWritePaths")]
    paths = [" ".join(writable), " ".join(_mounts(writable))]
    spaces = ["unshare", "--mount", "--propagation", "slave"]
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(f"/run/{name}.notify")
    log = Path(f"/run/{name}.log")
    with log.open("ab") as file:
        service = subprocess.Popen(
            [*spaces, "sh", "-euc", CONFINE, "sh", *paths, *command],
            stdout=file,
            stderr=file,
            start_new_session=True,
            env={**os.environ, "NOTIFY_SOCKET": f"/run/{name}.notify"},
        )
    told.settimeout(0.2)
    while service.poll() is None:
        with suppress(TimeoutError):
            assert told.recv(100) == b"READY=1"
            return
    sys.exit(f"{name} has ended:\n{log.read_text()}")


class _Unit:
    def __init__(self, path: Path) -> None:
        self._found: dict[str, list[str]] = {}
        # systemd's files repeat keys, which configparser does not know.
        section = path.read_text().partition("\n[Service]\n")[2].partition("\n[")[0]
        for line in section.splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.partition("=")
                self._found.setdefault(key, []).append(value)

    def one(self, key: str) -> str:
        """Return the value of a key that is there once."""
        (found,) = self._found[key]
        return found

    def words(self, key: str) -> Sequence[str]:
        """Return the words of all values of a key."""
        return " ".join(self._found.get(key, [])).split()


def _mounts(writable: Sequence[str]) -> Sequence[str]:
    """Return where something is mounted that is to be read only."""
    with open("/proc/self/mountinfo") as file:
        there = [line.split()[4] for line in file]
    left = (*OPEN, *writable)
    seen = [path for path in there if os.path.ismount(path)]  # the others are under another one
    return [path for path in seen if not any(_is_in(path, each) for each in left)]


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


if __name__ == "__main__":
    main(sys.argv[1:])
