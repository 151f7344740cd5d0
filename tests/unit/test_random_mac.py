from random import Random

from netaddr import EUI
from oslo_config.cfg import ConfigOpts

from qplug.builtin.random_mac import RandomMac
from qplug.testing.mac import give


class Scripted(Random):
    """Draws the ends of a range, one after the other."""

    def __init__(self, *fractions: float) -> None:
        super().__init__()
        self._fractions = iter(fractions)

    def random(self) -> float:
        return next(self._fractions)

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return int(self.random() * (start - 1))


def test_r40_a_local_mac_is_fa_16_3e_and_three_octets_in_their_bounds() -> None:
    driver = RandomMac(ConfigOpts(), Scripted(0.0, 1.0))
    assert str(give(driver)) == "fa:16:3e:00:00:00"
    assert str(give(driver)) == "fa:16:3e:7f:ff:ff"


def test_r40_each_octet_takes_all_its_values_about_equally_often() -> None:
    driver = RandomMac(ConfigOpts(), Random(2012))
    drawn = [give(driver).words for _ in range(25600)]
    assert {words[:3] for words in drawn} == {(0xFA, 0x16, 0x3E)}
    for octet, values in ((3, 0x80), (4, 0x100), (5, 0x100)):
        counts = [0] * values
        for words in drawn:
            counts[words[octet]] += 1
        mean = 25600 / values
        assert mean / 2 < min(counts)
        assert max(counts) < mean * 2


def test_r40_a_taken_address_is_followed_by_another() -> None:
    driver = RandomMac(ConfigOpts())
    drawn = {give(driver, "vif-1") for _ in range(100)}
    assert len(drawn) > 90
    assert all(isinstance(mac, EUI) for mac in drawn)


def test_the_same_numbers_give_the_same_addresses() -> None:
    one, two = (RandomMac(ConfigOpts(), Random(7)) for _ in range(2))
    assert [give(one) for _ in range(9)] == [give(two) for _ in range(9)]
