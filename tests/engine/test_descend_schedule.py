"""The log-spaced schedule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condensery._errors import InvalidInputError
from condensery.engine import log_steps


def slow(steps, per_decade, extra):
    found = {0, steps} | {step for step in extra if 0 <= step <= steps}
    k = 0
    while round(10 ** (k / per_decade)) <= steps:
        found.add(round(10 ** (k / per_decade)))
        k += 1
    return sorted(found)


@given(
    st.integers(0, 300_000),
    st.integers(1, 15),
    st.lists(st.integers(-5, 400_000), max_size=5),
)
def test_agrees_with_a_loop(steps, per_decade, extra):
    assert log_steps(
        steps,
        per_decade=per_decade,
        extra=extra,
    ).tolist() == slow(steps, per_decade, extra)


@given(st.integers(0, 5000), st.integers(1, 5000))
def test_a_longer_run_records_what_a_shorter_one_did(steps, more):
    assert set(log_steps(steps)[:-1]) <= set(log_steps(steps + more))


def test_whole_decades_are_there():
    assert {1, 10, 100, 1000, 10_000, 100_000} <= set(
        log_steps(10**5, per_decade=7).tolist()
    )


@pytest.mark.parametrize(
    "call", [lambda: log_steps(-1), lambda: log_steps(10, per_decade=0)]
)
def test_refusals(call):
    with pytest.raises(InvalidInputError, match="allowed: a whole number"):
        call()
