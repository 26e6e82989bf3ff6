"""A battery goes on where it was stopped, and says when its outcome is old."""

from __future__ import annotations

import json
import subprocess  # ruff: ignore[suspicious-subprocess-import]
import sys
from pathlib import Path

import pytest

from condensery._reference import load

RUN = Path(__file__).with_name("run.py")
TABLES = RUN.parents[2] / "docs" / "battery"


def runner(name: str):
    return load(f"{RUN}:{name}")


class Attempts:
    """Items that pass but for one; counts them, and can be stopped."""

    def __init__(self, stop_at: str = "") -> None:
        self.stop_at = stop_at
        self.seen: list[str] = []

    def __call__(self, item: str):
        if item == self.stop_at:
            raise KeyboardInterrupt
        self.seen.append(item)
        return runner("Outcome")(passed=item != "b", note=f"of {item} | so")


@pytest.fixture
def battery(tmp_path):
    source = tmp_path / "source.py"
    source.write_text("x = 1\n", encoding="utf-8")

    def made(attempts, items=("a", "b", "c"), workers=1):
        return runner("Battery")(
            workers=workers,
            name="letters",
            purpose="Letters.",
            sources=("tests/battery/*.py",),
            items=lambda: list(items),
            attempt=attempts,
        )

    return made


def test_a_second_start_goes_on(battery, tmp_path):
    first, second = Attempts(stop_at="c"), Attempts()
    carry_out = runner("carry_out")
    with pytest.raises(KeyboardInterrupt):
        carry_out(battery(first), tmp_path, lambda text: None)
    page = (tmp_path / "letters.md").read_text(encoding="utf-8")
    assert "**Partial: 1 items have not been run.**" in page
    assert "not finished (1 left)" in runner("age")(battery(first), tmp_path)
    carry_out(battery(second), tmp_path, lambda text: None)
    assert (first.seen, second.seen) == (["a", "b"], ["c"])
    page = (tmp_path / "letters.md").read_text(encoding="utf-8")
    assert "2 of 3 items passed,\n1 failed." in page
    assert "| `b` | **failed** | of b \\| so |" in page
    assert runner("age")(battery(second), tmp_path) == ""


def test_other_sources_begin_anew_and_are_said(battery, tmp_path):
    attempts = Attempts()
    runner("carry_out")(battery(attempts), tmp_path, lambda text: None)
    stored = tmp_path / "letters.json"
    record = json.loads(stored.read_text(encoding="utf-8"))
    stored.write_text(json.dumps(record | {"digest": "of before"}), encoding="utf-8")
    line = runner("age")(battery(attempts), tmp_path)
    assert line.startswith("battery letters is older than its sources (20")
    assert line.endswith(": make battery letters")
    runner("carry_out")(battery(attempts), tmp_path, lambda text: None)
    assert attempts.seen == ["a", "b", "c"] * 2


def test_the_digest_is_of_names_and_contents(tmp_path):
    digest = runner("sources_digest")
    for name, content in (("a.py", "1"), ("b.py", "2")):
        (tmp_path / name).write_text(content, encoding="utf-8")
    every = ("*.py",)
    first = digest(every, tmp_path)
    assert digest((*every, "a.*"), tmp_path) == first
    path = tmp_path / "a.py"
    path.rename(tmp_path / "c.py")
    assert digest(every, tmp_path) != first


def test_one_that_was_never_run_is_said(battery, tmp_path):
    line = runner("age")(battery(Attempts()), tmp_path)
    assert line == "battery letters was never run: make battery letters"


def test_two_at_a_time_have_the_outcomes_of_each(battery, tmp_path):
    letters = tuple("abcdefgh")
    parallel = battery(Attempts(), items=letters, workers=2)
    record = runner("carry_out")(parallel, tmp_path, lambda text: None)
    assert sorted(record.outcomes) == sorted(letters)
    failed = [item for item in letters if not record.outcomes[item].passed]
    assert failed == ["b"]


def test_an_interrupt_begins_no_further_item(battery, tmp_path):
    letters = tuple("abcdefgh")
    stopped = Attempts(stop_at="b")
    parallel = battery(stopped, items=letters, workers=2)
    with pytest.raises(KeyboardInterrupt):
        runner("carry_out")(parallel, tmp_path, lambda text: None)
    resumed = Attempts()
    parallel = battery(resumed, items=letters, workers=2)
    record = runner("carry_out")(parallel, tmp_path, lambda text: None)
    assert set(record.outcomes) == set(letters)
    assert "b" in resumed.seen


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("===== 2 passed in 1.60s =====", "2 passed in 2 s"),
        ("= 1 failed, 2 passed in 75.23s (0:01:15) =", "1 failed, 2 passed in 75 s"),
        ("Killed", "Killed"),
    ],
)
def test_the_note_says_how_long_a_file_took(line, counts):
    typed = load(f"{RUN.with_name('typed.py')}:summarised")
    assert typed(line) == counts


def test_what_is_left_out_exists_and_is_said():
    excluded = load(f"{RUN.with_name('typed.py')}:EXCLUDED")
    for file, tests in excluded.items():
        source = (RUN.parents[2] / file).read_text(encoding="utf-8")
        for test, reason in tests.items():
            assert f"def {test.partition('[')[0]}(" in source
            assert reason


@pytest.mark.parametrize("words", [[], ["typos"]])
def test_an_unknown_name_lists_what_there_is(words):
    done = subprocess.run(
        [sys.executable, RUN, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "types" in done.stderr


def test_the_committed_tables_are_of_batteries_that_exist():
    names = {path.stem for path in TABLES.glob("*.json")}
    assert names <= set(runner("BATTERIES"))
    assert {path.stem for path in TABLES.glob("*.md")} == names
