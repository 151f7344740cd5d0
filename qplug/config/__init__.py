"""The configuration: where it is read from, what the core understands of it, what it once meant.

Drivers get what ``load_config`` returns, register their own options in it and read them when
they are used.
"""

from qplug.config.check import problems
from qplug.config.load import load_config
from qplug.config.options import list_opts
from qplug.config.plugins import sample

__all__ = ["list_opts", "load_config", "problems", "sample"]
