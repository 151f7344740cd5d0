"""The stand-in answers all that was recorded of the original servers as they did."""

from pathlib import Path

import pytest

from qplug.testing.recordings import Exchange, Replay, sessions
from qplug_ipam_melange.testing import Settings, StandIn

WIRE = Path(__file__).parent / "wire"
EXCHANGES = {"melange.json": 465, "melange_page_of_200.json": 202, "melange_v1_0.json": 24}

SETTINGS = {
    ("ipv6_generator", "RFC 2462"): Settings(ipv6_generator="rfc2462"),
    ("default_cidr", "10.0.0.0/24"): Settings(default_cidr="10.0.0.0/24"),
    ("filters", "authorization"): Settings(authorization=True),
    ("server", "older than 2012-02-09"): Settings(fills_gateways=True),
}
"""The settings behind what ``config`` says."""


def settings_of(file: str, exchange: Exchange) -> Settings:
    if file == "melange_v1_0.json":
        return Settings(has_v1_0=True)
    config = tuple(exchange.get("config", {}).items())
    return SETTINGS[config[0]] if config else Settings()


@pytest.mark.parametrize("file", EXCHANGES)
def test_no_recorded_exchange_is_missing(file: str) -> None:
    assert sum(len(exchanges) for exchanges in sessions(WIRE / file).values()) == EXCHANGES[file]


@pytest.mark.parametrize(
    ("file", "session"),
    [(file, session) for file in EXCHANGES for session in sessions(WIRE / file)],
)
def test_the_stand_in_answers_as_the_original_did(file: str, session: str) -> None:
    exchanges = sessions(WIRE / file)[session]
    with StandIn(settings_of(file, exchanges[0])) as melange:
        replay = Replay(melange.url)
        for exchange in exchanges:
            request = exchange["request"]
            if request["method"] == "JOB":
                melange.delete_deallocated_ips(request["keep_deallocated_ips_for_days"])
            else:
                replay.step(exchange)
        jobs = sum(exchange["request"]["method"] == "JOB" for exchange in exchanges)
        assert len(melange.requests) + jobs == len(exchanges)
