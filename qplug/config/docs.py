"""The table of old names in the documentation: ``python -m qplug.config.docs PAGE`` renews it."""

import sys
from collections.abc import Iterator
from pathlib import Path

from qplug.config.old_names import OLD_NAMES, OldName

BEGIN, END = "<!-- old names: begin -->\n", "<!-- old names: end -->\n"


def with_table(page: str) -> str:
    """Return the page with the table between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "".join([before, BEGIN, "\n", *_lines(), "\n", END, after])


def _lines() -> Iterator[str]:
    yield "| Old name | What it sets now |\n| --- | --- |\n"
    for row in OLD_NAMES:
        yield f"| `{row.name}` | {_now(row)} |\n"


def _now(row: OldName) -> str:
    if row.ignored:
        return f"ignored: {row.ignored}"
    if not row.now:
        return "unchanged"
    parts = [" and ".join(f"`{option}`" for option in row.now)]
    parts += [f"`{old}` means `{new}`" for old, new in row.converter.meanings.items()]
    parts += [f"outranks `{name}`" for name in row.outranks]
    return "; ".join(parts)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(with_table(target.read_text("utf-8")), "utf-8")
