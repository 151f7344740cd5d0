"""A server that runs under uWSGI, for tests: started, killed and started again on one port."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from qplug.testing.processes import die_with_parent

PATIENCE = 60
"""Seconds that a server has to answer for the first time."""
TAIL = 3000
"""Characters of its log that are shown if it does not."""


class Uwsgi:
    """One server.

    :param environment: the folder of its virtual environment, with uWSGI
    :param module: the application: ``neutron.wsgi.api:application``
    :param variables: what the process finds in its environment
    :param path: what answers as soon as it is ready, whatever the status below 500
    """

    def __init__(
        self,
        environment: Path,
        module: str,
        variables: Mapping[str, str],
        folder: Path,
        path: str,
        port: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self._environment = environment
        self._module = module
        self._variables = variables
        self._folder = folder
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            str(self._environment / "bin/uwsgi"),
            *("--http", f"127.0.0.1:{self.port}", "--http-keepalive", "--http-auto-chunked"),
            *("--so-keepalive", "--module", self._module, "--virtualenv", str(self._environment)),
            *("--master", "--lazy-apps", "--enable-threads", "--processes", "1"),
            *("--die-on-term", "--no-orphans", "--need-app", "--buffer-size", "65535"),
            "--disable-logging",
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                env={"PATH": os.environ["PATH"], **self._variables},
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        end = time.monotonic() + PATIENCE
        while not self._answers():
            if time.monotonic() > end or self._process.poll() is not None:
                self.kill()
                raise AssertionError(f"{self._module} does not start:\n{self.said()[-TAIL:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in peace."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
            self.kill()

    def kill(self) -> None:
        """Kill it with all that it has started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text(errors="replace")

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", self._path)
            return connection.getresponse().status < 500
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has right now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
