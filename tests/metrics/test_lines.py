"""Lines, aligned pairs and alignment against loops over units and by hand."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import aligned_pairs, alignment, line_shares, line_sizes


@pytest.fixture(params=range(5))
def layer(request):
    rng = np.random.default_rng(request.param)
    centres = rng.standard_normal((3, 4))
    rows = centres[rng.integers(0, 3, 20)] * rng.choice([-2.0, 0.1], (20, 1))
    noisy = rows + 0.05 * np.abs(rows).max() * rng.standard_normal(rows.shape)
    return np.vstack([noisy, np.zeros((2, 4))])


def slow_cosine(u, v):
    product = sum(
        a * b
        for a, b in zip(
            u,
            v,
            strict=True,
        )
    )
    lengths = sum(a * a for a in u) * sum(b * b for b in v)
    return abs(product) / lengths**0.5


def slow_sizes(layer, threshold):
    free = [list(row) for row in layer if any(row)]
    sizes = []
    while free:
        takers = []
        for row in free:
            near = [slow_cosine(row, other) > threshold for other in free]
            takers.append(near)
        counts = [sum(near) for near in takers]
        taken = takers[counts.index(max(counts))]
        sizes.append(sum(taken))
        free = [
            row
            for row, gone in zip(
                free,
                taken,
                strict=True,
            )
            if not gone
        ]
    return sizes


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.99])
def test_lines_against_a_loop(layer, threshold):
    sizes = slow_sizes(layer, threshold)
    assert line_sizes(layer, threshold=threshold).tolist() == sizes
    shares = line_shares(layer, threshold=threshold)
    large = [size for size in sizes if size >= 0.1 * len(layer)]
    assert shares.lines == len(large)
    assert shares.largest == pytest.approx(max(sizes) / len(layer))
    assert shares.covered == pytest.approx(sum(large) / len(layer))


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.99])
def test_pairs_against_a_loop(layer, threshold):
    rows = [row for row in layer if row.any()]
    near = 0
    for index, row in enumerate(rows):
        for other in rows[:index]:
            near += slow_cosine(row, other) > threshold
    share = near / (len(rows) * (len(rows) - 1) / 2)
    assert aligned_pairs(layer, threshold=threshold) == pytest.approx(share)
    assert line_shares(
        layer,
        threshold=threshold,
    ).pairs == pytest.approx(share)


def test_closed_forms():
    rng = np.random.default_rng(1)
    lines = np.vstack([np.eye(3)] * 4)
    assert line_sizes(
        lines,
        threshold=0.9,
    ).tolist() == [4, 4, 4]
    # three lines of four units each: 3·6 of 66 pairs
    assert aligned_pairs(lines, threshold=0.9) == pytest.approx(18 / 66)
    scaled = rng.permutation(lines) * rng.choice([-3.0, 0.2], (12, 1))
    assert line_sizes(
        scaled,
        threshold=0.9,
    ).tolist() == [4, 4, 4]
    one_line = np.outer(rng.standard_normal(5), [1.0, 2.0])
    assert aligned_pairs(one_line, threshold=0.99) == 1


def test_degenerate_layers():
    nothing = np.zeros((3, 2))
    assert line_sizes(nothing, threshold=0.9).tolist() == []
    shares = line_shares(nothing, threshold=0.9)
    assert (shares.lines, shares.largest, shares.covered) == (0, 0.0, 0.0)
    assert np.isnan(shares.pairs)
    assert np.isnan(
        aligned_pairs(
            np.ones((1, 2)),
            threshold=0.9,
        )
    )


def test_alignment_against_a_loop(layer):
    rng = np.random.default_rng(2)
    lines = rng.standard_normal((3, 4))
    lines /= np.linalg.norm(
        lines,
        axis=1,
        keepdims=True,
    )
    measured = alignment(layer, lines)
    for row, value in zip(
        layer,
        measured,
        strict=True,
    ):
        if row.any():
            largest = max(slow_cosine(row, line) for line in lines)
            assert value == pytest.approx(largest)
        else:
            assert np.isnan(value)


def test_alignment_by_hand():
    rows = np.array([[3.0, 0.0], [1.0, -1.0], [0.0, 0.0]])
    lines = np.array([[1.0, 0.0], [0.6, 0.8]])
    measured = alignment(rows, lines)
    np.testing.assert_allclose(measured[:2], [1.0, np.sqrt(0.5)])
    assert np.isnan(measured[2])
    assert np.isnan(alignment(np.ones((2, 2)), np.empty((0, 2)))).all()


REFUSED = {
    "weights: given nan": lambda: aligned_pairs(
        np.full((2, 2), np.nan),
        threshold=0.9,
    ),
    "threshold: given 1.0": lambda: line_sizes(
        np.ones((2, 2)),
        threshold=1.0,
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_bad_input_is_refused_with_a_remedy(message):
    with pytest.raises(InvalidInputError, match=message):
        REFUSED[message]()
