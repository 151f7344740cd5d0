"""What becomes of a request when nobody, the wrong one, or a broken one answers."""

import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.errors import ConfigInvalid, DriverError, Unavailable
from qplug.http.errors import (
    NotTheService,
    ServiceFailed,
    ServiceForbids,
    ServiceNotTrusted,
    ServiceRefused,
    ServiceUnreachable,
)
from qplug.testing.deaf import deaf_port
from qplug.testing.ipam.asking import give, kept
from qplug.testing.processes import at_once
from qplug.testing.requirements import require
from qplug.testing.values import call
from qplug_ipam_melange.driver import MelangeIpam
from qplug_ipam_melange.options import GROUP
from qplug_ipam_melange.session import Melange
from qplug_ipam_melange.testing import Settings, StandIn

PATH = "tenants/t/ip_blocks.json"

Answers = Callable[[Any], tuple[int, Any, dict[str, str]]]
"""From the headers of a request, status, document and headers of its answer."""


@pytest.fixture
def session(melange_conf: ConfigOpts) -> Iterator[Melange]:
    with closing(Melange(melange_conf[GROUP])) as session:
        yield session


def methods(melange: StandIn) -> list[str]:
    return [method for method, _ in melange.requests]


# --- nobody answers -----------------------------------------------------------------------------


def test_r76_a_get_is_tried_again_after_a_second_until_the_attempts_are_over(
    session: Melange, melange: StandIn, conf: ConfigOpts
) -> None:
    conf.set_override("num_retries", 1, GROUP)
    melange.lose_next(2)
    start = time.monotonic()
    with pytest.raises(ServiceUnreachable, match=r"maximum attempts reached: 2"):
        session.get(call(), PATH)
    assert 1 <= time.monotonic() - start < 3
    assert methods(melange) == ["GET"] * 2


def test_r76_a_get_that_is_answered_at_last_is_answered(
    session: Melange, melange: StandIn, conf: ConfigOpts
) -> None:
    conf.set_override("num_retries", 1, GROUP)
    melange.lose_next()
    assert session.get(call(), PATH) == {"ip_blocks": []}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_r76_what_changes_something_is_sent_once(
    session: Melange, melange: StandIn, conf: ConfigOpts, method: str
) -> None:
    conf.set_override("num_retries", 3, GROUP)
    melange.lose_next()
    with pytest.raises(ServiceUnreachable):
        session.post(call(), PATH, {}) if method == "POST" else session.delete(call(), PATH)
    assert methods(melange) == [method]


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_r76_a_refusal_is_not_tried_again(
    session: Melange, melange: StandIn, conf: ConfigOpts, status: int
) -> None:
    conf.set_override("num_retries", 3, GROUP)
    melange.fail_next(status)
    with pytest.raises((Unavailable, DriverError)):
        session.get(call(), PATH)
    assert methods(melange) == ["GET"]


def test_no_retry_begins_that_the_deadline_would_end(
    session: Melange, melange: StandIn, conf: ConfigOpts
) -> None:
    conf.set_override("num_retries", 3, GROUP)
    melange.outage = True
    start = time.monotonic()
    with pytest.raises(ServiceUnreachable, match="refused"):
        session.get(call(seconds=0.8), PATH)
    assert time.monotonic() - start < 0.8


def test_a_server_that_hangs_is_left_at_the_timeout_or_the_deadline(
    session: Melange, melange: StandIn, conf: ConfigOpts
) -> None:
    melange.hang = True
    for seconds, timeout in ((0.3, 20.0), (20.0, 0.3)):
        conf.set_override("timeout", timeout, GROUP)
        start = time.monotonic()
        with pytest.raises(ServiceUnreachable, match="timed out"):
            session.get(call(seconds=seconds), PATH)
        assert time.monotonic() - start < 2


def test_what_lost_its_connection_while_idle_is_asked_anew(
    session: Melange, melange: StandIn
) -> None:
    session.get(call(), PATH)
    melange.outage = True
    melange.outage = False
    assert session.get(call(), PATH) == {"ip_blocks": []}


def test_connections_are_used_again(session: Melange) -> None:
    with recorded() as (port, seen):
        session.url = f"http://127.0.0.1:{port}"
        for _ in range(3):
            session.get(call(), PATH)
    assert len(seen) == 3
    assert len({each["from"] for each in seen}) == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_that_was_forked_has_connections_of_its_own(session: Melange) -> None:
    with recorded() as (port, seen):
        session.url = f"http://127.0.0.1:{port}"
        session.get(call(), PATH)
        (end,) = at_once([lambda: str(session.get(call(), PATH))])
        session.get(call(), PATH)
    assert (end.status, end.said) == (0, "{}")
    ours, theirs, ours_again = [each["from"] for each in seen]
    assert ours == ours_again != theirs


