"""What a printed inspection looks like: a verdict, and a table that fits a terminal."""

from __future__ import annotations

import torch
from rich.cells import cell_len
from torch import nn

from condensery.torch import inspect


def transformer(layers=12):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    return nn.TransformerEncoder(layer, layers)


def condensed():
    """Sixteen units in one direction, and sixteen at random."""
    torch.manual_seed(0)
    alike = torch.ones(16, 1) * torch.randn(1, 40)
    return {
        "第一层.weight": torch.cat([alike, torch.randn(16, 40)]),
        "head.weight": torch.randn(24, 40),
    }


def rows_of(text):
    """Lines of the table below its heads."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if "mergeable" in line)
    last = next(i for i, line in enumerate(lines) if line.startswith("[1] "))
    return lines[first + 1 : last]


def test_a_transformer_of_twelve_layers_fits_a_hundred_columns():
    inspection = inspect(transformer())
    lines = str(inspection).splitlines()
    assert lines[0].startswith("Not condensed: no layer has clearly fewer directions")
    assert max(map(cell_len, lines)) <= 100
    assert len(rows_of(str(inspection))) == len(inspection)
    text = " ".join(str(inspection).split())
    assert all(row.layer in text for row in inspection)
    assert "[2] " in text


def test_a_narrow_terminal_breaks_long_names():
    inspection = inspect(transformer(layers=1))
    text = inspection.text(width=76)
    assert max(map(cell_len, text.splitlines())) <= 76
    assert len(rows_of(text)) > len(inspection)


def test_the_verdict_names_the_layer_that_is_condensed():
    inspection = inspect(condensed())
    row = inspection.layer("第一层")
    assert row.excess > 0.4
    first = f"above all 第一层: {row.effective_neurons} directions of 32 units"
    assert inspection.verdict().startswith("Condensed: 1 of 2 layers have clearly")
    assert first in inspection.verdict()
    assert first in inspection._repr_html_()


def test_columns_stay_aligned_with_a_chinese_name():
    chinese, latin = rows_of(inspect(condensed()).text())
    assert "第一层" in chinese

    def columns_before(line, text):
        return cell_len(line[: line.index(text)])

    ends = [
        columns_before(chinese, " 32 ") + 3,
        columns_before(latin, " 24 ") + 3,
    ]
    assert ends[0] == ends[1]
    assert columns_before(chinese, "[") > 0


def test_reasons_are_printed_once():
    text = str(inspect(transformer(layers=3)))
    reason = "queries, keys and values act together"
    assert text.count(reason) == 1
