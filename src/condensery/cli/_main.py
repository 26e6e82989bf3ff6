"""The entry point: from arguments to an exit status, with every error as one line on
standard error.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import get_args

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
)

from condensery._errors import (
    CondenseryError,
    InvalidInputError,
    shortened,
    suggestion,
)
from condensery._paths import disk_error, is_of_the_disk
from condensery._streams import Streams, lasting_streams
from condensery.cli._commands import OUTLASTING, add_commands
from condensery.cli._signals import exit_status, interrupting

BAD_INPUT, BROKEN, NO_READER = 2, 3, 141
LONGEST = 2000
"""Characters of a message."""

_HELP = """Run experiments on how neural networks condense, and check their papers.

Exit status: 0 done, 1 a claim failed, 4 an identity failed (a fault in the code),
2 bad input, 3 a task failed for good or the disk did,
interrupted (resume goes on): 130 by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP, 138 by
SIGUSR1."""


def application() -> App:
    """The command line as a cyclopts application that raises instead of exiting."""
    app = App(
        name="condensery",
        help=_HELP,
        help_format="plaintext",
        help_epilogue="Example:\n  condensery run phase-diagram --preset quick",
        version=_version,
        version_flags=["--version"],
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        print_error=False,
        exit_on_error=False,
    )
    add_commands(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Arguments without the program's name; by default those of the
            process.

    Returns:
        The exit status.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    with lasting_streams() as streams:
        status = _carry_out(words)
        sys.stdout.flush()
        return _shown(status, words, streams)


def _carry_out(words: Sequence[str]) -> int:
    """The exit status of a command; every error becomes one line."""
    try:
        with interrupting():
            status = application()(words)
    except CycloptsError as error:
        return _complain(_explain(error, words), BAD_INPUT)
    except CondenseryError as error:
        return _complain(str(error), error.exit_status)
    except KeyboardInterrupt as error:
        return _complain(str(error) or "interrupted", exit_status(error))
    except Exception as error:  # the last net: status 1 is taken by "a claim failed"
        if is_of_the_disk(error):
            lost = disk_error("disk", error, "the same again")
            return _complain(str(lost), lost.exit_status)
        traceback.print_exc()
        return _complain(
            "this is a mistake in condensery or in the experiment: please report it",
            BROKEN,
        )
    return status if isinstance(status, int) else 0


def _shown(status: int, words: Sequence[str], streams: Streams) -> int:
    """The exit status, if not all that was printed could be read.

    A run has ended as it has, whoever read of it; the answer to a question is lost.
    """
    if streams.lost is None:
        return status
    if streams.reader_left:
        is_answer = status == 0 and OUTLASTING.isdisjoint(words[:1])
        return NO_READER if is_answer else status
    lost = disk_error("standard output", streams.lost, "ask again")
    return _complain(str(lost), lost.exit_status)


def _complain(text: str, status: int) -> int:
    sys.stderr.write(f"condensery: {shortened(text, LONGEST)}\n")
    return status


def _version() -> str:
    from importlib.metadata import version

    return version("condensery")


def _explain(error: CycloptsError, words: Sequence[str]) -> str:
    """What was given, what is allowed, what to do: for every way in which the arguments
    can be wrong.
    """
    command = " ".join(error.command_chain or ())
    usage = f"see condensery {command} --help" if command else "see condensery --help"
    match error:
        case UnknownCommandError(unused_tokens=[word, *_], app=App() as app):
            names = [name for name in app if not name.startswith("-")]
            return _refusal("command", word, names, usage)
        case UnknownOptionError():
            options = [
                name
                for argument in error.argument_collection
                for name in argument.names
                if name.startswith("--")
            ]
            return _refusal(
                "option",
                error.token.keyword or error.token.value,
                [*options, "--help"],
                usage,
            )
        case CoercionError(token=token, argument=argument) if (
            token is not None and argument is not None
        ):
            is_whole = int in (argument.hint, *get_args(argument.hint))
            kind = "a whole number" if is_whole else str(argument.hint)
            return str(
                InvalidInputError(
                    argument.name, given=token.value, allowed=kind, remedy=usage
                )
            )
        case MissingArgumentError(argument=argument) if argument is not None:
            return str(
                InvalidInputError(
                    argument.name, given="nothing", allowed="a value", remedy=usage
                )
            )
        case CycloptsError(unused_tokens=[word, *_]):
            return str(
                InvalidInputError(
                    "argument", given=word, allowed="no more arguments", remedy=usage
                )
            )
        case _:
            return f"{error}; given: {shortened(' '.join(words))}; {usage}"


def _refusal(what: str, word: str, names: Sequence[str], usage: str) -> str:
    remedy = suggestion(word, names, otherwise=usage)
    return str(
        InvalidInputError(what, given=word, allowed=", ".join(names), remedy=remedy)
    )
