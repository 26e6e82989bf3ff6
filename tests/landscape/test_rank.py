"""Model rank against the closed forms of two-layer tanh nets, matrix products and a
bilinear model.
"""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.landscape import Problem, jacobian_rank, model_rank, null, split


def closed_form(w, a):
    """m_w + m_a d by loops over units: distinct nonzero ±w, and those of them that some
    output weight uses.
    """
    seen = []
    for row, out in zip(
        w,
        a,
        strict=True,
    ):
        if not row.any():
            continue
        for entry in seen:
            if np.allclose(row, entry[0]) or np.allclose(row, -entry[0]):
                entry[1] = entry[1] or out != 0
                break
        else:
            seen.append([row, bool(out != 0)])
    return len(seen) + sum(used for _, used in seen) * w.shape[1]


@pytest.mark.parametrize("seed", range(6))
def test_two_layer_tanh(seed):
    random = np.random.default_rng(seed)
    w, a = (
        random.normal(
            size=(4, 2),
        ),
        random.normal(
            size=4,
        ),
    )
    if seed % 3 == 1:
        w[1], w[2] = w[0], -w[0]
    if seed % 3 == 2:
        a[3], w[1] = 0.0, w[0]
    found = model_rank([(w, None), (a[None], None)], "tanh")
    assert found.decided
    assert found.rank == closed_form(w, a)


def test_splits_and_null_units_keep_the_rank():
    random = np.random.default_rng(7)
    net = [
        (random.normal(size=(3, 2)), random.normal(size=3)),
        (random.normal(size=(1, 3)), np.array([0.3])),
    ]
    problem = Problem(
        random.normal(size=(9, 2)),
        random.normal(size=9),
        "tanh",
    )
    rank = model_rank(net, "tanh").rank
    assert rank == 3 * (1 + 3) + 1
    assert (
        model_rank(
            split(
                net,
                problem,
                layer=1,
                unit=1,
                alpha=0.3,
                spectrum=False,
            )[0],
            "tanh",
        ).rank
        == rank
    )
    # the new unit's constant is the function of the output bias
    assert (
        model_rank(
            null(
                net,
                problem,
                layer=1,
                bias=0.5,
                spectrum=False,
            )[0],
            "tanh",
        ).rank
        == rank
    )


@pytest.mark.parametrize("r", [1, 2, 3])
def test_matrix_factorisation(r):
    d, random = 4, np.random.default_rng(r)
    u, s, v = np.linalg.svd(
        random.normal(
            size=(d, r),
        )
        @ random.normal(
            size=(r, d),
        )
    )
    A, B = u[:, :r] * s[:r], v[:r]
    A, B = np.pad(A, ((0, 0), (0, d - r))), np.pad(B, ((0, d - r), (0, 0)))
    rows = []
    for i in range(d):
        for j in range(d):
            gradient_a, gradient_b = np.zeros((d, d)), np.zeros((d, d))
            gradient_a[i], gradient_b[:, j] = B[:, j], A[i]
            rows.append(np.concatenate([gradient_a.ravel(), gradient_b.ravel()]))
    assert jacobian_rank(np.array(rows)).rank == 2 * r * d - r * r


@pytest.mark.parametrize(
    ("t", "rank"),
    [((1.0, 1.0, 0.0, 0.0), 2), ((1.0, 1.0, 0.5, 0.0), 3), ((0.0, 2.0, 1.0, 1.0), 3)],
)
def test_bilinear_model(t, rank):
    x = np.random.default_rng(0).normal(size=(10, 2))
    J = np.column_stack([np.ones(10), x[:, 0], t[3] * x[:, 1], t[2] * x[:, 1]])
    assert jacobian_rank(J).rank == rank


def test_an_undecided_rank_says_so():
    found = jacobian_rank(np.diag([1.0, 1e-7, 3e-9]))
    assert (found.rank, found.decided) == (2, False)
    assert jacobian_rank(np.zeros((2, 2))).rank == 0


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: jacobian_rank(np.full((2, 2), np.inf)), "jacobian"),
        (lambda: jacobian_rank(np.eye(2), tolerance=1.0), "tolerance"),
        (
            lambda: model_rank(
                [(np.ones((1, 2)), None)], "tanh", inputs=np.ones((3, 1))
            ),
            "inputs",
        ),
    ],
)
def test_refusals(call, what):
    with pytest.raises(InvalidInputError) as caught:
        call()
    assert caught.value.what == what
