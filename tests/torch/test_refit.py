"""All outgoing weights fitted anew: against plain least squares on patches that are
collected by loops.
"""

import numpy as np
import pytest
import torch
from torch import nn

from condensery.torch import reduce
from condensery.torch._surgery._refit import RIDGE


def nets():
    torch.manual_seed(1)
    return {
        "linear": (nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 3)), (40, 4)),
        "conv2d": (
            nn.Sequential(
                nn.Conv2d(1, 6, 3),
                nn.ReLU(),
                nn.Conv2d(
                    6,
                    3,
                    (3, 2),
                    padding=(1, 0),
                    stride=2,
                ),
            ),
            (7, 1, 8, 7),
        ),
        "conv1d": (
            nn.Sequential(
                nn.Conv1d(2, 6, 3),
                nn.Tanh(),
                nn.Conv1d(
                    6,
                    3,
                    3,
                    padding=2,
                    dilation=2,
                ),
            ),
            (7, 2, 11),
        ),
        "no bias": (
            nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 3, bias=False)),
            (40, 4),
        ),
    }


def rows_by_loops(layer, values):
    """One row per sample and position: for a convolution the padded patch, channel by
    channel.
    """
    if isinstance(layer, nn.Linear):
        return [list(sample) for sample in values]
    width = values.ndim - 2
    padding, stride, dilation = layer.padding, layer.stride, layer.dilation
    padded = np.pad(values, [(0, 0), (0, 0), *[(p, p) for p in padding]])
    corners = [
        range(
            0, padded.shape[2 + k] - dilation[k] * (layer.kernel_size[k] - 1), stride[k]
        )
        for k in range(width)
    ]
    patches = []
    for sample in padded:
        for corner in np.ndindex(*[len(axis_corners) for axis_corners in corners]):
            start = [corners[k][corner[k]] for k in range(width)]
            row = []
            for channel in sample:
                for offset in np.ndindex(*layer.kernel_size):
                    row.append(
                        channel[
                            tuple(
                                start[k] + dilation[k] * offset[k] for k in range(width)
                            )
                        ]
                    )
            patches.append(row)
    return patches


def as_rows(output):
    return np.moveaxis(output, 1, -1).reshape(-1, output.shape[1])


@pytest.mark.parametrize("name", list(nets()))
def test_the_fitted_weights_are_those_of_plain_least_squares(name):
    net, shape = nets()[name]
    net = net.double()
    x = torch.randn(shape).double()
    options = {"widths": {"0": 3}, "max_error": np.inf}
    merged = reduce(
        net,
        x,
        mode="approximate",
        **options,
    ).model
    small = reduce(
        net,
        x,
        mode="least-squares",
        refit="layer",
        data=x,
        **options,
    ).model
    torch.testing.assert_close(
        small[0].weight, merged[0].weight, rtol=1e-12, atol=1e-12
    )

    with torch.no_grad():
        rows = np.asarray(rows_by_loops(merged[2], merged[:2](x).numpy()))
        left = as_rows((net(x) - merged(x)).numpy())
    if merged[2].bias is not None:
        rows = np.column_stack([rows, np.ones(len(rows))])
    pull = np.sqrt(RIDGE * np.mean(np.sum(rows**2, axis=0)))
    tall = np.vstack([rows, pull * np.eye(rows.shape[1])])
    change = np.linalg.lstsq(
        tall, np.vstack([left, np.zeros((rows.shape[1], left.shape[1]))]), rcond=None
    )[0].T
    fitted = (small[2].weight - merged[2].weight).detach().numpy().reshape(3, -1)
    assert np.abs(fitted).max() > 1e-3
    np.testing.assert_allclose(
        fitted, change[:, : fitted.shape[1]], rtol=1e-8, atol=1e-10
    )
    if merged[2].bias is not None:
        np.testing.assert_allclose(
            (small[2].bias - merged[2].bias).detach().numpy(),
            change[:, -1],
            rtol=1e-8,
            atol=1e-10,
        )


