"""What was measured, as tables in Markdown."""

from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.measuring import OPERATIONS, Cell, Measured, ratios, spread

NEUTRON = 5
"""Port creates a second of a real Neutron with one worker on a machine of this kind."""

COLUMNS = (
    "operation|in use|a second|p50 ms|p99 ms|CPU ms|floor ms|at once ms"
    "|to floor|to 0 %|floor to 0 %"
)

AIMS = {"sqlite": 5, "postgresql": 3, "mariadb": 3}


def report(measured: Measured) -> str:
    """Return the tables of one database."""
    return "\n".join(_lines(measured))


def _lines(measured: Measured) -> Iterator[str]:
    yield f"### {measured.kind}\n"
    for operation in OPERATIONS:
        recorded = measured.recorded[operation]
        changes = sum(map(len, recorded.changes))
        yield (
            f"- {operation}: {recorded.statements} statements in {recorded.transactions} "
            f"transactions; the floor: {changes} in {len(recorded.changes)}"
        )
    yield ""
    yield from _table(
        COLUMNS,
        [
            _row(operation, name, measured.cells[name, operation], measured.cells["0 %", operation])
            for operation in OPERATIONS
            for name in measured.fills
        ],
    )
    yield ""
    yield from _table(
        "who|allocate a second|deallocate a second|allocate, times 1 worker",
        [_crowd_row(measured, who) for who in dict.fromkeys(who for who, _ in measured.rates)],
    )
    yield ""
    yield from _table("where the time goes|allocate|deallocate", _shares(measured))
    yield ""
    yield from _verdicts(measured)
    yield ""


def _row(operation: str, name: str, cell: Cell, empty: Cell) -> list[str]:
    return [
        operation,
        name,
        spread([1 / seconds for seconds in cell.qplug], _whole),
        _ms(cell.percentile(50)),
        _ms(cell.percentile(99)),
        _ms(median(cell.cpu)),
        spread(cell.floor, _ms),
        _ms(median(cell.together)),
        spread(ratios(cell.qplug, cell.floor), _hundredths),
        "" if cell is empty else spread(ratios(cell.qplug, empty.qplug), _hundredths),
        "" if cell is empty else _hundredths(median(ratios(cell.floor, empty.floor))),
    ]


def _crowd_row(measured: Measured, who: str) -> list[str]:
    base = "floor, 1 worker" if who.startswith("floor") else "1 worker"
    gain = ratios(measured.rates[who, "allocate"], measured.rates[base, "allocate"])
    rates = [spread(measured.rates[who, operation], _whole) for operation in OPERATIONS]
    return [who, *rates, "" if who == base else spread(gain, _hundredths)]


def _shares(measured: Measured) -> Sequence[Sequence[str]]:
    seen = [measured.places[operation] for operation in OPERATIONS]
    places = sorted({place for one in seen for place in one}, key=lambda place: -seen[0][place])
    shares = [[100 * one[place] / one.total() for one in seen] for place in places]
    return [
        [place, *(f"{share:.0f} %" for share in both)]
        for place, both in zip(places, shares, strict=True)
        if max(both) >= 1
    ]


def _verdicts(measured: Measured) -> Iterator[str]:
    aim = AIMS[measured.kind]
    for operation in OPERATIONS:
        at = {name: measured.cells[name, operation] for name in measured.fills}
        times = median(ratios(at["0 %"].qplug, at["0 %"].floor))
        yield f"- {operation}: {times:.2f} times the floor, of at most {aim}: {_met(times <= aim)}"
        for name in measured.fills[1:]:
            growth = median(ratios(at[name].qplug, at["0 %"].qplug))
            what = f"{operation}, {name}: {growth:.2f} times 0 %"
            yield f"- {what}, of at most 1.1: {_met(growth <= 1.1)}"
    for who in ("1 worker", "8 workers", "8 workers, 8 networks"):
        rate = median(measured.rates[who, "allocate"])
        compared = f"{rate / NEUTRON:.0f} times the {NEUTRON} of Neutron, of at least 100"
        yield f"- {who}: {rate:.0f} allocations a second, {compared}: {_met(rate >= 100 * NEUTRON)}"
    gain = ratios(measured.rates["8 workers", "allocate"], measured.rates["1 worker", "allocate"])
    yield f"- 8 workers: {median(gain):.2f} times 1 worker" + (
        f", of at least 1.6: {_met(median(gain) >= 1.6)}" if measured.kind == "postgresql" else ""
    )


def _table(head: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    names = head.split("|")
    for cells in (names, ["---"] * len(names), *rows):
        yield f"| {' | '.join(cells)} |"


def _met(met: bool) -> str:
    return "reached" if met else "**not reached**"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _hundredths(value: float) -> str:
    return f"{value:.2f}"
