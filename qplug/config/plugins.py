"""The options of everything installed, found through the entry points ``oslo.config.opts``."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from io import StringIO

from oslo_config import cfg

from qplug.config.options import OptionLists, register
from qplug.config.threads import on_threads
from qplug.errors import ConfigInvalid

NAMESPACES = "oslo.config.opts"
MESSAGING = "oslo.messaging"
WANTED = ("qplug", MESSAGING, "oslo.policy")
"""Ours, and of what the core uses: whose options an operator may set in the same file."""


@dataclass(frozen=True)
class Namespace:
    """The options of one entry point."""

    name: str
    lists: OptionLists


@dataclass(frozen=True)
class Catalog:
    """The options of some entry points, and an error for each of those that is broken."""

    namespaces: Sequence[Namespace]
    problems: Sequence[ConfigInvalid]


def installed(conf: cfg.ConfigOpts) -> Catalog:
    """Register the options of every entry point that is wanted."""
    namespaces, problems = [], []
    for point in _points():
        try:
            namespace = Namespace(point.name, _options(point))
            register(conf, namespace.lists)
        except Exception as error:  # a stranger's code may raise anything
            problems.append(_broken(point, error))
        else:
            namespaces.append(namespace)
    return Catalog(namespaces, problems)


def sample() -> str:
    """Return a configuration file with each option of what is installed, commented out."""
    from oslo_config import generator  # imported late: it takes as long as all the rest

    catalog = installed(cfg.ConfigOpts())
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    names = [f"--namespace={namespace.name}" for namespace in catalog.namespaces]
    conf(names, prog="qplug", default_config_files=[], default_config_dirs=[], use_env=False)
    text = StringIO()
    generator.generate(conf, text)
    return text.getvalue() + "".join(f"\n# {problem}\n" for problem in catalog.problems)


def _points() -> Iterator[EntryPoint]:
    found = (point for point in entry_points(group=NAMESPACES) if point.name.startswith(WANTED))
    yield from sorted(found, key=lambda point: (point.name, point.value))


def _broken(point: EntryPoint, error: Exception) -> ConfigInvalid:
    return ConfigInvalid(
        f"options of '{point.name}' ({point.value})",
        f"they cannot be used: {type(error).__name__}: {error}",
    )


def _options(point: EntryPoint) -> OptionLists:
    with on_threads() if point.name == MESSAGING else nullcontext():
        lists = point.load()()
    return [(_group(group), list(options)) for group, options in lists]


def _group(group: cfg.OptGroup | str | None) -> cfg.OptGroup | None:
    if isinstance(group, cfg.OptGroup):
        return None if group.name == "DEFAULT" else group
    return cfg.OptGroup(group) if group and group != "DEFAULT" else None
