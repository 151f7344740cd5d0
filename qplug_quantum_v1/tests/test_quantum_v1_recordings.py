"""The stand-in answers all that was recorded of the original servers as they did."""

from pathlib import Path

import pytest

from qplug.testing.recordings import Replay, sessions
from qplug_quantum_v1.testing import Settings, StandIn

WIRE = Path(__file__).parent / "wire"
SERVERS = {
    "quantum_v1_1.json": Settings(),
    "quantum_v1_0.json": Settings(),
    "quantum_v1_1_sample_plugin.json": Settings(plugin="sample"),
    "quantum_v1_1_linuxbridge_plugin.json": Settings(plugin="linuxbridge"),
    "quantum_v1_0_diablo.json": Settings(plugin="sample", diablo=True),
}
EXCHANGES = {
    "attachments": 41,
    "filters": 37,
    "negotiation": 16,
    "networks": 35,
    "nova_lifecycle": 29,
    "ports": 35,
    "versions": 11,
}
"""How many of each session are in each file."""


@pytest.mark.parametrize("file", SERVERS)
def test_no_recorded_exchange_is_missing(file: str) -> None:
    found = {name: len(exchanges) for name, exchanges in sessions(WIRE / file).items()}
    assert found == EXCHANGES
    assert sum(found.values()) == 204


@pytest.mark.parametrize("session", EXCHANGES)
@pytest.mark.parametrize("file", SERVERS)
def test_the_stand_in_answers_as_the_original_did(file: str, session: str) -> None:
    exchanges = sessions(WIRE / file)[session]
    with StandIn(SERVERS[file]) as quantum:
        replay = Replay(quantum.url)
        for exchange in exchanges:
            replay.step(exchange)
        assert len(quantum.requests) == len(exchanges) == EXCHANGES[session]
