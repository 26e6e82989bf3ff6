"""A fixed sample of the battery of reductions, and whether its judge can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from condensery._reference import load

FILE = Path(__file__).with_name("reductions.py")
SAMPLE = "0-2"


def battery(name: str):
    return load(f"{FILE}:{name}")


@pytest.mark.parametrize("kind", battery("KINDS"))
def test_a_sample_of_every_kind_keeps_its_word(kind):
    passed, note = battery("attempt")(f"{kind} {SAMPLE}")
    assert passed, note


def test_every_net_is_drawn_from_its_number_alone():
    drawn, error_of = battery("drawn"), battery("error_of")
    (first, _), (again, _), (other, _) = (
        drawn(
            "deep",
            number,
        )
        for number in (7, 7, 8)
    )
    kind = first.inputs.dtype
    assert error_of(first.net, again.net, first.inputs, kind) == 0
    assert len(first.net.state_dict()) == len(other.net.state_dict())
    assert not first.inputs.equal(other.inputs)


def test_the_judge_sees_one_small_output_that_moved():
    case, _ = battery("drawn")("two-outputs", 3)
    moved, _ = battery("drawn")("two-outputs", 3)
    moved.net.small.weight.data[1] *= 1.01
    moved.net.small.bias.data[1] *= 1.01
    kind = case.inputs.dtype
    error = battery("error_of")(
        moved.net,
        case.net,
        case.inputs,
        kind,
    )
    assert error == pytest.approx(0.01, rel=1e-6)


def test_there_are_more_than_a_thousand_nets():
    items, per_item = battery("items")(), battery("PER_ITEM")
    assert len(set(items)) * per_item >= 1000
