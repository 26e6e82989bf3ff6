"""The one verb of this package."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from condensery._errors import InvalidInputError, suggestion
from condensery.data._dataset import Dataset, check_count, from_arrays
from condensery.data._images import IDX_NAMES, digits, idx_images
from condensery.data._mnist1d import NAME as MNIST1D
from condensery.data._mnist1d import mnist1d
from condensery.data._synthetic import SYNTHETIC, synthetic
from condensery.data._tables import read_table

_TABLES = (".csv", ".npy", ".npz")

DATASETS = (*SYNTHETIC, "digits", MNIST1D, *IDX_NAMES)
"""The names that `load` knows; it also takes the path of a file."""


def load(
    name: str | os.PathLike[str],
    *,
    path: str | os.PathLike[str] | None = None,
    samples: int | None = None,
    points: int | None = None,
) -> Dataset:
    """A data set by its name, or a user's own by the path of its file.

    ============= ============================================================== =======
    name          inputs and targets                                             samples
    ============= ============================================================== =======
    line          linspace(−1/2, 1/2), y = x²                                    4
    demo-a        linspace(−1, 1), y = `demo_a_target`                           4
    demo-c        linspace(−1, 1), y = `demo_c_target`                           40
    three-steps   linspace(−15, 15), y = `three_steps_target`                    50
    two-steps     linspace(−15, 15), y = `two_steps_target`                      50
    digits        scikit-learn's 8×8 digits, pixels/16 in [0, 1], y the digit    1797
    mnist-1d      lines of 40 points by the package mnist1d, y the digit         5000
                  (extra ``mnist1d``)
    fashion-mnist 28×28 images from IDX files, pixels/255 in [0, 1], y the label 60000
    mnist         the same                                                       60000
    x.csv         columns separated by commas, the last one y, at most one line
                  of column names
    x.npy         an array of two dimensions, the last column y
    x.npz         arrays x: (sample, feature) or (sample,) and y: (sample,) or
                  (sample, output)
    other paths   a folder of IDX files, or one IDX file of images with its
                  label file beside it
    ============= ============================================================== =======

    IDX files are gzipped or not and named as the originals are
    (``train-images-idx3-ubyte``, or with a dot for the second hyphen). Without `path`
    they are looked for in ``$CONDENSERY_DATA/NAME``, in torchvision's folders below
    ``$CONDENSERY_DATA``, and, for fashion-mnist, where Debian's package
    dataset-fashion-mnist puts them.

    Args:
        name: One of `DATASETS` in upper or lower case, or a path.
        path: For mnist and fashion-mnist: a folder, or the image file.
        samples: Keep only the first so many, ≥ 2; all by default.
        points: For the sets with a formula, line to two-steps: on so many points, ≥ 2.

    Raises:
        MissingExtraError: mnist-1d without the package that makes it.
        InvalidInputError: An unknown name; an option that the data set does not have; a
            file that is missing, truncated, too long, damaged or of another kind;
            images and labels that differ in number; values that are not finite; fewer
            than two samples, or fewer than asked for.

    Source:
        Data of Luo et al. 2021, arXiv 2007.07497 (line; the images with samples=45, as
        in their program), and of the demonstrations of Xu et al. 2025, arXiv 2504.09484
        (demo-a, demo-c); the target of Zhang et al. 2021, arXiv 2105.14573
        (three-steps); Greydanus & Kobak 2024, arXiv 2011.14439 (mnist-1d).

    Example:
        >>> from condensery.data import load
        >>> data = load("line")
        >>> data.x[:, 0].round(3).tolist(), data.y.round(3).tolist()
        ([-0.5, -0.167, 0.167, 0.5], [0.25, 0.028, 0.028, 0.25])
        >>> float(data.target(0.1).round(6))
        0.01
        >>> load("lime")
        Traceback (most recent call last):
        ...
        condensery._errors.InvalidInputError: data: given lime; did you mean \
line?; allowed: line, demo-a, demo-c, three-steps, two-steps, digits, mnist-1d, \
fashion-mnist, mnist, or the path of a .csv, .npy, .npz or IDX file
    """
    text = os.fspath(name)
    key = text.strip().lower().replace("_", "-").replace(" ", "-")
    if path is not None and key not in IDX_NAMES:
        raise InvalidInputError(
            "path",
            given=f"{os.fspath(path)} with {text}",
            allowed=f"only with {' and '.join(IDX_NAMES)}",
            remedy="leave it out, or give the path as the data set itself",
        )
    if points is not None and key not in SYNTHETIC:
        raise InvalidInputError(
            "points",
            given=f"{points} with {text}",
            allowed=f"only with {', '.join(SYNTHETIC)}",
            remedy="use samples to take fewer",
        )
    if samples is not None:
        check_count("samples", samples)
    if key in SYNTHETIC:
        return _first(synthetic(key, points=points), samples)
    if key == "digits":
        return digits(samples=samples)
    if key == MNIST1D:
        return mnist1d(samples=samples)
    if key in IDX_NAMES:
        return idx_images(
            key, path=None if path is None else _expanded(path), samples=samples
        )
    return _from_file(text, samples)


def _from_file(text: str, samples: int | None) -> Dataset:
    path = _expanded(text)
    try:
        exists = text != "" and path.exists()
    except OSError:  # longer than a name may be
        exists = False
    if exists and path.suffix.lower() in _TABLES and path.is_file():
        return _first(read_table(path), samples)
    if exists:
        return idx_images(path.name, path=path, samples=samples)
    allowed = f"{', '.join(DATASETS)}, or the path of a .csv, .npy, .npz or IDX file"
    if path.suffix.lower() in _TABLES or "/" in text or os.sep in text:
        remedy = f"there is no such file, seen from {Path.cwd()}"
    else:
        remedy = suggestion(text.lower(), DATASETS, otherwise="choose one of these")
    raise InvalidInputError("data", given=text, allowed=allowed, remedy=remedy)


def _expanded(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path).expanduser()
    except (
        RuntimeError
    ):  # ~name of nobody: then the path does not exist, and is reported so
        return Path(path)


def _first(data: Dataset, samples: int | None) -> Dataset:
    if samples is None:
        return data
    count = check_count("samples", samples, most=len(data.x), source=data.name)
    fewer = from_arrays(
        data.x[:count], data.y[:count], name=data.name, target=data.target
    )
    return replace(fewer, description=f"the first {count} of: {data.description}")
