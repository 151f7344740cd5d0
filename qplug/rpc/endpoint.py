"""What a service does with a message."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from qplug.errors import (
    InvalidInput,
    MessageRefused,
    QplugError,
    RequestRunning,
    ServiceFailed,
    VersionMismatch,
)
from qplug.manager import Context, Manager
from qplug.model import Call
from qplug.rpc.bus import Bus
from qplug.rpc.client import CLOSE, NEXT
from qplug.rpc.failures import failure_json
from qplug.rpc.listings import Listing, Listings
from qplug.rpc.operations import VERSION, Operation, as_text, operations
from qplug.rpc.sealed import REPLY, REQUEST, Message, message_of
from qplug.rpc.values import Json, decoded, encoded
from qplug.store import Answered, Begun

LOG = logging.getLogger(__name__)

PAUSE = 0.1
"""Seconds between two looks at a request that is being done already."""

Watched = Callable[[str, str, float, BaseException | None], object]
"""Is told of each operation: its name, its context's request id, its seconds, what it raised."""


class Endpoint:
    """Takes messages from oslo.messaging, which calls :meth:`invoke` on one of its threads."""

    def __init__(self, manager: Manager, bus: Bus, watched: Watched = lambda *_: None) -> None:
        self._manager = manager
        self._store = manager.chain.store
        self._bus = bus
        self._watched = watched
        self._host = str(bus.conf.host)
        self.listings = Listings(self._host)

    def invoke(self, _: Mapping[str, Json], text: Json, signature: Json) -> Mapping[str, Json]:
        """Do what a message asks for, and return the signed reply. Nothing is raised."""
        request_id = ""
        try:
            message = message_of(text)
            request_id = message.id
            self._refuse_strange(message)
            is_trusted = self._bus.keys.believes(REQUEST, str(text), signature)
            reply = self._replied(message, self._context(message, is_trusted), is_trusted)
        except QplugError as error:
            reply = {"failure": failure_json(error)}
        except Exception as error:
            LOG.exception("a message could not be answered: %s", type(error).__name__)
            reply = {"failure": failure_json(ServiceFailed(self._host, "a message", request_id))}
        sealed = json.dumps({"id": request_id, **reply})
        return {"text": sealed, "signature": self._bus.keys.signature(REPLY, sealed)}

    def _refuse_strange(self, message: Message) -> None:
        """Refuse what this service does not understand, or should not do.

        :raises VersionMismatch, MessageRefused: so it is
        """
        major, minor = message.version
        if major != VERSION[0] or minor > VERSION[1]:
            raise VersionMismatch(f"{major}.{minor}", f"{VERSION[0]}.{VERSION[1]}", self._host)
        if message.to not in (None, self._host):
            raise MessageRefused(f"it is to host '{message.to}', and this is '{self._host}'")
        tolerance = float(self._bus.conf.rpc.clock_tolerance)
        age = time.time() - message.sent
        if age < -tolerance or age > tolerance + message.seconds:
            raise MessageRefused(
                f"it was sent {abs(age):.0f} s {'ago' if age > 0 else 'from now'} by its sender's "
                "clock; compare the clocks of both hosts"
            )

    def _context(self, message: Message, is_trusted: bool) -> Context:
        """Return who asks: what the message says, or nobody if nobody vouches for it."""
        if not is_trusted:
            LOG.warning("message %s has no valid signature: it is nobody's", message.id)
            return Context(request_id=f"unsigned-{message.id}")
        with _understood("context"):
            context: Context = decoded(message.context, Context)
        return context

    def _replied(self, message: Message, context: Context, is_trusted: bool) -> Mapping[str, Json]:
        if message.operation in (NEXT, CLOSE):
            return self._of_listing(message, context)
        operation = operations().get(message.operation)
        if operation is None:
            found = f"{message.version[0]}.{message.version[1]} with '{message.operation}'"
            raise VersionMismatch(found, f"{VERSION[0]}.{VERSION[1]}", self._host)
        with _understood(f"argument of {operation.name}"):
            arguments = operation.decoded(message.arguments)
        is_kept = operation.is_kept and is_trusted
        context = replace(context, once=message.id if is_kept else None)
        work = partial(self._done, operation, context, arguments)
        return self._once(message, context, work) if is_kept else work()

    # --- once ---

    def _once(
        self, message: Message, context: Context, work: Callable[[], Mapping[str, Json]]
    ) -> Mapping[str, Json]:
        """Do a request, or return what came of it when it was done before.

        :raises RequestRunning: it is still being done until its time is over
        """
        call = self._call(context, message.seconds)
        asked = as_text([message.operation, message.arguments, message.context])
        digest = hashlib.sha256(asked.encode()).hexdigest()
        requests = self._store.requests
        while not isinstance(found := requests.begin(call, message.id, digest), Begun):
            if isinstance(found, Answered):
                answer: Mapping[str, Json] = json.loads(found.answer)
                return answer
            if call.remaining() <= PAUSE:
                raise RequestRunning(message.id, found.worker)
            time.sleep(PAUSE)
        try:
            reply = work()
        except QplugError as error:
            reply = {"failure": failure_json(error)}
        except BaseException:
            self._keep(context, message, found.epoch, self._failed(message.operation, context))
            raise
        self._keep(context, message, found.epoch, reply)
        return reply

    def _keep(
        self, context: Context, message: Message, epoch: int, reply: Mapping[str, Json]
    ) -> None:
        """Keep what came of a request; where that fails it is done again if it comes again."""
        try:
            call = self._call(context, 15.0)
            self._store.requests.end(call, message.id, epoch, json.dumps(reply))
        except QplugError as error:
            LOG.error("%s: what came of it could not be kept: %s", context.request_id, error)

    def _call(self, context: Context, seconds: float) -> Call:
        started = self._manager.chain.call(context.request_id)
        return replace(started, deadline=time.monotonic() + max(0.1, seconds))

    # --- doing it ---

    def _done(
        self,
        operation: Operation,
        context: Context,
        arguments: Mapping[str, Any],
    ) -> Mapping[str, Json]:
        seen: list[tuple[str, Json]] = []
        watchers = {name: _noting(seen, name, kind) for name, kind in operation.watchers.items()}
        with self._observed(operation.name, context):
            answer = getattr(self._manager, operation.name)(context, **arguments, **watchers)
            if operation.rows is None:
                return {"answer": encoded(answer, operation.kinds["return"])}
            owner = _reader(context)
            return self.listings.first(Listing(answer, operation.rows, owner, seen))

    def _of_listing(self, message: Message, context: Context) -> Mapping[str, Json]:
        with _understood("listing"):
            key = decoded(message.arguments["listing"], str)
            page = decoded(message.arguments["page"], int)
        owner = _reader(context)
        if message.operation == CLOSE:
            self.listings.close(key, owner)
            return {"answer": None}
        return self.listings.next(key, page, owner)

    @contextmanager
    def _observed(self, operation: str, context: Context) -> Iterator[None]:
        """Tell who watches of an operation, and make one sentence of what nobody thought of."""
        begun = time.monotonic()
        raised: BaseException | None = None
        try:
            yield
        except QplugError as error:
            raised = error
            raise
        except Exception as error:
            raised = error
            LOG.exception("%s %s failed", context.request_id, operation)
            raise ServiceFailed(self._host, operation, context.request_id) from error
        finally:
            self._watched(operation, context.request_id, time.monotonic() - begun, raised)

    def _failed(self, operation: str, context: Context) -> Mapping[str, Json]:
        return {"failure": failure_json(ServiceFailed(self._host, operation, context.request_id))}


def _reader(context: Context) -> str:
    """Return whose a listing is: the rights of who asked for it, whichever request it was."""
    return as_text(encoded(replace(context, request_id="")))


def _noting(seen: list[tuple[str, Json]], name: str, kind: Any) -> Callable[[Any], None]:
    return lambda value: seen.append((name, encoded(value, kind)))


@contextmanager
def _understood(what: str) -> Iterator[None]:
    """Raise one sentence for what cannot be understood of a message.

    :raises InvalidInput: anything went wrong
    """
    try:
        yield
    except QplugError:
        raise
    except Exception as error:  # cattrs raises groups of whatever its parts raised
        raise InvalidInput(what, _first(error)[:200], "what the operation takes") from error


def _first(error: BaseException) -> str:
    """Return the first cause in a group of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
