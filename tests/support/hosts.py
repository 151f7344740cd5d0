"""A host of its own for a test: a network namespace that the test's thread is in meanwhile."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree, which

import pytest

from qplug.testing.requirements import require

NEW_NET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
OURS = f"qplug-test-{os.getpid()}-"

PROGRAMS = {
    "ip": "iproute2",
    "nft": "nftables",
    "dnsmasq": "dnsmasq-base",
    "udhcpc": "udhcpc",
    "dhclient": "isc-dhcp-client",
    "ping": "iputils-ping",
    "conntrack": "conntrack",
}

SURVIVOR = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdin.read()  # ends when the process ends that made us, however that is
sys.path.insert(0, sys.argv[3])
import hosts
hosts.clear(sys.argv[1], sys.argv[2])
"""


SPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
UNSHARED = ("unshare", "--user", "--map-root-user", *SPACES, "--propagation", "private")
"""Begins a command that is root in namespaces of its own, and nobody outside."""
NO_USER_NAMESPACES = "user namespaces are not allowed; set kernel.unprivileged_userns_clone to 1"


def unshared_works() -> bool:
    """Say whether this machine allows user namespaces."""
    done = subprocess.run([*UNSHARED, "true"], capture_output=True, timeout=60, check=False)
    return done.returncode == 0


class LinuxHost:
    """The namespace, and those of its instances, which are gone when the test is over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        """A folder that any user may look into."""
        self._namespaces: list[str] = []

    def namespace(self, name: str) -> str:
        """Make a namespace, as of an instance, and return its full name."""
        full = OURS + name
        self._namespaces.append(full)
        run("ip", "netns", "add", full)
        return full

    def outside(self, *addresses: str, gateway: Sequence[str] = ("203.0.113.1/24",)) -> str:
        """Make the world: a namespace behind the host's device ``pub0``."""
        name = self.namespace("out")
        run("ip", "link", "add", "pub0", "type", "veth", "peer", "name", "eth0", "netns", name)
        for address in gateway:
            run("ip", "addr", "add", address, "dev", "pub0", *_no_dad(address))
        run("ip", "link", "set", "pub0", "up")
        for address in addresses:
            inside(name, "ip", "addr", "add", address, "dev", "eth0", *_no_dad(address))
        inside(name, "ip", "link", "set", "eth0", "up")
        inside(name, "ip", "link", "set", "lo", "up")
        return name


def _no_dad(address: str) -> Sequence[str]:
    return ("nodad",) if ":" in address else ()


def run(*command: str, check: bool = True, timeout: float = 60) -> str:
    """Run a program on the host and return what it prints; one that fails fails the test."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if check and done.returncode:
        pytest.fail(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def inside(namespace: str, *command: str, check: bool = True, timeout: float = 60) -> str:
    """Run a program in a namespace."""
    return run("nsenter", f"--net=/run/netns/{namespace}", *command, check=check, timeout=timeout)


def succeeds(namespace: str, *command: str) -> bool:
    """Say whether a program succeeds in a namespace."""
    entered = ("nsenter", f"--net=/run/netns/{namespace}", *command)
    done = subprocess.run(entered, capture_output=True, timeout=60, check=False)
    return done.returncode == 0


@contextmanager
def entered(namespace: str) -> Iterator[None]:
    """Be in a namespace, with this thread and those it makes."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    wanted = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        _set(wanted)
        yield
    finally:
        _set(before)
        os.close(before)
        os.close(wanted)


def _set(descriptor: int) -> None:
    if LIBC.setns(descriptor, NEW_NET):
        raise OSError(ctypes.get_errno(), "setns")


def clear(path: str, namespaces: str) -> None:
    """End what a test started in a folder, and remove the namespaces whose names begin so."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read()
            if b"dnsmasq" in words and path.encode() in words:
                os.kill(int(pid), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else ():
        if name.startswith(namespaces):
            for pid in run("ip", "netns", "pids", name, check=False).split():
                os.kill(int(pid), signal.SIGKILL)
            run("ip", "netns", "delete", name, check=False)
    rmtree(path, ignore_errors=True)


@contextmanager
def linux_hosts() -> Iterator[LinuxHost]:
    """Be on a host of its own; what is on it is gone afterwards, even if this process is killed."""
    missing = sorted({package for name, package in PROGRAMS.items() if which(name) is None})
    require(not missing, f"programs are missing; apt-get install {' '.join(missing)}")
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        is_own = LIBC.unshare(NEW_NET) == 0
        require(is_own, "a network namespace cannot be made; run as root, or under unshare -Urnm")
        path = tempfile.mkdtemp(prefix="qplug-host-", dir="/tmp")
        os.chmod(path, 0o755)  # noqa: S103  # for the user that dnsmasq becomes
        survivor = subprocess.Popen(
            [sys.executable, "-c", SURVIVOR, path, OURS, str(Path(__file__).parent)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            run("ip", "link", "set", "lo", "up")
            yield LinuxHost(Path(path))
        finally:
            assert survivor.stdin is not None
            survivor.stdin.close()
            survivor.wait(60)
    finally:
        _set(before)
        os.close(before)


@pytest.fixture
def linux_host() -> Iterator[LinuxHost]:
    """Return the host that the test is on."""
    with linux_hosts() as host:
        yield host


def processes(program: str, text: str) -> Sequence[int]:
    """Return the running processes of a program that have a text in their command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        named = words[0].decode(errors="replace").rpartition("/")[2] == program
        if named and any(text.encode() in word for word in words):
            found.append(int(pid))
    return found


def links() -> Sequence[str]:
    """Return the names of the host's devices."""
    found = re.findall(r"^\d+: ([^:@]+)", run("ip", "-o", "link"), re.MULTILINE)
    return sorted(set(found) - {"lo"})
