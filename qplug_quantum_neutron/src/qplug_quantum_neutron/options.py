"""Options of the group ``[quantum_neutron]``."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import entry_points

from keystoneauth1 import loading
from oslo_config import cfg

from qplug.http import http_options

GROUP = "quantum_neutron"

OPTS: Sequence[cfg.Opt] = (
    cfg.StrOpt(
        "url",
        default="",
        help="Where Neutron is, such as http://neutron.example:9696; empty means where the catalog "
        "says. Needed without a catalog.",
    ),
    cfg.StrOpt(
        "cloud",
        default="",
        help="A cloud of clouds.yaml that says as whom to ask, in place of auth_type. "
        "Needs the extra qplug-quantum-neutron[clouds].",
    ),
    cfg.StrOpt(
        "region_name", default="", help="Whose Neutron is meant, if the catalog has several."
    ),
    cfg.ListOpt(
        "valid_interfaces",
        default=["internal", "public"],
        help="Which of the catalog's interfaces to use; the first that is there.",
    ),
    *http_options("Neutron", timeout=60.0),
    cfg.IntOpt(
        "page_size", default=500, min=1, help="How many elements of a list to ask for at once."
    ),
    cfg.StrOpt(
        "site",
        default="qplug",
        max_length=36,
        regex=r"\S+",
        help="The word by which networks and ports are marked as made here. Give each store one of "
        "its own where several share one Neutron.",
    ),
    cfg.BoolOpt(
        "bind_ports",
        default=True,
        help="Tell Neutron the host of each vif, for it to bind the port there, and that the port "
        "is of compute. Takes the role admin or service; else say no.",
    ),
    cfg.BoolOpt(
        "mirror_addresses",
        default=False,
        help="Have Neutron show the subnets of networks and the addresses of ports. It gives none "
        "of them; networks made before that show none until their subnets change.",
    ),
)

AUTH: Sequence[cfg.Opt] = tuple(loading.get_auth_common_conf_options())


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """Return the options for ``oslo.config.opts``, with those of all ways to log in."""
    taken = {option.dest for option in (*OPTS, *AUTH)}
    ways = {option.dest: option for option in _of_ways() if option.dest not in taken}
    return [(GROUP, [*OPTS, *AUTH, *ways.values()])]


def _of_ways() -> Iterator[cfg.Opt]:
    """Yield the options of keystoneauth's plugins, but for those that lack what they need."""
    for point in sorted(entry_points(group=loading.PLUGIN_NAMESPACE)):
        with suppress(Exception):
            yield from loading.get_auth_plugin_conf_options(point.load()())
