"""The figures of initial condensation: their numbers, that they are legible, and on a user's Axes."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.plots._style import PAGE
from condensery.records import Table

NAMES = ["tanh", "sigmoid", "softplus", "xtanh", "relu"]


def on_a_line():
    rng = np.random.default_rng(0)
    name = np.repeat(NAMES, 6)
    vectors = {key: rng.standard_normal(30) for key in ("w", "b", "dw", "db")}
    vectors["dw"][0] = vectors["db"][0] = 0.0
    columns = {"activation": name, **vectors}
    x = np.tile(np.linspace(0, 1, 3), 10)
    lines = {
        "activation": np.repeat(NAMES, 6), "step": np.tile([20, 20, 20, 5, 5, 5], 5), "degree": np.ones(30, dtype=int),
        "x": x, "model": x * np.tile([2, 2, 2, 1, 1, 1], 5), "polynomial": x, "target": x**2,
    }  # fmt: skip
    return {
        "neurons": Table(columns={**columns, "step": np.full(30, 100)}),
        "field": Table(columns=columns),
        "predicted": Table(columns={"activation": ["tanh", "xtanh", "xtanh"], "w": [1.0, 0, 0.6], "b": [0, 1.0, 0.8]}),
        "output": Table(columns=lines),
    }


def cosines():
    rng = np.random.default_rng(1)
    grids = rng.uniform(-1, 1, (7, 4, 4))
    parts = ["five", "five", "five", "demo-b", "demo-b", "demo-b", "demo-b"]
    optimisers = ["Adam", "Adam", "gradient descent", "Adam", "Adam", "Adam", "gradient descent"]
    return {
        "cosines": Table(
            columns={
                "part": parts, "activation": ["tanh"] * 7, "optimiser": optimisers,
                "step": [0, 100, 900, 0, 1, 101, 1200], "cosine": grids,
            }
        ),
        "deep": Table(
            columns={
                "residual": np.repeat([True, False], 4), "layer": [1, 2, 1, 2, 1, 2, 1, 2],
                "activation": ["tanh", "xtanh"] * 4, "draw": [0, 0, 1, 1] * 2, "step": [9, 8] * 4,
                "cosine": np.arange(8.0)[:, None, None] / 8 * np.ones((8, 3, 3)),
            }
        ),
    }  # fmt: skip


def measures(draws=3):
    rows = []
    for part, names in (("five", NAMES), ("line", NAMES), ("demo-b", ["tanh"])):
        for optimiser, steps in (("Adam", [0, 10, 200]), ("gradient descent", [0, 700])):
            for name in names:
                for step in steps:
                    for draw in range(draws):
                        rows.append(
                            {"part": part, "activation": name, "optimiser": optimiser, "draw": draw, "step": step,
                             "last": step == steps[-1], "lines": 1.0 + draw * 3, "moved": step / 1000,
                             "aligned": 0.2 * draw + step / 1000, "sign_aligned": 0.5}
                        )  # fmt: skip
    return {"measures": Table(columns={key: np.array([row[key] for row in rows]) for key in rows[0]})}


def plane():
    grid = np.array([(g, p) for p in (-0.5, 0.0, 0.5) for g in (1.0, 2.0, 3.0)])
    width = np.tile([100, 1000], 4)
    members = {
        "part": ["row"] * 8, "gamma": np.repeat([2.0, 3.0], 4), "gamma_prime": np.zeros(8), "width": width,
        "rd": width / 50.0, "rd_closed": width / 60.0, "alignment": np.full(8, 0.9),
        "alignment_closed": np.full(8, 0.95), "growth": np.log(width), "growth_closed": np.log(width) + 0.1,
    }  # fmt: skip
    slopes = {"gamma": grid[:, 0], "gamma_prime": grid[:, 1], "slope": grid[:, 0] - 1 - grid[:, 1]}
    slopes |= {"alignment": np.linspace(0, 1, 9), "time_slope": np.append(np.linspace(0, 1, 8), np.nan)}
    return {"members": Table(columns=members), "slopes": Table(columns=slopes)}


def kernels():
    cosine = np.linspace(1, 0, 12)
    step = np.tile([0, 10, 600], 4)
    return {
        "kernels": Table(
            columns={"std": np.repeat([1e-2, 1e-5], 6), "cosine": cosine, "cosine_linear": np.minimum(1, cosine + 0.1)}
        ),
        "followed": Table(
            columns={
                "activation": np.repeat(["tanh", "xtanh"], 6), "std": np.repeat([0.1, 1e-3], 6),
                "seed": [0, 0, 0, 1, 1, 1] * 2, "step": step,
                "accuracy": step / 1000, "pairs": np.tile([0.0, 0.5, 1.0, 0.0, 0.7, 1.0], 2),
            }
        ),
    }  # fmt: skip


CASES = {
    "field": lambda: (plots.direction_field, on_a_line(), {}, 5),
    "outputs": lambda: (plots.early_outputs, on_a_line(), {}, 5),
    "cosines": lambda: (plots.cosine_maps, cosines(), {"part": "demo-b"}, 4),
    "cosines, five": lambda: (plots.cosine_maps, cosines(), {}, 1),
    "cosines, deep": lambda: (plots.cosine_maps, cosines(), {"part": "deep"}, 4),
    "counts": lambda: (plots.line_counts, measures(), {}, 2),
    "alignment": lambda: (plots.alignment, measures(), {}, 2),
    "widths": lambda: (plots.initial_widths, plane(), {}, 3),
    "map": lambda: (plots.initial_map, plane(), {}, 3),
    "kernels": lambda: (plots.kernel_alignment, kernels(), {}, 1),
    "learning": lambda: (plots.kernels_while_learning, kernels(), {}, 2),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]()


def test_legible_whole_and_the_same_every_time(case):
    module, tables, options, _ = case
    figure = module.draw(module.figure_data(tables, **options))
    assert figure.get_figwidth() <= PAGE
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    assert min(text.get_fontsize() for text in texts) >= 7.0
    titles = [ax.title for ax in figure.axes if ax.title.get_text()]
    for title in titles:
        box = title.get_window_extent()
        assert box.x0 > -1
        assert box.x1 < figure.bbox.x1 + 1
    again = plots.render(module.draw(module.figure_data(tables, **options)), "png")
    assert plots.render(figure, "png") == again


def test_on_a_users_axes(case):
    module, tables, options, count = case
    data = module.figure_data(tables, **options)
    given = np.atleast_1d(Figure(figsize=(14, 4)).subplots(1, count + 1))
    module.draw(data, given[0] if count == 1 else given[:-1])
    assert all(ax.has_data() for ax in given[:-1])
    assert not given[-1].has_data()
    with pytest.raises(InvalidInputError, match=f"allowed: {count} matplotlib Axes"):
        module.draw(data, given)


def test_missing_tables_are_named(case):
    module, _, options, _ = case
    with pytest.raises(InvalidInputError, match="tables"):
        module.figure_data({}, **options)


@pytest.mark.parametrize("module", [plots.cosine_maps, plots.line_counts, plots.alignment])
def test_a_part_that_was_not_run_is_refused(module):
    with pytest.raises(InvalidInputError, match="part: given six"):
        module.figure_data({**cosines(), **measures()}, part="six")


def test_arrows_have_length_one_or_none():
    data = plots.direction_field.figure_data(on_a_line())
    lengths = np.linalg.norm(data.panels[0].motion, axis=1)
    np.testing.assert_allclose(lengths, [0, 1, 1, 1, 1, 1])
    assert np.linalg.norm(data.panels[1].field_motion, axis=1).max() == pytest.approx(1)
    assert [len(one.lines) for one in data.panels] == [1, 0, 0, 2, 0]


def test_outputs_come_in_the_order_of_their_steps():
    data = plots.early_outputs.figure_data(on_a_line())
    assert [curve.step for curve in data.panels[0].curves] == [5, 20]
    np.testing.assert_allclose(data.panels[0].curves[1].model, [0, 1, 2])


def test_maps_and_their_titles():
    assert [one.title for one in plots.cosine_maps.figure_data(cosines(), part="demo-b").maps] == [
        "start", "Adam, step 1", "Adam, step 101", "descent, step 1200",
    ]  # fmt: skip
    deep = plots.cosine_maps.figure_data(cosines(), part="deep")
    # the second draw: rows 2 and 3 with residuals, 6 and 7 without
    assert [float(one.cosine[0, 0]) for one in deep.maps] == [2 / 8, 3 / 8, 6 / 8, 7 / 8]
    assert deep.maps[1].title == "x tanh x, step 8"


def test_counts_and_shares_by_hand():
    data = plots.line_counts.figure_data(measures(), most=6)
    # lines 1, 4 and 7 in three draws
    np.testing.assert_array_equal(data.counts[0], [0, 1, 0, 0, 1, 0, 1])
    # of Adam the step before the last, of descent the last
    np.testing.assert_allclose(data.moved[:, 0], [0.01, 0.7])


def test_courses_are_medians_with_their_range():
    adam, descent = plots.alignment.figure_data(measures()).courses
    np.testing.assert_allclose(adam.aligned, [0.2, 0.21, 0.4])
    np.testing.assert_allclose([adam.low[1], adam.high[1]], [0.01, 0.41])
    assert descent.step.tolist() == [0, 700]


def test_the_map_has_a_hole_where_nothing_was_measured():
    data = plots.initial_map.figure_data(plane())
    assert np.isnan(data.values[2, 2, 2])
    np.testing.assert_allclose(data.values[0], np.array([1.0, 2, 3]) - 1 - np.array([[-0.5], [0], [0.5]]))


def test_series_and_courses_of_means():
    series = plots.initial_widths.figure_data(plane()).series
    assert [one.cell for one in series] == [(2.0, 0.0), (3.0, 0.0)]
    np.testing.assert_allclose(series[0].closed[0], [100 / 60, 1000 / 60])
    course = plots.kernels_while_learning.figure_data(kernels()).courses[0]
    np.testing.assert_allclose(course.pairs, [0, 0.6, 1])
    assert [one.std for one in plots.kernel_alignment.figure_data(kernels()).scales] == [1e-5, 1e-2]
