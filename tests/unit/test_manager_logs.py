"""One line in the log for each operation of the manager."""

import logging
import re
from collections.abc import Callable, Sequence

import pytest
from netaddr import IPAddress

from qplug.api import NetworkApi
from qplug.errors import BackendUnavailable, NetworkNotFound, QplugError
from qplug.manager import Context, Manager
from qplug.manager.policy import ACTIONS
from qplug.model import NetworkRequest
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.values import network_spec

BLUE = network_spec("10.0.0.0/24", label="blue", project_id=None)
CREATE = "create_network(spec=(label='blue', cidrs=[10.0.0.0/24]))"

Lines = Callable[[], Sequence[str]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """Return what tells the operations logged so far, with their levels; times are T."""
    caplog.set_level(logging.INFO)

    def told() -> Sequence[str]:
        records = [r for r in caplog.records if r.name == "qplug.manager.logs"]
        return [
            re.sub(r" \d+\.\d{3} s ", " T ", f"{record.levelname} {record.getMessage()}")
            for record in records
        ]

    return told


def api(chain: RecordedChain, **rest: object) -> NetworkApi:
    context = {"is_admin": True, "request_id": "req-1"} | rest
    return NetworkApi(chain.manager, Context(**context))  # type: ignore[arg-type]


def test_every_operation_of_the_policy_is_logged() -> None:
    names = {name for name, method in vars(Manager).items() if hasattr(method, "__wrapped__")}
    assert names == set(ACTIONS) - {"create_networks"} | {"create_network"}


def test_a_line_tells_request_caller_operation_arguments_time_and_result(
    chain: RecordedChain, lines: Lines
) -> None:
    api(chain, user_id="u", project_id="p q").create(BLUE)
    assert lines() == [f"INFO req-1 admin,user='u',project='p q' {CREATE} T ok"]


def test_arguments_are_told_by_name_however_they_are_given(
    chain: RecordedChain, lines: Lines
) -> None:
    blue, web = chain.network(label="blue", project_id="p"), instance("p", name="web")
    request = NetworkRequest(network_id=blue.id, addresses=(IPAddress("10.0.0.9"),))
    api(chain).allocate_for_instance(web, [request])
    told = lines()[-1]
    assert f"instance=(id='{web.id}', project_id='p', name='web', rxtx_factor=1.0)" in told
    assert f"networks=[(network_id='{blue.id}', addresses=[10.0.0.9])]" in told


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BackendUnavailable("ledger", "gone"), "ERROR req-1 admin {} T BackendUnavailable: ledger"),
        (NetworkNotFound("x"), "WARNING req-1 admin {} T NetworkNotFound: no network is called"),
        (KeyError("x"), "ERROR req-1 admin {} T DriverFailed: the quantum driver broke"),
        (KeyboardInterrupt(), "WARNING req-1 admin {} T interrupted"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_failure_is_told_at_the_level_of_who_can_mend_it(
    chain: RecordedChain, lines: Lines, error: BaseException, told: str
) -> None:
    chain.journal.fail("quantum.create_network", error)
    with pytest.raises((QplugError, KeyboardInterrupt)):
        api(chain).create(BLUE)
    (line,) = lines()
    assert line.startswith(told.format(CREATE))


def test_who_may_not_is_told_with_what_was_tried(chain: RecordedChain, lines: Lines) -> None:
    with pytest.raises(QplugError):
        api(chain, is_admin=False, project_id="p").init_host()
    assert lines()[0].startswith("WARNING req-1 project='p' init_host() T PolicyNotAuthorized: ")


def test_no_text_of_a_caller_can_pass_for_a_line_or_a_part_of_one(
    chain: RecordedChain, lines: Lines
) -> None:
    with pytest.raises(NetworkNotFound):
        api(chain).get("x'\nINFO req-2 admin delete_network(network='blue') 0.001 s ok")
    (line,) = lines()
    assert "\n" not in line
    assert "get_network(network=\"x'\\nINFO req-2 admin delete" in line


def test_secrets_in_a_drivers_words_are_masked(chain: RecordedChain, lines: Lines) -> None:
    chain.journal.fail("quantum.create_network", KeyError("http://admin:hunter2@quantum\n"))
    with pytest.raises(QplugError):
        chain.network(label="blue")
    (line,) = lines()
    assert "http://admin:***@quantum" in line


def test_secrets_are_not_recorded_with_pending_work_either(chain: RecordedChain) -> None:
    chain.network()
    web = instance()
    chain.admin.allocate_for_instance(web)
    chain.journal.fail("quantum.detach_port", KeyError("http://admin:hunter2@quantum"))
    chain.admin.deallocate_for_instance(web.id)
    (work,) = chain.admin.get_pending()
    assert "http://admin:***@quantum" in str(work.error)


def test_a_function_that_is_told_of_things_is_no_argument(
    chain: RecordedChain, lines: Lines
) -> None:
    assert not list(api(chain).audit(repair=True, release=[], planned=print))
    assert lines() == ["INFO req-1 admin audit(repair=True) T ok"]


def test_a_thousand_arguments_are_told_in_part(chain: RecordedChain, lines: Lines) -> None:
    with pytest.raises(NetworkNotFound):
        api(chain).validate_networks(["x" * 36] * 1000)
    (line,) = lines()
    assert "validate_networks(networks=['xxx" in line
    assert len(line) < 1500


def test_a_listing_is_told_when_it_was_read(chain: RecordedChain, lines: Lines) -> None:
    for _ in range(2):
        chain.admin.allocate_for_instance(instance())
    before = len(lines())
    listing = api(chain).get_all_instances()
    next(listing)
    assert len(lines()) == before
    assert len(list(listing)) == 1
    assert lines()[before:] == ["INFO req-1 admin get_all_instances() T ok"]


def test_a_listing_that_nobody_reads_on_was_interrupted(chain: RecordedChain, lines: Lines) -> None:
    chain.admin.allocate_for_instance(instance())
    listing = api(chain).get_all_instances()
    next(listing)
    del listing
    assert lines()[-1] == "WARNING req-1 admin get_all_instances() T interrupted"


def test_a_listing_that_fails_later_is_told_to_have_failed(
    chain: RecordedChain, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise BackendUnavailable("the database", "it is gone")

    chain.admin.allocate_for_instance(instance())
    monkeypatch.setattr("qplug.store.search.PAGE", 1)
    listing = api(chain).get_all_instances()
    next(listing)
    monkeypatch.setattr("qplug.db.Database.select", gone)
    with pytest.raises(BackendUnavailable):
        next(listing)
    assert lines()[-1].startswith("ERROR req-1 admin get_all_instances() T BackendUnavailable: ")


def test_each_step_of_a_driver_is_told_with_how_long_it_took(
    chain: RecordedChain, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api(chain).create(network_spec("10.0.0.0/24"))
    begun = [r.getMessage() for r in caplog.records if r.name == "qplug.manager.chain"]
    assert begun[0].startswith("req-1 ")
    assert re.fullmatch(rf"{re.escape(begun[0])} took \d\.\d{{3}} s", begun[1])
