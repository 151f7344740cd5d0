"""Operations over a real message bus: the same answers, errors and rights as in one process."""

import json
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from buses import KEY, URL, Served, bus_conf, served, switch, write_key
from doors import ADMIN, OPERATIONS, network_and_instance
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.errors import (
    BusRefused,
    ConfigInvalid,
    Forbidden,
    InvalidInput,
    LabelInUse,
    MessageRefused,
    NetworkNotFound,
    PolicyNotAuthorized,
    QplugError,
    RequestIdReused,
    ServiceFailed,
    ServiceUnavailable,
    VersionMismatch,
)
from qplug.manager import Context, Manager
from qplug.model import Instance, NetworkRequest
from qplug.rpc import bus as bus_module
from qplug.rpc import listings
from qplug.rpc.operations import operations
from qplug.rpc.sealed import REQUEST, Message, read_keys
from qplug.testing.values import OTHER_PROJECT, PROJECT, network_spec

pytestmark = pytest.mark.integration

__all__ = ["bus_conf", "served", "switch"]


def instance() -> Instance:
    return Instance(id=str(uuid4()), project_id=PROJECT)


@pytest.fixture
def local(served: Served) -> NetworkApi:
    return NetworkApi(served.manager, Context(is_admin=True))


# --- the same as in one process ------------------------------------------------------------------


def test_every_operation_of_the_manager_goes_over_the_bus(served: Served) -> None:
    remote = vars(served.remote())
    named = {name.replace("create_networks", "create_network") for name in OPERATIONS}
    assert named == operations().keys() == remote.keys() - {"conf", "_bus"}


CHANGING_TWICE = {"delete_network", "deallocate_for_instance", "remove_fixed_ip_from_instance"}


@pytest.mark.parametrize("action", sorted(OPERATIONS))
@pytest.mark.parametrize("who", [ADMIN, Context(project_id=OTHER_PROJECT)], ids=["admin", "other"])
def test_an_operation_has_the_same_answer_or_error_as_in_one_process(
    action: str, who: Context, served: Served
) -> None:
    guest = instance()
    network = network_and_instance(served.manager, guest, besides=action)
    far = _outcome(action, served.remote(), who, network, guest)
    if action in CHANGING_TWICE and far[0] is None:
        assert far[1] in (None, ())
        return
    with suppress(QplugError):
        _undone(action, served.manager)
    near = _outcome(action, served.manager, who, network, guest)
    assert _plain(far) == _plain(near)


def _outcome(
    action: str, manager: Manager, who: Context, network: Any, guest: Instance
) -> tuple[type | None, Any]:
    try:
        return None, OPERATIONS[action](manager, who, network, guest)
    except QplugError as error:
        return type(error), str(error)


def _undone(action: str, manager: Manager) -> None:
    """Take back what would be in the way of doing it once more."""
    if action == "create_networks":
        manager.delete_network(ADMIN, "further")


def _plain(outcome: tuple[type | None, Any]) -> tuple[type | None, Any]:
    """Return an outcome without ids that differ each time, and with one kind of sequence."""
    kind, answer = outcome
    if hasattr(answer, "subnets"):
        answer = replace(answer, id="", subnets=())
    if hasattr(answer, "version") and not hasattr(answer, "cidr"):
        answer = type(answer)  # an address more is another one
    return kind, list(answer) if isinstance(answer, tuple | list) else answer


def test_errors_arrive_as_their_own_class_with_their_facts(served: Served) -> None:
    api = served.api()
    api.create(network_spec("10.0.0.0/24"))
    with pytest.raises(LabelInUse) as error:
        api.create(network_spec("10.1.0.0/24"))
    assert (type(error.value), error.value.label) == (LabelInUse, "blue")
    with pytest.raises(NetworkNotFound, match="no network is called 'red'; see"):
        api.get("red")


def test_what_is_wrong_with_an_argument_is_invalid_input(served: Served) -> None:
    api = served.api()
    api.create(network_spec("10.5.0.0/24"))
    for wrong in ({"priority": "x"}, {"label": 5}, {"colour": "blue"}, {"priority": True}):
        with pytest.raises(InvalidInput):
            api.update("blue", **wrong)
    with pytest.raises(InvalidInput):
        api.create(replace(network_spec("10.0.0.0/24"), label=b"x"))  # type: ignore[arg-type]


