"""Options of the group ``[quantum_v1]``."""

from collections.abc import Sequence

from oslo_config import cfg

from qplug.http import http_options

GROUP = "quantum_v1"

OPTS: Sequence[cfg.Opt] = (
    cfg.HostAddressOpt("host", default="127.0.0.1", help="Where Quantum is."),
    cfg.PortOpt("port", default=9696, help="The port of Quantum's API."),
    cfg.BoolOpt("tls", default=False, help="Whether Quantum is behind HTTPS."),
    cfg.StrOpt(
        "path",
        default="",
        help="What comes before the version where a proxy keeps Quantum under a path, such as "
        "/quantum.",
    ),
    cfg.StrOpt(
        "api_version",
        default="v1.1",
        choices=["v1.1", "v1.0"],
        help="Which version of the API to speak; servers before essex-2 know v1.0 alone.",
    ),
    cfg.StrOpt(
        "site",
        default="qplug",
        max_length=36,
        regex=r"[\w-]+",
        help="The word by which networks are marked as made here. Give each store one of its own "
        "where several share one Quantum.",
    ),
    *http_options("Quantum"),
    cfg.DictOpt(
        "headers",
        default={},
        secret=True,
        help="Headers to send with every request, such as X-Auth-Token:… for a filter that "
        "believes it.",
    ),
)


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """Return the options for ``oslo.config.opts``."""
    return [(GROUP, OPTS)]
