"""The READMEs count the claims of the committed results as they are."""

from __future__ import annotations

import json

import pytest

from condensery.records import Claim

READMES = ("README.md", "README.zh-CN.md")
KINDS = ("identity", "reproduction", "observation", "aim")


def claim(kind: str, value: float | None, **changes: object) -> Claim:
    return Claim(
        id=f"of-{kind}",
        paper="k",
        statement="s",
        source="f",
        relation="<=",
        kind=kind,
        value=value,
        **changes,
    )


@pytest.fixture
def claims():
    """Three identities, of which one failed and one was not judged, and an aim."""
    return [
        claim("identity", 1.0, passed=True),
        claim("identity", 2.0, passed=False),
        claim("identity", 3.0),
        claim("aim", 4.0, passed=True),
        claim("reproduction", None, needs="data=line"),
    ]


@pytest.mark.parametrize("name", READMES)
def test_a_readme_counts_the_committed_results(name, counts, renew, root):
    text = (root / name).read_text(encoding="utf-8")
    committed = counts.committed(renew.RESULTS)
    now = counts.counted(name, text, committed)
    assert text == now, "run python docs/renew.py --count"
    assert {kind in now for kind in KINDS[1:]} == {True}


def test_all_folders_are_counted(counts, renew):
    of_folders = [
        document
        for folder in renew.RESULTS.iterdir()
        for document in json.loads((folder / "claims.json").read_text("utf-8"))
    ]
    assert len(counts.committed(renew.RESULTS)) == len(of_folders) > 0


def test_sentences_say_what_held_and_leave_out_claims_of_others(counts, claims):
    english = " ".join(counts.english(claims).split())
    assert "identities 1 of 2 held, 1 reported; aims 1 of 1 held." in english
    assert "reproductions" not in english
    chinese = counts.chinese(claims)
    assert "恒等式（identity）2 条中 1 条成立，另有 1 条不作判定" in chinese
    assert "目标（aim）1 条中 1 条成立" in chinese
    assert "复现" not in chinese


def test_counts_are_written_between_the_marks_alone(
    counts, renew, claims, tmp_path, monkeypatch
):
    results = tmp_path / "docs" / "results"
    folder = results / "small"
    folder.mkdir(parents=True)
    documents = [item.model_dump(mode="json") for item in claims]
    (folder / "claims.json").write_text(json.dumps(documents), encoding="utf-8")
    for name in READMES:
        marked = f"above\n{counts.BEGIN}\nold\n{counts.END}\nbelow\n"
        (tmp_path / name).write_text(marked, encoding="utf-8")
    monkeypatch.setattr(renew, "ROOT", tmp_path)
    monkeypatch.setattr(renew, "RESULTS", results)
    assert renew.main([renew.COUNT]) == 0
    for name in READMES:
        text = (tmp_path / name).read_text(encoding="utf-8")
        sentence = counts.SENTENCES[name](claims)
        assert text == f"above\n{counts.BEGIN}\n{sentence}\n{counts.END}\nbelow\n"


def test_a_readme_without_marks_is_refused(counts, claims):
    with pytest.raises(ValueError, match=r"README\.md has no lines"):
        counts.counted("README.md", "no marks", claims)
