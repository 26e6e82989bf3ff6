"""The figure of the calibration: every verdict in its place, the boundary of each
layer, a ring around a wrong one.
"""

import numpy as np
import pytest

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.theory import boundary


def test_numbers(tables):
    hidden, output = plots.verdicts.figure_data(tables["verdicts"]())
    assert hidden.layer == "hidden"
    assert output.layer == "output"
    assert (
        hidden.verdict.tolist()
        == ["linear", "undetermined", "critical", "condensed"] * 2
    )
    assert hidden.gamma_prime.tolist() == [-0.2] * 4 + [0.3] * 4
    assert int(np.sum(~hidden.right)) == 1
    assert int(np.sum(~output.right)) == 0
    for layer, sign in ((hidden, 1), (output, -1)):
        gamma, prime = layer.line.T
        assert gamma == pytest.approx(boundary(sign * prime))
        assert prime.min() == pytest.approx(-0.28)
        assert prime.max() == pytest.approx(0.38)
        assert 0.0 in prime


def test_what_is_drawn(tables):
    figure = plots.verdicts.draw(plots.verdicts.figure_data(tables["verdicts"]()))
    left, right = figure.axes
    for ax in (left, right):
        shown = {line.get_label(): line for line in ax.lines}
        assert shown["critical"].get_xdata().tolist() == [1.0, 1.0]
        assert shown["condensed"].get_ydata().tolist() == [-0.2, 0.3]
    rings = [ax.lines[-1] for ax in (left, right)]
    assert [len(ring.get_xdata()) for ring in rings] == [1, 0]
    assert rings[0].get_xdata().tolist() == [1.5]
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert entries == [
        "linear",
        "critical",
        "condensed",
        "undetermined",
        "boundary in theory",
        "wrong",
    ]


def test_a_layer_that_is_not_there_is_refused(tables):
    with pytest.raises(
        InvalidInputError, match="given middle; allowed: hidden, output"
    ):
        plots.verdicts.figure_data(
            tables["verdicts"](),
            layers=["middle"],
        )
