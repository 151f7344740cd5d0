"""Which database: options of the core and of every plugin that keeps tables."""

from pathlib import Path

from oslo_config import cfg

from qplug.errors import DatabaseUnavailable


def connection_opt() -> cfg.StrOpt:
    """Return the option ``connection`` for a plugin's own group."""
    return cfg.StrOpt(
        "connection",
        secret=True,
        help="SQLAlchemy URL of the database; empty means the one of [database] connection.",
    )


def connection_url(conf: cfg.ConfigOpts, group: str = "database") -> str:
    """Return the database URL of a group, else the core's, else SQLite in the state path.

    :raises DatabaseUnavailable: there is no state path and it cannot be made
    """
    own = conf[group].connection or conf.database.connection
    if own:
        return str(own)
    return f"sqlite:///{private_directory(Path(conf.state_path)) / 'qplug.sqlite'}"


def private_directory(path: Path) -> Path:
    """Make the directory, for its owner alone, unless it is there.

    :raises DatabaseUnavailable: it cannot be made
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(
            f"in {path}", f"{error.strerror}; set [DEFAULT] state_path to a folder you can write to"
        ) from error
    return path