def test_an_allocation_is_hydrated(served: Served, local: NetworkApi) -> None:
    local.create(network_spec("10.0.0.0/24", "fd00::/64", project_id=PROJECT))
    guest = instance()
    info = served.api(PROJECT).allocate_for_instance(guest, [NetworkRequest(network_id="blue")])
    assert info == local.get_instance_nw_info(guest.id)
    assert str(info.fixed_ips()[0].address) == "10.0.0.2"


def test_a_long_listing_comes_in_pages_and_can_be_left(
    served: Served, local: NetworkApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "PAGE", 3)
    local.create(network_spec("10.0.0.0/24", project_id=PROJECT))
    guests = [instance() for _ in range(10)]
    for guest in guests:
        local.allocate_for_instance(guest)
    api = served.api()
    assert list(api.get_all_instances()) == list(local.get_all_instances())
    served.endpoint.listings.close_idle(0)  # its last page may be asked for again until then
    assert served.endpoint.listings._open == {}
    few = api.get_all_instances()
    assert next(few) in guests
    assert len(served.endpoint.listings._open) == 1
    few.close()  # type: ignore[attr-defined]  # a generator
    assert served.endpoint.listings._open == {}


def test_a_listing_that_nobody_reads_is_closed_and_said_to_be(
    served: Served, local: NetworkApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "PAGE", 1)
    local.create(network_spec("10.0.0.0/24", project_id=PROJECT))
    for _ in range(3):
        local.allocate_for_instance(instance())
    rows = served.api().get_all_fixed_ips()
    next(rows)
    served.endpoint.listings.close_idle(0)
    with pytest.raises(ServiceUnavailable, match="broken off"):
        list(rows)


def test_a_listing_whose_service_is_gone_is_not_waited_for_long(
    served: Served, local: NetworkApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "PAGE", 1)
    local.create(network_spec("10.0.0.0/24", project_id=PROJECT))
    for _ in range(3):
        local.allocate_for_instance(instance())
    served.conf.set_override("operation_timeout", 0.5)
    rows = served.api().get_all_fixed_ips()
    next(rows)

    def gone(*_: object) -> None:
        raise ServiceUnavailable("it", "no reply came")

    monkeypatch.setattr(bus_module.Bus, "_asked", gone)
    begun = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        list(rows)
    assert time.monotonic() - begun < 5


def test_a_listing_is_read_by_nobody_else(
    wire: "Wire", local: NetworkApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "PAGE", 1)
    for n in range(3):
        local.create(network_spec(f"10.{n}.0.0/24", label=f"net-{n}", project_id=PROJECT))
    for _ in range(3):
        local.allocate_for_instance(instance())
    more = wire.send(wire.message("get_all_fixed_ips"))["more"]
    asked = {"listing": more["listing"], "page": more["page"]}
    following = wire.message("next_rows", arguments=asked)
    for stranger in ({"project_id": OTHER_PROJECT}, {"is_admin": False}):
        assert "broken off" in wire.refused(replace(following, context=stranger))
    assert "broken off" in wire.refused(following, None)
    assert len(wire.send(following)["rows"]) == 1


def test_an_audit_tells_how_far_it_is(served: Served, local: NetworkApi) -> None:
    local.create(network_spec("10.0.0.0/24", project_id=PROJECT))
    local.allocate_for_instance(instance())
    told: list[str] = []
    assert list(served.api().audit(watch=lambda progress: told.append(progress.looking_at))) == []
    assert told


