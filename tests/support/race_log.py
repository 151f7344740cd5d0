"""What processes did at once, and what of it cannot be right.

Every operation is noted with the time it began and ended, on a clock that all processes share.
An address was *certainly* held from the end of the operation that took it to the beginning of the
one that gave it back, and *possibly* from the beginning of the first to the end of the second.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

TAKING = ("allocate", "add")
GIVING_BACK = ("deallocate", "remove")
CLOSING, OPENING = "narrow", "widen"
SECOND = 1_000_000_000

FOREVER = 1 << 63


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call, as the process that made it saw it; times are in nanoseconds."""

    act: str
    """One of TAKING or GIVING_BACK; or CLOSING or OPENING, from outside pools or into them."""
    instance: str
    """Or who else has the addresses now."""
    began: int
    ended: int
    addresses: Sequence[str] = ()
    """What was taken or given back, closed or opened."""
    wanted: Sequence[str] = ()
    """What was asked for by name."""
    refused: str = ""
    """The class of the error; empty if it succeeded."""
    said: str = ""
    phase: str = ""
    statements: int = 0
    rollbacks: int = 0


class Span(NamedTuple):
    """A time without its ends, in nanoseconds."""

    begin: int
    end: int


@dataclass(frozen=True)
class Holding:
    """An address in the hands of an instance, for ever unless it was given back."""

    address: str
    taken: Operation
    left: Operation | None = None

    @property
    def certain(self) -> Span:
        """When it certainly had the address."""
        return Span(self.taken.ended, self.left.began if self.left else FOREVER)

    @property
    def possible(self) -> Span:
        """When it may have had the address."""
        return Span(self.taken.began, self.left.ended if self.left else FOREVER)


