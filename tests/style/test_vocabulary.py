"""One word for one thing: parameters of all experiments come from one vocabulary."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import BaseModel, Field

from condensery.workbench import find, list_experiments

VOCABULARY = """
activation adam around asi b batch block cnn control copy cosine cut data decade decay
deep demo dense descent draw drop dtype epoch escape eta every exponent falling
feature figure finetune fit fitted five gamma gamma2 gamma3 held hidden image init
input iris keep kind large layer lift line loss mask max mlp most narrow net network
noise out output part path per persistence picture plane point prime printed rate
ratio raw recovered relative retrain row sample scale scatter seed shown size small
snapshot spread start std step stop switch target tau test threshold time to tolerance
train unit up vector weight width
"""
"""Words that parameter names are made of, in the singular."""
WORDS = frozenset(VOCABULARY.split())


def words(name: str) -> list[str]:
    """The words of a parameter's name, in the singular."""
    irregular = {"copies": "copy", "iris": "iris", "loss": "loss", "gamma2s": "gamma2"}
    return [irregular.get(word, word.removesuffix("s")) for word in name.split("_")]


def unknown(fields: Mapping[str, object]) -> set[str]:
    return {name for name in fields if not set(words(name)) <= WORDS}


def misnamed(model: type[BaseModel]) -> set[str]:
    """Fields whose text speaks of another thing than their name."""
    wrong = set()
    for name, field in model.model_fields.items():
        text = field.description or ""
        is_exponent = re.search(r"std\w* ?= ?.*\^−", text)
        if is_exponent and "exponent" not in name:
            wrong.add(name)
        if "gamma" in words(name) and "phase coordinate" not in text:
            wrong.add(name)
    return wrong


def test_parameters_are_named_by_the_vocabulary():
    for listed in list_experiments():
        name = listed.name
        model = find(name).experiment.Config
        assert unknown(model.model_fields) == set(), name
        assert misnamed(model) == set(), name


class Wrong(BaseModel):
    gamma: float = Field(1.0, description="Initialisation with std = width^−gamma.")
    exponent: float = Field(
        1.0, description="Initialisation with std = width^−exponent."
    )
    gammas: tuple[float, ...] = Field(
        (1.0,), description="Values of the phase coordinate γ."
    )
    frobnication: int = 1


def test_a_parameter_of_another_meaning_is_found():
    assert misnamed(Wrong) == {"gamma"}
    assert unknown(Wrong.model_fields) == {"frobnication"}
