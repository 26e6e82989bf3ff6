"""Counts the claims of the committed results in the READMEs, each kind apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill

from condensery.records import Claim
from condensery.workbench import counts, tally

BEGIN = "<!-- counts of docs/results, written by docs/renew.py -->"
END = "<!-- end of the counts -->"
WIDTH = 120
CHINESE = {
    "identity": "恒等式（identity）",
    "reproduction": "复现（reproduction）",
    "observation": "观察（observation）",
    "aim": "目标（aim）",
    "unknown": "类别不明（unknown）",
}


def committed(results: Path) -> list[Claim]:
    """The claims of all folders of results."""
    documents = []
    for file in sorted(results.glob("*/claims.json")):
        documents += json.loads(file.read_text(encoding="utf-8"))
    return [Claim.model_validate(document) for document in documents]


def english(claims: Sequence[Claim]) -> str:
    """The sentence of README.md."""
    sentence = (
        "Claims of the [committed results](docs/results), counted by "
        f"[kind](docs/results.md): {tally(claims)}. A claim that fails is shown as "
        "failed."
    )
    return fill(sentence, WIDTH, break_on_hyphens=False)


def chinese(claims: Sequence[Claim]) -> str:
    """The sentence of README.zh-CN.md."""
    counted = []
    for kind, numbers in counts(claims).items():
        held, unjudged = numbers["held"], numbers["not_judged"]
        judged = held + numbers["failed"]
        phrase = f"{CHINESE[kind]}{judged} 条中 {held} 条成立"
        if unjudged:
            phrase += f"，另有 {unjudged} 条不作判定"
        counted.append(phrase)
    listed = "；".join(counted)
    return (
        "[已提交的结果](docs/results)中的论断，按[类别](docs/results.md)（英文）分别"
        f"统计：{listed}。未通过的论断如实标明。"
    )


SENTENCES: dict[str, Callable[[Sequence[Claim]], str]] = {
    "README.md": english,
    "README.zh-CN.md": chinese,
}
"""File to what it says between the marks."""


def counted(name: str, text: str, claims: Sequence[Claim]) -> str:
    """A README with the counts as they are now between its marks.

    Raises:
        ValueError: If it has no marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{name} has no lines {BEGIN} and {END}: put them back")
    return f"{before}{BEGIN}\n{SENTENCES[name](claims)}\n{END}{after}"


def write(root: Path, results: Path) -> None:
    """Write the counts of all committed results into the READMEs."""
    claims = committed(results)
    for name in SENTENCES:
        file = root / name
        text = file.read_text(encoding="utf-8")
        file.write_text(counted(name, text, claims), encoding="utf-8")
