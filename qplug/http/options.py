"""Options of every driver that speaks HTTP, for the group that is the driver's."""

from oslo_config import cfg


def http_options(service: str, *, timeout: float = 20.0) -> tuple[cfg.Opt, ...]:
    """Return how to talk to a service; where it is, and as whom, the driver's own options say.

    :param timeout: the default of that option, in seconds
    """
    return (
        cfg.FloatOpt(
            "timeout",
            default=timeout,
            min=0.1,
            help=f"Seconds without an answer after which {service} is said not to answer; "
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
            "connections", default=10, min=1, help="How many idle connections a process keeps open."
        ),
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
