"""The stand-in: a whole Quantum server, with switches for what goes wrong."""

from qplug.http import server
from qplug.http.server import Answer, Request
from qplug_quantum_v1.testing import app
from qplug_quantum_v1.testing.settings import Settings
from qplug_quantum_v1.testing.state import State


class StandIn(server.StandIn):
    """A Quantum server of 2012 in memory."""

    def __init__(self, settings: Settings | None = None, port: int = 0) -> None:
        super().__init__(port)
        self.settings = settings or Settings()
        self.reset()

    def reset(self) -> None:
        """Forget all that clients made."""
        self.state = State(self.settings)

    def answer(self, request: Request) -> Answer:
        """Do what a request wants."""
        return app.answer(self.state, request)