def test_what_is_no_error_of_ours_is_told_with_where_to_look(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret=hunter2")

    monkeypatch.setattr(served.manager.networks, "get", broken)
    with pytest.raises(ServiceFailed) as error:
        served.api().get("blue")
    assert error.value.request_id in str(error.value)
    assert "hunter2" not in str(error.value)
    assert any(record.exc_info for record in caplog.records)


# --- once ---------------------------------------------------------------------------------------


class Wire:
    """Sends messages as they are, so that they can be sent twice."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.bus = served.bus

    def message(self, operation: str, **changed: Any) -> Message:
        given, _ = operations()["create_network"].encoded(network_spec("10.0.0.0/24"))
        message = Message(
            version=(1, 0),
            id=str(uuid4()),
            operation=operation,
            arguments=given if operation == "create_network" else {},
            context={"is_admin": True},
            to=None,
            sent=time.time(),
            seconds=10.0,
        )
        return replace(message, **changed)

    def send(self, message: Message, signature: str | None = "") -> Mapping[str, Any]:
        """Send a message over the bus and return the reply as it is."""
        text = message.text()
        if signature == "":
            signature = self.bus.keys.signature(REQUEST, text)
        rpc = self.bus.messaging.get_rpc_client(self.bus.transport, self.bus.target(None))
        sealed = rpc.prepare(timeout=20).call({}, "invoke", text=text, signature=signature)
        found: Mapping[str, Any] = json.loads(sealed["text"])
        return found

    def refused(self, message: Message, signature: str | None = "") -> str:
        """Return the sentence with which a message is refused."""
        return str(self.send(message, signature)["failure"]["text"])


@pytest.fixture
def wire(served: Served) -> Wire:
    return Wire(served)


def test_a_message_that_comes_twice_is_done_once_and_answered_twice(
    wire: Wire, local: NetworkApi
) -> None:
    message = wire.message("create_network")
    first, second = wire.send(message), wire.send(message)
    assert first == second
    assert first["answer"]["label"] == "blue"
    assert len(local.get_all()) == 1


def test_an_error_is_answered_twice_too(wire: Wire, local: NetworkApi) -> None:
    before = local.create(network_spec("10.0.0.0/24"))
    message = wire.message("create_network")
    refused = wire.send(message)
    assert refused["failure"]["name"] == "qplug.errors.LabelInUse"
    local.delete(before.id)
    assert wire.send(message) == refused
    assert list(local.get_all()) == []


def test_a_message_that_comes_twice_at_once_is_done_once(
    wire: Wire, local: NetworkApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    creating = wire.served.manager.creating
    create = creating.create

    def slowly(*args: Any) -> Any:
        time.sleep(0.5)
        return create(*args)

    monkeypatch.setattr(creating, "create", slowly)
    message = wire.message("create_network")
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(wire.send, [message] * 4))
    assert all(answer == answers[0] for answer in answers)
    assert len(local.get_all()) == 1


def test_one_id_stands_for_one_request(wire: Wire) -> None:
    message = wire.message("create_network")
    wire.send(message)
    other = replace(message, operation="sweep_host", arguments={})
    assert wire.send(other)["failure"]["name"] == f"qplug.errors.{RequestIdReused.__name__}"


def test_a_reply_that_is_lost_is_asked_for_again(
    served: Served, local: NetworkApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is done, and its reply goes nowhere; the message is answered, not done twice."""
    asked = bus_module.Bus._opened
    lost: list[Any] = []

    def opened(bus: Any, sealed: Any, request_id: str) -> Any:
        if not lost:
            lost.append(sealed)
            raise ServiceUnavailable("a manager service", "no reply came")
        return asked(bus, sealed, request_id)

    monkeypatch.setattr(bus_module.Bus, "_opened", opened)
    made = served.api().create(network_spec("10.0.0.0/24"))
    assert len(lost) == 1
    assert list(local.get_all()) == [made]


def test_results_are_kept_a_day(served: Served, wire: Wire) -> None:
    message = wire.message("create_network")
    wire.send(message)
    requests = served.manager.chain.store.requests
    call = served.manager.chain.call("req-x")
    assert requests.forget(call, 24 * 3600) == 0
    assert requests.forget(call, -1) == 1
    assert wire.send(message)["failure"]["name"] == "qplug.errors.LabelInUse"


def test_reading_keeps_nothing(served: Served) -> None:
    api = served.api()
    api.get_all()
    list(api.get_all_instances())
    call = served.manager.chain.call("req-x")
    assert served.manager.chain.store.requests.forget(call, -1) == 0


# --- who may -------------------------------------------------------------------------------------


def test_without_a_signature_a_caller_is_nobody(
    wire: Wire, local: NetworkApi, caplog: pytest.LogCaptureFixture
) -> None:
    """It sees what is everybody's, as a member of no project, and can change nothing."""
    local.create(network_spec("10.0.0.0/24", label="ours", project_id=PROJECT))
    local.create(network_spec("10.1.0.0/24", label="everybodys", project_id=None))
    found = wire.send(wire.message("get_all_networks"), None)
    assert [network["label"] for network in found["answer"]] == ["everybodys"]
    made = wire.send(wire.message("create_network"), None)
    assert made["failure"]["kind"] == "Forbidden"
    assert len(local.get_all()) == 2
    assert "no valid signature" in caplog.text


@pytest.mark.parametrize("forged", ["0" * 64, "", "é", KEY], ids=str)
def test_a_wrong_signature_is_none(wire: Wire, forged: str) -> None:
    message = wire.message("create_network")
    assert wire.send(message, forged or "x")["failure"]["kind"] == "Forbidden"


def test_what_was_signed_cannot_be_changed(wire: Wire, served: Served) -> None:
    message = wire.message("get_all_networks")
    signature = served.bus.keys.signature(REQUEST, message.text())
    other = replace(message, operation="init_host")
    assert wire.send(other, signature)["failure"]["kind"] == "Forbidden"


def test_a_caller_with_another_key_is_nobody_and_believes_no_reply(
    served: Served, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    served.conf.set_override("key_file", str(write_key(tmp_path / "other", "f" * 64)), "rpc")
    with pytest.raises(MessageRefused, match="not signed with our key"):
        served.api().get_all()


def test_a_caller_without_a_key_is_nobody(served: Served, local: NetworkApi) -> None:
    served.conf.set_override("key_file", None, "rpc")
    api = served.api()
    local.create(network_spec("10.0.0.0/24", project_id=PROJECT))
    assert list(api.get_all()) == []
    with pytest.raises(PolicyNotAuthorized):
        api.create(network_spec("10.1.0.0/24"))


def test_keys_are_changed_one_service_after_the_other(served: Served, tmp_path: Path) -> None:
    new = "e" * 64
    path = tmp_path / "both"
    path.write_text(f"{KEY}\n{new}\n")
    path.chmod(0o600)
    served.bus.keys = read_keys(str(path))  # believes both, signs with the old one
    path.write_text(f"{new}\n{KEY}\n")
    served.conf.set_override("key_file", str(path), "rpc")
    assert list(served.api().get_all()) == []


@pytest.mark.parametrize(
    ("mode", "text", "why"),
    [
        (0o640, KEY, "chmod 600"),
        (0o600, "short", "at least 32 characters"),
        (0o600, "", "at least 32 characters"),
        (0o600, "schlüssel" * 8, "cannot be read"),
    ],
)
def test_a_key_file_that_does_not_keep_a_secret_is_refused(
    mode: int, text: str, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(ConfigInvalid, match=why) as error:
        read_keys(str(path))
    assert text[:8] not in str(error.value) or not text


@pytest.mark.parametrize("skew", [-60, 60])
def test_clocks_may_be_a_minute_apart(wire: Wire, skew: float) -> None:
    assert "answer" in wire.send(wire.message("create_network", sent=time.time() + skew))


@pytest.mark.parametrize("skew", [-400, 400])
def test_an_old_message_is_refused(wire: Wire, local: NetworkApi, skew: float) -> None:
    said = wire.refused(wire.message("create_network", sent=time.time() + skew))
    assert "compare the clocks" in said
    assert list(local.get_all()) == []


def test_a_message_to_another_host_is_refused(wire: Wire) -> None:
    assert "to host 'host-9'" in wire.refused(wire.message("init_host", to="host-9"))


@pytest.mark.parametrize("version", [(1, 7), (2, 0), (0, 9)])
def test_a_newer_caller_and_an_older_service_tell_each_other_so(
    wire: Wire, version: tuple[int, int]
) -> None:
    reply = wire.send(wire.message("get_all_networks", version=version))["failure"]
    assert reply["name"] == f"qplug.errors.{VersionMismatch.__name__}"
    assert f"version {version[0]}.{version[1]}" in reply["text"]
    assert "upgrade the older of the two" in reply["text"]


def test_an_operation_that_is_unknown_is_a_newer_callers(wire: Wire) -> None:
    reply = wire.send(wire.message("close"))["failure"]
    assert reply["name"] == "qplug.errors.VersionMismatch"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"version": [1, 0]}',
        '{"version": "10", "id": 5}',
        json.dumps({"version": [1, 0], "id": "x" * 65, "operation": "get_all_networks",
                    "arguments": {}, "context": {}, "to": None, "sent": 0, "seconds": 1}),
    ],
    ids=range(8),
)  # fmt: skip
def test_what_is_no_message_is_refused(text: str, served: Served) -> None:
    reply = json.loads(served.endpoint.invoke({}, text, None)["text"])
    assert reply["failure"]["name"] == "qplug.errors.MessageRefused"


