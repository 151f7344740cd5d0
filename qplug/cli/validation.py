"""What would stop every command, though each option has a value that it may have."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from oslo_config.cfg import ConfigOpts

from qplug import loader
from qplug.config import load_config, problems
from qplug.db.engine import make_engine
from qplug.db.sqlite import is_memory
from qplug.errors import ConfigInvalid, DriverStateNotShared, QplugError
from qplug.manager.policy import Policy
from qplug.model import Capability


def all_problems(files: Sequence[str]) -> Sequence[str]:
    """Return a sentence for everything that is wrong; no driver is started, no server asked."""
    found = problems(files)
    try:
        conf = load_config(files)
    except ConfigInvalid:
        return found  # which has the error too, and drivers cannot be known
    beyond = (*_database(conf), *_drivers(conf), *_policy(conf))
    return list(dict.fromkeys([*found, *map(str, beyond)]))


def _database(conf: ConfigOpts) -> Iterator[QplugError]:
    try:
        _in_memory(conf)
    except QplugError as error:
        yield error


def _in_memory(conf: ConfigOpts) -> bool:
    url = conf.database.connection
    return bool(url) and is_memory(make_engine(url).url)


def _drivers(conf: ConfigOpts) -> Iterator[QplugError | str]:
    for kind in loader.KINDS.values():
        name = str(conf[kind.name].driver)
        try:
            info = loader.inspect(kind, name)[0]
            if info.state != "ok":
                yield info.state
            elif Capability.SHARED not in info.capabilities and not _in_memory(conf):
                yield DriverStateNotShared(kind.name, name)
        except QplugError as error:
            yield error


def _policy(conf: ConfigOpts) -> Iterator[ConfigInvalid]:
    try:
        policy = Policy(conf)
    except ConfigInvalid as error:
        yield error
        return
    known = policy.actions()
    for name in policy.unknown_actions():
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; it may be {', '.join(known)}"
        yield ConfigInvalid(str(conf.oslo_policy.policy_file), f"no rule is called '{name}'{hint}")
