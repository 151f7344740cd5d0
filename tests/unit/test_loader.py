import logging
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from oslo_config.cfg import ConfigOpts
from sites import Site

from qplug import contracts, loader
from qplug.contracts import ApiRange
from qplug.errors import BackendUnavailable, DriverConflict, DriverLoadError, DriverNotFound
from qplug.loader import DHCP, IPAM, KINDS, L3, MAC, QUANTUM, Kind
from qplug.model import Capability

GOOD = """
from netaddr import EUI
from qplug.contracts import ApiRange, MacDriver
from qplug.errors import BackendUnavailable
from qplug.model import Capability

class Good(MacDriver):
    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SHARED})

    def __init__(self, conf):
        self.conf = conf

    def check(self, call):
        return "well"

    def allocate(self, call, *, vif_id, instance_id, project_id):
        return EUI("fa:16:3e:00:00:01")

    def deallocate(self, call, *, vif_id, project_id):
        pass
"""


@pytest.fixture
def conf() -> ConfigOpts:
    return ConfigOpts()


def offer(site: Site, code: str, cls: str = "Good") -> None:
    site.install("qplug-acme", f"acme = acme_driver:{cls}", acme_driver=code)


def home(driver: contracts.Driver) -> str:
    return type(driver).__module__


def test_the_named_driver_is_started_with_the_configuration(site: Site, conf: ConfigOpts) -> None:
    offer(site, GOOD)
    driver = loader.load(MAC, "acme", conf)
    assert vars(driver) == {"conf": conf}


def test_no_other_driver_is_imported(site: Site, conf: ConfigOpts) -> None:
    offer(site, GOOD)
    site.install("qplug-noisy", "noisy = noisy_driver:Noisy", noisy_driver="raise SystemExit(3)")
    loader.load(MAC, "acme", conf)
    assert "noisy_driver" not in sys.modules


def test_listing_names_imports_nothing(site: Site) -> None:
    offer(site, GOOD)
    assert "acme" in loader.installed(MAC)
    assert "acme_driver" not in sys.modules


def test_a_name_of_another_kind_is_not_found(site: Site, conf: ConfigOpts) -> None:
    offer(site, GOOD)
    with pytest.raises(DriverNotFound, match="no l3 driver is called 'acme'"):
        loader.load(L3, "acme", conf)


def test_a_misspelt_name_is_told_what_is_installed_and_what_is_near(
    site: Site, conf: ConfigOpts
) -> None:
    offer(site, GOOD)
    with pytest.raises(DriverNotFound) as caught:
        loader.load(MAC, "acmee", conf)
    assert "acme" in caught.value.installed
    assert str(caught.value).endswith("did you mean 'acme'?")