@pytest.mark.parametrize(
    "context",
    [{"is_admin": "yes"}, {"project_id": ""}, {"project_id": 5}, {"roles": "admin"}, {"x": 1}],
    ids=str,
)
def test_a_context_that_is_none_makes_nobody_an_administrator(
    wire: Wire, context: dict[str, Any]
) -> None:
    reply = wire.send(wire.message("get_pending", context=context))
    assert reply["failure"]["kind"] in ("Invalid", "Forbidden")


def test_no_secret_is_in_the_log(
    served: Served, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        served.api().create(network_spec("10.0.0.0/24"))
    said = caplog.text + "".join(capfd.readouterr())
    assert "create_network" in said
    assert KEY not in said
    assert "guest:guest" not in said


# --- nobody is there ------------------------------------------------------------------------------


def test_where_no_service_ever_was_one_is_told_so_at_once(bus_conf: ConfigOpts) -> None:
    bus_conf.set_override("topic", f"qplug-test-{uuid4().hex}", "rpc")
    with _remote(bus_conf) as api:
        begun = time.monotonic()
        with pytest.raises(ServiceUnavailable, match="no qplug-manager listens on the bus"):
            api.ask("get_all_networks", {}, ADMIN, seconds=60)
        assert time.monotonic() - begun < 6


def test_where_no_broker_is_one_is_told_so_without_its_password(bus_conf: ConfigOpts) -> None:
    bus_conf.set_override("transport_url", "rabbit://me:hunter2@127.0.0.1:1/", "rpc")
    with _remote(bus_conf) as api:
        with pytest.raises(ServiceUnavailable) as error:
            api.ask("get_all_networks", {}, ADMIN, seconds=2)
        assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [("me:hunter2@{}/", "ACCESS_REFUSED"), ("guest:guest@{}/nowhere", "not found")],
)
def test_whom_the_broker_refuses_is_told_so_at_once(
    path: str, said: str, bus_conf: ConfigOpts
) -> None:
    url = f"rabbit://{path.format(urlsplit(URL).netloc.rpartition('@')[2])}"
    bus_conf.set_override("transport_url", url, "rpc")
    with _remote(bus_conf) as api:
        begun = time.monotonic()
        with pytest.raises(BusRefused, match=said) as error:
            api.ask("get_all_networks", {}, ADMIN, seconds=60)
        assert time.monotonic() - begun < 10
        assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("url", ["nonsense", "nosuch://x/", "://"])
