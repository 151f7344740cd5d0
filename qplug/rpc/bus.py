"""The bus: one transport of oslo.messaging, with its errors in our words."""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib import import_module
from ssl import SSLCertVerificationError
from threading import Lock
from typing import Any
from uuid import uuid4

from oslo_config.cfg import ConfigOpts

from qplug.config.threads import on_threads
from qplug.errors import (
    BusNotInstalled,
    BusRefused,
    ConfigInvalid,
    MessageRefused,
    QplugError,
    ServiceUnavailable,
)
from qplug.manager import Context
from qplug.rpc.failures import failure_of
from qplug.rpc.operations import VERSION
from qplug.rpc.sealed import REPLY, REQUEST, Message, read_keys
from qplug.rpc.values import Json, encoded
from qplug.text import masked

LOG = logging.getLogger(__name__)

RETRIES = 2
"""How often oslo.messaging connects again for one message, before we are told."""

REPLIES_STAY = 60
"""Seconds for which the broker keeps the queue of a caller that is gone: a command has one each."""

SOON = 15.0
"""Seconds in which a service that is there says so, or one that is just started anew."""

PAUSE = 0.2
"""Seconds before a message is sent again that could not be delivered."""

GLOBAL = {
    "oslo_messaging_metrics": "oslo_messaging._metrics.client",
    "oslo_messaging_tracing": "oslo_messaging._tracing.client",
}
"""Options that oslo.messaging 18 registers with oslo.config's one global configuration alone, and
reads from ours: groups, and the module that has the list of that name."""

_loading = Lock()


def messaging() -> Any:
    """Return oslo.messaging on threads.

    :raises BusNotInstalled: it is not installed, or somebody has patched threads
    """
    with _loading:
        try:
            with on_threads():
                import oslo_messaging
                import oslo_messaging._drivers.impl_rabbit
        except Exception as error:  # it raises what it likes where another one was chosen before
            raise BusNotInstalled(str(error)) from error
    if "eventlet" in sys.modules:
        from eventlet.patcher import is_monkey_patched

        if is_monkey_patched("thread"):
            raise BusNotInstalled("eventlet has patched threads here, and qplug runs on real ones")
    return oslo_messaging


