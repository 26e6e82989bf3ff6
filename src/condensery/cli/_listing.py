"""``list``: the experiments, and the parameters of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from condensery._errors import InvalidInputError
from condensery.cli._options import RUNS, Json, Runs

if TYPE_CHECKING:
    from condensery.workbench import ExperimentInfo


def list_(
    experiment: Annotated[
        str | None,
        Parameter(
            help="Name of an experiment, or path/to/file.py:Name; by default all."
        ),
    ] = None,
    /,
    *,
    schema: Annotated[
        bool,
        Parameter(
            name="--schema",
            negative="",
            help="Print the JSON schema of the experiment's parameters.",
        ),
    ] = False,
    runs: Runs = RUNS,
    json: Json = False,
) -> int:
    """List the experiments, or show the parameters of one.

    Without a name: title, papers, and what each preset cost when it last ran here.
    With a name: type, range, default per preset and meaning of every parameter.

    Raises:
        InvalidInputError: A schema was asked for without the name of an experiment.
    """
    from condensery import workbench
    from condensery.cli import _output as output

    if experiment is None:
        if schema:
            raise InvalidInputError(
                "--schema",
                given="no experiment",
                allowed="the name of one experiment",
                remedy="write for example condensery list demo-a --schema",
            )
        return _all(workbench.list_experiments(runs), json=json)
    if schema:
        output.document(workbench.parameter_schema(experiment))
        return 0
    details = workbench.describe(experiment, runs)
    if json:
        output.document({"experiment": details.document()})
        return 0
    _headline(details.info)
    heads, rows = workbench.parameter_rows(details.parameters)
    output.say("parameters (--set NAME=VALUE):")
    output.table(heads, rows)
    return 0


def _all(experiments: list[ExperimentInfo], *, json: bool) -> int:
    from condensery.cli import _output as output

    if json:
        dumped = [info.model_dump(mode="json") for info in experiments]
        output.document({"experiments": dumped})
        return 0
    for info in experiments:
        _headline(info)
        names = ", ".join(info.parameters)
        output.paragraph(f"parameters (--set NAME=VALUE): {names}", indent=4)
    return 0


def _headline(info: ExperimentInfo) -> None:
    """Name, title, summary, papers and presets."""
    from condensery import workbench
    from condensery.cli import _output as output

    output.say(f"{info.name}: {info.title}")
    output.paragraph(info.summary, indent=4)
    papers = ", ".join(info.papers)
    output.paragraph(
        f"papers: {papers}; {info.statements} statements checked", indent=4
    )
    costs = []
    for preset in info.presets:
        seconds = preset.seconds
        cost = "not measured" if seconds is None else workbench.duration(seconds)
        costs.append(f"{preset.name} ({cost})")
    output.paragraph(f"presets: {', '.join(costs)}", indent=4)
