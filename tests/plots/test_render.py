"""Bytes that do not depend on when they were made."""

from __future__ import annotations

import io
import re

import pytest
from matplotlib.figure import Figure
from PIL import Image

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.records import Table


def drawn(right: float = 1.3) -> Figure:
    slopes = Table(
        columns={
            "gamma": [0.8, right],
            "gamma_prime": [0.0, 0.0],
            "slope": [-0.2, 0.3],
        }
    )
    return plots.slope_map.draw(plots.slope_map.figure_data({"slopes": slopes}))


@pytest.fixture(scope="module")
def figure() -> Figure:
    return drawn()


@pytest.mark.slow
def test_equal_figures_give_equal_bytes(figure, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    first = [plots.render(figure, ending) for ending in ("pdf", "png")]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert [plots.render(figure, ending) for ending in ("pdf", "png")] == first
    assert [plots.render(drawn(), ending) for ending in ("pdf", "png")] == first
    assert plots.render(drawn(1.31), "png") != first[1]


def test_pdf_has_no_date_and_its_fonts(figure):
    content = plots.render(figure, "pdf")
    assert not re.search(rb"CreationDate|ModDate", content)
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


def test_png_has_two_hundred_dots_per_inch(figure):
    picture = Image.open(io.BytesIO(plots.render(figure, "png")))
    assert picture.size == tuple(
        int(200 * inches) for inches in figure.get_size_inches()
    )
    assert "Software" not in picture.info


def test_another_format_is_refused():
    with pytest.raises(
        InvalidInputError,
        match="format: given svg; allowed: png, pdf",
    ):
        plots.render(Figure(), "svg")


def test_save_writes_both_files(figure, tmp_path):
    paths = plots.save(figure, tmp_path / "map.v1")
    assert [path.name for path in paths] == ["map.v1.png", "map.v1.pdf"]
    assert [path.read_bytes() for path in paths] == [
        plots.render(figure, "png"),
        plots.render(figure, "pdf"),
    ]
    with pytest.raises(
        InvalidInputError,
        match="make the folder first",
    ):
        plots.save(figure, tmp_path / "no" / "map")
