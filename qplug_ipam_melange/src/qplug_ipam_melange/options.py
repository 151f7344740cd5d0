"""Options of the group ``[ipam_melange]``, for both drivers."""

from collections.abc import Sequence

from oslo_config import cfg

from qplug.http import http_options

GROUP = "ipam_melange"

SERVER = (
    cfg.HostAddressOpt("host", default="127.0.0.1", help="Where Melange is."),
    cfg.PortOpt("port", default=9898, help="The port of Melange's API."),
    cfg.BoolOpt("tls", default=False, help="Whether Melange is behind HTTPS."),
    cfg.StrOpt(
        "path",
        default="",
        help="What comes before /v0.1 where a proxy keeps Melange under a path, such as /melange.",
    ),
    cfg.IntOpt(
        "page_size", default=1000, min=1, help="How many elements of a list to ask for at once."
    ),
    cfg.StrOpt(
        "site",
        default="qplug",
        max_length=36,
        help="The tenant under which Melange keeps what qplug notes about its subnets. "
        "Give each store a name of its own where several share one Melange.",
    ),
)

FILTERS = (
    cfg.DictOpt(
        "headers",
        default={},
        secret=True,
        help="Headers to send with every request, such as X-Role:admin for an authorization "
        "filter that believes it.",
    ),
    cfg.StrOpt(
        "keystone_url",
        default="",
        help="Where to get tokens, such as https://keystone.example/v3; empty means that none "
        "are sent. Needs the extra qplug-ipam-melange[keystone].",
    ),
    cfg.StrOpt("keystone_username", default="", help="As whom to get tokens."),
    cfg.StrOpt("keystone_password", default="", secret=True, help="With which password."),
    cfg.StrOpt("keystone_project", default="service", help="For which project."),
    cfg.StrOpt("keystone_user_domain", default="Default", help="The domain of that user."),
    cfg.StrOpt("keystone_project_domain", default="Default", help="The domain of that project."),
)

OPTS: Sequence[cfg.Opt] = (*SERVER, *http_options("Melange"), *FILTERS)


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """Return the options for ``oslo.config.opts``."""
    return [(GROUP, OPTS)]
