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
    """One row per judged claim, those that failed first: verdict as mark and word,
    statement, kind, measured and expected value, source, note. Folded below it: claims
    without a verdict, and what those of other runs need.
    """
    if not claims:
        return "<p>No claims yet.</p>"
    order = {False: 0, True: 1, None: 2}
    listed = sorted(of_run(claims), key=lambda claim: order[claim.passed])
    judged = [claim for claim in listed if claim.passed is not None]
    unjudged = listed[len(judged) :]
    table = _rows_table(judged) if judged else "<p>None was judged.</p>"
    return table + _folded(unjudged, claims)


def _folded(unjudged: Sequence[Claim], claims: Sequence[Claim]) -> str:
    others = len(claims) - len(of_run(claims))
    counts = []
    if unjudged:
        counts.append(f"{len(unjudged)} without a verdict")
    if others:
        counts.append(f"{others} of other runs")
    if not counts:
        return ""
    rows = _rows_table(unjudged) if unjudged else ""
    needs = "".join(f"<p>{escape(line)}.</p>" for line in need_lines(claims))
    summary = f"<summary>{', '.join(counts)}</summary>"
    return f'<details class="more">{summary}{rows}{needs}</details>'


def _rows_table(claims: Sequence[Claim]) -> str:
    rows = "\n".join(map(_claim_row, claims))
    heads = "".join(
        f'<th scope="col">{head}</th>'
        for head in ("", "Claim", "Kind", "Measured", "Expected", "Source")
    )
    return (
        "<table "
        f'class="claims">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>'
    )


def _claim_row(claim: Claim) -> str:
    mark, word = VERDICTS[claim.passed]
    note = f'<div class="note">{escape(claim.note)}</div>' if claim.note else ""
    # A value without a prediction: the statement does not speak of this run.
    speaks = claim.value is None or claim.expected is not None
    statement = f"{escape(claim.statement)} " if speaks else ""
    return (
        f'<tr class="{word}"><td class="verdict"><span '
        f'aria-hidden="true">{mark}</span> {word}</td>'
        f"<td>{statement}<code>{escape(claim.id)}</code>{note}</td>"
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
