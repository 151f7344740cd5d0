"""The program: whether it runs, starting and stopping it."""

import os
import pwd
import select
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from qplug_dhcp_dnsmasq.errors import DnsmasqFailed, PathClosed, ProgramMissing, UserMissing

PLACES = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
ENVIRONMENT = {"PATH": PLACES, "LC_ALL": "C"}

RIGHTS = "-all,+net_admin,+net_raw,+net_bind_service,+setuid,+setgid"
"""What dnsmasq needs until it became its user; it keeps the first two of them."""

PATIENCE = 2.0
"""Seconds that it has to end."""


@dataclass(frozen=True)
class Identity:
    """Who dnsmasq becomes."""

    user: str
    uid: int | None
    """``None`` where it stays who it is."""

    @property
    def arguments(self) -> Sequence[str]:
        """Say so to dnsmasq."""
        if self.uid is None:
            return ["--user=root", "--group="]
        return [f"--user={self.user}", f"--dhcp-scriptuser={self.user}"]


def identity(user: str) -> Identity:
    """Return who dnsmasq becomes on this machine.

    :raises UserMissing: there is no such user
    """
    if not _sees_all_users():
        return Identity("root", None)
    try:
        return Identity(user, pwd.getpwnam(user).pw_uid)
    except KeyError as error:
        raise UserMissing(user) from error


def _sees_all_users() -> bool:
    """Say whether other users than ours can be had: not in a user namespace with one of them."""
    with open("/proc/self/uid_map") as file:
        return any(int(line.split()[2]) > 1 for line in file)


def refuse_closed(path: str, who: Identity) -> None:
    """Refuse a folder that dnsmasq could not enter.

    :raises PathClosed: somebody lets nobody in on the way
    """
    place = path
    while who.uid not in (None, 0):
        if os.path.isdir(place):
            found = os.stat(place)
            if found.st_uid != who.uid and not found.st_mode & 0o001:
                raise PathClosed(path, place, who.user)
        if place == "/":
            return
        place = os.path.dirname(place)


def program() -> str:
    """Return where dnsmasq is.

    :raises ProgramMissing: it is not installed
    """
    return _found("dnsmasq", "dnsmasq-base")


def _found(name: str, package: str) -> str:
    found = shutil.which(name, path=PLACES)
    if found is None:
        raise ProgramMissing(name, package)
    return found


def version() -> str:
    """Return the version of dnsmasq, as it says it."""
    done = subprocess.run(  # noqa: S603  # the path is dnsmasq's
        [program(), "--version"], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    words = done.stdout.split()
    return words[2] if len(words) > 2 else "of an unknown version"


@dataclass(frozen=True)
class Process:
    """The dnsmasq of a network, told apart by the path of its pid file."""

    pid_file: str

    def pid(self) -> int | None:
        """Return its process id; the file belongs to its user, and is not believed."""
        try:
            with open(self.pid_file) as file:
                pid = int(file.read(20))
        except (OSError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def find(self) -> int | None:
        """Return its process id, even if the file says something else."""
        pid = self.pid()
        if pid is not None:
            return pid
        numbers = map(int, filter(str.isdigit, os.listdir("/proc")))
        return next(filter(self._is_ours, numbers), None)

    def _is_ours(self, pid: int) -> bool:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False
        return f"--pid-file={self.pid_file}".encode() in words

    def start(self, label: str, arguments: Sequence[str]) -> None:
        """Start it; when this returns it has its sockets, and goes on when we end.

        :raises DnsmasqFailed: it refuses, and says why
        :raises ProgramMissing: it is not installed
        """
        confined = [_found("setpriv", "util-linux"), "--no-new-privs"]
        confined += [f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}"]
        done = subprocess.run(  # noqa: S603  # made of parsed values alone
            [*confined, program(), f"--pid-file={self.pid_file}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=ENVIRONMENT,
            cwd="/",
            check=False,
        )
        if done.returncode:
            reason = " ".join(done.stderr.split()) or f"it exits with {done.returncode}"
            raise DnsmasqFailed(label, reason.removeprefix("dnsmasq: "))

    def stop(self) -> None:
        """Have it end; it not running is no error."""
        while (pid := self.find()) is not None:
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                return
            try:
                if self._is_ours(pid):  # the number is not another's since
                    self._end(descriptor)
            finally:
                os.close(descriptor)

    def _end(self, descriptor: int) -> None:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                signal.pidfd_send_signal(descriptor, number)
            except ProcessLookupError:
                return
            if waiting.poll(PATIENCE * 1000):
                return