def test_a_url_that_is_none_is_a_wrong_option(bus_conf: ConfigOpts, url: str) -> None:
    bus_conf.set_override("transport_url", url, "rpc")
    with _remote(bus_conf) as api, pytest.raises(ConfigInvalid, match="transport_url"):
        api.ask("get_all_networks", {}, ADMIN, seconds=2)


def test_the_broker_forgets_callers_that_are_gone_soon_unless_an_operator_wants_otherwise(
    tmp_path: Path,
) -> None:
    file = tmp_path / "qplug.conf"
    file.write_text("[rpc]\ntransport_url = rabbit://127.0.0.1:1/\n")
    assert _seconds_kept(file) == 60
    with file.open("a") as more:
        more.write("[oslo_messaging_rabbit]\nrabbit_transient_queues_ttl = 900\n")
    assert _seconds_kept(file) == 900


def _seconds_kept(file: Path) -> int:
    with _remote(load_config([str(file)])) as bus:
        assert bus.transport
        return int(bus.conf.oslo_messaging_rabbit.rabbit_transient_queues_ttl)


class _remote:  # noqa: N801  # used like a function
    def __init__(self, conf: ConfigOpts) -> None:
        self._bus = bus_module.Bus(conf)

    def __enter__(self) -> bus_module.Bus:
        return self._bus

    def __exit__(self, *_: object) -> None:
        self._bus.close()


def test_a_reply_that_is_nobodys_is_not_believed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke = served.endpoint.invoke

    def forging(*args: Any, **kwargs: Any) -> Mapping[str, Any]:
        reply = dict(invoke(*args, **kwargs))
        reply["text"] = reply["text"].replace("blue", "pink")
        return reply

    served.api().create(network_spec("10.0.0.0/24"))
    monkeypatch.setattr(served.endpoint, "invoke", forging)
    with pytest.raises(MessageRefused):
        served.api().get("blue")


def test_forbidden_is_a_kind_of_its_own() -> None:
    assert issubclass(MessageRefused, Forbidden)
