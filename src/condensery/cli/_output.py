"""What goes to standard output: one JSON document, or text for people."""

from __future__ import annotations

import json
import math
import re
import shutil
import sys
import textwrap
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

from condensery._errors import printable
from condensery._streams import is_unicode
from condensery.records import Claim
from condensery.workbench import VERDICTS, expectation, number

_C1 = re.compile(r"[\x7f-\x9f]")
_WIDEST = 110
_TABLE_WIDTH = 100
_CELL_WIDTH = 17


_STYLES = {
    True: "green",
    False: "bold red",
    None: "dim",
}
"""Colours of verdicts on a terminal; the mark says the same."""


def say(text: str = "", *, style: str = "") -> None:
    """Print for people; in colour on a terminal that has any (not with NO_COLOR).

    What a terminal would obey in a text is shown instead.
    """
    text = printable(text)
    if style and sys.stdout.isatty():
        from rich.console import Console
        from rich.text import Text

        console = Console(soft_wrap=True, highlight=False)
        console.print(Text(text), style=style)
        return
    sys.stdout.write(f"{text}\n")


def marked(*, passed: bool | None, text: str) -> None:
    """Print a verdict's mark and a text behind it, broken into lines."""
    mark, _ = VERDICTS[passed]
    lines = _filled(f"  {mark} {text}", indent=0, hanging=6)
    say(lines, style=_STYLES[passed])


def document(value: Any) -> None:
    """Print the one JSON document; numbers that JSON does not have become the texts
    NaN, Infinity, -Infinity.
    """
    escaped = not is_unicode(sys.stdout)
    text = json.dumps(
        _valid(value),
        indent=2,
        ensure_ascii=escaped,
        allow_nan=False,
    )
    # C1 controls are text to JSON, and orders to a terminal.
    escaped_text = _C1.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    sys.stdout.write(f"{escaped_text}\n")


@contextmanager
def users_code() -> Generator[None]:
    """What a user's own code prints goes to standard error, so that the one JSON
    document stays alone.
    """
    with redirect_stdout(sys.stderr):
        yield


def _valid(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _valid(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print texts in aligned columns, a Chinese character as wide as two letters; the
    last is as long as it is.
    """
    from rich.cells import cell_len, set_cell_size

    lines = [tuple(heads), *map(tuple, rows)]
    numbers = range(len(heads))
    widths = [max(cell_len(line[number]) for line in lines) for number in numbers]
    for line in lines:
        cells = [
            set_cell_size(cell, width)
            for cell, width in zip(line[:-1], widths[:-1], strict=True)
        ]
        say("  ".join([*cells, line[-1]]).rstrip())


def table_width() -> int:
    """Columns that a table may take in this terminal."""
    terminal = shutil.get_terminal_size((_TABLE_WIDTH, 24)).columns
    return min(max(terminal, 60), _TABLE_WIDTH)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table whose cells are broken into lines.

    The first column is as wide as it must be, the last has what the others leave.
    """
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    terminal = shutil.get_terminal_size((_TABLE_WIDTH, 24)).columns
    grid = Table(
        box=SIMPLE,
        pad_edge=False,
        show_edge=False,
    )
    first, *middle, last = heads
    grid.add_column(first, no_wrap=True)
    for head in middle:
        grid.add_column(head, max_width=_CELL_WIDTH, overflow="fold")
    grid.add_column(last, overflow="fold")
    for row in rows:
        grid.add_row(*(printable(cell).replace("`", "") for cell in row))
    console = Console(
        width=min(max(terminal, 60), _TABLE_WIDTH), markup=False, emoji=False
    )
    with console.capture() as capture:
        console.print(grid)
    for line in capture.get().splitlines():
        say(line.rstrip())


def claim_lines(claim: Claim, *, aside: str = "", notes: bool = True) -> None:
    """Print a claim: mark, id, measured and expected value, kind and source; below it
    the statement and the note.

    Where there is a value and no prediction, the id names what was measured, and the
    statement is left out: it does not speak of this run.

    Args:
        claim: The claim.
        aside: More of its first line.
        notes: Whether the note of a claim that held is printed too.
    """
    mark, word = VERDICTS[claim.passed]
    expected = (
        expectation(claim)
        if claim.expected is None
        else f"expected {expectation(claim)}"
    )
    compared = word if claim.value is None else f"{number(claim.value)}  ({expected})"
    about = f"{claim.kind}; {claim.paper}, {claim.source}"
    line = f"  {mark} {claim.id}: {compared}  [{about}]{aside}"
    say(line, style=_STYLES[claim.passed])
    if claim.value is None or claim.expected is not None:
        paragraph(claim.statement, indent=6)
    if claim.note and (notes or not claim.passed):
        paragraph(f"note: {claim.note}", indent=6)


def origin(verdicts: Mapping[str, str]) -> str:
    """When verdicts were given, and the digests of what gave them."""
    digests = [
        f"{name} {verdicts[name]}"
        for name in ("statements", "expectations", "measures")
        if name in verdicts
    ]
    return ", ".join([f"of {verdicts['judged']}", *(digests or ["no digest recorded"])])


def paragraph(text: str, *, indent: int = 0) -> None:
    """Print a text broken into lines that fit the terminal."""
    say(
        _filled(
            text,
            indent=indent,
            hanging=indent,
        )
    )


def _filled(text: str, *, indent: int, hanging: int) -> str:
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    return textwrap.fill(
        text,
        max(width, 40),
        initial_indent=" " * indent,
        subsequent_indent=" " * hanging,
    )
