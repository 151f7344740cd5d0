"""The stand-in: a whole Melange server, with switches for what goes wrong."""

from datetime import UTC, datetime

from qplug.http import server
from qplug.http.server import Answer, Request
from qplug_ipam_melange.testing import app
from qplug_ipam_melange.testing.settings import Settings
from qplug_ipam_melange.testing.state.addresses import purge
from qplug_ipam_melange.testing.state.tables import Tables


class StandIn(server.StandIn):
    """A Melange server in memory.

    As the original does, it hangs when an IPv6 block was used up, until it restarts.
    """

    def __init__(self, settings: Settings | None = None, port: int = 0) -> None:
        super().__init__(port)
        self.settings = settings or Settings()
        self._now: datetime | None = None
        self.reset()

    @property
    def now(self) -> datetime:
        """Its clock, which runs until it is set, and stands still from then on."""
        return self._now or datetime.now(UTC)

    @now.setter
    def now(self, now: datetime) -> None:
        self._now = now

    def reset(self) -> None:
        """Forget all that clients made."""
        self.tables = Tables(self.settings, lambda: self.now)

    def delete_deallocated_ips(self, keep_days: float | None = None) -> None:
        """Do the job of that name, which the original leaves to cron."""
        kept = self.settings.keep_deallocated_ips_for_days if keep_days is None else keep_days
        with self.working:
            purge(self.tables, kept)

    def answer(self, request: Request) -> Answer:
        """Do what a request wants, and the job where it always runs."""
        answer = app.answer(self.tables, request)
        if self.settings.job_always_runs:
            purge(self.tables, self.settings.keep_deallocated_ips_for_days)
        return answer
