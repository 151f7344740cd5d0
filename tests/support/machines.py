"""Three hosts and a server, as in docs/service.md, each a machine in namespaces of its own.

Run as a program inside of namespaces in which it is root (:data:`hosts.UNSHARED`). The server has a
PostgreSQL and a RabbitMQ that only speak TLS. What the page has people type is typed on the machine
it names; all ends with the program.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import units
from documentation import script
from installing import ROOT

PAGE = "docs/service.md"
SERVER = "db.example.org"
FIRST, *OTHERS = HOSTS = ("net-1", "net-2", "net-3")

# /etc is a copy, so that what is written there is that machine's; a tool that wants to be root has
# /run and /var/lib for itself.
BOOT = """
hostname "$1"
mount -t tmpfs tmpfs /mnt
cp -r /etc /mnt/etc 2>"$2/cp.log" || true
mount --bind /mnt/etc /etc
printf '%s\\n' '127.0.0.1 localhost' "$3" > /etc/hosts
for folder in /run /var/lib /opt; do mount -t tmpfs tmpfs "$folder"; done
mount --make-rshared /  # as systemd does
mkdir /run/netns /etc/qplug
cp "$2/ca.pem" /etc/qplug/
ln -s "$4" /opt/qplug
ip link set lo up
echo up
exec sleep infinity
"""

UNPRIVILEGED = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""Begins a command that is not root, as PostgreSQL wants it."""

LEASE = """
vif=$(qplug vif list {instance} -f value -c id)
ip netns add web
qplug --via-service vif plug "$vif" --netns web
printf '#!/bin/sh\\n[ "$1" != bound ] || echo "leased $ip"\\n' > {folder}/client
chmod 755 {folder}/client
ip netns exec web udhcpc -q -n -f -t 5 -T 1 -i eth0 -s {folder}/client
"""
"""Has a DHCP client ask what the service, with its few rights, has made."""

REFUSED = """
openssl req -x509 -newkey rsa:2048 -nodes -keyout /run/key -out /run/other.pem -subj /CN=other
refused() {{
    sed "s#$1 *= */etc/qplug/ca.pem#$1=/run/other.pem#" /etc/qplug/qplug.conf > /run/qplug.conf
    shift
    if qplug --config-file /run/qplug.conf "$@" network list 2>&1; then exit 1; fi
}}
refused sslrootcert
refused ssl_ca_file --via-service
"""
"""Has servers whose certificate another authority made."""


