"""Batteries: long checks with a committed outcome, run by ``make battery NAME``.

``python tests/battery/run.py NAME`` goes through the items of a battery and stores the
outcome of each at once, so that a second start goes on where the first was stopped.
``python tests/battery/run.py`` lists the batteries, and ``--age`` says in one line each
which committed table is older than the files that it covers.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import subprocess  # ruff: ignore[suspicious-subprocess-import]
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "docs" / "battery"
UNKNOWN = 2


@dataclass(frozen=True)
class Outcome:
    """What came of one item.

    Attributes:
        passed: Whether the item is as it should be.
        note: What a reader of the table should know.
    """

    passed: bool
    note: str


@dataclass(frozen=True)
class Battery:
    """A long check of many items.

    Attributes:
        name: What to type.
        purpose: What it shows, a sentence or two.
        sources: Patterns of the files that an outcome depends on, below the root.
        items: The items, in order.
        attempt: Carries out one item.
        workers: How many items go on at a time, where each is a process of its own.
    """

    name: str
    purpose: str
    sources: tuple[str, ...]
    items: Callable[[], Sequence[str]]
    attempt: Callable[[str], Outcome]
    workers: int = 1


@dataclass
class Record:
    """What is stored of a battery between two starts.

    Attributes:
        digest: Of the sources when it began.
        commit: The commit when it began.
        date: The day of the last outcome.
        outcomes: Item to outcome.
    """

    digest: str
    commit: str
    date: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)


def sources_digest(patterns: Iterable[str], root: Path = ROOT) -> str:
    """SHA-256 over the names and contents of the files that the patterns match."""
    total = hashlib.sha256()
    paths = {path for pattern in patterns for path in root.glob(pattern)}
    for path in sorted(paths):
        name = path.relative_to(root).as_posix()
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{name} {content}\n".encode())
    return total.hexdigest()[:16]


def carry_out(battery: Battery, folder: Path, note: Callable[[str], None]) -> Record:
    """Go through the items that have no outcome yet; store every outcome at once."""
    folder.mkdir(parents=True, exist_ok=True)
    items = battery.items()
    record = _begun(battery, folder)
    left = [item for item in items if item not in record.outcomes]
    for item, outcome in _outcomes(battery, left):
        record.outcomes[item] = outcome
        record.date = _today()
        _store(battery, record, items, folder)
        mark = "ok" if outcome.passed else "FAILED"
        number = items.index(item) + 1
        note(f"{number}/{len(items)} {item}: {mark}, {outcome.note}")
    return record


def _outcomes(battery: Battery, items: Sequence[str]) -> Iterator[tuple[str, Outcome]]:
    """Item and outcome, as they come; an interrupt begins no further item."""
    if battery.workers == 1:
        yield from ((item, battery.attempt(item)) for item in items)
        return
    pool = ThreadPoolExecutor(battery.workers)
    begun = {pool.submit(battery.attempt, item): item for item in items}
    try:
        for future in as_completed(begun):
            yield begun[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begun(battery: Battery, folder: Path) -> Record:
    """What an earlier start stored, if the sources are still those; else nothing."""
    current = sources_digest(battery.sources)
    stored = load(folder / f"{battery.name}.json")
    if stored is not None and stored.digest == current:
        return stored
    return Record(digest=current, commit=_commit(), date=_today())


def load(path: Path) -> Record | None:
    """The stored record; None where there is none."""
    if not path.is_file():
        return None
    document = json.loads(path.read_text(encoding="utf-8"))
    outcomes = {
        item: Outcome(**outcome) for item, outcome in document.pop("outcomes").items()
    }
    return Record(**document, outcomes=outcomes)


def _store(
    battery: Battery, record: Record, items: Sequence[str], folder: Path
) -> None:
    document = {
        "digest": record.digest,
        "commit": record.commit,
        "date": record.date,
        "outcomes": {
            item: {"passed": outcome.passed, "note": outcome.note}
            for item, outcome in record.outcomes.items()
        },
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    _write(folder / f"{battery.name}.json", text)
    _write(folder / f"{battery.name}.md", table(battery, record, items))


def _write(path: Path, text: str) -> None:
    """The old file or the new one, whatever happens in between."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def table(battery: Battery, record: Record, items: Sequence[str]) -> str:
    """The outcomes as a page of the documentation."""
    done = [item for item in items if item in record.outcomes]
    failed = [item for item in done if not record.outcomes[item].passed]
    partial = (
        ""
        if len(done) == len(items)
        else f" **Partial: {len(items) - len(done)} items have not been run.**"
    )
    rows = [
        f"| `{item}` | {_verdict(record.outcomes[item])} | {_cell(record, item)} |"
        for item in done
    ]
    head = [
        "---",
        "orphan: true",
        "---",
        f"# Battery {battery.name}",
        "",
        battery.purpose,
        "",
        f"{record.date}, begun at commit `{record.commit}`, sources `{record.digest}`:",
        f"{len(done) - len(failed)} of {len(items)} items passed,",
        f"{len(failed)} failed.{partial}",
        "",
        "| item | outcome | |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def _verdict(outcome: Outcome) -> str:
    return "passed" if outcome.passed else "**failed**"


def _cell(record: Record, item: str) -> str:
    return record.outcomes[item].note.replace("|", "\\|").replace("\n", " ")


def age(battery: Battery, folder: Path) -> str:
    """One line if the committed outcome is not of the files as they are, else empty."""
    again = f"make battery {battery.name}"
    record = load(folder / f"{battery.name}.json")
    if record is None:
        return f"battery {battery.name} was never run: {again}"
    missing = len(set(battery.items()) - set(record.outcomes))
    since = f"{record.date}, commit {record.commit}"
    if record.digest != sources_digest(battery.sources):
        return f"battery {battery.name} is older than its sources ({since}): {again}"
    if missing:
        return f"battery {battery.name} is not finished ({missing} left): {again}"
    return ""


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    done = subprocess.run(
        [git, "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _sibling(name: str) -> Any:
    """A module of this folder with ``items()`` and ``attempt(item)``.

    Loaded late: the nets to reduce need PyTorch, which this file does not.
    """
    folder = str(Path(__file__).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def _reduced(item: str) -> Outcome:
    """Reduce the nets of an item."""
    passed, note = _sibling("reductions").attempt(item)
    return Outcome(passed, note)


def _typed(item: str) -> Outcome:
    """Run a test file with its annotations checked."""
    passed, note = _sibling("typed").attempt(item)
    return Outcome(passed, note)


def _at_a_door(item: str) -> Outcome:
    """Hand a function or a command forty bad values."""
    passed, note = _sibling("doors").attempt(item)
    return Outcome(passed, note)


CASES = Path(__file__).with_name("flow_cases.py")
FLOW_SOURCES = (
    "src/condensery/engine/_f*.py",
    "src/condensery/engine/_mean_slopes.py",
    "src/condensery/engine/_three_layer*.py",
    "tests/battery/flow_*.py",
    "tests/battery/*reference*.py",
)


def _cases(name: str) -> Any:
    """A name of the cases of the flows, which load the engine."""
    from condensery._reference import load as load_reference

    return load_reference(f"{CASES}:{name}")


def _numbered(count: str, layers: int) -> list[str]:
    numbers = _cases("cheapest_first")(_cases(count), layers=layers)
    return [str(number) for number in numbers]


def _flow_sets() -> list[str]:
    return _numbered("SETS", 2)


def _deep_sets() -> list[str]:
    return _numbered("DEEP_SETS", 3)


def _flowed(item: str) -> Outcome:
    judged = _cases("judge")(_cases("case")(int(item)))
    return Outcome(passed=bool(judged.passed), note=judged.note)


def _flowed_deep(item: str) -> Outcome:
    judged = _cases("judge_deep")(_cases("case")(int(item), layers=3))
    return Outcome(passed=bool(judged.passed), note=judged.note)


BATTERIES = {
    "reduce": Battery(
        name="reduce",
        purpose=(
            "Small random and trained networks, disturbed by copies, near copies, "
            "cancelling and silent units, zeros and outputs of very different sizes, "
            "are reduced: mode, tau, max_error, widths, refit, on_data, negligible and "
            "the kind of number are drawn. A judge that shares no code runs both nets "
            "in float64. It asks that no output changes by more than max_error, that "
            "the receipt says by how much, that nothing changes where nothing goes, "
            "that widths are met, and that exact merges hold on fresh inputs. An item "
            "is twenty nets, each reduced in three ways."
        ),
        sources=(
            "src/condensery/torch/_surgery/*.py",
            "src/condensery/theory/_merge_table.py",
            "tests/battery/reductions.py",
        ),
        items=lambda: _sibling("reductions").items(),
        attempt=_reduced,
    ),
    "types": Battery(
        name="types",
        purpose=(
            "The test suite with every annotation of the package, shapes of arrays "
            "included, checked at every call in the tests' own process (processes that "
            "tests start are not armed). An input that its annotation refuses counts "
            "as refused. An item is a test file; two go on at a time."
        ),
        sources=("src/**/*.py", "tests/**/*.py", "constraints.txt"),
        items=lambda: _sibling("typed").items(),
        attempt=_typed,
        workers=2,
    ),
    "doors": Battery(
        name="doors",
        purpose=(
            "Every public function with each argument of its example replaced by each "
            "of forty bad values, and every option and argument of every command with "
            "forty bad words. An item fails where an error is of another kind than "
            "condensery's own, a message has more than three lines, a command shows a "
            "traceback, or the process of the item ever held more than 4 GB. A call "
            "that uses the processor for five seconds is stopped and counted as such; "
            "a value that is taken counts as accepted. An item is a command or a "
            "function, in a process of its own."
        ),
        sources=(
            "src/condensery/**/*.py",
            "tests/battery/doors.py",
            "tests/battery/bad_values.py",
        ),
        items=lambda: _sibling("doors").items(),
        attempt=_at_a_door,
    ),
    "flow": Battery(
        name="flow",
        purpose=(
            "The gradient flow on random data sets against small steps in float64 that "
            "share no code with it. A set passes when the loss never rises and, where "
            "the reference agrees with itself at half its step within 0.3 %, the flow "
            "converges or comes to rest, with RD within 1 % of the reference's at the "
            "same time. An item is the number of a set, the cheapest first."
        ),
        sources=FLOW_SOURCES,
        items=_flow_sets,
        attempt=_flowed,
    ),
    "flow-three": Battery(
        name="flow-three",
        purpose=(
            "The same for three layers: RD of the first two, of which the one further "
            "off is shown."
        ),
        sources=FLOW_SOURCES,
        items=_deep_sets,
        attempt=_flowed_deep,
    ),
}


def main(words: Sequence[str], folder: Path = TABLES) -> int:
    """Run a battery, list them, or say which tables are old."""
    if list(words) == ["--age"]:
        for line in filter(None, (age(one, folder) for one in BATTERIES.values())):
            sys.stdout.write(f"{line}\n")
        return 0
    (name,) = words or ("",)
    if name not in BATTERIES:
        given = f"no battery {name!r}; there is" if name else "make battery NAME:"
        sys.stderr.write(f"{given} {', '.join(BATTERIES)}\n")
        return UNKNOWN
    battery = BATTERIES[name]
    record = carry_out(battery, folder, lambda text: print(text, flush=True))
    failed = sum(not outcome.passed for outcome in record.outcomes.values())
    print(f"{len(record.outcomes) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
