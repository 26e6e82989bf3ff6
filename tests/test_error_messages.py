"""Every bad input: exit status 2, one line (what was given, what is allowed, what to
do), and nothing written.
"""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from condensery._errors import InvalidInputError, MissingExtraError
from condensery.cli import main
from condensery.runners import LocalRunner

TINY = f"{Path(__file__).parent / 'cli' / 'tiny_experiment.py'}:Tiny"

ANYWHERE = {
    "unknown command": ("rnu phase-diagram", "rnu", "did you mean run?"),
    "unknown option": (
        "run phase-diagram --perset quick",
        "--perset",
        "did you mean --preset?",
    ),
    "no experiment": ("run", "nothing", "see condensery run --help"),
    "two experiments": (f"run {TINY} other", "other", "see condensery run --help"),
    "option without value": (
        f"run {TINY} --preset",
        "nothing",
        "see condensery run --help",
    ),
    "workers no number": (f"run {TINY} --workers many", "many", "a whole number"),
    "workers zero": (f"run {TINY} --workers 0", "0", "leave it out"),
    "unknown experiment": (
        "run phase-diagarm",
        "phase-diagarm",
        "did you mean phase-diagram?",
    ),
    "unknown experiment far away": ("run xyz", "xyz", "see condensery list"),
    "no such file": ("run no/such.py:Name", "no/such.py", "looked in"),
    "no such name in the file": (f"run {TINY}y", "Tinyy", "did you mean Tiny?"),
    "unknown preset": (f"run {TINY} --preset papr", "papr", "did you mean paper?"),
    "unknown override": (f"run {TINY} --set sedes=1", "sedes", "did you mean seeds?"),
    "override without value": (
        f"run {TINY} --set seeds",
        "seeds",
        "--set widths=1000,4000",
    ),
    "override given twice": (
        f"run {TINY} --set seeds=1 --set seeds=2",
        "seeds twice",
        "remove one",
    ),
    "override of an option": (
        f"run {TINY} --set workers=2",
        "workers",
        "use --workers",
    ),
    "value out of range": (
        f"run {TINY} --set seeds=0",
        "0",
        "greater than or equal to 1",
    ),
    "value of another kind": (f"run {TINY} --set seeds=few", "few", "a whole number"),
    "empty list": (f"run {TINY} --set values=[]", "[]", "at least 1 value"),
    "not finite": (f"run {TINY} --set off=NaN", "nan", "a finite number"),
    "too many seeds": (
        f"run {TINY} --set seeds=1000000000000",
        "1000000000000",
        "give seeds another value",
    ),
    "a width that fills the memory": (
        "run demo-a --set width=1000000000000",
        "1000000000000",
        "10000000",
    ),
    "brackets without end": (
        f"run {TINY} --set seeds={'[' * 5000}",
        "[[[",
        "a whole number",
    ),
    "a name that is too long": (f"run {'y' * 300}.py:Tiny", "yyy", "too long"),
    "a folder in place of a file": ("run .py:Tiny", ".py", "looked in"),
    "nobody's home": ("runs --runs ~nobody-of-this-name/x", "~nobody", "no such user"),
    "runs on a device": ("runs --runs /dev/null", "/dev/null", "--runs DIR"),
    "weights from a device": ("inspect /dev/zero.pt", "/dev/zero.pt", "weights"),
    "unknown runner": (f"run {TINY} --runner cloud", "cloud", "local"),
    "unwritable runs folder": (
        f"run {TINY} --runs occupied/runs",
        "occupied/runs",
        "--runs DIR",
    ),
    "unknown run": ("resume abcd", "abcd", "no runs in"),
    "unknown run to show": ("show abcd", "abcd", "no runs in"),
    "unknown run to report": ("report last", "last", "no runs in"),
    "unknown run to export": ("export last --format csv", "last", "no runs in"),
    "unknown run to cite": ("cite ../../etc", "../../etc", "no runs in"),
    "no format": ("export last", "nothing", "see condensery export --help"),
    "unknown format": ("export last --format zarr", "zarr", "netcdf, parquet, csv"),
    "unknown bench": ("bench no-such-bench", "no-such-bench", "choose one of these"),
}


