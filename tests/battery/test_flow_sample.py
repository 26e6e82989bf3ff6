"""A fixed sample of the batteries of the flows: `make battery flow` has the rest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from condensery._reference import load

CASES = Path(__file__).with_name("flow_cases.py")
TWO_LAYERS = (211, 36, 22, 201, 114, 217, 76)
THREE_LAYERS = (12, 3, 17, 2)
"""Small sets of both batteries on which the reference agrees with itself."""


@pytest.mark.slow
@pytest.mark.parametrize("number", TWO_LAYERS)
def test_two_layers_are_where_small_steps_are(number):
    judged = load(f"{CASES}:judge")(load(f"{CASES}:case")(number))
    assert judged.trusted, judged.note
    assert judged.passed, judged.note


@pytest.mark.slow
@pytest.mark.parametrize("number", THREE_LAYERS)
def test_three_layers_are_where_small_steps_are(number):
    judged = load(f"{CASES}:judge_deep")(load(f"{CASES}:case")(number, layers=3))
    assert judged.trusted, judged.note
    assert judged.passed, judged.note


def test_an_engine_that_is_two_percent_off_fails():
    right = load(f"{CASES}:Judged")(
        definite=True,
        monotone=True,
        trusted=True,
        gap=0.001,
        note="",
    )
    wrong = replace(right, gap=0.02)
    rising = replace(right, monotone=False, trusted=False)
    cut = replace(right, definite=False)
    assert [judged.passed for judged in (right, wrong, rising, cut)] == [
        True,
        False,
        False,
        False,
    ]


def test_the_sets_are_of_every_kind_and_size():
    cases = [load(f"{CASES}:case")(number) for number in range(220)]
    assert len({drawn.kind for drawn in cases}) == 5
    assert len({drawn.activation for drawn in cases}) == 11
    samples = np.array([drawn.x.shape for drawn in cases])
    assert samples.min(axis=0).tolist() == [2, 1]
    # drawn from 2 to 64 and from 1 to 20; the largest of 220 draws has 63 samples
    assert samples.max(axis=0).tolist() == [63, 20]