class Machine:
    """A machine on which commands are typed as root."""

    def __init__(self, name: str, number: int, folder: Path) -> None:
        self.name = name
        self.address = f"10.99.0.{number}"
        names = f"10.99.0.10 {SERVER}"
        command = ["unshare", "--net", "--mount", "--uts", "sh", "-eu", "-c", BOOT, "sh"]
        self._holder = subprocess.Popen(
            [*command, name, str(folder), names, sys.prefix], stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "up\n"
        there, pid = f"veth-{number}", str(self._holder.pid)
        _run("ip", "link", "add", there, "type", "veth", "peer", "name", "eth0", "netns", pid)
        _run("ip", "link", "set", there, "master", "lan", "up")
        self.run("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")

    def command(self, *words: object) -> list[str]:
        """Return a command that does another one on this machine."""
        there = ["nsenter", "--target", str(self._holder.pid), "--net", "--mount", "--uts"]
        return [*there, f"--wd={ROOT}", "--", *map(str, words)]

    def run(self, *words: object, **variables: str) -> str:
        """Do a command on this machine and return what it printed; it must succeed."""
        return _run(*self.command(*words), **variables)

    def type(self, text: str, **variables: str) -> None:
        """Type commands on this machine, and print what they print."""
        assert text
        print(f"=== {self.name}\n{self.run('sh', '-eux', '-c', text, **variables)}", flush=True)


def _run(*words: object, **variables: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{shlex.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def certify(folder: Path) -> None:
    """Make an authority, and a certificate of the server."""
    key = ["-newkey", "rsa:2048", "-nodes", "-days", "1"]
    made = ["-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-subj", "/CN=authority"]
    _run("openssl", "req", "-x509", *key, *made)
    asked = ["-keyout", folder / "key.pem", "-out", folder / "asked.pem", "-subj", f"/CN={SERVER}"]
    _run("openssl", "req", *key[:3], *asked)
    (folder / "names").write_text(f"subjectAltName=DNS:{SERVER}\n")
    by = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "1"]
    names = ["-extfile", folder / "names", "-out", folder / "certificate.pem"]
    _run("openssl", "x509", "-req", "-in", folder / "asked.pem", *by, *names)
    (folder / "key.pem").chmod(0o600)


def start_postgresql(server: Machine, folder: Path) -> Mapping[str, str]:
    """Start it, and return what its tools need in their environment."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    data = folder / "postgresql"
    made = ["--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C", "--pgdata", data]
    server.run(*UNPRIVILEGED, programs / "initdb", "--auth=trust", *made)
    (data / "pg_hba.conf").write_text(
        "local all postgres trust\nhostssl all all 10.99.0.0/24 scram-sha-256\n"
    )
    settings = {
        "listen_addresses": server.address,
        "unix_socket_directories": folder,
        "ssl": "on",
        "ssl_cert_file": folder / "certificate.pem",
        "ssl_key_file": folder / "key.pem",
        "fsync": "off",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    silent = ["--silent", "--wait", "--pgdata", data, "--log", folder / "postgresql.log"]
    server.run(*UNPRIVILEGED, programs / "pg_ctl", "start", *silent, "--options", options)
    return {"PGHOST": str(folder), "PGUSER": "postgres"}


def start_rabbitmq(server: Machine, folder: Path) -> Mapping[str, str]:
    """Start it, and return what its tools need in their environment."""
    # Not what Debian has in /usr/sbin, which wants to become another user.
    programs = max(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")) / "sbin"
    home = folder / "rabbitmq"
    home.mkdir()
    (home / "rabbitmq.conf").write_text(
        "listeners.tcp = none\n"
        "listeners.ssl.default = 5671\n"
        f"ssl_options.certfile = {folder / 'certificate.pem'}\n"
        f"ssl_options.keyfile = {folder / 'key.pem'}\n"
    )
    (home / "enabled_plugins").write_text("[].\n")
    variables = {
        "HOME": str(home),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "RABBITMQ_NODENAME": "rabbit@localhost",
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
    }
    with (folder / "rabbitmq.log").open("w") as log:
        subprocess.Popen(
            server.command("rabbitmq-server"), env=os.environ | variables, stdout=log, stderr=log
        )
    until = time.monotonic() + 60
    while not (home / "pid").exists():
        assert time.monotonic() < until, (folder / "rabbitmq.log").read_text()
        time.sleep(0.1)
    server.run("rabbitmqctl", "wait", home / "pid", "--timeout", "60", **variables)
    return variables


def main(arguments: Sequence[str]) -> None:
    """Do as the page says, then as README does.

    :param arguments: an empty folder
    """
    folder = Path(arguments[0])
    certify(folder)
    shims = folder / "shims"
    shims.mkdir()
    (shims / "systemctl").write_text(f'#!/bin/sh\nexec {sys.executable} {units.__file__} "$@"\n')
    (shims / "systemctl").chmod(0o755)
    os.environ["PATH"] = f"{shims}:/opt/qplug/bin:{os.environ['PATH']}:/usr/sbin:/sbin"
    _run("ip", "link", "add", "lan", "type", "bridge")
    _run("ip", "link", "set", "lan", "up")
    server = Machine(SERVER, 10, folder)
    environment = {**start_postgresql(server, folder), **start_rabbitmq(server, folder)}
    first, *others = (Machine(name, number, folder) for number, name in enumerate(HOSTS, 1))
    for each in (first, *others):
        each.run("cp", folder / "ca.pem", "/etc/qplug/ca.pem")

    server.type(script(PAGE, "The database and the bus"), **environment)
    first.type(script(PAGE, "The first host"))
    copied = folder / "copied"
    first.run("cp", "-rp", "/etc/qplug", copied)
    for other in others:
        other.run("cp", "-rp", f"{copied}/.", "/etc/qplug")
        other.type(script(PAGE, "Each further host"))
    others[0].type(script(PAGE, "Networks and hosts"))
    others[1].type(script("README.md", "From one machine to three"))
    instance = "d3b6f7c2-0e5d-4a53-9a44-4a1d8b1f6c55"  # README's, on the network of the first host
    first.type(LEASE.format(instance=instance, folder=folder))
    first.type(REFUSED.format())
    for each in (first, *others):
        print(f"=== log of {each.name}\n{each.run('cat', '/run/qplug-manager.log')}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
