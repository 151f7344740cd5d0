"""A progress bar on stderr, where that is a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from qplug.manager.audit import Progress


class Bar(Protocol):
    """Shows how far something has come, and lines above it."""

    def show(self, progress: "Progress") -> None:
        """Show it."""

    def say(self, line: str) -> None:
        """Print a line that stays."""


class NoBar:
    """Prints the lines alone, for whoever reads them later."""

    def show(self, progress: "Progress") -> None:
        """Show nothing."""

    def say(self, line: str) -> None:
        """Print a line."""
        print(line, file=sys.stderr)


@contextmanager
def progress_bar() -> Iterator[Bar]:
    """Yield a bar that is gone afterwards."""
    if not sys.stderr.isatty():
        yield NoBar()
        return
    from rich.console import Console  # a tenth of a second, for terminals alone
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with RichProgress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as shown:
        yield _TerminalBar(shown)


class _TerminalBar:
    """One task, which changes its name and begins anew with each part."""

    def __init__(self, shown: "RichProgress") -> None:
        self._shown = shown
        self._task = shown.add_task("", total=None)
        self._part = ""

    def show(self, progress: "Progress") -> None:
        if progress.looking_at != self._part:
            self._part = progress.looking_at
            self._shown.reset(self._task, description=self._part)
        self._shown.update(self._task, completed=progress.rows, total=progress.total)

    def say(self, line: str) -> None:
        self._shown.console.print(line, markup=False, highlight=False, soft_wrap=True)