# --- what answers is broken ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, NotTheService),
        (302, NotTheService),
        (400, ServiceRefused),
        (401, ServiceForbids),
        (403, ServiceForbids),
        (404, NotTheService),
        (415, ServiceRefused),
        (500, ServiceFailed),
        (502, ServiceFailed),
        (503, ServiceFailed),
    ],
)
def test_a_page_of_html_is_said_to_be_what_its_status_means(
    session: Melange, melange: StandIn, status: int, error: type[Exception]
) -> None:
    melange.fail_next(status)
    with pytest.raises(error) as raised:
        session.get(call(), PATH)
    assert f"GET {melange.url}/v0.1/ipam/{PATH}" in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"ip_bl', "7", '"text"'])
def test_what_is_no_json_object_is_no_answer_of_melange(
    session: Melange, melange: StandIn, text: str
) -> None:
    melange.fail_next(200, text=text or " ")
    with pytest.raises(NotTheService, match="which is not what Melange says"):
        session.get(call(), PATH)


@pytest.mark.parametrize("text", ["{}", '{"ip_blocks": null}', '{"ip_addresses": []}'])
def test_a_list_that_is_missing_is_no_answer_of_melange(
    session: Melange, melange: StandIn, text: str
) -> None:
    melange.fail_next(200, text=text)
    with pytest.raises(NotTheService, match="JSON without 'ip_blocks'"):
        list(session.pages(call(), PATH, "ip_blocks"))


def test_an_answer_that_ends_in_the_middle_is_unavailable(
    session: Melange, melange: StandIn
) -> None:
    melange.cut_next()
    with pytest.raises(ServiceUnreachable, match="IncompleteRead"):
        session.get(call(), PATH)


def test_an_answer_that_drips_is_left_at_the_deadline(conf: ConfigOpts, session: Melange) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        conf.set_override("port", listening.getsockname()[1], GROUP)
        Thread(target=drip, args=(listening,), daemon=True).start()
        start = time.monotonic()
        with pytest.raises(ServiceUnreachable, match="too slowly"):
            Melange(conf[GROUP]).get(call(seconds=0.5), PATH)
        assert time.monotonic() - start < 1.5


