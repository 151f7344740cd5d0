"""Files in, a ``ConfigOpts`` out that is known to be right as far as the core can tell."""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from oslo_config import cfg

from qplug.config.files import OptionName, Setting, find_files, read
from qplug.config.options import OptionLists, list_opts, register
from qplug.config.translate import Translated, as_file, translate, wrong_value
from qplug.errors import ConfigInvalid

LOG = logging.getLogger(__name__)


def load_config(args_files: Sequence[str] = ()) -> cfg.ConfigOpts:
    """Return the configuration of the files, in which drivers will register their own options.

    :param args_files: files to read, of which later ones win; without any, the first that is
        there of ``$QPLUG_CONFIG``, ``~/.config/qplug/qplug.conf`` and ``/etc/qplug/qplug.conf``
    :raises ConfigInvalid: a file cannot be read, or one of the core's options is wrong
    """
    files = find_files(args_files)
    settings = [setting for file in files for setting in read(file)]
    old = translate(settings)
    conf = parse(files, old.values)
    for problem in (*old.problems, *wrong_values(conf, list_opts(), settings, old.values)):
        raise problem
    for setting, why in old.ignored:
        LOG.warning("%s: option %s is ignored: %s", setting.file, setting.option.name, why)
    return conf


def parse(files: Sequence[str], old: Sequence[Translated]) -> cfg.ConfigOpts:
    """Return what oslo.config makes of the files and, below them, the translated old names.

    Values wait in it unchecked until somebody registers their option.
    """
    conf = cfg.ConfigOpts()
    register(conf, list_opts())
    with ExitStack() as stack:
        weakest = [stack.enter_context(_in_memory(as_file(old)))] if old else []
        conf(
            [],
            project="qplug",
            prog="qplug",
            default_config_files=[*weakest, *files],
            default_config_dirs=[],
            use_env=False,  # the files are the one place to look
        )
    return conf


def wrong_values(
    conf: cfg.ConfigOpts,
    lists: OptionLists,
    settings: Iterable[Setting],
    old: Iterable[Translated] = (),
) -> Iterator[ConfigInvalid]:
    """Yield an error for each of the settings that its registered option cannot take."""
    said = {value.option: value.origin for value in old}
    said |= {setting.option: setting for setting in settings}
    for group, options in lists:
        for option in options:
            setting = said.get(OptionName(group.name if group else "DEFAULT", option.dest))
            problem = setting and _wrong(conf, group, option, setting)
            if problem:
                yield problem


def _wrong(
    conf: cfg.ConfigOpts, group: cfg.OptGroup | None, option: cfg.Opt, setting: Setting
) -> ConfigInvalid | None:
    try:
        value = (conf[group.name] if group else conf)[option.dest]
        if value is None and option.default is not None:
            raise ValueError("an empty number")
    except ValueError:
        return wrong_value(setting, _wanted(option), secret=option.secret)
    except (cfg.Error, RecursionError):
        return ConfigInvalid(
            setting.file,
            f"{setting.option} refers with a dollar sign to what is no option; "
            "write $$ for the sign itself",
        )
    return None


def _wanted(option: cfg.Opt) -> str:
    kind = option.type
    choices = getattr(kind, "choices", None)
    if choices:
        return f"one of {', '.join(map(str, choices))}"
    name = getattr(kind, "type_name", "other value")
    bounds = [
        f"{words} {bound}"
        for words, bound in (
            ("at least", getattr(kind, "min", None)),
            ("at most", getattr(kind, "max", None)),
        )
        if bound is not None
    ]
    return ", ".join([f"{'an' if name[0] in 'aeiou' else 'a'} {name}", *bounds])


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """Yield the path of a file of that text which is on no disk and private to this process."""
    descriptor = os.memfd_create("qplug-old-names")
    with open(descriptor, "w") as file:  # in the encoding that oslo.config reads it with
        file.write(text)
        file.flush()
        yield f"/proc/self/fd/{descriptor}"
