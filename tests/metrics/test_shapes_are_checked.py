"""The shapes in the annotations of `condensery.metrics` are checked while the tests
run, and the check can fail.
"""

from __future__ import annotations

import json
import subprocess  # ruff: ignore[suspicious-subprocess-import]
import sys

import jaxtyping
import numpy as np
import pytest

from condensery import metrics

LAYER = np.ones((3, 2))
WRONG = {
    "aligned_pairs": lambda: metrics.aligned_pairs(np.ones(3), threshold=0.9),
    "alignment": lambda: metrics.alignment(LAYER, np.ones((1, 3))),
    "amplitude": lambda: metrics.amplitude(np.ones(3), np.ones((4, 2))),
    "angle_between": lambda: metrics.angle_between(np.ones((2, 3)), np.ones((2, 4))),
    # Any shape is allowed here; whole numbers are not.
    "angular_distance": lambda: metrics.angular_distance(
        np.ones(3, dtype=int), np.ones(1)
    ),
    "boundary_local_crossing": lambda: metrics.boundary_local_crossing(
        np.ones(3), np.ones(4)
    ),
    "boundary_row_fit": lambda: metrics.boundary_row_fit(np.ones(3), np.ones(4)),
    "condensation": lambda: metrics.condensation(np.ones((3, 2)), np.ones(4)),
    "contributions": lambda: metrics.contributions(LAYER, np.ones(3)),
    "convexity_changes": lambda: metrics.convexity_changes(LAYER, least=1.0),
    "cosine_blocks": lambda: metrics.cosine_blocks(np.ones((3, 2)), np.ones(4)),
    "cosine_matrix": lambda: metrics.cosine_matrix(np.ones((3, 2)), np.ones(4)),
    "directions": lambda: metrics.directions(np.ones((3, 2)), np.ones(4)),
    "effective_orientations": lambda: metrics.effective_orientations(np.ones((3, 2))),
    "effective_rank": lambda: metrics.effective_rank(np.ones(3)),
    "falling": lambda: metrics.falling(
        np.ones(3),
        np.ones(4),
        slope=0.1,
    ),
    "heaviest_share": lambda: metrics.heaviest_share(
        np.ones(
            3,
            dtype=int,
        ),
        1,
    ),
    "likeness": lambda: metrics.likeness(LAYER, np.ones(4)),
    "line_shares": lambda: metrics.line_shares(np.ones(3), threshold=0.9),
    "line_sizes": lambda: metrics.line_sizes(np.ones(3), threshold=0.9),
    "lineages": lambda: metrics.lineages(
        np.ones(
            (2, 3),
            dtype=int,
        ),
        np.ones((3, 2)),
    ),
    "loss_barrier": lambda: metrics.loss_barrier(np.ones(3), np.ones(4)),
    "mean_difference": lambda: metrics.mean_difference(np.ones(3), np.ones(4)),
    "orientation": lambda: metrics.orientation(np.ones((3, 1)), np.ones(4)),
    "orientation_bins": lambda: metrics.orientation_bins(np.ones(3), np.ones(4)),
    "plateaus": lambda: metrics.plateaus(np.ones(3), np.ones(4)),
    "polynomial_residual": lambda: metrics.polynomial_residual(
        np.ones(3), np.ones(4), degree=1
    ),
    "projection_orientation": lambda: metrics.projection_orientation(
        np.ones((3, 2)), np.ones(4)
    ),
    # Any shape is allowed here; whole numbers are not.
    "relative_distance": lambda: metrics.relative_distance(
        np.ones(3, dtype=int), np.ones(3, dtype=int)
    ),
    "relu_slopes": lambda: metrics.relu_slopes(
        np.ones(3), np.ones(3), np.ones(4), low=0.0, high=1.0
    ),
    "share": lambda: metrics.share(np.ones(3)),
    "share_near": lambda: metrics.share_near(
        np.ones(3), np.ones(4), np.ones(1), within=0.1
    ),
    "slowest_fall": lambda: metrics.slowest_fall(np.ones(3), np.ones(4)),
    # Any shape is allowed here; whole numbers are not.
    "total_variation": lambda: metrics.total_variation(np.ones(3, dtype=int)),
    "width_slope": lambda: metrics.width_slope(np.ones(3), np.ones(4)),
    "within_decades": lambda: metrics.within_decades(
        np.ones(3), np.ones(4, dtype=bool), decades=1.0
    ),
}

PROGRAM = """
import json, runpy, sys
path, hook = sys.argv[1:]
if hook == "armed":
    import jaxtyping
    jaxtyping.install_import_hook("condensery.metrics", "beartype.beartype")
found = {}
for name, call in runpy.run_path(path)["WRONG"].items():
    try:
        call()
        found[name] = "accepted"
    except Exception as error:
        found[name] = type(error).__name__
print(json.dumps(found))
"""


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_wrong_shape_fails_in_this_session(name):
    """Needs ``--jaxtyping-packages=condensery.metrics,beartype.beartype`` among
    pytest's options.
    """
    with pytest.raises(jaxtyping.TypeCheckError):
        WRONG[name]()


def test_every_public_measure_is_among_the_cases():
    assert set(WRONG) == {
        name for name in metrics.__all__ if not isinstance(getattr(metrics, name), type)
    }


def outcomes(hook: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, __file__, hook],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
def test_the_hook_catches_every_wrong_shape():
    assert outcomes("armed") == dict.fromkeys(WRONG, "TypeCheckError")


def test_without_the_hook_a_user_is_told_what_is_allowed():
    # Some are harmless: a table of shares is read as a list, whole numbers as floats.
    harmless = dict.fromkeys(
        (
            "angular_distance",
            "effective_orientations",
            "heaviest_share",
            "relative_distance",
            "total_variation",
        ),
        "accepted",
    )
    assert outcomes("idle") == dict.fromkeys(WRONG, "InvalidInputError") | harmless
