"""What goes wrong with an answer, though nothing is wrong with the request."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from threading import Lock

from qplug.http.server.messages import Answer, Request


@dataclass(frozen=True)
class Mishap:
    """What happens to one request."""

    method: str | None = None
    """It waits for a request of this method; without one any will do."""
    answer: Answer | None = None
    """What is answered instead."""
    works: bool = True
    """The server does what was wanted all the same, first."""
    share: float = 0
    """Without another answer: how much of the body gets through before the connection ends."""

    def spoil(self, answer: Answer) -> Answer | None:
        """Return what of the answer gets through; None closes the connection without a word."""
        if self.answer is not None:
            return self.answer
        if not self.share:
            return None
        return replace(answer, sent=int(len(answer.body) * self.share))


class Mishaps(list[Mishap]):
    """Those that are still to come; each happens to one request."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()

    def take(self, request: Request) -> Mishap | None:
        """Return the first that waits for such a request, which then has happened."""
        with self._lock:
            for mishap in self:
                if mishap.method in (None, request.method):
                    self.remove(mishap)
                    return mishap
        return None


def failure(status: HTTPStatus, text: str) -> Answer:
    """Return an answer as a proxy, or a server that crashes, gives it."""
    page = text or f"<html><body><h1>{int(status)} {status.phrase}</h1></body></html>"
    return Answer(status, page.encode(), "text/html; charset=UTF-8")
