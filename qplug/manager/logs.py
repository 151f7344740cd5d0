"""One line in the log for each operation: which request, whose, what, how long, what came of it."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

from qplug.errors import Conflict, Exhausted, Forbidden, Invalid, NotFound
from qplug.manager.context import Context
from qplug.text import masked, printable

LOG = logging.getLogger(__name__)

CALLERS = (NotFound, Conflict, Invalid, Forbidden, Exhausted)
"""Errors that the caller can do something about; others are for who operates this."""

LENGTH = 1000
"""Characters of the arguments that are shown: somebody may name a thousand networks."""

M = TypeVar("M")


def operations_logged(manager: type[M]) -> type[M]:
    """Have each operation logged: every public method that takes the caller's context first."""
    for name, method in list(vars(manager).items()):
        if not name.startswith("_") and _arguments(method)[:1] == ["context"]:
            setattr(manager, name, _logged(name, method))
    return manager


def _logged(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    names = _arguments(method)[1:]

    @wraps(method)
    def operation(self: object, context: Context, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(names, args, strict=False)) | kwargs
        with ExitStack() as line:
            line.enter_context(_line(context, name, given))
            answer = method(self, context, *args, **kwargs)
            if isinstance(answer, Iterator):
                return _read(answer, line.pop_all())
        return answer

    return operation


def _arguments(method: object) -> list[str]:
    return list(signature(method).parameters)[1:] if callable(method) else []


def _read(rows: Iterator[Any], line: ExitStack) -> Iterator[Any]:
    """Yield the rows; their operation ends when the last was read, or the reader went away."""
    with line:
        yield from rows


@contextmanager
def _line(context: Context, name: str, given: Mapping[str, Any]) -> Iterator[None]:
    """Log what is done inside of this when it has ended."""
    begun = time.monotonic()
    level, result = logging.INFO, "ok"
    try:
        yield
    except BaseException as error:
        level, result = _outcome(error)
        raise
    finally:
        who, what = _who(context), f"{name}({_named(given)[:LENGTH]})"
        took = time.monotonic() - begun
        LOG.log(level, "%s %s %s %.3f s %s", context.request_id, who, what, took, result)


def _outcome(error: BaseException) -> tuple[int, str]:
    """Return the level and the words for what ended an operation."""
    if not isinstance(error, Exception):  # Ctrl-C, a signal, or a reader who wants no more rows
        return logging.WARNING, "interrupted"
    result = f"{type(error).__name__}: {printable(masked(str(error)))}"
    return logging.WARNING if isinstance(error, CALLERS) else logging.ERROR, result


def _who(context: Context) -> str:
    """Return who asked, as one word for those who search."""
    known = {"user": context.user_id, "project": context.project_id}
    said = [f"{what}={who!r}" for what, who in known.items() if who is not None]
    return ",".join(["admin"] * context.is_admin + said) or "nobody"


def _named(values: Mapping[str, Any]) -> str:
    """Return what is given, by name, without what says nothing, as functions to be called do."""
    said = {
        name: value
        for name, value in values.items()
        if value not in (None, (), []) and not callable(value)
    }
    return ", ".join(f"{name}={_shown(value)}" for name, value in said.items())


def _shown(value: Any) -> str:
    """Return a value on one line: texts in quotes, so that none can pass for another part of it."""
    if is_dataclass(value):
        return f"({_named({each.name: getattr(value, each.name) for each in fields(value)})})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return repr(value) if isinstance(value, str) else printable(str(value))