def drip(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with closing(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        for _ in range(99):
            try:
                connection.sendall(b" ")
            except OSError:
                return
            time.sleep(0.05)


def test_errors_fit_on_a_line_whatever_the_server_says(session: Melange, melange: StandIn) -> None:
    melange.fail_next(400, text="one\n\ntwo\x1b[31m")
    with pytest.raises(ServiceRefused) as raised:
        session.get(call(), PATH)
    assert str(raised.value).isprintable()


# --- who is in front of it ----------------------------------------------------------------------


class TestFilter:
    @pytest.fixture
    def melange_settings(self) -> Settings:
        return Settings(authorization=True)

    def test_without_the_headers_that_it_wants_a_filter_forbids(self, session: Melange) -> None:
        with pytest.raises(ServiceForbids, match=r"see in \[ipam_melange\] as whom to ask"):
            session.get(call(), PATH)

    def test_headers_of_the_configuration_are_sent(self, melange_conf: ConfigOpts) -> None:
        melange_conf.set_override("headers", {"X-Role": "admin"}, GROUP)
        with closing(MelangeIpam(melange_conf)) as driver:
            assert len(give(driver, kept(driver, "10.0.0.0/24", "fd00::/64"))) == 2


@pytest.mark.parametrize("path", ["melange", "/melange", "/melange/"])
def test_melange_may_be_under_a_path(melange_conf: ConfigOpts, path: str) -> None:
    melange_conf.set_override("path", path, GROUP)
    with recorded() as (port, seen):
        melange_conf.set_override("port", port, GROUP)
        with closing(Melange(melange_conf[GROUP])) as session:
            session.get(call(), PATH)
    assert seen[0]["path"] == f"/melange/v0.1/ipam/{PATH}"


def test_every_request_tells_which_operation_it_is_of(session: Melange, melange: StandIn) -> None:
    asked = call()
    with recorded() as (port, seen):
        session.url = f"http://127.0.0.1:{port}"
        session.get(asked, PATH)
    assert seen[0]["X-Openstack-Request-Id"] == asked.request_id
    assert "Content-Type" not in seen[0]


@contextmanager
def recorded(
    answers: Answers | None = None, *, certificate: Path | None = None, asks: bool = False
) -> Iterator[tuple[int, list[Any]]]:
    """Serve on a port, and note the headers of each request.

    :param certificate: makes it TLS
    :param asks: whether clients have to show it, too
    """
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append({**self.headers, "from": self.client_address, "path": self.path})
            status, told, headers = answers(seen[-1]) if answers else (200, {}, {})
            body = json.dumps(told).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
        tls.load_cert_chain(certificate)
        tls.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that does not trust it
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_port, seen
    server.shutdown()
    thread.join()
    server.server_close()


# --- TLS ----------------------------------------------------------------------------------------


def test_a_file_of_authorities_that_is_missing_is_named(melange_conf: ConfigOpts) -> None:
    melange_conf.set_override("tls", True, GROUP)
    melange_conf.set_override("cafile", "/nowhere/ca.pem", GROUP)
    with pytest.raises(ConfigInvalid, match=r"/nowhere/ca\.pem"):
        Melange(melange_conf[GROUP]).get(call(), PATH)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a key and the certificate of 127.0.0.1 that it signed."""
    require(shutil.which("openssl"), "there is no openssl; install it")
    made = tmp_path / "server.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=melange"]
    names = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        f"{made}",
        "-out",
        f"{tmp_path}/crt",
    ]
    subprocess.run(["openssl", *words, *names], check=True, capture_output=True)
    made.write_text(made.read_text() + (tmp_path / "crt").read_text())
    return made


def test_a_server_is_trusted_whose_authority_the_configuration_names(
    melange_conf: ConfigOpts, certificate: Path
) -> None:
    melange_conf.set_override("tls", True, GROUP)
    with recorded(certificate=certificate) as (port, _):
        melange_conf.set_override("port", port, GROUP)
        with pytest.raises(ServiceNotTrusted, match="self-signed"):
            Melange(melange_conf[GROUP]).get(call(), PATH)
        for name, value in (("cafile", str(certificate)), ("insecure", True)):
            melange_conf.set_override(name, value, GROUP)
            with closing(Melange(melange_conf[GROUP])) as session:
                assert session.get(call(), PATH) == {}
            melange_conf.clear_override(name, GROUP)


def test_a_server_may_ask_for_a_certificate(melange_conf: ConfigOpts, certificate: Path) -> None:
    melange_conf.set_override("tls", True, GROUP)
    melange_conf.set_override("cafile", str(certificate), GROUP)
    with recorded(certificate=certificate, asks=True) as (port, _):
        melange_conf.set_override("port", port, GROUP)
        with pytest.raises((ServiceNotTrusted, ServiceUnreachable)):
            Melange(melange_conf[GROUP]).get(call(), PATH)
        melange_conf.set_override("certfile", str(certificate), GROUP)
        with closing(Melange(melange_conf[GROUP])) as session:
            assert session.get(call(), PATH) == {}


def test_a_server_without_tls_is_not_trusted(melange_conf: ConfigOpts) -> None:
    melange_conf.set_override("tls", True, GROUP)
    with pytest.raises(ServiceNotTrusted, match="says of TLS, cafile and certfile"):
        Melange(melange_conf[GROUP]).get(call(), PATH)


# --- Keystone -----------------------------------------------------------------------------------


def test_tokens_without_keystoneauth_say_what_to_install(
    melange_conf: ConfigOpts, monkeypatch: pytest.MonkeyPatch
) -> None:
    melange_conf.set_override("keystone_url", "http://127.0.0.1:1/v3", GROUP)
    monkeypatch.setitem(sys.modules, "keystoneauth1", None)
    with pytest.raises(ConfigInvalid, match=r"qplug-ipam-melange\[keystone\]"):
        Melange(melange_conf[GROUP])


def keystone(seen: list[Any]) -> Answers:
    """Return a Keystone that gives the tokens 1, 2, 3, ... and one server that believes ``2``."""

    def answer(asked: Any) -> tuple[int, Any, dict[str, str]]:
        if asked["path"].endswith("/auth/tokens"):
            seen.append(asked)
            until = {
                "expires_at": "2099-01-01T00:00:00.000000Z",
                "issued_at": "2026-01-01T00:00:00Z",
            }
            token = {**until, "user": {"id": "u", "name": "qplug", "domain": {"id": "d"}}}
            return 201, {"token": token}, {"X-Subject-Token": str(len(seen))}
        return (200 if asked["X-Auth-Token"] == "2" else 401), {"ip_blocks": []}, {}

    return answer


def test_a_token_is_sent_and_renewed_when_it_is_not_believed(melange_conf: ConfigOpts) -> None:
    pytest.importorskip("keystoneauth1", reason="keystoneauth1 is not installed; run make")
    tokens: list[Any] = []
    with recorded(keystone(tokens)) as (port, seen):
        melange_conf.set_override("port", port, GROUP)
        melange_conf.set_override("keystone_url", f"http://127.0.0.1:{port}/v3", GROUP)
        with closing(Melange(melange_conf[GROUP])) as session:
            for _ in range(2):
                assert session.get(call(), PATH) == {"ip_blocks": []}
    sent = [each["X-Auth-Token"] for each in seen if each["path"].endswith(PATH)]
    assert sent == ["1", "2", "2"]


def test_a_keystone_that_hangs_is_unavailable_in_time(melange_conf: ConfigOpts) -> None:
    pytest.importorskip("keystoneauth1", reason="keystoneauth1 is not installed; run make")
    with deaf_port() as port, closing(Melange(melange_conf[GROUP])):
        melange_conf.set_override("keystone_url", f"http://127.0.0.1:{port}/v3", GROUP)
        start = time.monotonic()
        with closing(Melange(melange_conf[GROUP])) as session, pytest.raises(Unavailable):
            session.get(call(seconds=0.5), PATH)
        assert time.monotonic() - start < 2
