"""Options are documented, old names still set them, and a check says what is wrong with them."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from commands import Commands, qplug
from oslo_config.cfg import ConfigOpts
from untrusted import behind_tls

from qplug.config import load_config
from qplug_quantum_v1.driver import QuantumV1
from qplug_quantum_v1.options import GROUP, OPTS, list_opts
from qplug_quantum_v1.testing import Settings, StandIn

__all__ = ["qplug"]

PAGE = Path(__file__).parents[2] / "docs/quantum-v1.md"


def test_the_page_has_every_option_with_its_default_and_its_help() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    told = {name: (default.strip("`"), meaning) for name, default, meaning in rows}
    assert told == {
        opt.name: ("empty" if opt.default in ("", {}) else str(opt.default), opt.help)
        for opt in OPTS
    }


def test_the_options_are_the_drivers(conf: ConfigOpts) -> None:
    QuantumV1(conf).close()
    assert list_opts() == [(GROUP, OPTS)]


def test_novas_names_still_say_where_quantum_is(tmp_path: Path) -> None:
    old = tmp_path / "nova.conf"
    old.write_text(
        "[DEFAULT]\nquantum_connection_host = quantum.example\nquantum_connection_port = 80\n"
        "quantum_default_tenant_id = nobody\nquantum_request_timeout = 7\n"
    )
    conf = load_config([str(old)])
    QuantumV1(conf).close()
    found = conf[GROUP]
    assert (found.host, found.port, found.timeout) == ("quantum.example", 80, 7.0)
    assert conf.quantum.default_project == "nobody"


# --- qplug driver check quantum -----------------------------------------------------------------


def checked(qplug: Commands, url: str, more: str = "") -> tuple[int, str]:
    """Return what the command says of a server, and its exit code."""
    port = urlsplit(url).port
    qplug.configure(f"[quantum]\ndriver = v1\n[quantum_v1]\nport = {port}\n{more}")
    done = qplug("driver check quantum -f value")
    assert done.err == ""
    (line,) = done.out.splitlines()
    return done.code, line.removeprefix("quantum v1 ")


def test_a_check_says_what_answered(qplug: Commands, quantum: StandIn) -> None:
    said = f"Quantum v1.1 at {quantum.url} has 0 network(s) of project 'default'"
    assert checked(qplug, quantum.url) == (0, said)


def test_a_check_says_that_there_is_no_such_host(qplug: Commands, quantum: StandIn) -> None:
    code, said = checked(qplug, quantum.url, "host = nowhere.invalid\n")
    assert code == 1
    assert "there is no host of the name in http://nowhere.invalid" in said


def test_a_check_says_that_nobody_listens(qplug: Commands, quantum: StandIn) -> None:
    quantum.outage = True
    code, said = checked(qplug, quantum.url)
    assert code == 1
    assert said == (
        f"Quantum at {quantum.url} does not answer: the connection was refused, so nothing "
        "listens there; try again later"
    )


def test_a_check_says_that_it_is_no_server_with_tls(qplug: Commands, quantum: StandIn) -> None:
    code, said = checked(qplug, quantum.url, "tls = true\n")
    assert code == 1
    assert said.startswith("there is no TLS with Quantum at https://127.0.0.1")
    assert said.endswith("see what [quantum_v1] says of TLS, cafile and certfile")


def test_a_check_says_that_a_certificate_is_not_trusted(qplug: Commands, tmp_path: Path) -> None:
    with behind_tls(tmp_path) as url:
        code, said = checked(qplug, url, "tls = true\n")
    assert code == 1
    assert said.startswith(f"there is no TLS with Quantum at {url}: ")
    assert "self-signed" in said


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "Quantum does not know who asks: GET"),
        (403, "Quantum forbids GET"),
        (502, "Quantum failed at GET"),
    ],
)
def test_a_check_says_who_refuses_whom(
    qplug: Commands, quantum: StandIn, status: int, said: str
) -> None:
    quantum.fail_next(status)
    code, found = checked(qplug, quantum.url)
    assert code == 1
    assert found.startswith(said)


def test_a_check_says_that_the_path_is_another(qplug: Commands, quantum: StandIn) -> None:
    code, said = checked(qplug, quantum.url, "path = /api\n")
    assert code == 1
    assert said == (
        f"GET {quantum.url}/api/v1.1/tenants/default/networks/detail.json was answered with a "
        "list of versions, as if the path were wrong, which is not what Quantum says; check where "
        "[quantum_v1] says that it is"
    )


def test_a_check_says_that_the_server_is_too_old(qplug: Commands) -> None:
    with StandIn(Settings(plugin="sample", diablo=True)) as quantum:
        code, said = checked(qplug, quantum.url)
        assert code == 1
        assert said == (
            f"Quantum at {quantum.url} does not serve v1.1 of its API, but v1.0; "
            "set [quantum_v1] api_version, or name another server"
        )
        qplug.configure("[quantum_v1]\napi_version = v1.0")
        assert qplug("driver check quantum").code == 0


def test_a_check_says_that_something_else_answers(qplug: Commands) -> None:
    with a_server_that_greets() as url:
        code, said = checked(qplug, url)
    assert code == 1
    assert said.startswith("Quantum at http://127.0.0.1")


@contextmanager
def a_server_that_greets() -> Iterator[str]:
    """Listen for one connection, and speak first, as mail servers do."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"220 mail.example ESMTP\r\n")
                connection.recv(4096)

        thread = Thread(target=greet)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()
