"""Which files are read, and what they say, before anyone knows what it means."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from oslo_config import cfg, iniparser

from qplug.errors import ConfigInvalid

VARIABLE = "QPLUG_CONFIG"
PLACES = ("~/.config/qplug/qplug.conf", "/etc/qplug/qplug.conf")


class OptionName(NamedTuple):
    """An option with its group; prints as an operator writes it."""

    group: str
    name: str

    def __str__(self) -> str:
        """Return ``[ipam] driver``."""
        return f"[{self.group}] {self.name}"


@dataclass(frozen=True)
class Setting:
    """A value as a file gives it."""

    file: str
    option: OptionName
    value: str


def find_files(named: Sequence[str] = ()) -> Sequence[str]:
    """Return the files to read, weakest first: those named, else the first place that has one.

    :raises ConfigInvalid: nobody can see whether a place has one
    """
    wanted = named or [path for path in [os.environ.get(VARIABLE)] if path]
    if wanted:
        return [os.path.expanduser(path) for path in wanted]
    places = (os.path.expanduser(place) for place in PLACES)
    return [place for place in places if _is_there(place)][:1]


def _is_there(place: str) -> bool:
    """Look for a file; one in a folder that may not be entered must not count as missing."""
    try:
        os.stat(place)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        reason = f"it cannot be looked for: {error.strerror}; have its folder readable, or name"
        raise ConfigInvalid(place, f"{reason} another file with --config-file") from error
    return True


def read(path: str) -> Sequence[Setting]:
    """Return what a file says; of an option that is set several times, the last value.

    :raises ConfigInvalid: it cannot be read, or is no configuration file
    """
    if Path(path).is_fifo():
        raise ConfigInvalid(path, "it must be a file and no pipe, as it is read twice")
    sections: dict[str, dict[str, list[str]]] = {}
    try:
        cfg.ConfigParser(path, sections).parse()
    except iniparser.ParseError as error:
        # The line itself is not shown, nor chained for a traceback: it may hold a password.
        raise ConfigInvalid(path, f"line {error.lineno} is wrong: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise ConfigInvalid(path, "it must be text in UTF-8") from error
    except OSError as error:
        raise ConfigInvalid(path, f"it cannot be read: {error.strerror}") from error
    return [
        Setting(path, OptionName(group_name(section), name), values[-1])
        for section, options in sections.items()
        for name, values in options.items()
    ]


def group_name(section: str) -> str:
    """Return the group that oslo.config takes a section for: only DEFAULT has capitals."""
    return section if section == "DEFAULT" else section.lower()
