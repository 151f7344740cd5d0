"""The floor: what qplug changes in the tables, written without it.

One allocation and one deallocation by qplug are recorded as their SQL. Replayed are all statements
that change rows, word by word and in as many transactions, by the database's own driver, with ids
and addresses that are new each time. What only reads is left out, and so is every transaction that
does nothing else. The replay is made up before its time is taken, and each statement must change
as many rows as it did for qplug.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from netaddr import EUI, IPAddress
from sqlalchemy import event
from sqlalchemy.engine import Engine

from benchmarks.raw import Raw
from qplug.model import mac_address
from qplug.testing.clock import counted_statements

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
CHANGES = ("INSERT", "UPDATE", "DELETE")
FAR_FUTURE = 1e10
"""Seconds; no rest ends later, so that the replay too finds the address it gives again at rest."""


@dataclass(frozen=True)
class Statement:
    """A change, as the driver gets it."""

    text: str
    parameters: Any
    changed: int


Transaction = Sequence[Statement]


@dataclass(frozen=True)
class Recording:
    """What one operation sent."""

    statements: int
    transactions: int
    changes: Sequence[Transaction]


@dataclass(frozen=True)
class Recorded:
    """What an instance costs: both operations, and the address it had."""

    operations: Mapping[str, Recording]
    address: IPAddress


def record(operation: Callable[[], object]) -> Recording:
    """Run an operation of qplug and return what it sent to the database."""
    sent: list[list[Statement]] = []
    with counted_statements() as counted, _listening(sent):
        operation()
    return Recording(len(counted), counted.transactions, [one for one in sent if one])


@contextmanager
def _listening(sent: list[list[Statement]]) -> Iterator[None]:
    def began(_: object) -> None:
        sent.append([])

    def executed(_: object, cursor: Any, text: str, parameters: Any, *__: object) -> None:
        if text.startswith(CHANGES):
            sent[-1].append(Statement(text, parameters, cursor.rowcount))

    event.listen(Engine, "begin", began)
    event.listen(Engine, "after_cursor_execute", executed)
    try:
        yield
    finally:
        event.remove(Engine, "begin", began)
        event.remove(Engine, "after_cursor_execute", executed)


class Floor:
    """Replays an allocation and its deallocation.

    :param lasting: ids that are the network's, not the instance's
    """

    def __init__(self, raw: Raw, recorded: Recorded, *, lasting: frozenset[str]) -> None:
        self._raw = raw
        self._parts = {name: one.changes for name, one in recorded.operations.items()}
        text = repr(self._parts)
        self._ids = sorted(set(UUID.findall(text)) - lasting)
        self._macs = sorted(set(MAC.findall(text)))
        self._address = recorded.address

    def prepared(self, address: IPAddress) -> Mapping[str, Sequence[Transaction]]:
        """Return the statements of both operations with new ids, and with this address."""
        new = {old: str(uuid4()) for old in self._ids}
        new |= {old: str(mac_address(EUI(uuid4().int >> 87, version=48))) for old in self._macs}
        for step in (0, 1):  # the address, and where the never given ones begin then
            new[column(self._address + step)] = column(address + step)
        new[str(self._address)] = str(address)
        changed = re.compile("|".join(map(re.escape, sorted(new, key=len, reverse=True))))

        def fresh(value: Any) -> Any:
            match value:
                case str():
                    return changed.sub(lambda found: new[found[0]], value)
                case tuple():
                    return tuple(map(fresh, value))
                case dict():
                    return {key: fresh(one) for key, one in value.items()}
                case _:
                    return value

        def transactions(part: str) -> Sequence[Transaction]:
            return [
                [Statement(s.text, _late(part, fresh(s.parameters)), s.changed) for s in one]
                for one in self._parts[part]
            ]

        return {part: transactions(part) for part in self._parts}

    def run(self, transactions: Sequence[Transaction]) -> None:
        """Write one operation, each transaction of its own."""
        for one in transactions:
            with self._raw.transaction():
                self._execute(one)

    def run_together(self, operations: Sequence[Sequence[Transaction]]) -> None:
        """Write several operations in one transaction, for reference."""
        with self._raw.transaction():
            for transactions in operations:
                for one in transactions:
                    self._execute(one)

    def _execute(self, transaction: Transaction) -> None:
        for statement in transaction:
            changed = self._raw.execute(statement.text, statement.parameters)
            if changed != statement.changed:
                raise AssertionError(f"{changed} rows instead of {statement.changed}: {statement}")


def column(address: IPAddress) -> str:
    """Return an IPv4 address as our tables have it."""
    return f"4{int(address):08x}"


def _late(part: str, parameters: Any) -> Any:
    if part != "allocate":
        return parameters
    if isinstance(parameters, dict):
        return {key: _far(value) for key, value in parameters.items()}
    return tuple(map(_far, parameters))


def _far(value: Any) -> Any:
    return FAR_FUTURE if isinstance(value, float) and value > 1e9 else value
