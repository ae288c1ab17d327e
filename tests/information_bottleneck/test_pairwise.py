import tracemalloc
import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sims.information_bottleneck.pairwise import add_rows, gram_sums, gram_tiles
from sims.numerics.validate import ValidityWarning


def direct(x, y, width):
    """From differences, coordinate by coordinate: nothing cancels."""
    squares = ((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=2)
    return np.exp(-squares / (2 * width**2))


def assembled(tiles, shape):
    full = np.full(shape, np.nan)
    for rows, columns, kernel, mirrored in tiles:
        full[rows, columns] = kernel
        if mirrored:
            full[columns, rows] = kernel.T
    return full


@pytest.mark.parametrize("tile", [1, 7, 30, 512])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (30, 1), (53, 3), (61, 40)])
def test_tiles_make_up_the_gram_matrix(n, d, tile):
    x = np.random.default_rng(0).standard_normal((n, d)) + 3.0
    full = assembled(gram_tiles(x, 1.3, tile=tile), (n, n))
    np.testing.assert_allclose(full, direct(x, x, 1.3), rtol=1e-12, atol=1e-300)
    assert (np.diag(full) == 1.0).all()
    assert (full <= 1.0).all()


@pytest.mark.parametrize("width", [1e-7, 1e-3])
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("copies", [1, 40])
def test_narrow_kernels_of_near_points_far_from_the_centre(width, offset, copies):
    # a plain product of matrices is wrong by 100 % here
    rng = np.random.default_rng(1)
    centres = np.repeat(rng.standard_normal((60 // copies + 1, 2)) + offset, copies, axis=0)
    step = np.spacing(offset + 4.0) + width / 3
    x = centres + step * rng.integers(-2, 3, centres.shape)
    exact = direct(x, x, width)
    # coordinates of this size have few digits left at this width, centred or not
    loose = 1e-9 + 10 * np.spacing(offset + 4.0) / width
    found = assembled(gram_tiles(x, width), exact.shape)
    np.testing.assert_allclose(found, exact, atol=loose if offset else 1e-9)


def test_equal_points_have_kernel_one_at_any_width():
    x = np.repeat(np.random.default_rng(0).standard_normal((5, 3)), 100, axis=0)
    for width in (1e-9, 1e-4, 1.0):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            sums = gram_sums(x, width, x, 1.0)
        if width < 1e-3:
            np.testing.assert_array_equal(sums.rows_x, 100.0)


def test_sums_are_those_of_the_matrices():
    rng = np.random.default_rng(2)
    x, t = rng.standard_normal((1100, 2)), rng.standard_normal((1100, 5))  # five tiles a side
    k = np.exp(-cdist(x, x, "sqeuclidean") / (2 * 0.6**2))
    q = np.exp(-cdist(t, t, "sqeuclidean") / (2 * 2.0**2))
    sums = gram_sums(x, 0.6, t, 2.0, squares=True)
    assert sums.product == pytest.approx((k * q).sum(), rel=1e-12)
    assert sums.square_x == pytest.approx((k * k).sum(), rel=1e-12)
    assert sums.square_t == pytest.approx((q * q).sum(), rel=1e-12)
    np.testing.assert_allclose(sums.rows_x, k.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(sums.rows_t, q.sum(axis=0), rtol=1e-12)
    assert np.isnan(gram_sums(x, 0.6, t, 2.0).square_x)


def test_rows_by_hand():
    x = np.array([[0.0], [1.0], [3.0]])
    sums = np.zeros(3)
    for part in gram_tiles(x, 1.0, tile=2):
        add_rows(part, sums)
    np.testing.assert_allclose(sums, direct(x, x, 1.0).sum(axis=1), rtol=1e-14)


def test_memory_does_not_grow_with_the_square_of_the_samples():
    x = np.random.default_rng(0).standard_normal((4000, 3))
    tracemalloc.start()
    gram_sums(x, 0.5, x, 0.5, squares=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6  # one full Gram matrix: 128 MB


@pytest.mark.parametrize(("width", "word"), [(1e-4, "identity"), (1e5, "constant")])
def test_useless_widths_are_warned_of(width, word):
    x = np.arange(20.0)[:, None]
    with pytest.warns(ValidityWarning, match=f"kernel of t is (the )?{word}"):
        gram_sums(x, 1.0, x, width)
