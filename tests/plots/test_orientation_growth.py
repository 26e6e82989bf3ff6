from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from condensery._errors import InvalidInputError
from condensery.plots._frames import frames_of_rows
from condensery.plots.orientation_growth import animate, caption, draw, figure_data
from condensery.records import Table


def test_numbers_are_those_of_the_tables(tables):
    made = tables["growing"]()
    data = figure_data(made)
    assert data.step.tolist() == [100, 1000, 5000, 100000]
    assert data.orientations.tolist() == [1, 2, 3, 4]
    assert data.orientations_product.tolist() == [1, 1, 1, 1]
    assert [frame.step for frame in data.snapshots] == data.step.tolist()
    for frame in data.snapshots:
        rows = made["snapshots"].select(step=frame.step)
        np.testing.assert_array_equal(frame.orientation, rows["orientation"])
        np.testing.assert_allclose(frame.amplitude, rows["amplitude"] / 2.0)
        line = made["output"].select(step=frame.step)
        np.testing.assert_array_equal(frame.model, line["model"])
        np.testing.assert_array_equal(frame.target, line["target"])
    assert [frame.orientations for frame in data.snapshots] == [1, 2, 3, 4]
    assert data.frames == data.snapshots


def test_growth_is_put_in_order_and_many_snapshots_are_thinned(tables):
    made = tables["growing"](steps=tuple(range(1, 21)))
    growth = made["growth"].columns
    made["growth"] = Table(
        columns={
            "step": growth["step"][::-1],
            "orientations": growth["orientations"][::-1],
        }
    )
    data = figure_data(made)
    assert data.step.tolist() == list(range(1, 21))
    assert data.orientations_product.size == 0
    assert [frame.step for frame in data.snapshots] == [1, 5, 9, 12, 16, 20]
    assert len(data.frames) == 20


def test_groups_keep_their_look_and_new_ones_get_another(tables):
    frames = figure_data(tables["growing"]()).snapshots
    angle_of = {}
    for frame in frames:
        assert frame.look[0] == -1
        for look, angle in zip(
            frame.look[1:],
            frame.orientation[1:],
            strict=True,
        ):
            assert abs(angle_of.setdefault(look, angle) - angle) < 0.2
    assert len(angle_of) == 4
    assert [len(set(frame.look[1:])) for frame in frames] == [1, 2, 3, 4]


def test_a_group_keeps_its_look_wherever_it_goes():
    # Group 5 turns from 0 to the other end of the circle, where group 3 stood that is
    # gone; group 8 is new, and looks like neither.
    snapshots = Table(
        columns={
            "step": [1, 1, 2, 2],
            "orientation": [3.1, 0.0, -3.1, 0.05],
            "amplitude": [1.0, 0.5, 0.5, 1.0],
            "group": [3, 5, 5, 8],
        }
    )
    output = Table(
        columns={
            "step": [1, 2],
            "x": [0.0, 0.0],
            "model": [0.0, 0.0],
            "target": [0.0, 0.0],
        }
    )
    first, second = frames_of_rows(snapshots, output, {})
    assert second.look[0] == first.look[1]
    assert len({*first.look.tolist(), *second.look.tolist()}) == 3


def test_neurons_that_are_not_finite_and_a_dead_network_draw(tables):
    made = tables["growing"](steps=(1, 10))
    orientation, amplitude = (
        made["snapshots"]["orientation"].copy(),
        made["snapshots"]["amplitude"].copy(),
    )
    orientation[3], amplitude[12:] = np.nan, 0.0
    made["snapshots"] = Table(
        columns=made["snapshots"].columns
        | {
            "orientation": orientation,
            "amplitude": amplitude,
        }
    )
    data = figure_data(made)
    assert [frame.orientation.size for frame in data.snapshots] == [11, 12]
    assert data.snapshots[1].amplitude.max() == 0
    draw(data)


def test_many_orientations_are_counted_on_a_logarithmic_axis(tables):
    few, many = (
        draw(
            figure_data(
                tables["growing"](
                    steps=tuple(range(1, n)),
                    units=n,
                ),
                at_most=1,
            )
        ).axes[0]
        for n in (5, 40)
    )
    assert (few.get_yscale(), many.get_yscale()) == ("linear", "log")
    assert few.get_xscale() == "log"


def test_captions(tables):
    frames = figure_data(tables["growing"](frames=2)).frames
    assert caption(frames[0], ", ") == "step 0"
    snapshots = figure_data(tables["growing"]()).snapshots
    assert caption(snapshots[0], ", ") == "step 100, 1 orientation"
    assert caption(snapshots[3], ", ") == "step 100\u202f000, 4 orientations"


@pytest.mark.parametrize(("frames", "expected"), [(0, 4), (17, 17)])
def test_the_animation_has_a_picture_per_frame(
    tables,
    frames,
    expected,
    tmp_path,
):
    data = figure_data(tables["growing"](frames=frames))
    buffer = io.BytesIO()
    animate(data, buffer)
    picture = Image.open(buffer)
    assert (picture.format, picture.n_frames, picture.size) == (
        "GIF",
        expected,
        (640, 300),
    )
    assert picture.info["loop"] == 0
    picture.seek(expected - 1)
    assert picture.info["duration"] == 2000
    assert picture.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
    animate(data, tmp_path / "growth.gif")
    assert (tmp_path / "growth.gif").read_bytes() == buffer.getvalue()


def test_a_long_animation_is_thinned_and_small(tables):
    data = figure_data(
        tables["growing"](
            frames=300,
            units=100,
        )
    )
    buffer = io.BytesIO()
    animate(
        data,
        buffer,
        at_most=30,
    )
    assert Image.open(buffer).n_frames == 30
    assert buffer.getbuffer().nbytes < 30 * 20_000


def test_each_frame_shows_its_own_network(tables):
    buffer = io.BytesIO()
    animate(figure_data(tables["growing"](frames=3)), buffer)
    picture = Image.open(buffer)
    shown = []
    for k in range(3):
        picture.seek(k)
        shown.append(np.asarray(picture.convert("RGB")).astype(int))
    for one, other in ((0, 1), (1, 2)):
        changed = np.abs(shown[one] - shown[other]).sum(axis=2) > 60
        assert changed[:, :320].any()
        assert changed[:, 320:].any()
        assert not changed[262:].any(), "axes and labels stand still"


def test_nothing_of_a_frame_is_left_in_the_next(tables):
    made = tables["growing"](frames=3)
    columns = {name: column.copy() for name, column in made["frames"].columns.items()}
    for name in columns.keys() - {"step"}:
        columns[name][2] = columns[name][0]
    buffer = io.BytesIO()
    animate(figure_data(made | {"frames": Table(columns=columns)}), buffer)
    picture = Image.open(buffer)
    pictures = []
    for k in range(3):
        picture.seek(k)
        pictures.append(np.asarray(picture.convert("RGB"))[36:])  # below the caption
    assert (pictures[0] != pictures[1]).any()
    np.testing.assert_array_equal(pictures[0], pictures[2])


def test_frames_without_a_column_are_refused(tables):
    made = tables["growing"](frames=3)
    del made["frames"].columns["model"]
    with pytest.raises(InvalidInputError, match="table 'frames'"):
        figure_data(made)