@pytest.fixture(autouse=True)
def _no_task_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bad input that is taken for good fails its test at once, instead of training for
    minutes.
    """

    class Strict(LocalRunner):
        def run(self, tasks, on_outcome, on_progress, **listeners):
            raise AssertionError(f"{len(tasks)} tasks were started")

    monkeypatch.setattr("condensery.runners.local.LocalRunner", Strict)


def refused(
    capsys: pytest.CaptureFixture[str], words: list[str], before: set[Path]
) -> str:
    """The one line on standard error; checks all the rest."""
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    line = captured.err.removesuffix("\n")
    assert "\n" not in line
    match = re.fullmatch(
        r"condensery: (?P<what>.+?): given (?P<given>.+); "
        r"(allowed: .+; .+|did you mean .+\?; allowed: .+)",
        line,
    )
    assert match, line
    assert set(Path().rglob("*")) == before, "something was written"
    return line


@pytest.mark.parametrize("case", ANYWHERE)
def test_bad_input_is_told_in_one_line(tmp_path, monkeypatch, capsys, case):
    monkeypatch.chdir(tmp_path)
    Path("occupied").write_text("a file where a folder should be", encoding="utf-8")
    words, given, rest = ANYWHERE[case]
    line = refused(capsys, words.split(), {Path("occupied")})
    told = line.split(": given ", 1)[1]
    assert told.startswith(given) or given in line.split("; allowed: ")[0]
    assert rest in line


def idx(kind: int, *shape: int, cut: int = 0, magic: int | None = None) -> bytes:
    """An IDX file of zeros."""
    content = struct.pack(f">{1 + len(shape)}I", magic or 0x800 + kind, *shape) + bytes(
        int(np.prod(shape))
    )
    return content[: len(content) - cut]


def images(folder: Path, content: bytes, labels: bytes | None) -> None:
    folder.mkdir()
    (folder / "train-images-idx3-ubyte").write_bytes(content)
    if labels is not None:
        (folder / "train-labels-idx1-ubyte").write_bytes(labels)


def text(name: str, content: str) -> Callable[[], None]:
    return lambda: Path(name).write_text(content, encoding="utf-8") and None


DATA: dict[str, tuple[str, Callable[[], object]]] = {
    "unknown data": ("lime", lambda: None),
    "no such file": ("no/such.csv", lambda: None),
    "not finite": ("mine.csv", text("mine.csv", "0,1\n1,nan\n")),
    "infinite": ("mine.npy", lambda: np.save("mine.npy", [[0.0, 1.0], [np.inf, 1.0]])),
    "rows of two lengths": ("mine.csv", text("mine.csv", "0,1\n1,2,3\n")),
    "one column": ("mine.npy", lambda: np.save("mine.npy", [[1.0], [2.0]])),
    "three dimensions": ("mine.npy", lambda: np.save("mine.npy", np.zeros((2, 2, 2)))),
    "one sample": ("mine.csv", text("mine.csv", "0,1\n")),
    "no sample": ("mine.csv", text("mine.csv", "")),
    "not numbers": ("mine.csv", text("mine.csv", "x,y\na,b\nc,d\n")),
    "pickled": (
        "mine.npy",
        lambda: np.save(
            "mine.npy", np.array([{}, {}], dtype=object), allow_pickle=True
        ),
    ),
    "empty image folder": ("pictures", lambda: Path("pictures").mkdir()),
    "truncated images": (
        "pictures",
        lambda: images(Path("pictures"), idx(3, 60, 4, 4, cut=1), idx(1, 60)),
    ),
    "header only": (
        "pictures",
        lambda: images(Path("pictures"), idx(3, 60, 4, 4)[:7], idx(1, 60)),
    ),
    "wrong magic": (
        "pictures",
        lambda: images(Path("pictures"), idx(3, 60, 4, 4, magic=0x803 ^ 1), idx(1, 60)),
    ),
    "labels in place of images": (
        "pictures",
        lambda: images(Path("pictures"), idx(1, 60), idx(1, 60)),
    ),
    "no labels": ("pictures", lambda: images(Path("pictures"), idx(3, 60, 4, 4), None)),
    "fewer labels": (
        "pictures",
        lambda: images(Path("pictures"), idx(3, 60, 4, 4), idx(1, 59)),
    ),
    "truncated gzip": (
        "pictures",
        lambda: images(
            Path("pictures"), gzip.compress(idx(3, 60, 4, 4))[:-9], idx(1, 60)
        ),
    ),
}

OVERRIDES = {
    "width zero": "widths=0",
    "a negative width": "widths=[100,-5]",
    "half a unit": "widths=[100,200.5]",
    "no widths": "widths=[]",
    "no gammas": "gammas=[]",
    "no gamma_primes": "gamma_primes=[]",
    "gamma not finite": "gammas=[0.5,NaN]",
    "gamma_prime not a number": "gamma_primes=low",
    "no seeds": "seeds=0",
    "seeds not a count": "seeds=1.5",
    "unknown activation": "activation=rleu",
    "tolerance zero": "tolerance=0",
    "tolerance not finite": "tolerance=inf",
    "asi neither": "asi=maybe",
    "unknown parameter": "gama=1",
}

built = pytest.mark.skipif(
    find_spec("condensery.experiments.phase_diagram") is None,
    reason="this experiment is not built yet",
)


@built
@pytest.mark.parametrize("case", OVERRIDES)
def test_the_phase_diagram_refuses_bad_parameters(tmp_path, monkeypatch, capsys, case):
    monkeypatch.chdir(tmp_path)
    refused(capsys, ["run", "phase-diagram", "--set", OVERRIDES[case]], set())


@built
@pytest.mark.parametrize("case", DATA)
def test_the_phase_diagram_refuses_bad_data(tmp_path, monkeypatch, capsys, case):
    monkeypatch.chdir(tmp_path)
    name, make = DATA[case]
    make()
    refused(
        capsys,
        ["run", "phase-diagram", "--set", f"data={name}"],
        set(Path().rglob("*")),
    )


@pytest.mark.parametrize(
    "override", ["width=0", "steps=0", "seeds=0", "gamma=NaN", "gama=1"]
)
@pytest.mark.parametrize("name", ["demo-a", "demo-c"])
def test_the_demonstrations_refuse_bad_parameters(
    tmp_path, monkeypatch, capsys, name, override
):
    if find_spec(f"condensery.experiments.{name.replace('-', '_')}") is None:
        pytest.skip("this experiment is not built yet")
    monkeypatch.chdir(tmp_path)
    refused(capsys, ["run", name, "--set", override], set())


def test_a_damaged_run_is_told_in_one_line_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    Path("runs/ledger.sqlite").write_bytes(
        b"this is no ledger, and long enough to be taken for one" * 40
    )
    before = set(Path().rglob("*"))
    refused(capsys, ["runs"], before)


def test_what_was_given_is_repeated_in_200_characters():
    error = InvalidInputError(
        "name", given="x" * 10_000 + "end", allowed="less", remedy="shorten it"
    )
    assert len(str(error)) < 260
    assert "xend; allowed: less; shorten it" in str(error)


def test_control_characters_are_shown():
    error = InvalidInputError(
        "name", given="\x1b[2J\x07", allowed="letters", remedy="remove them"
    )
    assert str(error).isprintable()
    assert "\\x1b[2J\\x07" in str(error)


def test_errors_are_one_line_whatever_they_are_given():
    error = InvalidInputError(
        "a\nb", given="two\nlines", allowed="one\n\n line", remedy="try\tagain"
    )
    assert str(error) == "a b: given two lines; allowed: one line; try again"
    assert "pip install 'condensery[export]'" in str(
        MissingExtraError("xarray", extra="export", purpose="export")
    )
