"""What the suites of all kinds share."""

# mypy: disable-error-code=type-abstract
# Contracts are asked for here, and never made.

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from inspect import isabstract
from threading import Barrier, Thread
from typing import Any, ClassVar, TypeVar

import pytest

from qplug.contracts import Driver
from qplug.errors import QplugError, Unavailable
from qplug.model import Call, Capability
from qplug.testing.values import call

T = TypeVar("T")
Calls = Mapping[str, Callable[[Any, Call], object]]


def needs(driver: Driver, capability: Capability) -> None:
    """Skip the test for a driver that does not declare the capability."""
    if capability not in driver.capabilities:
        pytest.skip(f"the driver declares no Capability.{capability.name}")


def provided(driver: Driver, optional: type[T]) -> T:
    """Return the driver as one that keeps an optional contract, or skip the test."""
    if not isinstance(driver, optional):
        pytest.skip(f"the driver is no {optional.__name__}")
    return driver


def race(tasks: Sequence[Callable[[], T]]) -> Sequence[T | QplugError]:
    """Run all at once; return what each returned, or raised on purpose, in their order."""
    start = Barrier(len(tasks))

    def run(task: Callable[[], T]) -> T | QplugError:
        start.wait()
        try:
            return task()
        except QplugError as error:
            return error

    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(run, tasks))


def begin(task: Callable[[], T]) -> Future[T]:
    """Run it in a thread that is left behind if it hangs, even when pytest ends."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(task())
        except BaseException as error:  # whatever it is, whoever waits is told
            answer.set_exception(error)

    Thread(target=run, daemon=True).start()
    return answer


class Suite:
    """Tests to be inherited.

    A class that inherits one is always collected, whatever its name and pytest's options; a class
    that pytest could not collect is refused where it is written. So a suite cannot be left out
    without a word, except by its file. ``class Mine(IpamDriverSuite, base=True)`` is not run
    itself, but made to be inherited.
    """

    __test__ = False

    def __init_subclass__(cls, *, base: bool = False, **kwargs: Any) -> None:
        """Have pytest collect the class."""
        super().__init_subclass__(**kwargs)
        cls.__test__ = not base
        if cls.__init__ is not object.__init__ or cls.__new__ is not object.__new__:
            raise TypeError(f"{cls.__name__} has a constructor, so pytest would not run it")
        if isabstract(cls):
            raise TypeError(f"{cls.__name__} is abstract, so pytest would not run it")


class DriverSuite(Suite, base=True):
    """Inherit the suite of a kind, and supply a fixture ``driver`` that holds nothing yet."""

    contract: ClassVar[type[Driver]]
    calls: ClassVar[Calls]
    """Every method of the contract and of what is optional, called for a network nobody knows."""

    backend_can_go: ClassVar[bool] = True
    """Whether anything outside this process can be away; if so, supply ``gone_driver``."""

    patience: ClassVar[float] = 3
    """Seconds within which a driver must say that its backend is gone."""

    @pytest.fixture
    def gone_driver(self) -> Driver:
        """Return the driver with its backend gone; override it.

        A backend that accepts and never answers, like :func:`qplug.testing.deaf.deaf_port`, shows
        that the driver has a timeout; a closed port refuses at once and shows nothing of it.
        """
        if not self.backend_can_go:
            pytest.skip("backend_can_go = False: nothing outside the process can be away")
        pytest.fail(
            f"{type(self).__name__} lacks a fixture 'gone_driver': the driver with a backend that "
            "does not answer, such as deaf_port() of qplug.testing.deaf. "
            "Set backend_can_go = False if it has none"
        )

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Have one test for each method where a test asks for ``method``."""
        if "method" in metafunc.fixturenames:
            metafunc.parametrize("method", self.calls)

    # --- tests ----------------------------------------------------------------------------------

    def test_the_driver_keeps_this_contract_in_this_version(self, driver: Driver) -> None:
        assert isinstance(driver, self.contract)
        assert self.contract.API in driver.api

    def test_the_capabilities_are_capabilities(self, driver: Driver) -> None:
        assert all(isinstance(each, Capability) for each in driver.capabilities)

    def test_a_check_answers_with_one_line(self, driver: Driver) -> None:
        assert len(driver.check(call()).splitlines()) == 1

    def test_closing_raises_nothing(self, driver: Driver) -> None:
        driver.close()

    def test_a_gone_backend_is_unavailable_within_the_deadline(
        self, gone_driver: Driver, method: str
    ) -> None:
        if not hasattr(gone_driver, method):
            pytest.skip(f"the driver does not keep the optional contract with '{method}'")
        limit = self.patience + 1
        answer = begin(partial(self.calls[method], gone_driver, call(seconds=self.patience)))
        if not wait([answer], timeout=limit).done:
            pytest.fail(
                f"{method} did not return within {limit:g} s, "
                f"though call.remaining() was {self.patience:g}",
                pytrace=False,
            )
        with pytest.raises(Unavailable):
            answer.result()
