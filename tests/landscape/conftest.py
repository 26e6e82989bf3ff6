"""Random nets and data for the landscape."""

from itertools import pairwise

import numpy as np
import pytest

from condensery import landscape
from condensery.landscape import Problem
from condensery.theory import random_embedding


def random_net(rng, sizes, *, output_bias=True, scale=1.0):
    """A net of the given sizes; hidden layers always have biases."""
    layers = []
    for index, (into, out) in enumerate(pairwise(sizes)):
        bias = (
            scale * rng.standard_normal(out)
            if output_bias or index < len(sizes) - 2
            else None
        )
        layers.append((scale * rng.standard_normal((out, into)), bias))
    return layers


def random_problem(
    rng,
    net,
    activation="tanh",
    *,
    samples=12,
    factor=1.0,
):
    """Data that a net of these sizes can be given."""
    x = rng.standard_normal((samples, net[0][0].shape[1]))
    y = rng.standard_normal((samples, net[-1][0].shape[0]))
    return Problem(x, y, activation, factor)


@pytest.fixture
def make():
    """``make(seed, sizes, activation, ...)`` -> (net, problem)."""

    def made(
        seed,
        sizes,
        activation="tanh",
        *,
        output_bias=True,
        samples=12,
        factor=1.0,
    ):
        rng = np.random.default_rng(seed)
        net = random_net(rng, sizes, output_bias=output_bias)
        return net, random_problem(
            rng,
            net,
            activation,
            samples=samples,
            factor=factor,
        )

    return made


def at_a_critical_point(
    seed, sizes, activation, *, output_bias=True, samples=None, factor=1.0
):
    """A random net and targets whose errors are in the null space of its gradient,
    which is linear in the errors.
    """
    rng = np.random.default_rng([seed, *sizes])
    net = random_net(rng, sizes, output_bias=output_bias)
    count = samples or -(-(landscape.parameter_count(net) + 3) // sizes[-1])
    x = rng.standard_normal((count, sizes[0]))
    J = landscape.jacobian(net, x, activation)
    values, right = np.linalg.svd(J.reshape(-1, J.shape[-1]).T, full_matrices=True)[1:]
    rank = int((values > 1e-10 * values[0]).sum())
    errors = right[rank:].T @ rng.standard_normal(len(right) - rank)
    return net, Problem(
        x,
        landscape.forward(net, x, activation) - errors.reshape(J.shape[:2]),
        activation,
        factor,
    )


def _hidden(net):
    return len(net) - 1


def _compatible(net, problem, seed, *, spectrum=False):
    sizes = landscape.widths(net)
    add = {layer: 1 + layer % 2 for layer in range(1, len(net))}
    needs_bias = any(bias is None for _, bias in net)
    made = random_embedding(
        sizes,
        add=add,
        nulls={} if needs_bias else {1: 1, _hidden(net): 1},
        seed=seed,
    )
    return landscape.compatible(net, problem, made, spectrum=spectrum)


MOVES = {
    "split": lambda net, problem, seed, spectrum=False: landscape.split(
        net,
        problem,
        layer=1 + seed % _hidden(net),
        unit=seed % 2,
        alpha=[-3.0, 0.4, 2.7][seed % 3],
        spectrum=spectrum,
    ),
    "split_many": lambda net, problem, seed, spectrum=False: landscape.split_many(
        net,
        problem,
        layer=_hidden(net),
        unit=1,
        fractions=[0.5, -1.0, 1.5],
        spectrum=spectrum,
    ),
    "null": lambda net, problem, seed, spectrum=False: landscape.null(
        net,
        problem,
        layer=_hidden(net),
        bias=0.0 if net[-1][1] is None else 0.7,
        spectrum=spectrum,
    ),
    "compatible": _compatible,
    "global_three": lambda net, problem, seed, spectrum=False: landscape.global_three(
        net, problem, spectrum=spectrum
    ),
}


@pytest.fixture(scope="session")
def critical_problem():
    """``critical_problem(seed, sizes, activation, ...)`` -> (net, problem at which it
    is critical).
    """
    return at_a_critical_point


@pytest.fixture(scope="session")
def moves():
    """``moves[name](net, problem, seed)``: every operator that widens a net and keeps
    output and criticality.
    """
    return MOVES
