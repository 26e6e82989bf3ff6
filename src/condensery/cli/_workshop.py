"""The commands on a user's own PyTorch model: each calls the workbench and prints what
comes back.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from condensery.cli._options import Json

if TYPE_CHECKING:
    from condensery.workbench import Operated

Factory = Annotated[
    str,
    Parameter(name="MODEL", help="package.module:factory or path/to/file.py:factory."),
]
Weights = Annotated[
    Path | None,
    Parameter(name="--weights", help="File of its weights: .safetensors, .pt or .pth."),
]
Shape = Annotated[
    str,
    Parameter(
        name="--shape", help="Shape of example inputs, with the batch: 8,1,28,28."
    ),
]
Data = Annotated[
    Path | None, Parameter(name="--data", help=".npy file of inputs to measure on.")
]
To = Annotated[Path, Parameter(name="--to", help="Folder to write the new model to.")]
Formats = Annotated[
    str,
    Parameter(name="--formats", help="Some of safetensors, pt2, onnx, with commas."),
]
MaxError = Annotated[
    float | None,
    Parameter(
        name="--max-error",
        help="Largest change of any output allowed, over its size.",
    ),
]


def inspect(
    model: Annotated[
        str,
        Parameter(
            name="MODEL",
            help="A .safetensors, .pt or .pth file, or package.module:factory.",
        ),
    ],
    /,
    *,
    weights: Annotated[
        Path | None, Parameter(help="File of weights for a factory.")
    ] = None,
    threshold: Annotated[
        float | None, Parameter(help="Cosine from which two directions are one (0.95).")
    ] = None,
    active: Annotated[
        float | None,
        Parameter(help="Cut, as a share of a layer's largest amplitude (0.05)."),
    ] = None,
    activation: Annotated[
        str | None, Parameter(help="Activation of layers whose own is not known.")
    ] = None,
    heads: Annotated[
        int | None,
        Parameter(help="Number of attention heads, where the model does not say it."),
    ] = None,
    json: Json = False,
) -> int:
    """Measure how condensed every layer of a PyTorch model is.

    It also says which units could be merged.

    A file is read without running anything in it; a factory is your own code and is
    called without arguments.
    """
    from condensery import workbench
    from condensery.cli import _output as output

    with output.users_code():
        inspection = workbench.inspect(
            model,
            weights=weights,
            threshold=threshold,
            active=active,
            activation=activation,
            heads=heads,
        )
    if json:
        output.document({"model": model, **inspection.document()})
        return 0
    output.say(inspection.text(width=output.table_width()))
    return 0


def diagnose(
    build: Annotated[
        str,
        Parameter(
            help="package.module:build or path/to/file.py:build; build(width) makes "
            "a model."
        ),
    ],
    /,
    *,
    loader: Annotated[
        str,
        Parameter(
            help="Where the batches (inputs, targets) are, or a function that "
            "returns them."
        ),
    ],
    widths: Annotated[
        list[str],
        Parameter(
            negative="",
            consume_multiple=True,
            help="Three or more, for example 64 128 256 512.",
        ),
    ],
    loss: Annotated[
        str | None,
        Parameter(
            help="loss(output, target); cross-entropy or mean square if left out."
        ),
    ] = None,
    optimiser: Annotated[
        str | None,
        Parameter(
            help="Rate of plain gradient descent, or a function of the model that "
            "makes an optimiser."
        ),
    ] = None,
    seeds: Annotated[int, Parameter(help="Runs per width, two or more.")] = 3,
    steps: Annotated[int | None, Parameter(help="Most steps of a run.")] = None,
    relative_loss: Annotated[
        float | None,
        Parameter(
            help="Compare where the loss is this share of the initial one; 0.01 if "
            "left out."
        ),
    ] = None,
    equal_steps: Annotated[
        bool, Parameter(negative="", help="Compare after --steps steps instead.")
    ] = False,
    json: Json = False,
) -> int:
    """Say which regime your PyTorch training is in, or abstain.

    The regimes are linear, critical and condensed.

    Trains your model at several widths and seeds and judges how far each layer moves as
    the width grows.
    """
    from condensery import workbench
    from condensery.cli import _output as output
    from condensery.cli._progress import steps as shown

    with shown() as show_step, output.users_code():
        diagnosis = workbench.diagnose(
            build,
            loader=loader,
            widths=widths,
            loss=loss,
            optimiser=optimiser,
            seeds=seeds,
            steps=steps,
            relative_loss=relative_loss,
            equal_steps=equal_steps,
            progress=show_step,
        )
    if json:
        output.document(diagnosis.document())
    else:
        output.say(str(diagnosis))
    return 0


def reduce(  # ruff: ignore[too-many-arguments] each is an option of the command
    model: Factory,
    /,
    *,
    weights: Weights = None,
    shape: Shape = "",
    data: Data = None,
    mode: Annotated[
        str, Parameter(name="--mode", help="exact, approximate or least-squares.")
    ] = "exact",
    tau: Annotated[
        float | None, Parameter(name="--tau", help="Least cosine within a cluster.")
    ] = None,
    max_error: MaxError = None,
    on_data: Annotated[
        bool,
        Parameter(
            name="--on-data",
            negative="",
            help="Also remove units that are dead or linear on the data.",
        ),
    ] = False,
    to: To = Path("reduced"),
    formats: Formats = "safetensors",
    json: Json = False,
) -> int:
    """Cut a condensed PyTorch model down to fewer units, and say what it cost.

    Without options only merges that are exact for every input are made; an ordinary
    network has none.
    """
    from condensery import workbench
    from condensery.cli import _output as output

    with output.users_code():
        done = workbench.reduce_model(
            model,
            weights=weights,
            shape=_numbers(shape),
            data=data,
            to=to,
            formats=formats.split(","),
            mode=mode,
            tau=tau,
            max_error=max_error,
            on_data=on_data,
        )
    return _show(done, json=json)


def grow(  # ruff: ignore[too-many-arguments] each is an option of the command
    model: Factory,
    /,
    *,
    weights: Weights = None,
    shape: Shape = "",
    data: Data = None,
    width: Annotated[
        list[str] | None,
        Parameter(
            name="--width", negative="", help="layer=width; repeat it for more layers."
        ),
    ] = None,
    depth: Annotated[
        str | None,
        Parameter(name="--depth", help="Linear layer to put a new layer before."),
    ] = None,
    kind: Annotated[str, Parameter(name="--kind", help="split or null.")] = "split",
    max_error: MaxError = None,
    to: To = Path("grown"),
    formats: Formats = "safetensors",
    json: Json = False,
) -> int:
    """Make a PyTorch model wider or deeper without moving its function."""
    from condensery import workbench
    from condensery.cli import _output as output

    with output.users_code():
        done = workbench.grow_model(
            model,
            weights=weights,
            shape=_numbers(shape),
            data=data,
            to=to,
            formats=formats.split(","),
            widths=width or (),
            depth=depth,
            kind=kind,
            max_error=max_error,
        )
    return _show(done, json=json)


def _numbers(shape: str) -> tuple[int, ...]:
    from condensery._errors import InvalidInputError

    words = [word.strip() for word in shape.split(",") if word.strip()]
    if not all(word.isdigit() and int(word) > 0 for word in words):
        raise InvalidInputError(
            "--shape",
            given=shape,
            allowed="whole numbers with commas",
            remedy="try 8,1,28,28",
        )
    return tuple(int(word) for word in words)


def _show(done: Operated, *, json: bool) -> int:
    from condensery.cli import _output as output

    if json:
        output.document(done.document)
        return 0
    output.say(done.text)
    for path in done.files.values():
        output.say(f"wrote {path}")
    return 0
