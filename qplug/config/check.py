"""What ``qplug config validate`` finds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from qplug.config.files import Setting, find_files, group_name, read
from qplug.config.load import parse, wrong_values
from qplug.config.old_names import OLD_NAMES
from qplug.config.options import OptionLists, list_opts
from qplug.config.plugins import installed
from qplug.config.translate import translate
from qplug.errors import ConfigInvalid

Names = Mapping[str, set[str]]
"""The names of the options of each group."""


def problems(files: Sequence[str] = ()) -> Sequence[str]:
    """Return a sentence for everything that is wrong in the files; none means they are right.

    Without files, those that ``load_config`` would read. Whether a driver is there is not asked.
    """
    readable, settings, unreadable = _read_all(find_files(files))
    old = translate(settings)
    conf = parse(readable, old.values)
    catalog = installed(conf)
    lists = [*list_opts(), *(part for space in catalog.namespaces for part in space.lists)]
    found = (
        *unreadable,
        *_unknown(settings, _names(lists)),
        *old.problems,
        *wrong_values(conf, lists, settings, old.values),
        *catalog.problems,
    )
    return list(dict.fromkeys(map(str, found)))  # the core's options may be listed twice


def _read_all(
    files: Iterable[str],
) -> tuple[Sequence[str], Sequence[Setting], Sequence[ConfigInvalid]]:
    readable: list[str] = []
    settings: list[Setting] = []
    unreadable: list[ConfigInvalid] = []
    for file in files:
        try:
            settings += read(file)
            readable.append(file)
        except ConfigInvalid as error:
            unreadable.append(error)
    return readable, settings, unreadable


def _names(lists: OptionLists) -> Names:
    names = defaultdict(set, DEFAULT={row.name for row in OLD_NAMES})
    for group, options in lists:
        own = group_name(group.name) if group else "DEFAULT"
        for option in options:
            names[own].add(option.dest)
            for former in option.deprecated_opts:
                names[former.group or own].add(former.name or option.dest)
    return names


def _unknown(settings: Iterable[Setting], known: Names) -> Iterator[ConfigInvalid]:
    for setting in settings:
        group, name = setting.option
        if group not in known:
            text = f"nothing installed has a section [{group}]"
            yield ConfigInvalid(setting.file, text + _hint(group, known))
        elif name not in known[group]:
            text = f"section [{group}] has no option '{name}'"
            yield ConfigInvalid(setting.file, text + _hint(name, known[group]))


def _hint(name: str, names: Iterable[str]) -> str:
    lower = {known.lower(): known for known in names}
    near = get_close_matches(name.lower(), lower, n=1)
    return f"; did you mean '{lower[near[0]]}'?" if near else "; see 'qplug config sample'"
