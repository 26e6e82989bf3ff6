"""Small images: scikit-learn's digits, and MNIST or Fashion-MNIST from IDX files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from condensery._errors import InvalidInputError
from condensery._lazy import require
from condensery.data._dataset import Dataset, check_count, from_arrays
from condensery.data._idx import read_idx

VARIABLE = "CONDENSERY_DATA"
"""The environment variable that names a folder of data sets."""

# Below the folder of the environment variable: the plain name, and where torchvision
# puts the same files.
_SUBFOLDERS = {
    "fashion-mnist": ("fashion-mnist", "FashionMNIST/raw"),
    "mnist": ("mnist", "MNIST/raw"),
}
_INSTALLED = {
    "fashion-mnist": (Path("/usr/share/datasets/fashion-mnist"),),
    "mnist": (),
}
_PACKAGE = {"fashion-mnist": " or apt-get install dataset-fashion-mnist,", "mnist": ""}
_IMAGE_FILES = tuple(
    f"train-images{dot}idx3-ubyte{gz}" for gz in ("", ".gz") for dot in ("-", ".")
)

IDX_NAMES = tuple(_SUBFOLDERS)
IDX_COUNT = 60_000
"""Images that the published training set of either name has."""


def digits(*, samples: int | None) -> Dataset:
    """The first `samples` of scikit-learn's 1797 digits of 8×8 pixels; pixels/16 in [0,
    1], target the digit 0…9.
    """
    require("sklearn", purpose="the data set digits")
    from sklearn.datasets import load_digits

    pixels, labels = (np.asarray(array) for array in load_digits(return_X_y=True))
    count = (
        len(pixels)
        if samples is None
        else check_count("samples", samples, most=len(pixels), source="digits")
    )
    return from_arrays(
        pixels[:count] / 16.0,
        labels[:count],
        name="digits",
        description=f"the first {count} of scikit-learn's digits, 8 x 8 pixels in "
        "[0, 1]; y the digit",
    )


def idx_images(name: str, *, path: Path | None, samples: int | None) -> Dataset:
    """The first `samples` images of IDX files; pixels/255 in [0, 1], target the label.

    Args:
        name: ``mnist``, ``fashion-mnist``, or what an own file is called.
        path: A folder, or the image file with its label file beside it; None to search.
        samples: How many; None for all.

    Raises:
        InvalidInputError: No such files, files that are not what they should be, or
            fewer images than `samples`.
    """
    if samples is not None:
        check_count("samples", samples)
    images_path = _images(name, path)
    images = read_idx(images_path, what="images", dimensions=3, limit=samples)
    labels_path = _labels_beside(images_path)
    labels = read_idx(labels_path, what="labels", dimensions=1, limit=samples)
    if images.count != labels.count:
        raise InvalidInputError(
            f"labels {labels_path}",
            given=f"{labels.count} labels for {images.count} images",
            allowed="one label for each image",
            remedy="put the matching label file beside the images",
        )
    if (
        samples is not None and images.count >= 2
    ):  # fewer than two are refused as such below
        check_count("samples", samples, most=images.count, source=name)
    kept, height, width = images.items.shape
    return from_arrays(
        images.items.reshape(kept, height * width) / 255.0,
        labels.items,
        name=name,
        description=f"the first {kept} images of {name}, {height} x {width} pixels "
        "in [0, 1]; y the label",
    )


def idx_files(name: str, *, path: Path | None = None) -> tuple[Path, Path]:
    """The files that `idx_images` reads: images and labels.

    Args:
        name: ``mnist`` or ``fashion-mnist``.
        path: A folder, or the image file with its label file beside it; None to search.

    Raises:
        InvalidInputError: There are no such files.
    """
    images = _images(name, path)
    return images, _labels_beside(images)


def _images(name: str, path: Path | None) -> Path:
    return _search(name) if path is None else _images_at(path)


def _search(name: str) -> Path:
    home = os.environ.get(VARIABLE, "")
    folders = (
        [Path(home).expanduser() / sub for sub in _SUBFOLDERS[name]] if home else []
    )
    folders += _INSTALLED[name]
    for folder in folders:
        if (file := _first_file(folder, _IMAGE_FILES)) is not None:
            return file
    looked = f"looked in {', '.join(map(str, folders))}; " if folders else ""
    raise InvalidInputError(
        name,
        given=f"no {_IMAGE_FILES[0]}(.gz)",
        allowed="its four IDX files, gzipped or not",
        remedy=f"{looked}give path=FOLDER (a run: --set data_path=FOLDER),"
        f"{_PACKAGE[name]} "
        f"or put them below {VARIABLE}/{name}",
    )


def _images_at(path: Path) -> Path:
    if _is_file(path):
        return path
    if (file := _first_file(path, _IMAGE_FILES)) is not None:
        return file
    raise InvalidInputError(
        "path",
        given=str(path),
        allowed=f"a folder that holds {_IMAGE_FILES[0]}(.gz), or an IDX file of images",
        remedy="check the path; it is read from the working folder",
    )


def _labels_beside(images: Path) -> Path:
    """The label file is named as the image file is, with labels for images and idx1 for
    idx3.

    Raises:
        InvalidInputError: There is none, or the name of the image file does not lead to
            one.
    """
    alike = "name the two files alike: …images-idx3-ubyte and …labels-idx1-ubyte"
    if "images" not in images.name:
        raise InvalidInputError(
            "images",
            given=str(images),
            allowed="a file with the word images in its name",
            remedy=alike,
        )
    plain = (
        images.name.removesuffix(".gz")
        .replace("images", "labels")
        .replace("idx3", "idx1")
    )
    dotted, hyphened = plain.replace("-idx1", ".idx1"), plain.replace(".idx1", "-idx1")
    endings = (".gz", "") if images.name.endswith(".gz") else ("", ".gz")
    names = tuple(
        stem + ending for stem in (plain, hyphened, dotted) for ending in endings
    )
    file = _first_file(images.parent, names)
    if file is None:
        raise InvalidInputError(
            f"labels of {images}",
            given="no such file",
            allowed=f"{names[0]} beside the images",
            remedy=alike,
        )
    return file


def _first_file(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if _is_file(folder / name)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, or a folder that may not be searched
        return False
