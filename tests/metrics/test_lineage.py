"""Groups over time: against loops over units, and cases worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condensery._errors import InvalidInputError
from condensery.metrics import lineages


@st.composite
def histories(draw):
    frames, units = draw(st.integers(1, 7)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    # distinct weights, so that no overlap ties
    return rng.integers(-1, 3, (frames, units)), rng.random((frames, units)) + 0.01


def slow_continues(
    groups,
    weights,
    frame,
    g,
    h,
):
    """Whether group h of a frame continues group g of the one before, asked unit by
    unit.
    """
    came, went = {}, {}
    for unit in range(groups.shape[1]):
        before, now = groups[frame - 1][unit], groups[frame][unit]
        if now == h:
            came[before] = came.get(before, 0.0) + weights[frame][unit]
        if before == g and now >= 0:
            went[now] = went.get(now, 0.0) + weights[frame][unit]
    return (
        max(
            came,
            key=came.get,
        )
        == g
        and bool(went)
        and max(
            went,
            key=went.get,
        )
        == h
    )


@given(histories())
def test_a_lineage_goes_on_exactly_where_a_group_continues(history):
    groups, weights = history
    tree = lineages(groups, weights)
    for frame in range(1, len(groups)):
        for g in set(groups[frame - 1]) - {-1}:
            for h in set(groups[frame]) - {-1}:
                one = tree.member_of[frame - 1][groups[frame - 1] == g][0]
                other = tree.member_of[frame][groups[frame] == h][0]
                assert (one == other) == slow_continues(groups, weights, frame, g, h)


@given(histories())
def test_frames_and_names_are_consistent(history):
    groups, weights = history
    tree = lineages(groups, weights)
    assert np.array_equal(tree.member_of >= 0, groups >= 0)
    assert tree.count().tolist() == [len(set(frame) - {-1}) for frame in groups]
    for k in range(len(tree)):
        present = np.flatnonzero((tree.member_of == k).any(axis=1))
        assert present.tolist() == list(range(tree.born[k], tree.ended[k] + 1))
        if tree.parent[k] >= 0:
            assert (
                tree.born[tree.parent[k]]
                < tree.born[k]
                <= tree.ended[tree.parent[k]] + 1
            )
        if tree.merged[k] >= 0:
            assert tree.ended[k] < tree.ended[tree.merged[k]]


@given(histories(), st.permutations(range(3)))
def test_names_of_groups_do_not_matter(history, order):
    groups, weights = history
    renamed = np.where(
        groups >= 0,
        np.array([*order, -1])[groups],
        -1,
    )
    one, other = lineages(groups, weights), lineages(renamed, weights)
    assert sorted(
        zip(
            one.born,
            one.ended,
            strict=True,
        )
    ) == sorted(
        zip(
            other.born,
            other.ended,
            strict=True,
        )
    )


def test_short_lineages_are_taken_away_and_their_events_handed_on():
    # a splits off b for one frame, out of which c is born; d, from nowhere, merges into
    # b's heir
    groups = np.array(
        [[0, 0, 0, -1], [0, 1, 1, 2], [0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 2, 2]]
    )
    weights = np.array([[4.0, 1.0, 2.0, 0.5]] * 5)
    tree = lineages(
        groups,
        weights,
        persistence=2,
    )
    assert tree.born.tolist() == [0, 1]
    assert tree.ended.tolist() == [4, 4]
    every = lineages(groups, weights)
    assert len(every) == 3
    assert tree.member_of[1].tolist()[0] == 0
    assert (
        lineages(
            groups,
            weights,
            persistence=9,
        )
        .count()
        .tolist()
        == [0] * 5
    )


def test_refusals():
    good = np.zeros((2, 3), dtype=int)
    for weights, options in (
        (-np.ones((2, 3)), {}),
        (np.full((2, 3), np.nan), {}),
        (np.ones((2, 3)), {"persistence": 0}),
    ):
        with pytest.raises(InvalidInputError, match=r"given .*; allowed: "):
            lineages(
                good,
                weights,
                **options,
            )
    with pytest.raises(InvalidInputError, match="at least one frame"):
        lineages(good[:0], np.ones((0, 3)))