def test_exact_copies_leave_the_function_alone():
    net = nets()["conv2d"][0].double()
    with torch.no_grad():
        net[0].weight[3:], net[0].bias[3:] = 2 * net[0].weight[:3], 2 * net[0].bias[:3]
    x = torch.randn(5, 1, 8, 7).double()
    small = reduce(
        net,
        x,
        mode="least-squares",
        refit="layer",
        widths={"0": 3},
        data=x,
        max_error=np.inf,
    ).model
    assert small[0].out_channels == 3
    torch.testing.assert_close(
        small(x),
        net(x),
        rtol=1e-11,
        atol=1e-11,
    )


def test_later_layers_are_fitted_on_what_the_cut_ones_give():
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(1, 12, 3),
        nn.ReLU(),
        nn.Conv2d(12, 12, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(108, 4),
    ).double()
    x = torch.randn(400, 1, 7, 7).double()
    options = {"widths": {"0": 5, "2": 6}, "max_error": np.inf}
    errors = {}
    for refit in ("cluster", "layer"):
        small = reduce(
            net, x, mode="least-squares", refit=refit, data=x, **options
        ).model
        with torch.no_grad():
            errors[refit] = float((small(x) - net(x)).norm())
    assert errors["layer"] < 0.6 * errors["cluster"]
    # what is left after the last fit cannot be explained by the cut features: their
    # normal equations nearly hold
    small = reduce(
        net,
        x,
        mode="least-squares",
        refit="layer",
        data=x,
        **options,
    ).model
    with torch.no_grad():
        features, rest = small[:-1](x), net(x) - small(x)
    assert float((features.T @ rest).norm()) < 0.1 * float(
        features.norm() * rest.norm()
    )


def test_layers_that_cannot_be_fitted_are_merged_only():
    torch.manual_seed(4)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.ConvTranspose2d(6, 2, 3)
    ).double()
    x = torch.randn(5, 1, 7, 7).double()
    options = {"widths": {"0": 3}, "max_error": np.inf}
    small = reduce(
        net,
        x,
        mode="least-squares",
        refit="layer",
        data=x,
        **options,
    ).model
    merged = reduce(
        net,
        x,
        mode="approximate",
        **options,
    ).model
    torch.testing.assert_close(
        small(x),
        merged(x),
        rtol=1e-12,
        atol=1e-12,
    )


def test_a_given_width_is_kept_to_where_outgoing_weights_cancel():
    torch.manual_seed(5)
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)).double()
    with torch.no_grad():
        net[0].weight[1], net[0].bias[1] = net[0].weight[0] + 1e-3, net[0].bias[0]
        net[2].weight[0, :2] = torch.tensor([10.0, -10.0])
    x = torch.randn(50, 4).double()
    small, receipt, _ = reduce(
        net, x, mode="approximate", widths={"0": 5}, max_error=np.inf
    )
    assert receipt.layers[0].after == 5
    heads = [
        k
        for k in range(5)
        if any(torch.equal(small[0].weight[k], row) for row in net[0].weight[:2])
    ]
    assert len(heads) == 1
    assert abs(float(small[2].weight.detach()[0, heads[0]])) < 0.1
    fitted = reduce(
        net,
        x,
        mode="least-squares",
        refit="layer",
        widths={"0": 5},
        data=x,
        max_error=np.inf,
    ).model
    assert fitted[0].out_features == 5


def test_a_given_width_is_kept_to_where_mean_directions_are_far_from_single_units():
    torch.manual_seed(6)
    net = nn.Sequential(
        nn.Linear(12, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 5)
    ).double()
    x = torch.randn(60, 12).double()
    for mode, options in (
        ("approximate", {}),
        ("least-squares", {"refit": "layer", "data": x}),
    ):
        receipt = reduce(
            net, x, mode=mode, widths={"0": 3, "2": 2}, max_error=np.inf, **options
        ).receipt
        assert [layer.after for layer in receipt.layers] == [3, 2]
