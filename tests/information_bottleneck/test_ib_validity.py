import warnings

import numpy as np
import pytest

from sims.information_bottleneck import infonce
from sims.information_bottleneck.validity import (
    integer_labels,
    paired_samples,
    samples,
    warn,
    warn_kernel,
    warn_near_ceiling,
)
from sims.numerics.validate import ValidityWarning


def test_samples_become_matrices():
    assert samples("x", [1, 2, 3]).shape == (3, 1)
    assert samples("x", [[1, 2, 3]] * 2).dtype == np.float64
    first, second = paired_samples(("x", "y"), ([1, 2], [[1, 2], [3, 4]]))
    assert (first.shape, second.shape) == ((2, 1), (2, 2))


@pytest.mark.parametrize("value", [1.0, [[[1.0]]], [], np.empty((2, 0)), [1.0], ["a", "b"]])
def test_bad_samples_are_named(value):
    with pytest.raises(ValueError, match="x"):
        samples("x", value)


def test_labels_must_be_whole():
    assert integer_labels("y", [True, False], 2).tolist() == [1, 0]
    assert integer_labels("y", np.array([-1.0, 7.0]), 2).dtype == np.int64
    with pytest.raises(ValueError, match=r"y\[1\] = 0.5 .* whole number"):
        integer_labels("y", [0, 0.5], 2)
    with pytest.raises(ValueError, match=r"y.shape"):
        integer_labels("y", [[0, 1]], 2)


def test_ceiling_is_warned_of_within_five_per_cent_only():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_near_ceiling(0.94, 1.0, "log N")
    with pytest.warns(ValidityWarning, match="log N = 1"):
        warn_near_ceiling(0.96, 1.0, "log N")


def test_kernels_in_between_are_fine():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_kernel("x", np.array([1.0, 1.0, 1.5]), 1.0)  # one pair sees each other


def test_warnings_point_at_the_caller():
    with pytest.warns(ValidityWarning) as caught:
        infonce(100 * np.eye(3))
    assert caught[0].filename == __file__
    with pytest.warns(ValidityWarning, match="a sentence"):
        warn("a sentence")
