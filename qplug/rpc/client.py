"""The manager's operations, done by a service."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from oslo_config.cfg import ConfigOpts

from qplug.errors import QplugError
from qplug.manager import Context
from qplug.rpc.bus import Bus
from qplug.rpc.operations import AT_HOME, Operation, operations
from qplug.rpc.values import Json, decoded

NEXT, CLOSE = "next_rows", "close_rows"
"""What is asked of the service that has a listing open."""

LONGEST = 24 * 60 * 60.0
"""Seconds that the next rows of a listing may take: an audit says nothing for a long time."""

UNDOING = 30.0
"""Seconds that a service has after an operation's time, to undo what it did and say so."""


class RemoteManager:
    """Has each operation of :class:`~qplug.manager.Manager`, with the same answers and errors.

    :raises ServiceUnavailable: any may raise that besides
    """

    def __init__(self, conf: ConfigOpts) -> None:
        """Connect to nothing yet.

        :raises BusNotInstalled: the packages of the bus are missing
        :raises ConfigInvalid: no bus is configured
        """
        self.conf = conf
        self._bus = Bus(conf)
        for name, operation in operations().items():
            setattr(self, name, partial(self._invoke, operation))

    def close(self) -> None:
        """Close all connections."""
        self._bus.close()

    def _invoke(self, operation: Operation, context: Context, *args: Any, **kwargs: Any) -> Any:
        given, watchers = operation.encoded(*args, **kwargs)
        host = str(self.conf.host) if operation.name in AT_HOME else None
        seconds = float(self.conf.operation_timeout) + UNDOING
        reply = self._bus.ask(operation.name, given, context, host=host, seconds=seconds)
        if operation.rows is None:
            return decoded(reply["answer"], operation.kinds["return"])
        return self._rows(operation, context, watchers, reply)

    def _rows(
        self,
        operation: Operation,
        context: Context,
        watchers: Mapping[str, Callable[[Any], object]],
        reply: Mapping[str, Json],
    ) -> Iterator[Any]:
        """Yield rows as they are wanted; functions are called with what was seen between them."""
        more: Mapping[str, Json] | None = None
        try:
            while True:
                more = reply["more"]
                for what, value in reply["rows"]:
                    if what == "row":
                        yield decoded(value, operation.rows)
                    elif what in watchers:
                        watchers[what](decoded(value, operation.watchers[what]))
                if more is None:
                    return
                reply = self._of_listing(NEXT, more, context, LONGEST)
        except GeneratorExit:
            if more is not None:
                self._close(more, context)
            raise

    def _of_listing(
        self, operation: str, more: Mapping[str, Json], context: Context, seconds: float
    ) -> Mapping[str, Json]:
        asked = {"listing": more["listing"], "page": more["page"]}
        return self._bus.ask(
            operation,
            asked,
            context,
            host=str(more["host"]),
            seconds=seconds,
            patience=float(self.conf.operation_timeout),
        )

    def _close(self, more: Mapping[str, Json], context: Context) -> None:
        try:
            self._of_listing(CLOSE, more, context, 5.0)
        except QplugError:
            return  # it is closed without us, some time later
