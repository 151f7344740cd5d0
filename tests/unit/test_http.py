"""HTTP with a service that answers, fails, dawdles, is away, or is another one."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing

import pytest
import requests
from oslo_config import cfg

from qplug.errors import QplugError
from qplug.http import HttpClient, client, http_options
from qplug.http.errors import (
    NotTheService,
    ServiceFailed,
    ServiceForbids,
    ServiceRefused,
    ServiceUnreachable,
)
from qplug.http.server import Answer, Front, Request, StandIn
from qplug.model import Call
from qplug.testing.values import call


class Echo(StandIn):
    """Says what it was asked."""

    def answer(self, request: Request) -> Answer:
        if request.path == "/elsewhere":
            return Answer(302, b"", headers={"Location": f"{self.url}/secret"})
        said = f"{request.method} {request.target} {request.body.decode()}"
        seen = {"X-Seen": request.headers.get("x-auth-token", "none")}
        return Answer(200, said.encode(), "text/plain", headers=seen)


@pytest.fixture
def service() -> Iterator[Echo]:
    with Echo() as service:
        yield service


@pytest.fixture
def options() -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf.register_opts(http_options("Echo"), group="echo")
    conf([])
    return conf


@pytest.fixture
def http(options: cfg.ConfigOpts) -> Iterator[HttpClient]:
    with closing(HttpClient(options.echo, name="Echo", group="echo")) as http:
        yield http


class Tokens:
    """Brings tokens that are counted."""

    number = 1

    def headers(self, call: Call, session: requests.Session) -> Mapping[str, str]:
        return {"X-Auth-Token": str(self.number)}

    def invalidate(self) -> None:
        self.number += 1


def test_an_answer_is_read_to_its_end(http: HttpClient, service: Echo) -> None:
    answer = http.exchange(call(), "POST", f"{service.url}/a?b=c", json={"d": 1})
    assert (answer.ok, answer.status, answer.kind) == (True, 200, "text/plain")
    assert answer.body == b'POST /a?b=c {"d": 1}'
    assert answer.asked == f"POST {service.url}/a?b=c"


def test_a_refused_request_is_sent_once_more_with_a_new_token(
    options: cfg.ConfigOpts, service: Echo
) -> None:
    tokens = Tokens()
    http = HttpClient(options.echo, name="Echo", group="echo", tokens=tokens)
    with closing(http):
        service.fail_next(401)
        assert http.exchange(call(), "POST", service.url).ok
        assert tokens.number == 2
        service.fail_next(401, times=2)
        assert http.exchange(call(), "GET", service.url).status == 401
    assert len(service.requests) == 4


def test_nothing_follows_to_where_an_answer_points(http: HttpClient, service: Echo) -> None:
    assert http.exchange(call(), "GET", f"{service.url}/elsewhere").status == 302
    assert service.requests == [("GET", "/elsewhere")]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_changes_something_is_sent_once(
    options: cfg.ConfigOpts, http: HttpClient, service: Echo, method: str
) -> None:
    options.set_override("num_retries", 5, "echo")
    service.lose_next()
    with pytest.raises(ServiceUnreachable):
        http.exchange(call(), method, service.url)
    assert len(service.requests) == 1


def test_a_get_is_sent_again_while_there_is_time(
    options: cfg.ConfigOpts,
    http: HttpClient,
    service: Echo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "PAUSE", 0.01)
    options.set_override("num_retries", 2, "echo")
    service.lose_next(2)
    assert http.exchange(call(), "GET", service.url).ok
    service.lose_next(3)
    with pytest.raises(ServiceUnreachable, match="maximum attempts reached: 3"):
        http.exchange(call(), "GET", service.url)


def test_a_password_in_an_address_is_in_no_sentence(http: HttpClient, service: Echo) -> None:
    url = service.url.replace("//", "//nova:s3cret@")
    assert "s3cret" not in http.exchange(call(), "GET", url).asked
    service.outage = True
    with pytest.raises(ServiceUnreachable) as raised:
        http.exchange(call(), "GET", url)
    assert "s3cret" not in str(raised.value)


def test_an_answer_without_end_is_not_read(
    http: HttpClient, service: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LARGEST", 1000)
    service.fail_next(200, text="x" * 100_000)
    with pytest.raises(NotTheService, match="more than 1000 octets"):
        http.exchange(call(), "GET", service.url)


def test_an_operation_whose_time_is_over_asks_nobody(http: HttpClient, service: Echo) -> None:
    with pytest.raises(ServiceUnreachable, match="the time of the operation is over"):
        http.exchange(call(seconds=0), "GET", service.url)
    assert service.requests == []


@pytest.mark.parametrize(
    ("status", "detail", "error"),
    [
        (400, "why", ServiceRefused),
        (400, None, NotTheService),
        (401, None, ServiceForbids),
        (403, "why", ServiceForbids),
        (404, None, NotTheService),
        (500, None, ServiceFailed),
        (503, "why", ServiceFailed),
    ],
)
def test_a_status_has_an_error_that_says_what_the_service_said(
    http: HttpClient,
    service: Echo,
    status: int,
    detail: str | None,
    error: type[QplugError],
) -> None:
    service.fail_next(status)
    found = http.refusal(http.exchange(call(), "GET", service.url), detail)
    assert type(found) is error
    assert service.url in str(found) or status == 401
    assert detail is None or detail in str(found)


# --- what stands before a server ----------------------------------------------------------------


def test_a_front_passes_requests_and_answers_on(http: HttpClient, service: Echo) -> None:
    with Front(service.url) as front:
        answer = http.exchange(
            call(), "PUT", f"{front.url}/a?b=c", json=[], headers={"X-Auth-Token": "t"}
        )
        assert answer.body == b"PUT /a?b=c []"
        assert front.requests == service.requests == [("PUT", "/a?b=c")]
        direct = requests.get(front.url, headers={"X-Auth-Token": "t"}, timeout=5)
        assert direct.headers["X-Seen"] == "t"
        service.outage = True
        assert http.exchange(call(), "GET", front.url).status == 502


def test_a_server_ends_after_a_number_of_requests_and_begins_again(
    http: HttpClient, service: Echo
) -> None:
    for works in (False, True):
        service.end_after(2, works=works)
        for _ in range(2):
            assert http.exchange(call(), "GET", service.url).ok
        with pytest.raises(ServiceUnreachable):
            http.exchange(call(), "GET", service.url)
        end = time.monotonic() + 5
        while not service.outage and time.monotonic() < end:
            time.sleep(0.01)
        with pytest.raises(ServiceUnreachable):
            http.exchange(call(), "GET", service.url)
        service.outage = False
        assert http.exchange(call(), "GET", service.url).ok
