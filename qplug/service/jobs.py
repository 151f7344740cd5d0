"""What a service does by itself, again and again."""

import logging
import time
from collections.abc import Callable
from threading import Event, Thread

LOG = logging.getLogger(__name__)

Watched = Callable[[str, float, BaseException | None], object]
"""Is told of each run: the job, its seconds, what it raised."""


class Job:
    """Runs on a thread of its own, so that it never overlaps itself; its errors end nothing."""

    def __init__(
        self,
        name: str,
        interval: float,
        work: Callable[[], object],
        watched: Watched = lambda *_: None,
    ) -> None:
        """Start nothing yet.

        :param interval: seconds from the end of one run to the beginning of the next
        """
        self.name = name
        self._interval = interval
        self._work = work
        self._watched = watched
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=f"job {name}", daemon=True)

    def start(self) -> None:
        """Run it from now on; the first time at once."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further run."""
        self._stopping.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has stopped, and say whether it has."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self.run_once()
            if self._stopping.wait(self._interval):
                return

    def run_once(self) -> None:
        """Do its work, and tell what came of it."""
        begun = time.monotonic()
        raised: BaseException | None = None
        try:
            self._work()
        except Exception as error:  # the next run may go better, whatever it was
            raised = error
            LOG.error("job '%s' failed, and is tried again: %s", self.name, error)
            LOG.debug("job '%s' failed", self.name, exc_info=True)
        self._watched(self.name, time.monotonic() - begun, raised)