class RaceLog:
    """Judges what all processes did, after the fact.

    :param subnets: what may be given of each subnet of the network
    :param reuse_delay: seconds that an address rests
    """

    def __init__(
        self,
        operations: Iterable[Operation],
        subnets: Sequence[Sequence[str]],
        *,
        reuse_delay: float = 0,
    ) -> None:
        self.operations = sorted(operations, key=lambda each: each.ended)
        self.subnets = subnets
        self.rest = int(reuse_delay * SECOND)
        self.holdings: list[Holding] = []
        self._by_address: dict[str, list[Holding]] = defaultdict(list)
        self._closed: dict[str, list[Holding]] = defaultdict(list)
        for each in _holdings(self.operations):
            if each.taken.act == CLOSING:
                self._closed[each.address].append(each)
            else:
                self.holdings.append(each)
                self._by_address[each.address].append(each)

    @property
    def held(self) -> set[tuple[str, str]]:
        """Return the instances with the addresses that they have in the end."""
        return {(each.taken.instance, each.address) for each in self.holdings if not each.left}

    def given(self, phase: str) -> list[str]:
        """Return every address that was given in a phase, as often as it was."""
        taking = (o for o in self.operations if o.act in TAKING and o.phase == phase)
        return [address for each in taking for address in each.addresses]

    def faults(
        self,
        *,
        seen: Iterable[tuple[str, str]] = (),
        most_statements: int = 0,
        most_rollbacks: int = 0,
    ) -> list[str]:
        """Return a sentence for everything that cannot be right.

        :param seen: acts with their refusal, empty for success, each of which must have happened
        :param most_statements: how many an operation may take
        :param most_rollbacks: how many of its transactions may come to nothing
        """
        return [
            *self._missing(seen),
            *self._costly(most_statements, most_rollbacks),
            *self._strange_errors(),
            *self._strangers(),
            *self._duplicates(),
            *self._false_exhaustions(),
            *self._false_refusals(),
            *self._broken_rests(),
            *self._broken_limits(),
        ]

    def _missing(self, seen: Iterable[tuple[str, str]]) -> Iterator[str]:
        happened = Counter((each.act, each.refused) for each in self.operations)
        for act, refusal in seen:
            if not happened[act, refusal]:
                yield f"no {act} was ever {refusal or 'done'}"

    def _costly(self, most_statements: int, most_rollbacks: int) -> Iterator[str]:
        for each in self.operations:
            if each.statements > most_statements or each.rollbacks > most_rollbacks:
                yield f"{each.act} took {each.statements} statements, {each.rollbacks} rollbacks"

    def _strange_errors(self) -> Iterator[str]:
        for each in self.operations:
            full = each.refused == "NoMoreFixedIps" and each.act in TAKING
            in_use = each.refused == "FixedIpAlreadyInUse" and each.wanted
            if each.refused and not (full or in_use or self._is_closed(each)):
                yield f"{each.act} failed: {each.refused}: {each.said}"

    def _is_closed(self, refused: Operation) -> bool:
        """Say whether vifs could not have what was asked for at some moment of the operation."""
        return refused.refused == "FixedIpInvalid" and any(
            _meet(closed.possible, refused)
            for address in refused.wanted
            for closed in self._closed[address]
        )

    def _strangers(self) -> Iterator[str]:
        known = {address for subnet in self.subnets for address in subnet}
        for each in self.operations:
            for address in each.addresses:
                if address not in known:
                    yield f"{address} was given, which no vif may get"
            if each.act in TAKING and each.addresses and not {*each.wanted} <= {*each.addresses}:
                yield f"{each.addresses} was given instead of {each.wanted}"

    def _duplicates(self) -> Iterator[str]:
        for address, holdings in self._by_address.items():
            until = 0
            for each in sorted(holdings, key=lambda one: one.certain):
                if each.certain.begin < until:
                    yield f"{address} was given to {each.taken.instance} while another had it"
                until = max(until, each.certain.end)

    def _false_exhaustions(self) -> Iterator[str]:
        gaps = [self._gaps(subnet) for subnet in self.subnets]
        of_all = sorted(gap for part in gaps for gap in part)
        for each in self.operations:
            if each.refused == "NoMoreFixedIps":
                # One more comes from any subnet, all of which are looked at in one moment.
                full = [of_all] if each.act == "add" else gaps
                if not any(_has_a_moment_outside(part, each) for part in full):
                    yield f"{each.act} found no address at {each.began}, when one was always free"

    def _gaps(self, subnet: Sequence[str]) -> list[Span]:
        """Return when addresses of a subnet were certainly free."""
        return sorted(gap for address in subnet for gap in self._free(address))

    def _free(self, address: str) -> Iterator[Span]:
        since = -1
        kept_back = [*self._by_address[address], *self._closed[address]]
        for begin, end in sorted(each.possible for each in kept_back):
            if begin > since:
                yield Span(since, begin)
            since = max(since, end)
        if since < FOREVER:
            yield Span(since, FOREVER)

    def _false_refusals(self) -> Iterator[str]:
        for each in self.operations:
            if each.refused == "FixedIpAlreadyInUse" and not any(
                self._is_excuse(holding, each)
                for address in each.wanted
                for holding in self._by_address[address]
            ):
                yield f"{each.wanted} was refused at {each.began}, when it was free all the time"

    def _is_excuse(self, holding: Holding, refused: Operation) -> bool:
        begin, end = holding.possible
        if holding.taken.instance != refused.instance:
            end += self.rest
        return _meet(Span(begin, end), refused)

    def _broken_rests(self) -> Iterator[str]:
        for each in self.holdings:
            if each.address in each.taken.wanted:
                for other in self._by_address[each.address]:
                    if self._certainly_rests(other, each.taken):
                        yield f"{each.address} was given by name while it rested for another"

    def _certainly_rests(self, holding: Holding, taken: Operation) -> bool:
        return (
            holding.left is not None
            and holding.taken.instance != taken.instance
            and holding.left.ended < taken.began
            and taken.ended < holding.left.began + self.rest
        )

    def _broken_limits(self) -> Iterator[str]:
        for each in self.holdings:
            for begin, end in (closed.certain for closed in self._closed[each.address]):
                if begin < each.taken.began and each.taken.ended < end:
                    yield f"{each.address} was given while it was outside of what vifs may get"


def _holdings(operations: Iterable[Operation]) -> Iterator[Holding]:
    """Yield what was held; an instance is one process's, so its operations are in order."""
    held: dict[tuple[str, str], Operation] = {}
    for each in operations:
        for address in () if each.refused else each.addresses:
            if each.act in (*TAKING, CLOSING):
                held[each.instance, address] = each
            else:
                yield Holding(address, held.pop((each.instance, address)), each)
    for (_, address), taken in held.items():
        yield Holding(address, taken)


def _meet(span: Span, operation: Operation) -> bool:
    return span.begin <= operation.ended and operation.began <= span.end


def _has_a_moment_outside(spans: Iterable[Span], during: Operation) -> bool:
    """Say whether, while the operation ran, there was a moment outside of all sorted spans."""
    moment = during.began
    for begin, end in spans:
        if begin >= moment:
            break
        moment = max(moment, end)
    return moment <= during.ended
