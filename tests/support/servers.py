"""Servers of a test's own, in a folder that is gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from qplug.testing.requirements import require

PORT = "5432"
"""Part of the name of PostgreSQL's socket; nothing listens to the network."""


@contextmanager
def private_postgresql() -> Iterator[str]:
    """Yield the url of a server that lets replicas copy it, as its superuser."""
    with _postgresql() as (folder, programs):
        initdb = ["initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8"]
        programs.run(*initdb, "--locale=C", "--pgdata", folder / "data")
        with _started(folder, programs) as url:
            yield url


@contextmanager
def standby_of(url: str) -> Iterator[str]:
    """Yield the url of the same database on a hot standby, which can only be read."""
    there = sa.make_url(url)
    source = ["--host", there.query["host"], "--port", PORT, "--username", there.username]
    with _postgresql() as (folder, programs):
        copy = ["pg_basebackup", "--checkpoint=fast", "--no-sync", "--write-recovery-conf"]
        programs.run(*copy, *source, "--pgdata", folder / "data")
        with _started(folder, programs) as server:
            yield sa.make_url(server).set(database=there.database).render_as_string(False)


class Programs:
    """PostgreSQL's programs, which refuse to be run by root."""

    def __init__(self, folder: Path, user: str | None) -> None:
        self._folder = folder
        self._become = ["runuser", "-u", user, "--"] if user else []

    def run(self, name: str, *arguments: object) -> None:
        """Run one of them; it must succeed."""
        _run(*self._become, self._folder / name, *arguments)


@contextmanager
def _postgresql() -> Iterator[tuple[Path, Programs]]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_basebackup"))
    require(found, "no pg_basebackup; install postgresql")
    user = "postgres" if os.geteuid() == 0 else None
    with _folder() as folder:
        if user is not None:
            shutil.chown(folder, user)
        yield folder, Programs(found[-1].parent, user)


@contextmanager
def _started(folder: Path, programs: Programs) -> Iterator[str]:
    options = f"-p {PORT} -k {folder} -c listen_addresses= -c fsync=off"
    silent = ["--silent", "--pgdata", folder / "data"]
    log = ["--log", folder / "log"]
    programs.run("pg_ctl", "start", "--wait", *silent, *log, "--options", options)
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}&port={PORT}"
    finally:
        programs.run("pg_ctl", "stop", "--mode=immediate", *silent)


@contextmanager
def private_mariadb(*, tls: bool = False) -> Iterator[str]:
    """Yield the url of a server whose settings nobody else minds, as its root.

    :param tls: whether it can encrypt, with a certificate that no authority signed
    """
    require(shutil.which("mariadbd"), "no mariadbd; install mariadb-server")
    with _folder() as folder, (folder / "log").open("w") as log:
        user = pwd.getpwuid(os.geteuid()).pw_name
        # A server that starts deletes temporary tables, also those of others with its folder.
        folders = [f"--datadir={folder / 'data'}", f"--tmpdir={folder}"]
        common = ["--no-defaults", f"--user={user}", *folders]
        normal = "--auth-root-authentication-method=normal"  # not by the user of this process
        _run("mariadb-install-db", *common, "--skip-test-db", normal)
        socket = f"--socket={folder / 'socket'}"
        command = ["mariadbd", *common, socket, "--skip-networking"]
        command += _certificate(folder) if tls else []
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _await(server, ["mariadb-admin", "--no-defaults", socket, "--user=root", "ping"])
            yield f"mysql+pymysql://root@localhost/mysql?unix_socket={folder / 'socket'}"
        finally:
            server.terminate()
            server.wait()


def _certificate(folder: Path) -> Sequence[str]:
    require(shutil.which("openssl"), "no openssl; install it")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=nobody"]
    _run("openssl", *request, "-keyout", key, "-out", certificate)
    return [f"--ssl-key={key}", f"--ssl-cert={certificate}"]


def _await(server: "subprocess.Popen[bytes]", ping: Sequence[str]) -> None:
    while subprocess.run(ping, check=False, capture_output=True).returncode:
        assert server.poll() is None
        time.sleep(0.05)


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder that is not below those of tests, which are root's alone; sockets fit in."""
    folder = Path(tempfile.mkdtemp(prefix="qplug-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert not done.returncode, done.stderr
