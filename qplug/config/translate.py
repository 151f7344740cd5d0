"""From old names to new ones, before oslo.config sees the files."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from qplug.config.files import OptionName, Setting
from qplug.config.old_names import OLD_NAMES, OldName
from qplug.errors import ConfigInvalid

# $name or ${name}, unless the dollar sign is escaped as $$ or \$.
_REFERENCE = re.compile(r"(?<![$\\])\$(?:(\w+)|\{(\w+)\})")


@dataclass(frozen=True)
class Translated:
    """A new option's value, and the old setting that asks for it."""

    option: OptionName
    value: str
    origin: Setting
    row: OldName


@dataclass(frozen=True)
class Translation:
    """What the old names in the files amount to."""

    values: Sequence[Translated]
    ignored: Sequence[tuple[Setting, str]]
    """Settings without effect, and why."""
    problems: Sequence[ConfigInvalid]


def translate(settings: Iterable[Setting]) -> Translation:
    """Translate the old names among the settings, of which later ones win."""
    said = {setting.option: setting for setting in settings}
    old = [(row, said[_old(row)]) for row in OLD_NAMES if _old(row) in said]
    moved = [(row, setting) for row, setting in old if row.now]
    values, wrong = _convert([(row, _expanded(setting, moved)) for row, setting in moved])
    return Translation(
        values=values,
        ignored=[(setting, row.ignored) for row, setting in old if row.ignored],
        problems=[*wrong, *_contradictions(values, said)],
    )


def as_file(values: Iterable[Translated]) -> str:
    """Return a configuration file that says the same with new names."""
    return "".join(
        f"[{value.option.group}]\n{value.option.name} = {_quoted(value.value)}\n"
        for value in values
    )


def wrong_value(setting: Setting, wanted: str, *, secret: bool = False) -> ConfigInvalid:
    """Return the error that says what the value of an option must be."""
    value = "" if secret else f" = '{setting.value}'"
    return ConfigInvalid(setting.file, f"{setting.option}{value} is wrong: it must be {wanted}")


def _old(row: OldName) -> OptionName:
    return OptionName("DEFAULT", row.name)


def _expanded(setting: Setting, moved: Iterable[tuple[OldName, Setting]]) -> Setting:
    """Put in the values of old options that the value refers to, as no new option has their name.

    References to options that kept their name are left to oslo.config, and so are those to
    options that are not set: the group that the value goes to may have one of that name.
    """
    known = {row.name: other.value for row, other in moved}

    def value_of(match: re.Match[str]) -> str:
        return known.get(match[1] or match[2], match[0])

    return replace(setting, value=_REFERENCE.sub(value_of, setting.value))


def _convert(
    moved: Iterable[tuple[OldName, Setting]],
) -> tuple[Sequence[Translated], Sequence[ConfigInvalid]]:
    values, wrong = [], []
    for row, setting in moved:
        try:
            value = row.converter.convert(setting.value)
        except ValueError:
            wrong.append(wrong_value(setting, row.converter.wanted))
        else:
            if value is not None:
                values += [Translated(option, value, setting, row) for option in row.now]
    silent = {name for value in values for name in value.row.outranks}
    return [value for value in values if value.row.name not in silent], wrong


def _contradictions(
    values: Iterable[Translated], said: Mapping[OptionName, Setting]
) -> Iterator[ConfigInvalid]:
    for old in values:
        new = said.get(old.option)
        if new is not None and _new_value(old.row, new.value) != old.value:
            yield ConfigInvalid(
                old.origin.file,
                f"{old.origin.option} asks for {old.option} = '{old.value}', but {new.file} sets "
                f"{new.option} = '{new.value}'; remove one of the two",
            )


def _new_value(row: OldName, value: str) -> str:
    """Return a value that has the new name already, in the converter's spelling of it."""
    try:
        return row.converter.convert(value) or value
    except ValueError:
        return value


def _quoted(value: str) -> str:
    """Return what oslo.config reads as the value: it takes off one pair of quotes."""
    first, *more = value.split("\n")
    return "\n    ".join([f'"{first}"', *more])
