"""The figures of the landscape: their numbers, what is drawn, and what is refused."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.plots._style import PAGE
from condensery.records import Table


def edges():
    """A 2-2-1 net whose unit 0 is split; weights are their place in the list."""
    rows = []
    for side, hidden in ((0, 2), (1, 3)):
        touched = {0} if side == 0 else {0, 2}
        rows += [
            (side, 1, unit, before, 1.0 + before, int(unit in touched)) for unit in range(hidden) for before in (0, 1)
        ]
        rows += [(side, 2, 0, unit, -1.0, 2 * int(unit in touched)) for unit in range(hidden)]
    columns = np.array(rows).T
    names = ("side", "layer", "unit", "before", "weight", "kind")
    return {"edges": Table(columns=dict(zip(names, columns, strict=True)))}


def spectra():
    lifts = {
        f"{when}_{kind}": [n] for when, n in (("before", 1), ("after", 2)) for kind in ("negative", "zero", "positive")
    }
    return {
        "spectra": Table(
            columns={"activation": ["relu"] * 9, "when": [0] * 3 + [1] * 6,
                     "eigenvalue": [4.0, -2.0, 0.0, 8.0, -8.0, 0.0, 0.0, 1.0, -1.0]}
        ),
        "lifts": Table(columns={"activation": ["relu"], **lifts}),
    }  # fmt: skip


def linearity():
    grid = [
        (h, n, b, s, t) for h, n, b in ((1, 8, 0), (3, 4, 0), (3, 8, 0), (3, 8, 1)) for s in (0, 1) for t in (10, 100)
    ]
    hidden, samples, norm, seed, step = np.array(grid).T
    common = {"hidden": hidden, "samples": samples, "batch_norm": norm, "seed": seed, "step": step}
    layers = {name: np.repeat(column, 2) for name, column in common.items()}
    score = 1 - 0.01 * layers["samples"] / 8 * (layers["step"] == 100) - 0.1 * layers["batch_norm"]
    layer = np.tile([1, 2], len(hidden))
    return {
        "curves": Table(columns={**common, "loss": 1.0 / step + seed}),
        "scores": Table(columns={**layers, "layer": layer, "score": np.where(layer == 1, 1.0, score)}),
    }


def dimensions():
    return {
        "dimensions": Table(
            columns={"hidden": [1, 2, 2], "counted": [1, 3, 5], "tangent": [1, 3, 5], "narrow_zero": [2, 0, 0],
                     "wide_zero": [3, 4, 9], "decided": [1, 1, 0]}
        )
    }  # fmt: skip


def reduction():
    step = np.array([1, 10, 100])
    return {
        "training": Table(columns={"seed": [0] * 3 + [1] * 3, "step": np.tile(step, 2), "loss": np.tile(1 / step, 2),
                                   "width": [9, 1, 5] * 2}),
        "retraining": Table(columns={"seed": [0, 0, 1, 1], "step": [0, 5, 0, 5], "narrow": [0.2, 0.1] * 2,
                                     "wide": [0.1, 0.05] * 2}),
        "members": Table(columns={"seed": [0, 1], "step": [10, 100], "loss": [0.1, 0.3]}),
        "cosines": Table(columns={"cosine": np.eye(4)}),
    }  # fmt: skip


CASES = {
    "embedded_network": (edges, 2), "depth_spectra": (spectra, 1), "layer_linearity": (linearity, 3),
    "manifold_dimension": (dimensions, 1), "reduction": (reduction, 3),
}  # fmt: skip
NAMES = pytest.mark.parametrize("name", CASES)


@NAMES
def test_drawn_legibly_on_own_and_given_axes(name):
    tables, count = CASES[name]
    module = getattr(plots, name)
    data = module.figure_data(tables())
    figure = module.draw(data)
    assert figure.get_figwidth() <= PAGE
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    assert min(text.get_fontsize() for text in texts) >= 7.0
    own = Figure(figsize=(14, 6))
    given = np.atleast_1d(own.subplots(1, count))
    assert module.draw(data, given[0] if count == 1 else given) is own
    with pytest.raises(InvalidInputError, match=f"allowed: {count} matplotlib Axes"):
        module.draw(data, [Figure().subplots()] * (count + 1))


@NAMES
def test_missing_tables_are_named(name):
    with pytest.raises(InvalidInputError, match="tables: given none"):
        getattr(plots, name).figure_data({})


def test_the_drawn_network_knows_what_was_split():
    data = plots.embedded_network.figure_data(edges())
    assert (data.before.widths, data.after.widths, data.split) == ((2, 2, 1), (2, 3, 1), (1, 0))
    assert data.after.edges[data.after.kinds == 2].tolist() == [[2, 0, 0], [2, 0, 2]]
    labels = [text.get_text() for text in plots.embedded_network.draw(data).axes[1].texts]
    assert sorted(labels) == ["1", "1", "2", "2", "−1", "−1"]


def test_spectra_are_over_the_largest_and_ascend():
    data = plots.depth_spectra.figure_data(spectra())
    np.testing.assert_allclose(data.before[0], [-0.5, 0.0, 1.0])
    np.testing.assert_allclose(data.after[0], [-1, -0.125, 0, 0, 0.125, 1])
    assert data.counts == (((1, 1, 1), (2, 2, 2)),)
    assert plots.depth_spectra.draw(data).axes[0].get_yscale() == "symlog"


def test_scores_are_the_least_of_the_layers_and_the_median_of_the_seeds():
    data = plots.layer_linearity.figure_data(linearity())
    np.testing.assert_allclose(data.plain[1], [1.0, 0.99])
    np.testing.assert_allclose(data.normalised[1], [0.9, 0.89])
    np.testing.assert_allclose(np.array(data.final), [[0.995, 0.995], [0.99, 0.99]])
    np.testing.assert_allclose(data.losses[1][1], [0.6, 0.51])


def test_undecided_spectra_are_not_drawn():
    data = plots.manifold_dimension.figure_data(dimensions())
    assert data.hidden == (1, 2)
    assert [one.tolist() for one in data.gained] == [[1], [4]]
    assert [one.tolist() for one in data.tangent] == [[1], [3]]


def test_reduction_marks_where_it_was_merged():
    data = plots.reduction.figure_data(reduction())
    assert data.merged_at == ((10, 0.1), (100, 0.3))
    assert data.before == pytest.approx(0.2)
    assert [curve[1].tolist() for curve in data.narrow] == [[0.2, 0.1]] * 2
