"""How a run shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from condensery.records import Claim, RunSummary
from condensery.workbench._html import claims_table, data_uri
from condensery.workbench._tally import alarm, tally
from condensery.workbench._wording import duration

_WIDTH = 340


def notebook_html(
    summary: RunSummary, claims: Sequence[Claim], pictures: Mapping[str, bytes]
) -> str:
    """Title, small figures and claims; colours are left to the notebook.

    Args:
        summary: The run.
        claims: Its claims, none if it has not come so far.
        pictures: Name to PNG.
    """
    title = f"{escape(summary.experiment)}, preset {escape(summary.preset)}"
    state = f"{escape(summary.status)}, {duration(summary.seconds)}"
    if claims:
        state += f"; claims: {tally(claims)}"
        state += f"; <b>{escape(alarm(claims))}</b>" if alarm(claims) else ""
    images = "".join(
        f'<img src="{data_uri("png", content)}" alt="{escape(name)}" width="{_WIDTH}">'
        for name, content in pictures.items()
    )
    return (
        f"<div><p><b>{title}</b> <code>{summary.run}</code>: "
        f"{state}</p><p>{images}</p>{claims_table(claims)}</div>"
    )
