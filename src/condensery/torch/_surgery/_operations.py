"""The allow-list: what the coupling analysis knows about each operation of the exported
graph.

An operation that is in none of these sets is refused by name as soon as it meets units
that could be merged.
"""

from __future__ import annotations

from types import MappingProxyType

POINTWISE = MappingProxyType(
    {
        # The second entry is the activation's name in `condensery.theory.merge_rule`;
        # None where its facts say no more than what holds for every function of one
        # number: equal arguments have equal values.
        **{
            name: name
            for name in (
                "relu",
                "leaky_relu",
                "tanh",
                "sigmoid",
                "softplus",
                "sin",
                "gelu",
                "abs",
                "square",
                "cos",
                "erf",
                "softsign",
                "silu",
                "hardswish",
                "hardsigmoid",
                "elu",
                "selu",
                "mish",
                "relu6",
            )
        },
        **dict.fromkeys(
            (
                "hardtanh",
                "celu",
                "exp",
                "sqrt",
                "pow",
                "clamp",
                "log_sigmoid",
                "tanhshrink",
                "softshrink",
                "hardshrink",
                "rrelu",
                "threshold",
            )
        ),
    }
)
"""Functions of one number, applied to every entry."""

UNCHANGED = frozenset(
    {
        "dropout",
        "alpha_dropout",
        "feature_dropout",
        "contiguous",
        "clone",
        "detach",
        "alias",
        "to",
        "_to_copy",
        "type_as",
        "lift_fresh_copy",
        "detach_copy",
    }
)
"""In evaluation mode the identity, up to the kind of number."""

POOL_MAX = frozenset(
    {
        "max_pool1d",
        "max_pool2d",
        "max_pool3d",
        "adaptive_max_pool1d",
        "adaptive_max_pool2d",
        "adaptive_max_pool3d",
        "amax",
    }
)
POOL_LINEAR = frozenset(
    {
        "avg_pool1d",
        "avg_pool2d",
        "avg_pool3d",
        "adaptive_avg_pool1d",
        "adaptive_avg_pool2d",
        "adaptive_avg_pool3d",
        "mean",
        "upsample_nearest1d",
        "upsample_nearest2d",
        "upsample_nearest3d",
        "upsample_bilinear2d",
        "upsample_linear1d",
    }
)
"""Averages, each with weights that sum to one: they commute with any affine map of a
unit, except at padding.
"""

SUM = frozenset({"sum", "constant_pad_nd", "pad"})
"""Linear in a unit, but a constant does not come through unchanged."""

INDEX = frozenset(
    {
        "permute",
        "transpose",
        "t",
        "view",
        "reshape",
        "flatten",
        "unflatten",
        "squeeze",
        "unsqueeze",
        "select",
        "slice",
        "numpy_T",
        "movedim",
        "swapaxes",
        "expand",
        "view_as",
    }
)
"""Operations that move entries; they are carried out on the units' numbers."""

ADD = frozenset({"add", "sub"})
MULTIPLY = frozenset({"mul", "div"})

CONVOLUTION = MappingProxyType({"conv1d": 1, "conv2d": 2, "conv3d": 3})
TRANSPOSED = MappingProxyType(
    {"conv_transpose1d": 1, "conv_transpose2d": 2, "conv_transpose3d": 3}
)

PRODUCT = frozenset({"matmul", "bmm"})
SOFTMAX = frozenset({"softmax", "_softmax"})

BARRIER = frozenset(
    {
        "layer_norm",
        "rms_norm",
        "group_norm",
        "instance_norm",
        "softmax",
        "_softmax",
        "log_softmax",
        "softmin",
        "scaled_dot_product_attention",
        "matmul",
        "bmm",
        "mm",
        "baddbmm",
        "addmm",
        "einsum",
        "linear",
        "lstm",
        "gru",
        "rnn_tanh",
        "rnn_relu",
        "embedding",
        "norm",
        "linalg_vector_norm",
        "normalize",
        "argmax",
        "eq",
        "gt",
        "lt",
        "ge",
        "le",
        "ne",
        "sym_size",
        "item",
        "zeros_like",
        "ones_like",
        "new_zeros",
        "new_ones",
        "glu",
        "cosine_similarity",
        "mse_loss",
        "cross_entropy_loss",
        "_assert_tensor_metadata",
        "_assert_scalar",
        "maximum",
        "minimum",
        "where",
        "cumsum",
        "var",
        "std",
        "max",
        "min",
    }
)
"""Operations that mix units or count them: what they mean is known, and therefore the
units before them are kept.
"""


def by_number(name: str, number: float, *, first: bool) -> dict[str, float]:
    """The affine map factor·z + shift of an operation with a number; `first` is whether
    z stands first.
    """
    if name.startswith("add"):
        return {"factor": 1.0, "shift": number}
    if name.startswith("sub"):
        return (
            {"factor": 1.0, "shift": -number}
            if first
            else {"factor": -1.0, "shift": number}
        )
    return {"factor": number if name.startswith("mul") else 1.0 / number, "shift": 0.0}
