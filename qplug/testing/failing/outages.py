"""The outage suite."""

from collections.abc import Callable

import pytest

from qplug.errors import QplugError
from qplug.http.server import StandIn
from qplug.testing.crash.judge import changes_in, faults_in
from qplug.testing.crash.operations import Operation
from qplug.testing.failing.judging import not_held
from qplug.testing.failing.rounds import Scene
from qplug.testing.failing.scene import ALL_OR_NOTHING, DEALLOCATE, DELETE, SceneSuite

STRUCK = [each for each in ALL_OR_NOTHING if each.name != "network set"]
REQUESTS = 100
"""Every operation sends less than that."""


class OutageSuite(SceneSuite, base=True):
    """Inherit it and supply ``drivers``: what makes yours, by kind, and ``service``.

    In each operation the service that a driver asks over HTTP is killed by each of the requests,
    which it has done or not, and is back when the operation has ended.
    """

    @pytest.fixture
    def service(self) -> StandIn:
        """Return the service, or what stands before it. Override it."""
        pytest.fail(f"{type(self).__name__} lacks a fixture 'service'")

    @pytest.mark.parametrize("works", [False, True], ids=["undone", "done"])
    @pytest.mark.parametrize("operation", [*STRUCK, DEALLOCATE, DELETE], ids=str)
    def test_whichever_request_kills_the_service_all_is_done_or_nothing_when_it_is_back(
        self, scene: Scene, service: StandIn, operation: Operation, works: bool
    ) -> None:
        for number in range(REQUESTS):
            before = scene.prepared(operation)
            what = f"'{operation}': killed by request {number}"
            service.end_after(number, works=works)
            error = _error_of(lambda: operation.act(scene.api))
            died = service.outage
            service.outage = False
            if not died:
                break
            assert not not_held(scene.look()), what
            _finished(scene, what)
            after = scene.look()
            assert not faults_in(after), what
            if error is None:
                assert after.done, f"{what}: it succeeds, and is not done"
            else:
                assert isinstance(error, QplugError), f"{what}: {error!r}"
                touched = {*changes_in(before, after)}
                assert after.done or not touched, f"{what}: {touched}"
        else:
            pytest.fail(f"'{operation}' sends more than {REQUESTS} requests")
        assert error is None
        assert scene.look().done
        if number == 0:
            pytest.skip(f"the drivers ask nobody for '{operation}'")


def _finished(scene: Scene, what: str) -> None:
    left = scene.api.retry_pending()
    assert not left, f"{what}: {left} is left"


def _error_of(act: Callable[[], object]) -> Exception | None:
    try:
        act()
    except Exception as error:  # of whatever type: it is judged later
        return error
    return None
