"""The battery `doors`: every public function and every option × forty bad values.

An item is a function or a command. It is carried out in a process of its own, with a
limit on its memory; a call gets some seconds.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import io
import json
import os
import resource
import signal
import subprocess  # ruff: ignore[suspicious-subprocess-import]
import sys
import tempfile
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Without `declare`: its errors are for authors of experiments, and are Python's.
PACKAGES = (
    "metrics",
    "theory",
    "data",
    "models",
    "engine",
    "landscape",
    "torch",
    "plots",
    "store",
    "runners",
    "workbench",
)
PATIENCE = 5
"""Seconds of one call: of the processor, and twelve times as many on the clock."""
DATA_LIMIT = 6 * 2**30
"""Bytes that a process may ask for, so that the machine goes on."""
PEAK_LIMIT = 4 * 2**30
LINES = 3
ENOUGH = 1800
"""Seconds of one item."""
SHOWN = 4
"""Failures of an item that its note names."""


class TooLongError(BaseException):
    """A call that was stopped; no handler of errors takes it for one."""


@dataclass
class Tally:
    """What became of the calls of one item.

    Attributes:
        outcomes: How many were refused, accepted, failed or stopped.
        failures: What failed, and how.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def fail(self, call: str, how: str) -> None:
        """Count a failure."""
        self.outcomes["failed"] += 1
        self.failures.append(f"{call}: {' '.join(how.split())[:150]}")


def items() -> list[str]:
    """Every command, then every public function."""
    commands = [f"command {name}" for name in sorted(_baselines())]
    functions = [
        f"function condensery.{package}.{name}"
        for package in PACKAGES
        for name in _public_functions(package)
    ]
    return commands + functions


def _public_functions(package: str) -> list[str]:
    module = importlib.import_module(f"condensery.{package}")
    names = sorted(module.__all__)
    return [name for name in names if inspect.isfunction(getattr(module, name))]


def attempt(item: str) -> tuple[bool, str]:
    """Carry out an item in a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
    }
    try:
        done = subprocess.run(
            [sys.executable, __file__, item],
            capture_output=True,
            check=False,
            env=environment,
            timeout=ENOUGH,
        )
    except subprocess.TimeoutExpired:
        return False, f"not finished after {ENOUGH} s"
    lines = done.stdout.decode().splitlines()
    if done.returncode or not lines:
        last = done.stderr.decode(errors="replace").strip()[-200:]
        return False, f"the process ended with {done.returncode}: {last}"
    outcome = json.loads(lines[-1])
    return outcome["passed"], outcome["note"]


def carried_out(item: str) -> tuple[bool, str]:
    """Carry out an item in this process."""
    from bad_values import peak_bytes

    kind, name = item.split(" ", 1)
    tally = called(name) if kind == "function" else typed(name)
    peak = peak_bytes()
    note = ", ".join(
        f"{count} {word}" for word, count in sorted(tally.outcomes.items())
    )
    note += f"; peak {peak / 2**30:.1f} GB"
    if tally.failures:
        more = [f"{len(tally.failures) - SHOWN} more"]
        named = tally.failures[:SHOWN]
        note += "; " + "; ".join(named + more * (len(tally.failures) > SHOWN))
    return not tally.failures and peak <= PEAK_LIMIT, note


def called(name: str, values: dict[str, Callable[[], Any]] | None = None) -> Tally:
    """Call a function with each argument of its example replaced by each bad value."""
    from bad_values import VALUES

    package, _, word = name.rpartition(".")
    function = getattr(importlib.import_module(package), word)
    signature = inspect.signature(function)
    arguments = example_arguments(function, package)
    tally = Tally()
    for parameter in signature.parameters.values():
        for title, make in (values or VALUES).items():
            call = f"{parameter.name} = {title}"
            _call(
                tally, call, function, _replaced(signature, arguments, parameter, make)
            )
    return tally


def _replaced(
    signature: inspect.Signature,
    arguments: dict[str, Any],
    parameter: inspect.Parameter,
    make: Callable[[], Any],
) -> inspect.BoundArguments:
    """The arguments of the example with one of them replaced.

    Where there is no example, all that are needed are the bad value.
    """
    bound = inspect.BoundArguments(signature, OrderedDict())
    for name, other in signature.parameters.items():
        is_needed = other.default is other.empty and other.kind < other.VAR_POSITIONAL
        if name in arguments:
            bound.arguments[name] = arguments[name]
        elif is_needed and not arguments:
            bound.arguments[name] = make()
    replacement: Any = make()
    if parameter.kind is parameter.VAR_POSITIONAL:
        replacement = (replacement,)
    elif parameter.kind is parameter.VAR_KEYWORD:
        replacement = {"option": replacement}
    bound.arguments[parameter.name] = replacement
    order = list(signature.parameters)
    ordered = sorted(bound.arguments.items(), key=lambda pair: order.index(pair[0]))
    bound.arguments = OrderedDict(ordered)
    return bound


def _call(
    tally: Tally,
    call: str,
    function: Callable[..., Any],
    bound: inspect.BoundArguments,
) -> None:
    from condensery._errors import CondenseryError

    try:
        with _limited(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(*bound.args, **bound.kwargs)
            if inspect.isgenerator(result):
                next(result, None)
            stop = getattr(result, "stop", None)
            if callable(stop):
                stop()
    except CondenseryError as error:
        lines = str(error).count("\n") + 1
        if lines > LINES:
            tally.fail(call, f"a message of {lines} lines")
        else:
            tally.outcomes["refused"] += 1
    except TooLongError:
        tally.outcomes["stopped"] += 1
    except BaseException as error:
        # In tests every annotation is checked, and what it refuses is refused.
        if type(error).__name__ == "TypeCheckError":
            tally.outcomes["refused"] += 1
        else:
            tally.fail(call, f"{type(error).__name__}: {error}")
    else:
        tally.outcomes["accepted"] += 1


@contextmanager
def _limited() -> Generator[None]:
    """A call in an empty folder, without output and with an end."""

    def stop(number: int, frame: object) -> None:
        raise TooLongError

    limits = (
        (signal.ITIMER_PROF, signal.SIGPROF, PATIENCE),
        (signal.ITIMER_REAL, signal.SIGALRM, 12 * PATIENCE),
    )
    silence = io.StringIO()
    for timer, number, seconds in limits:
        signal.signal(number, stop)
        signal.setitimer(timer, seconds)
    try:
        with redirect_stdout(silence), redirect_stderr(silence):
            yield
    finally:
        for timer, _, _ in limits:
            signal.setitimer(timer, 0)


def example_arguments(function: Any, package: str) -> dict[str, Any]:
    """The arguments of the first call in the example of a function's docstring."""
    calls: list[dict[str, Any]] = []
    signature = inspect.signature(function)

    def recorded(*arguments: Any, **options: Any) -> Any:
        calls.append(dict(signature.bind(*arguments, **options).arguments))
        return function(*arguments, **options)

    name = function.__name__
    home = sys.modules[function.__module__]
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner(verbose=False)
    silence = io.StringIO()
    with (
        patch.object(importlib.import_module(package), name, recorded, create=True),
        patch.object(home, name, recorded),
        redirect_stdout(silence),
    ):
        globals_ = dict(vars(home))
        for test in finder.find(inspect.unwrap(function), name, globs=globals_):
            runner.run(test, out=silence.write)
    return calls[0] if calls else {}


