"""Taking back what an operation began, and leaving for later what cannot be."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

LOG = logging.getLogger(__name__)

T = TypeVar("T")

Attempt = Callable[[str, Callable[[], object]], bool]
"""How a part of a clean-up is done: as :func:`attempt` does it, or more patiently."""


@dataclass(frozen=True)
class _Mark:
    what: str
    is_gone: Callable[[], bool]
    settle: Callable[[], object]
    cancel: Callable[[], object]
    postpone: Callable[[str], object]


class Undo:
    """What must be taken back if the operation fails, newest first.

    A step is registered before it is taken, since one that timed out may have happened.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], object], bool]] = []
        self._mark: _Mark | None = None
        self.failure: str | None = None
        """What could not be taken back first, and why."""

    def add(self, what: str, take_back: Callable[[], object], *, if_clean: bool = False) -> None:
        """Register how to take back what the next step may do.

        :param what: said in the log when that fails
        :param if_clean: only if all that came later was taken back, which may else still use it
        """
        self._steps.append((what, take_back, if_clean))

    def marked(
        self,
        what: str,
        *,
        is_gone: Callable[[], bool],
        settle: Callable[[], object],
        cancel: Callable[[], object],
        postpone: Callable[[str], object],
    ) -> None:
        """Register how to take away the mark under which all of this is done.

        :param what: said in the log when that fails
        :param is_gone: says whether it is gone. Nothing is taken back then, since the operation
            stands, or another command has taken it over; nor if that cannot be found out
        :param settle: makes late work of this command good, if it was taken over
        :param postpone: leaves it for a later try instead, with what failed
        """
        self._mark = _Mark(what, is_gone, settle, cancel, postpone)

    def run(self, attempt: Attempt) -> bool:
        """Take everything back, each part whatever happens to the others.

        :returns: whether nothing is left that should not be
        """
        failures: list[str] = []
        unknown = "nothing is undone, as nobody knows whether it is done"
        if not attempt(unknown, noting(failures, unknown, self._ask)):
            self._steps.clear()
        while self._steps:
            what, take_back, if_clean = self._steps.pop()
            if not failures or not if_clean:
                attempt(what, noting(failures, what, take_back))
        self.failure = next(iter(failures), None)
        if self._mark is not None:
            mark = self._mark
            attempt(mark.what, partial(mark.postpone, failures[0]) if failures else mark.cancel)
        return not failures

    def _ask(self) -> None:
        if self._mark is not None and self._mark.is_gone():
            self._steps = [("late work stays for a while", self._mark.settle, False)]
            self._mark = None


def attempt(what: str, work: Callable[[], object]) -> bool:
    """Do a part of a clean-up; a failure is logged and must not stop the other parts.

    :returns: whether it succeeded
    """
    try:
        work()
    except Exception as error:  # drivers are foreign code, and the other parts must have their turn
        LOG.exception("%s: %s", what, error)
        return False
    return True


def noting(failures: list[str], what: str, work: Callable[[], object]) -> Callable[[], object]:
    """Return the same work, which notes why it failed for whoever asks later."""

    def noted() -> None:
        try:
            work()
        except Exception as error:  # it is the attempt's to log it
            failures.append(f"{what}: {error}")
            raise

    return noted


@contextmanager
def undoing(cause: BaseException) -> Iterator[Attempt]:
    """Give a clean-up its way to do the parts: an interrupt does not stop it, but comes after it.

    Only one that is not the first, be that the cause itself, ends the clean-up too.
    """
    arrived: list[BaseException] = [] if isinstance(cause, Exception) else [cause]

    def patiently(what: str, work: Callable[[], object]) -> bool:
        try:
            return attempt(what, work)
        except BaseException as interrupt:
            if arrived:
                raise
            arrived.append(interrupt)
            return attempt(what, work)  # all of it: what is taken back already is no error

    yield patiently
    if arrived and arrived[0] is not cause:
        raise arrived[0]


@contextmanager
def all_or_nothing() -> Iterator[Undo]:
    """Undo, if something fails inside of this, what was registered by then."""
    undo = Undo()
    try:
        yield undo
    except BaseException as error:
        with undoing(error) as patiently:
            undo.run(patiently)
        raise


@contextmanager
def postponed(postpone: Callable[[T, str], object]) -> Iterator[list[T]]:
    """Have what is put into the list tried again later, if something fails inside of this.

    :param postpone: records one thing and why it failed
    """
    marked: list[T] = []
    try:
        yield marked
    except BaseException as error:
        said = str(error) or type(error).__name__
        failure = said if isinstance(error, Exception) else "interrupted"
        with undoing(error) as patiently:
            for one in marked:
                patiently("unfinished work waits for its deadline", partial(postpone, one, failure))
        raise
