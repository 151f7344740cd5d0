"""Options of the group ``[ipam_nova]``."""

from collections.abc import Sequence

from oslo_config import cfg

from qplug.db import connection_opt

GROUP = "ipam_nova"
OPTS: Sequence[cfg.Opt] = (connection_opt(),)


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """Return the options for ``oslo.config.opts``."""
    return [(GROUP, OPTS)]