def _baselines() -> dict[str, list[str]]:
    """For each command the words with which it could do something small."""
    tiny = f"{ROOT / 'tests' / 'cli' / 'tiny_experiment.py'}:Tiny"
    return {
        "bench": ["phase-diagrm"],
        "cite": ["last"],
        "claims": [],
        "diagnose": ["nothing.py:build", "--loader", "nothing.py:batches"],
        "export": ["last", "--format", "csv"],
        "grow": ["torch.nn:Identity", "--shape", "2,3"],
        "inspect": ["torch.nn:Identity"],
        "list": [],
        "reduce": ["torch.nn:Identity", "--shape", "2,3"],
        "report": ["last"],
        "resume": ["last"],
        "run": [tiny, "--set", "drawn=false", "--set", "seeds=1"],
        "runs": [],
        "show": ["last"],
    }


def options(command: str) -> list[str]:
    """The options of a command that take a value, and the places of its arguments."""
    from condensery.cli._main import application

    app = application()
    app, *_ = [app[command]]
    found = []
    for argument in app.assemble_argument_collection():
        names = [name for name in argument.names if name.startswith("--")]
        is_flag = argument.hint is bool
        if not is_flag:
            found.append(names[0] if names else "")
    return found


def typed(command: str, words: dict[str, str] | None = None) -> Tally:
    """Type each bad word for each option of a command, in a folder of its own."""
    from bad_values import WORDS

    from condensery.cli import main

    tally = Tally()
    baseline = _baselines()[command]
    with tempfile.TemporaryDirectory(prefix="doors-") as folder, _within(Path(folder)):
        run = ["run", *_baselines()["run"], "--workers", "1"]
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            main(run)
        for option in options(command):
            for title, word in (words or WORDS).items():
                line = [command, *_with(baseline, option, word)]
                _type(tally, f"{option or 'argument'} {title}", line)
        if command == "run":
            for title, word in (words or WORDS).items():
                for name, line in _settings(word).items():
                    _type(tally, f"--set {name}= {title}", ["run", *line])
    return tally


def _settings(word: str) -> dict[str, list[str]]:
    """A bad word for parameters of experiments."""
    names = {
        "demo-a": ("width", "steps", "seeds", "gamma"),
        "phase-diagram": ("widths", "data", "data_path", "gammas", "seeds", "samples"),
    }
    return {
        f"{experiment} {name}": [experiment, "--set", f"{name}={word}"]
        for experiment, parameters in names.items()
        for name in parameters
    }


def _with(baseline: list[str], option: str, word: str) -> list[str]:
    if option:
        return [*baseline, f"{option}={word}"]
    return [word, *baseline[1:]]


def _type(tally: Tally, call: str, line: list[str]) -> None:
    from condensery.cli import main

    out, err = io.StringIO(), io.StringIO()
    try:
        with _limited(), redirect_stdout(out), redirect_stderr(err):
            status = main(line)
    except TooLongError:
        tally.outcomes["stopped"] += 1
        return
    except BaseException as error:
        tally.fail(call, f"{type(error).__name__}: {error}")
        return
    text = err.getvalue()
    messages = [row for row in text.splitlines() if row.startswith("condensery: ")]
    if "Traceback" in text or status not in {0, 1, 2, 3, 4}:
        tally.fail(call, f"status {status}, {text.strip()[-120:]}")
    elif status == 2 and len(text.splitlines()) > LINES:
        tally.fail(call, f"{len(text.splitlines())} lines")
    elif status in {2, 3} and len(messages) != 1:
        tally.fail(call, f"status {status} with {len(messages)} messages")
    else:
        tally.outcomes["refused" if status in {2, 3} else "accepted"] += 1


@contextmanager
def _within(folder: Path) -> Generator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_LIMIT, DATA_LIMIT))
    with tempfile.TemporaryDirectory(prefix="doors-") as name, _within(Path(name)):
        passed, note = carried_out(sys.argv[1])
    # Threads of a run that was stopped must not keep the process.
    sys.stdout.write(json.dumps({"passed": passed, "note": note}) + "\n")
    sys.stdout.flush()
    os._exit(0)
