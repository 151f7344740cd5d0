"""Options of the group ``[ipam_melange]``, for both drivers."""

from collections.abc import Sequence

from oslo_config import cfg

GROUP = "ipam_melange"

SERVER = (
    cfg.HostAddressOpt("host", default="127.0.0.1", help="Where Melange is."),
    cfg.PortOpt("port", default=9898, help="The port of Melange's API."),
    cfg.StrOpt(
        "path",
        default="",
        help="What comes before /v0.1 where a proxy keeps Melange under a path, such as /melange.",
    ),
    cfg.FloatOpt(
        "timeout",
        default=20.0,
        min=0.1,
        help="Seconds without an answer after which Melange is said not to answer; "
        "the deadline of the operation ends a request before that.",
    ),
    cfg.IntOpt(
        "num_retries",
        default=0,
        min=0,
        help="How often a GET is tried again, a second later, when nobody answers. "
        "What changes something is never sent twice.",
    ),
    cfg.IntOpt(
        "page_size", default=1000, min=1, help="How many elements of a list to ask for at once."
    ),
    cfg.IntOpt(
        "connections", default=10, min=1, help="How many idle connections a process keeps open."
    ),
    cfg.StrOpt(
        "site",
        default="qplug",
        max_length=36,
        help="The tenant under which Melange keeps what qplug notes about its subnets. "
        "Give each store a name of its own where several share one Melange.",
    ),
)

TLS = (
    cfg.BoolOpt("tls", default=False, help="Whether Melange is behind HTTPS."),
    cfg.StrOpt(
        "cafile",
        default="",
        help="A file with the authorities that are trusted; empty means those of certifi.",
    ),
    cfg.BoolOpt(
        "insecure", default=False, help="Accept any certificate, and with it any eavesdropper."
    ),
    cfg.StrOpt("certfile", default="", help="The certificate to show to the server."),
    cfg.StrOpt("keyfile", default="", help="Its key, if certfile has none."),
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

OPTS: Sequence[cfg.Opt] = (*SERVER, *TLS, *FILTERS)


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """Return the options for ``oslo.config.opts``."""
    return [(GROUP, OPTS)]
