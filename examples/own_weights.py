"""How condensed is a layer of your own network?

Its weights as NumPy arrays are all that is needed.

The network here is trained by scikit-learn, so that the example runs anywhere. From a
PyTorch model the same three arrays are ``layer.weight.detach().numpy()``,
``layer.bias.detach().numpy()`` and the norms of the next layer's columns,
``next_layer.weight.detach().norm(dim=0).numpy()``.

Run it: python examples/own_weights.py
"""

# %% A network: one hidden layer of 200 units that reads handwritten digits
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from condensery.metrics import condensation, cosine_matrix, relative_distance

WIDTH = 200


def train(scale, iterations, samples=45):
    """The layer (w, b) and the outgoing weights, before and after; the start is `scale`
    times the usual one.
    """
    x, digit = load_digits(return_X_y=True)
    x, y = x[:samples] / 16, digit[:samples] / 9
    network = MLPRegressor(
        hidden_layer_sizes=(WIDTH,),
        learning_rate_init=0.002,
        max_iter=1,
        warm_start=True,
        random_state=0,
        alpha=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # one step at a time is what we ask for
        network.fit(x, y)
        for array in (*network.coefs_, *network.intercepts_):
            array *= scale
        initial = layer(network)
        network.set_params(max_iter=iterations, n_iter_no_change=iterations).fit(x, y)
    return initial, layer(network)


def layer(network):
    """Rows (w, b), one per unit, and the norm of what leaves each unit."""
    rows = np.column_stack([network.coefs_[0].T, network.intercepts_[0]])
    return rows, np.linalg.norm(network.coefs_[1], axis=1)


# %% Measure it
def describe(scale, iterations):
    """One line about the layer before and after, and the measures after."""
    (w0, a0), (w, a) = train(scale, iterations)
    before, after = (
        condensation(w0, a0, threshold=0.95),
        condensation(w, a, threshold=0.95),
    )
    print(
        f"start x {scale:<5} RD {relative_distance(w0, w):6.2f}   effective neurons: "
        f"{before.effective_neurons} before, {after.effective_neurons} after, of "
        f"{after.active_units} active; "
        f"the largest group has {after.group_shares[0]:.0%} of the amplitude"
    )
    return w, a, after


# %% From the usual start and from a small one
if __name__ == "__main__":
    for factor in (1.0, 0.01):
        weights, outgoing, found = describe(factor, 300)
    # The picture of it: cosines between all active units, ordered so that groups are
    # blocks.
    active = np.flatnonzero(found.groups >= 0)
    ordered = cosine_matrix(weights[active])
    print("cosines between every 20th active unit, sorted:")
    print(np.round(ordered.matrix[::20, ::20], 1))
