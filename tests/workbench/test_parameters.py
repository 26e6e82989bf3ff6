"""Every parameter of every experiment explains itself, in a terminal and as data."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from condensery import workbench
from condensery._errors import InvalidInputError
from condensery.cli import main
from condensery.declare import Declared
from condensery.experiments import BUILT_IN
from condensery.workbench._parameters import (
    documented_attributes,
    help_texts,
    parameters,
    schema,
)


class Config(BaseModel):
    """Parameters of nothing."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    width: int = Field(default=10, ge=1, le=1000)
    """Number of
    units."""
    rate: float = Field(default=0.5, gt=0.0, lt=2.0)
    widths: tuple[int, ...] = Field(default=(1, 2), min_length=2)
    steps: tuple[int, int] = (3, 4)
    data: Literal["line", "digits"] = "line"
    path: str | None = None
    points: tuple[float, ...] = tuple(float(k) for k in range(9))


NOTHING = Declared(
    name="nothing",
    title="Parameters alone",
    summary="It runs no task.",
    papers=(),
    Config=Config,
    presets={
        "quick": {},
        "paper": {"width": 100, "path": "here"},
    },
    work=lambda config: (),
    makes={},
    judges=(),
    draws=(),
)


@pytest.fixture
def listed():
    return {info.name: info for info in parameters(NOTHING)}


@pytest.mark.parametrize(
    ("name", "kind", "allowed"),
    [
        ("width", "whole number", "1 to 1000"),
        ("rate", "number", "> 0, < 2"),
        ("widths", "list of whole numbers", "at least 2 values"),
        ("steps", "2 whole numbers", ""),
        ("data", "line | digits", ""),
        ("path", "text or none", ""),
    ],
)
def test_type_and_range_are_words(listed, name, kind, allowed):
    info = listed[name]
    assert info.type == kind
    assert info.range == allowed


def test_defaults_are_those_of_each_preset(listed):
    assert listed["width"].defaults == {"quick": 10, "paper": 100}
    assert listed["path"].defaults == {"quick": None, "paper": "here"}


def test_the_text_below_a_field_is_its_help(listed):
    assert listed["width"].meaning == "Number of units."
    assert listed["rate"].meaning == ""  # so that a missing text can be seen


def test_the_schema_has_the_help(listed):
    properties = schema(NOTHING)["properties"]
    assert properties["width"]["description"] == "Number of units."
    assert properties["width"]["maximum"] == 1000


def test_a_section_of_attributes_ends_where_it_ends():
    text = """A class.

    Attributes:
        width: First
            line.

    Note:
        rate: No attribute.
    """
    assert documented_attributes(text) == {"width": "First line."}
    assert documented_attributes("Nothing here.") == {}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_field_has_a_text(name):
    experiment = workbench.find(name).experiment
    config = experiment.Config
    texts = help_texts(config)
    silent = [field for field in config.model_fields if not texts.get(field)]
    assert silent == [], "write what it means below the field"


def test_the_help_of_every_parameter_stands_below_it():
    from_docstrings = {
        name
        for name in BUILT_IN
        if not workbench.find(name).experiment.Config.model_config.get(
            "use_attribute_docstrings"
        )
    }
    assert from_docstrings == set()


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_table_is_readable_within_100_columns(name, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["list", name, "--runs", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    config = workbench.find(name).experiment.Config
    words = set(text.split())
    missing = [field for field in config.model_fields if field not in words]
    assert missing == [], "names are not broken"


def test_list_as_data(capsys, tmp_path):
    words = ["list", "demo-c", "--runs", str(tmp_path)]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["experiment"]
    assert document["name"] == "demo-c"
    width = next(field for field in document["parameters"] if field["name"] == "width")
    assert width["range"] == "1 to 1000000"
    assert set(width["defaults"]) == {"quick", "paper"}
    assert width["meaning"]
    assert main([*words, "--schema"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["properties"]["width"]["maximum"] == 1_000_000


def test_a_schema_is_of_one_experiment(capsys):
    assert main(["list", "--schema"]) == 2
    assert "condensery list demo-a --schema" in capsys.readouterr().err


def test_an_unknown_experiment_is_refused(capsys):
    assert main(["list", "demo-b"]) == 2
    assert "did you mean demo-" in capsys.readouterr().err
    with pytest.raises(InvalidInputError):
        workbench.describe("demo-b")
