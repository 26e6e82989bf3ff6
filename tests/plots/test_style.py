"""Colours tell apart for colour-blind readers and in grey."""

from __future__ import annotations

import itertools
import threading

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from condensery.plots import _style
from condensery.plots.scatter_grid import LAYERS

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
BLIND = {
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}


def lab(colour: str, seen_by: str | None = None) -> np.ndarray:
    """CIELAB of a colour, as a reader sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(
        rgb <= 0.04045,
        rgb / 12.92,
        ((rgb + 0.055) / 1.055) ** 2.4,
    )
    if seen_by:
        linear = np.clip(np.array(BLIND[seen_by]) @ linear, 0, 1)
    xyz = (
        np.array(
            [
                [0.4124, 0.3576, 0.1805],
                [0.2126, 0.7152, 0.0722],
                [0.0193, 0.1192, 0.9505],
            ]
        )
        @ linear
    )
    ratio = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", [None, *BLIND])
def test_colours_used_together_differ(eye):
    together = [
        [_style.BEFORE.colour, _style.AFTER.colour, _style.INK],
        [colour for colour, _ in LAYERS],
        list(_style.PALETTE[:5]),
    ]
    for group in together:
        for one, other in itertools.combinations(group, 2):
            assert np.linalg.norm(lab(one, eye) - lab(other, eye)) > 20, (
                one,
                other,
                eye,
            )


def test_the_check_can_fail():
    red, green = "#A04020", "#506A20"
    assert np.linalg.norm(lab(red) - lab(green)) > 40
    assert np.linalg.norm(lab(red, "deuteranopia") - lab(green, "deuteranopia")) < 20


def test_in_grey():
    assert lab(_style.BEFORE.colour)[0] - lab(_style.AFTER.colour)[0] > 10
    lightness = [lab(colour)[0] for colour, _ in LAYERS]
    assert min(-np.diff(lightness)) > 15
    assert len(set(_style.MARKERS)) == len(_style.MARKERS) == len(_style.PALETTE)
    assert _style.BEFORE.hollow != _style.AFTER.hollow
    assert _style.BEFORE.dashes != _style.AFTER.dashes


def test_the_map_is_symmetric_in_lightness_about_white():
    cmap = colormaps["RdBu_r"]
    lightness = np.array(
        [lab(mpl.colors.to_hex(cmap(x)))[0] for x in np.linspace(0, 1, 21)]
    )
    np.testing.assert_allclose(lightness, lightness[::-1], atol=14)
    assert lightness.argmax() == 10
    assert lightness[10] > 95


def test_the_ends_of_the_map_of_signs_differ_in_grey():
    cmap = _style.colour_map("signs")
    places = (0.0, 0.5, 1.0)
    ends = [mpl.colors.to_hex(cmap(place)) for place in places]
    blue, white, red = (lab(colour)[0] for colour in ends)
    assert white > 95
    gap = red - blue
    assert gap > 25
    assert white - red > 25
    for eye in BLIND:
        low = lab(ends[0], eye)
        high = lab(ends[2], eye)
        assert np.linalg.norm(low - high) > 40


def test_threads_do_not_leave_the_style_crosswise():
    before = dict(mpl.rcParams)

    def enter() -> None:
        for _ in range(5):
            with _style.style():
                assert mpl.rcParams["font.size"] == pytest.approx(8.5)

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dict(mpl.rcParams) == before
