"""The step parameter that a tolerance on RD stands for."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.engine import Ensemble, calibrate_eta, flow

X = np.linspace(-0.5, 0.5, 4)[:, None]
Y = X[:, 0] ** 2
CELLS = [(0.6, 0.0), (1.0, 0.0), (1.3, 0.2), (0.9, -0.3)]


def cells(width, seeds=(0,)):
    rows = [(width, seed, gamma, prime) for gamma, prime in CELLS for seed in seeds]
    return Ensemble(*(np.array(column) for column in zip(*rows, strict=True)))


@pytest.mark.slow
@pytest.mark.parametrize("tolerance", [0.02, 0.005])
def test_rd_is_that_of_a_much_finer_run_to_a_few_tolerances(tolerance):
    # A smooth activation, where RD converges without the scatter of units that cross a
    # kink.
    members, options = cells(12), {"activation_name": "tanh"}
    eta = calibrate_eta(
        members,
        X,
        Y,
        tolerance=tolerance,
        **options,
    )
    coarse, fine = (
        flow(
            members,
            X,
            Y,
            eta=eta,
            **options,
        ),
        flow(
            members,
            X,
            Y,
            eta=eta / 16,
            **options,
        ),
    )
    assert np.all(np.abs(coarse.rd / fine.rd - 1) <= tolerance), (
        coarse.rd,
        fine.rd,
        eta,
    )


@pytest.mark.slow
def test_on_relu_too_at_an_ordinary_width():
    members = Ensemble.grid(
        widths=[2000],
        gammas=[0.6, 1.2],
        seeds=[0, 1],
    )
    eta = calibrate_eta(members, X, Y, tolerance=0.005)
    coarse, fine = flow(members, X, Y, eta=eta), flow(members, X, Y, eta=eta / 8)
    assert np.all(np.abs(coarse.rd / fine.rd - 1) <= 0.005), (coarse.rd, fine.rd, eta)


def test_a_tighter_tolerance_asks_for_shorter_steps():
    etas = [
        calibrate_eta(
            cells(12),
            X,
            Y,
            tolerance=t,
            activation_name="tanh",
        )
        for t in (0.3, 0.02, 1e-4)
    ]
    assert np.all(np.diff(etas, axis=0) <= 0)
    assert np.all(etas[2] < etas[0])
    assert np.all((np.array(etas) >= 0.4 / 128) & (np.array(etas) <= 0.1))
    assert np.all(np.isin(np.array(etas), 0.4 / 2.0 ** np.arange(2, 8)))


def test_a_family_has_one_eta_and_its_narrowest_member_finds_it():
    def joined(*ensembles):
        columns = [
            [getattr(e, name) for e in ensembles]
            for name in ("widths", "seeds", "gammas", "gamma_primes")
        ]
        return Ensemble(*(np.concatenate(column) for column in columns))

    narrow, options = cells(12), {"tolerance": 0.01, "activation_name": "tanh"}
    alone = calibrate_eta(narrow, X, Y, **options)
    # Neither wider members nor further seeds nor the order change it; they are not even
    # run.
    found = calibrate_eta(
        joined(cells(10**5, seeds=(3,)), narrow, cells(12, seeds=(1, 2))),
        X,
        Y,
        **options,
    )
    assert found.tolist() == [*alone, *alone, *np.repeat(alone, 2)]
    assert (
        calibrate_eta(narrow.subset([2, 0]), X, Y, **options).tolist()
        == alone[[2, 0]].tolist()
    )


@pytest.mark.parametrize("tolerance", [0.0, -1.0, float("nan")])
def test_a_tolerance_is_positive(tolerance):
    with pytest.raises(InvalidInputError, match="tolerance: given"):
        calibrate_eta(cells(12), X, Y, tolerance=tolerance)
