"""Pieces of HTML that the report and the notebook share; every text that comes from a
run is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

from condensery.records import Claim
from condensery.workbench._tally import need_lines, of_run
from condensery.workbench._wording import VERDICTS, expectation, number


def claims_table(claims: Sequence[Claim]) -> str:
    """One row per claim: verdict as mark and word, statement, kind, measured and
    expected value, source, note. Below it, what others need.
    """
    if not claims:
        return "<p>No claims yet.</p>"
    rows = "\n".join(map(_claim_row, of_run(claims)))
    needs = "".join(f"<p>{escape(line)}.</p>" for line in need_lines(claims))
    heads = "".join(
        f'<th scope="col">{head}</th>'
        for head in ("", "Claim", "Kind", "Measured", "Expected", "Source")
    )
    return (
        "<table "
        f'class="claims">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>{needs}'
    )


def _claim_row(claim: Claim) -> str:
    mark, word = VERDICTS[claim.passed]
    note = f'<div class="note">{escape(claim.note)}</div>' if claim.note else ""
    return (
        f'<tr class="{word}"><td class="verdict"><span '
        f'aria-hidden="true">{mark}</span> {word}</td>'
        f"<td>{escape(claim.statement)} <code>{escape(claim.id)}</code>{note}</td>"
        f"<td>{escape(claim.kind)}</td>"
        f'<td class="number">{number(claim.value)}</td><td '
        f'class="number">{escape(expectation(claim))}</td>'
        f"<td>{escape(claim.paper)}, {escape(claim.source)}</td></tr>"
    )


def table(
    heads: Iterable[str], rows: Iterable[Iterable[str]], *, kind: str = ""
) -> str:
    """A plain table of texts."""
    head = "".join(f'<th scope="col">{escape(label)}</th>' for label in heads)
    body = "\n".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in rows
    )
    return (
        "<table "
        f'class="{kind}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'
    )


def pairs(values: Iterable[tuple[str, str]]) -> str:
    """A table of names and values."""
    body = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in values
    )
    return f'<table class="pairs">\n<tbody>\n{body}\n</tbody>\n</table>'


def data_uri(kind: str, content: bytes) -> str:
    """``data:image/png;base64,…``: the picture itself in place of its address."""
    return f"data:image/{kind};base64,{b64encode(content).decode('ascii')}"
