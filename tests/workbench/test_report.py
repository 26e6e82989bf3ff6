from __future__ import annotations

import base64
import hashlib
import re
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test processes
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from condensery import workbench
from condensery._errors import InvalidInputError
from condensery.records import RunConfig, Status, Table
from condensery.workbench._report import command, report_html

TINY = f"{Path(__file__).parents[1] / 'cli' / 'tiny_experiment.py'}:Tiny"


class Page(HTMLParser):
    """Collects the tags, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} closes nothing"

    def handle_data(self, data: str) -> None:
        inner = self.open[-1] if self.open else ""
        self.texts[inner] = self.texts.get(inner, "") + data


@pytest.fixture
def run(tmp_path, runner) -> workbench.Run:
    return workbench.run(
        TINY,
        runs=tmp_path,
        off=0.5,
        mood="open",
        animated=True,
    )


def test_the_report_is_one_file_that_loads_nothing(run):
    text = run.report.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    sources = [
        attributes[key]
        for _, attributes in page.tags
        for key in ("src", "href", "srcset")
        if key in attributes
    ]
    assert len(sources) == 2
    assert all(re.match(r"data:image/(png|gif);base64,", source) for source in sources)
    assert not {"script", "link", "iframe", "object", "base"} & {
        tag for tag, _ in page.tags
    }
    assert not [
        attributes for _, attributes in page.tags if "style" in attributes
    ]  # the policy would block it
    assert not re.search(r"url\(|@import", page.texts["style"])


def test_the_policy_allows_this_style_and_embedded_pictures_only(run):
    page = Page(run.report.read_text(encoding="utf-8"))
    policy = next(
        a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv")
    )
    digest = base64.b64encode(
        hashlib.sha256(page.texts["style"].encode()).digest()
    ).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert "img-src data:;" in policy


def test_the_report_says_what_a_reader_needs(run):
    page = Page(run.report.read_text(encoding="utf-8"))
    everything = " ".join(page.texts.values())
    cells = page.texts["td"]
    assert page.texts["h1"] == 'Squares <of> numbers & "noise"'
    assert "The mood is <b>calm</b>." in cells  # escaped: shown, not obeyed
    assert "b" not in {tag for tag, _ in page.tags}
    for word in ("passed", "failed", "open"):  # verdicts are words, not only colours
        assert f" {word}" in cells
    assert page.texts["figcaption"] == "Squares <grow>."
    assert "out of steps" in cells
    assert Status.OUT_OF_STEPS.remedy in cells
    assert "1 member that did not converge" in page.texts["summary"]
    assert "@article{luo2021phase," in page.texts["pre"]
    assert "@misc{condensery," in page.texts["pre"]
    assert (
        f"condensery run {TINY} --preset quick --set off=0.5 --set mood=open --set "
        "animated=true" in page.texts["pre"]
    )
    assert np.__version__ in everything
    embedded = re.search(
        r"data:image/png;base64,([^\"]+)", run.report.read_text(encoding="utf-8")
    )[1]
    assert (
        base64.b64decode(embedded) == (run.folder / "figures/squares.png").read_bytes()
    )


def test_figures_and_report_are_drawn_again_from_the_tables_without_jax(run):
    files = [*run.figures, run.report]
    before = {path: path.read_bytes() for path in files}
    for path in files:
        path.unlink()
    for shard in run.folder.glob("shards/*"):
        shard.unlink()
    program = (
        "import sys\n"
        "for name in ('jax', 'jaxlib', 'torch', 'condensery.engine', "
        "'condensery.models'): sys.modules[name] = None\n"
        "from condensery.cli import main; sys.exit(main(['report', 'last', "
        f"'--judge', '--runs', {str(run.root)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    counts = "identities 1 of 1 held; reproductions 0 of 1 held; observations 1 open"
    printed = f"claims: {counts}\n{run.report}\n"
    assert (done.returncode, done.stdout) == (0, printed), done.stderr
    assert {path: path.read_bytes() for path in files} == before


def test_a_run_without_tables_has_no_report(tmp_path, runner):
    runner.interrupt_after = 1
    with pytest.raises(workbench.RunInterrupted):
        workbench.run(TINY, runs=tmp_path)
    with pytest.raises(
        InvalidInputError, match=r"has no tables yet; .*condensery resume"
    ):
        workbench.report("last", tmp_path)


def test_many_members_that_did_not_converge_are_folded_away(only_tiny):
    entry = workbench.find(only_tiny)
    status = np.array([Status.CONVERGED] * 3 + [Status.DIVERGED] * 700 + [9])
    tables = {"members": Table(columns={"status": status, "width": np.arange(704)})}
    config = RunConfig(experiment="tiny", preset="quick", parameters={})
    text = report_html(
        entry.experiment,
        config,
        claims=[],
        tables=tables,
        drawn=[],
        provenance={},
    )
    page = Page(text)
    assert "701 members that did not converge" in page.texts["summary"]
    folded = [a for tag, a in page.tags if tag == "details"]
    assert [a for a in folded if "class" not in a] == [{}]  # closed
    assert not [a for a in folded if "open" in a]
    assert "status 9" in page.texts["td"]
    assert "and 201 more" in page.texts["p"]
    empty = report_html(
        entry.experiment,
        config,
        claims=[],
        tables={},
        drawn=[],
        provenance={},
    )
    assert "no table of members" in empty


def test_the_command_to_reproduce_gives_the_same_run(tmp_path, runner, only_tiny):
    import shlex

    from condensery.cli import main

    first = workbench.run(
        only_tiny, "paper", tmp_path, values=[1.5, -2.0], off=0.25, mood="open"
    )
    words = shlex.split(command(workbench.find(only_tiny).experiment, first.config))
    runner.ran.clear()
    assert main([*words[1:], "--runs", str(tmp_path)]) == 1
    assert runner.ran == []  # it is the same run: nothing to compute