class Bus:
    """Asks services for operations. Several threads may use it."""

    def __init__(self, conf: ConfigOpts) -> None:
        """Connect to nothing yet.

        :raises BusNotInstalled: the packages of the bus are missing
        :raises ConfigInvalid: there is no bus, or the keys cannot be read
        """
        if not conf.rpc.transport_url:
            raise ConfigInvalid("[rpc] transport_url", "it is empty; name the bus of the services")
        self.conf = conf
        self.keys = read_keys(conf.rpc.key_file)
        self.messaging = messaging()
        self._is_connected = False

    @cached_property
    def transport(self) -> Any:
        """The connections to the broker.

        :raises ConfigInvalid: the URL is none, or of a bus that is not installed
        """
        wrong = (self.messaging.InvalidTransportURL, self.messaging.DriverLoadFailure)
        try:
            self._register_options()
            found = self.messaging.get_rpc_transport(self.conf, url=self.conf.rpc.transport_url)
        except wrong as error:
            raise ConfigInvalid("[rpc] transport_url", masked(str(error))) from error
        if "oslo_messaging_rabbit" in self.conf:  # which the driver registers
            group = {"group": "oslo_messaging_rabbit"}
            self.conf.set_default("rabbit_transient_queues_ttl", REPLIES_STAY, **group)
        return found

    def _register_options(self) -> None:
        for group, module in GLOBAL.items():
            with suppress(ImportError):  # a release without it reads none
                self.conf.register_opts(getattr(import_module(module), group), group=group)

    def target(self, host: str | None, *, is_hop: bool = False) -> Any:
        """Return where messages to a host's service, or to any, are put.

        Requests have queues and workers of their own: whoever works on one and waits for another
        host would else stand in the way of whom that host waits for.
        """
        topic = str(self.conf.rpc.topic)
        return self.messaging.Target(topic=topic if is_hop else f"{topic}_requests", server=host)

    def ask(
        self,
        operation: str,
        arguments: Mapping[str, Json],
        context: Context,
        *,
        host: str | None = None,
        seconds: float,
        patience: float | None = None,
        hope: Callable[[], object] | None = None,
    ) -> Mapping[str, Json]:
        """Have an operation done, and return the reply.

        The same message is sent again while there is time, as a reply or a service may be lost.

        :param host: whose service is to do it; by default any
        :param seconds: how long to wait while a service works on it
        :param patience: for how many seconds it is sent again, if that is less
        :param hope: given for a hop: raises what it likes where it is in vain to send, or wait on
        :raises ServiceUnavailable: nobody answers, and nobody knows what became of it
        :raises QplugError: what the service says
        """
        message = Message(
            version=VERSION,
            id=str(uuid4()),
            operation=operation,
            arguments=arguments,
            context=encoded(context),
            to=host,
            sent=time.time(),
            seconds=seconds,
        )
        until = time.monotonic() + seconds
        again_until = min(until, time.monotonic() + (seconds if patience is None else patience))
        while True:
            try:
                if hope is not None:
                    hope()
                target = self.target(host, is_hop=hope is not None)
                reply = self._asked(message, target, until - time.monotonic())
                break
            except ServiceUnavailable as error:
                in_vain = isinstance(error.__cause__, self.messaging.MessageUndeliverable)
                in_vain = in_vain or isinstance(error, BusRefused)
                if in_vain or time.monotonic() + PAUSE >= again_until:
                    raise
                LOG.info("%s %s is sent again: %s", context.request_id, operation, error)
                if hope is None and isinstance(error.__cause__, self.messaging.MessagingTimeout):
                    self._refuse_absent(host)
            time.sleep(PAUSE)
        if "failure" in reply:
            raise failure_of(reply["failure"])  # also where it says that something is unavailable
        return reply

    def _refuse_absent(self, host: str | None) -> None:
        """Refuse to wait for a queue that nobody reads.

        A service says of nonsense that it is, at once: it comes by the way of hops, for which there
        are workers however many requests there are.

        :raises ServiceUnavailable: none is there
        """
        rpc = self.messaging.get_rpc_client(self.transport, self.target(host, is_hop=True))
        try:
            rpc.prepare(timeout=SOON, retry=RETRIES).call({}, "invoke", text="", signature="")
        except self.messaging.MessagingTimeout as error:
            service = f"the service of host '{host}'" if host else "a manager service"
            raise ServiceUnavailable(service, "no qplug-manager is running") from error
        except self._failures as error:
            LOG.info("nobody knows whether a service is there: %s", masked(str(error)))

    def _asked(self, message: Message, target: Any, seconds: float) -> Mapping[str, Json]:
        text = message.text()
        options = self.messaging.TransportOptions(at_least_once=True)  # else it may be to nobody
        client = self.messaging.get_rpc_client(
            self.transport, target, transport_options=options
        ).prepare(
            timeout=max(0.1, seconds),
            call_monitor_timeout=max(1, round(min(seconds, self.conf.rpc.silence))),
            retry=RETRIES,
        )
        with self.translated(message.to):
            self._connect()
            sealed = client.call(
                {}, "invoke", text=text, signature=self.keys.signature(REQUEST, text)
            )
        return self._opened(sealed, message.id)

    def _connect(self) -> None:
        """Say something to nobody, the first time.

        For the queue of replies oslo.messaging would wait for a broker for ever.
        """
        if not self._is_connected:
            nobody = self.messaging.Target(topic=f"{self.conf.rpc.topic}.nobody")
            rpc = self.messaging.get_rpc_client(self.transport, nobody)
            rpc.prepare(retry=RETRIES).cast({}, "nothing")
            self._is_connected = True

    def _opened(self, sealed: Json, request_id: str) -> Mapping[str, Json]:
        """Return a reply that a holder of the key made to this request.

        :raises MessageRefused: it is none
        """
        if not isinstance(sealed, dict) or not isinstance(sealed.get("text"), str):
            raise MessageRefused("the reply is none of qplug's")
        text = sealed["text"]
        if self.keys and not self.keys.believes(REPLY, text, sealed.get("signature")):
            raise MessageRefused("the reply is not signed with our key; compare [rpc] key_file")
        reply: Mapping[str, Json] = json.loads(text)
        if reply.get("id") != request_id:
            raise MessageRefused("the reply is that to another request")
        return reply

    @contextmanager
    def translated(self, host: str | None) -> Iterator[None]:
        """Raise what oslo.messaging does inside of this in our words.

        :raises ServiceUnavailable: the bus or a service does not answer
        :raises BusRefused: nor would it the next time
        """
        service = f"the service of host '{host}'" if host else "a manager service"
        try:
            yield
        except QplugError:
            raise
        except self.messaging.MessageUndeliverable as error:
            raise ServiceUnavailable(service, "no qplug-manager listens on the bus") from error
        except self.messaging.MessagingTimeout as error:
            raise ServiceUnavailable(service, "no reply came") from error
        except self._failures as error:
            reason = masked(f"{type(error).__name__}: {error}")
            if _refuses(error):
                raise BusRefused(service, reason) from error
            raise ServiceUnavailable(service, f"the bus failed: {reason}") from error

    @cached_property
    def _failures(self) -> tuple[type[BaseException], ...]:
        """What means that the broker, or the way to it, is at fault."""
        from amqp.exceptions import AMQPError
        from kombu.exceptions import KombuError, OperationalError

        oslo = self.messaging.MessagingException
        return (oslo, AMQPError, KombuError, OperationalError, OSError)

    def close(self) -> None:
        """Close all connections."""
        if "transport" in vars(self):
            self.transport.cleanup()


def _refuses(error: BaseException) -> bool:
    """Say whether the broker refused who we are, or we what it says it is."""
    from amqp.exceptions import AccessRefused, NotAllowed

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AccessRefused | NotAllowed | SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