@pytest.mark.parametrize(
    ("kind", "name", "package"),
    [
        (IPAM, "nova", "qplug-ipam-nova"),
        (IPAM, "melange", "qplug-ipam-melange"),
        (MAC, "melange", "qplug-ipam-melange"),
        (DHCP, "dnsmasq", "qplug-dhcp-dnsmasq"),
        (L3, "linux", "qplug-l3-linux"),
        (QUANTUM, "v1", "qplug-quantum-v1"),
        (QUANTUM, "neutron", "qplug-quantum-neutron"),
    ],
)
def test_a_driver_that_is_not_installed_names_its_package(
    kind: Kind[contracts.Driver],
    name: str,
    package: str,
    conf: ConfigOpts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(DriverNotFound, match=f"install the package {package}$"):
        loader.load(kind, name, conf)


def test_two_packages_that_claim_a_name_are_both_named(site: Site, conf: ConfigOpts) -> None:
    offer(site, GOOD)
    site.install("Other.Acme", "acme = other_driver:Good", other_driver=GOOD)
    with pytest.raises(DriverConflict) as caught:
        loader.load(MAC, "acme", conf)
    assert caught.value.targets == [
        "acme_driver:Good of qplug-acme",
        "other_driver:Good of other-acme",
    ]
    assert "acme_driver" not in sys.modules


def test_the_same_target_twice_is_no_conflict(site: Site, conf: ConfigOpts) -> None:
    offer(site, GOOD)
    site.install("qplug-acme-renamed", "acme = acme_driver:Good")
    assert home(loader.load(MAC, "acme", conf)) == "acme_driver"
    assert len(loader.inspect(MAC, "acme")) == 1


def test_the_first_copy_of_a_package_on_the_path_hides_the_others(
    site: Site, conf: ConfigOpts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(site, GOOD)
    old = Site(tmp_path / "old")
    old.install("qplug_acme", "acme = gone_driver:Good", version="0.9")
    monkeypatch.setattr(sys, "path", [*sys.path, str(old.path)])
    assert home(loader.load(MAC, "acme", conf)) == "acme_driver"


def test_a_missing_requirement_is_named_and_the_cause_chained(site: Site, conf: ConfigOpts) -> None:
    offer(site, "import no_such_module")
    with pytest.raises(DriverLoadError) as caught:
        loader.load(MAC, "acme", conf)
    assert str(caught.value) == (
        "mac driver 'acme' (acme_driver:Good) cannot start: No module named 'no_such_module'"
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "AttributeError: module 'acme_driver' has no attribute 'Good'"),
        ("def broken(:", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("assert 1 > 2, 'no'", "AssertionError: no"),
        ("def Good(conf): pass", "it is no MacDriver"),
        ("class Good: pass", "it is no MacDriver"),
        (GOOD.replace("api = ", "ipa = "), "it does not state its api"),
        (GOOD.replace("ApiRange((1, 0), (2, 0))", "'1.0'"), "its api is no ApiRange"),
        (GOOD.replace("(1, 0), (2, 0)", "1, 2"), "TypeError: "),
        (
            GOOD.replace("(1, 0), (2, 0)", "(2, 0), (3, 0)"),
            "it needs MacDriver 2.0 to 3.0 (exclusive), but this qplug has 1.0",
        ),
        (GOOD.replace("{Capability.SHARED}", "{'shared'}"), "its capabilities are no set of Cap"),
        (
            GOOD.replace("def allocate", "def give").replace("def check", "def probe"),
            "it lacks the methods allocate, check",
        ),
        (GOOD.replace("(self, conf)", "(self)"), "TypeError: Good.__init__() takes 1 positional"),
        (GOOD.replace("self.conf = conf", "{}['url']"), "KeyError: 'url'"),
    ],
)
def test_a_broken_driver_is_one_typed_error_that_says_why(
    code: str, reason: str, site: Site, conf: ConfigOpts
) -> None:
    offer(site, code)
    with pytest.raises(DriverLoadError) as caught:
        loader.load(MAC, "acme", conf)
    assert caught.value.target == "acme_driver:Good"
    assert caught.value.reason.startswith(reason)


def test_an_ipam_driver_states_its_policy(site: Site, conf: ConfigOpts) -> None:
    code = GOOD.replace("MacDriver", "IpamDriver")
    site.install("qplug-acme", "acme = acme_driver:Good", kind="ipam", acme_driver=code)
    with pytest.raises(DriverLoadError, match="it does not state its policy"):
        loader.load(IPAM, "acme", conf)


def test_the_contract_is_checked_before_the_constructor_runs(
    site: Site, conf: ConfigOpts, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    code = GOOD.replace("self.conf = conf", f"open({str(made)!r}, 'w').close()")
    offer(site, code.replace("(1, 0), (2, 0)", "(2, 0), (3, 0)"))
    with pytest.raises(DriverLoadError):
        loader.load(MAC, "acme", conf)
    assert not made.exists()


def test_what_a_constructor_raises_on_purpose_arrives_unchanged(
    site: Site, conf: ConfigOpts
) -> None:
    offer(site, GOOD.replace("self.conf = conf", "raise BackendUnavailable('acme', 'asleep')"))
    with pytest.raises(BackendUnavailable, match="acme does not answer: asleep"):
        loader.load(MAC, "acme", conf)


def test_an_interrupt_is_not_taken_for_a_broken_driver(site: Site, conf: ConfigOpts) -> None:
    offer(site, GOOD.replace("self.conf = conf", "raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        loader.load(MAC, "acme", conf)


def test_a_broken_driver_logs_nothing_a_terminal_would_show(
    site: Site, conf: ConfigOpts, caplog: pytest.LogCaptureFixture
) -> None:
    offer(site, "import no_such_module")
    with pytest.raises(DriverLoadError):
        loader.load(MAC, "acme", conf)
    loader.listing()
    assert [r for r in caplog.records if r.levelno >= logging.INFO] == []


def test_unreadable_metadata_of_another_package_hurts_nobody(site: Site, conf: ConfigOpts) -> None:
    offer(site, GOOD)
    site.install("qplug-garbled", "no equals sign")
    nameless = site.path / "nameless-1.dist-info"
    nameless.mkdir()
    (nameless / "entry_points.txt").write_text("[qplug.mac]\nnameless = nameless:Driver\n")
    (site.path / "binary-1.dist-info").mkdir()
    (site.path / "binary-1.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe")
    assert home(loader.load(MAC, "acme", conf)) == "acme_driver"
    assert [info.distribution for info in loader.inspect(MAC, "nameless")] == ["unknown"]


def test_a_fresh_install_is_found_and_nothing_is_kept_in_the_users_cache(
    site: Site, conf: ConfigOpts, tmp_path: Path
) -> None:
    offer(site, GOOD)
    loader.load(MAC, "acme", conf)
    site.install("qplug-late", "late = late_driver:Good", late_driver=GOOD)
    assert home(loader.load(MAC, "late", conf)) == "late_driver"
    assert not (tmp_path / "cache").exists()


def test_an_install_in_place_within_the_same_minute_is_seen(site: Site, conf: ConfigOpts) -> None:
    site.install("qplug-acme", "acme = old_driver:Gone")
    assert "acme" in loader.installed(MAC)
    offer(site, GOOD)
    assert home(loader.load(MAC, "acme", conf)) == "acme_driver"


def test_a_driver_is_described_without_being_started(site: Site) -> None:
    offer(site, GOOD.replace("self.conf = conf", "raise SystemExit"))
    (info,) = loader.inspect(MAC, "acme")
    assert (info.kind, info.name, info.target) == ("mac", "acme", "acme_driver:Good")
    assert (info.distribution, info.version) == ("qplug-acme", "1.2")
    assert (info.api, info.state) == (ApiRange((1, 0), (2, 0)), "ok")
    assert info.capabilities == {Capability.SHARED}


def test_describing_a_stranger_is_not_found() -> None:
    with pytest.raises(DriverNotFound, match="no mac driver is called 'stranger'"):
        loader.inspect(MAC, "stranger")


def test_the_listing_tells_what_is_broken_beside_what_is_not(site: Site) -> None:
    offer(site, GOOD)
    site.install("qplug-b", "broken = b_driver:B", kind="l3", b_driver="import no_such_module")
    site.install(
        "qplug-old",
        "old = old_driver:Good",
        old_driver=GOOD.replace("(1, 0)", "(0, 1)").replace("(2, 0)", "(1, 0)"),
    )
    site.install("qplug-twin-a", "twin = twin_a:Good", twin_a=GOOD)
    site.install("qplug-twin-b", "twin = twin_b:Good", twin_b=GOOD)
    states = {(i.kind, i.name, i.distribution): i.state for i in loader.listing()}
    assert states["mac", "acme", "qplug-acme"] == "ok"
    assert states["l3", "broken", "qplug-b"].endswith("No module named 'no_such_module'")
    assert states["mac", "old", "qplug-old"].endswith(
        "it needs MacDriver 0.1 to 1.0 (exclusive), but this qplug has 1.0"
    )
    for twin in ("qplug-twin-a", "qplug-twin-b"):
        assert (
            "twin_a:Good of qplug-twin-a, twin_b:Good of qplug-twin-b"
            in states["mac", "twin", twin]
        )


def test_the_kinds_are_those_of_the_contracts_in_their_order() -> None:
    assert tuple(KINDS) == contracts.KINDS
    assert [kind.namespace for kind in KINDS.values()] == [f"qplug.{n}" for n in contracts.KINDS]


def test_every_driver_that_a_sentence_names_is_offered_by_that_package() -> None:
    """The table in the loader is only words, so it is held against the packages beside it."""
    root = Path(loader.__file__).parents[1]
    for (kind, name), package in loader.PACKAGES.items():
        setup = root / package.replace("-", "_") / "setup.cfg"
        if setup.exists():
            told = ConfigParser()
            told.read(setup)
            assert told["metadata"]["name"] == package
            assert f"\n{name} = " in told["options.entry_points"][f"qplug.{kind}"]
