import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ncx2

from sims.inductive_bias import (
    bandlimited_sphere_asymptote,
    bandlimited_sphere_bits,
    harmonics_up_to,
)

# bits at errors 0.1, 0.01, 0.001: degree 3, half of the harmonics sampled, r²/sigma² = E - n
KNOWN = {
    1: [6.93, 13.56, 20.20],
    2: [11.70, 24.93, 38.22],
    3: [20.34, 45.13, 70.04],
    4: [32.42, 73.71, 115.23],
    5: [49.50, 113.90, 178.67],
    6: [69.34, 161.77, 254.78],
}


def setting(dimension, degree):
    total = harmonics_up_to(dimension, degree)
    free = total - total // 2
    return {
        "dimension": dimension,
        "degree": degree,
        "samples": total // 2,
        "residual": free / total,
    }


def test_circle_and_sphere_by_hand():
    for k in range(6):
        assert harmonics_up_to(1, k) == 2 * k + 1
        assert harmonics_up_to(2, k) == (k + 1) ** 2
    # degree by degree on the m-sphere: polynomials of degree k less those of degree k - 2
    for m in (3, 5, 9):
        count = lambda k, m=m: math.comb(m + k, m) if k >= 0 else 0  # noqa: E731
        dimensions = [count(k) - count(k - 2) for k in range(8)]
        assert [harmonics_up_to(m, k) for k in range(8)] == list(np.cumsum(dimensions))


@pytest.mark.parametrize("dimension", KNOWN)
def test_known_values(dimension):
    found = bandlimited_sphere_bits([0.1, 0.01, 0.001], **setting(dimension, 3))
    np.testing.assert_allclose(found, KNOWN[dimension], atol=5.1e-3)


@given(
    st.integers(1, 6), st.integers(1, 4), st.floats(0.2, 2.0), st.floats(0.0, 3.0), st.floats(0, 1)
)
def test_one_noncentral_chi_square(dimension, degree, share, residual, sampled):
    total = harmonics_up_to(dimension, degree)
    n = min(int(sampled * total), total - 1)
    variance = 0.7 / total
    eps = share * ((total - n) * variance + residual)
    expected = -ncx2.logcdf(eps / variance, total - n, residual / variance) / math.log(2)
    found = bandlimited_sphere_bits(
        eps,
        dimension=dimension,
        degree=degree,
        samples=n,
        residual=residual,
        prior_variance=variance,
    )
    # SciPy loses digits where P underflows or is 1 to rounding
    if 1e-9 < expected < 900:
        assert found == pytest.approx(expected, rel=1e-7)


def test_functions_on_the_circle():
    # Random trigonometric polynomials of degree 5 through 5 points, their error by quadrature on
    # a grid that is exact for them: 250,000 draws, two intervals of confidence 1 - 5e-5: false
    # alarm at most 1e-4.
    rng = np.random.default_rng(0)
    degree, n, draws = 5, 5, 250_000
    total = 2 * degree + 1

    def basis(angle):  # orthonormal for the uniform law on the circle
        k = np.arange(1, degree + 1) * angle[:, None]
        waves = math.sqrt(2) * np.hstack([np.cos(k), np.sin(k)])
        return np.hstack([np.ones((len(angle), 1)), waves])

    truth = rng.standard_normal(total) / math.sqrt(total)
    seen = basis(rng.uniform(0, 2 * math.pi, n))
    null = np.linalg.svd(seen)[2][n:]
    residual = float(np.sum((null @ truth) ** 2))
    theta = rng.standard_normal((draws, total)) / math.sqrt(total)
    theta -= (theta - truth) @ (np.linalg.pinv(seen) @ seen)  # now it agrees where it is seen
    assert np.abs((theta - truth) @ seen.T).max() < 1e-10
    grid = basis(2 * math.pi * np.arange(16) / 16)
    errors = np.square((theta - truth) @ grid.T).mean(1)
    for eps in (0.4, 0.1):
        interval = binomtest(int(np.sum(errors <= eps)), draws).proportion_ci(1 - 5e-5, "exact")
        bits = bandlimited_sphere_bits(eps, dimension=1, degree=5, samples=n, residual=residual)
        assert interval.low <= 2.0**-bits <= interval.high


@pytest.mark.parametrize("dimension", range(1, 9))
@pytest.mark.parametrize("degree", [2, 3])
def test_dimensions_times_a_logarithm(dimension, degree):
    given_ = setting(dimension, degree)
    mean = 2.0 * given_["residual"]  # (E - n)/E of variance and as much of truth
    for share, tolerance in ((0.1, 0.01), (0.01, 1e-4)):
        exact = bandlimited_sphere_bits(share * mean, **given_)
        assert bandlimited_sphere_asymptote(share * mean, **given_) == pytest.approx(
            exact, rel=tolerance
        )


def test_enough_samples_leave_nothing_to_know():
    for n in (7, 8, 1000):
        given_ = {"dimension": 1, "degree": 3, "samples": n, "residual": 0.0}
        assert bandlimited_sphere_bits(1e-9, **given_) == 0.0
        assert bandlimited_sphere_asymptote(1e-9, **given_) == 0.0
        np.testing.assert_array_equal(bandlimited_sphere_bits([0.1, 1.0], **given_), [0.0, 0.0])


def test_more_samples_less_to_know():
    bits = [
        bandlimited_sphere_bits(0.01, dimension=2, degree=4, samples=n, residual=(25 - n) / 25)
        for n in range(26)
    ]
    assert np.all(np.diff(bits) < 0)
    assert bits[-1] == 0.0


def test_shapes_and_ends():
    given_ = setting(2, 3)
    assert isinstance(bandlimited_sphere_bits(0.1, **given_), float)
    assert bandlimited_sphere_bits([[0.1]], **given_).shape == (1, 1)
    assert bandlimited_sphere_bits(math.inf, **given_) == 0.0
    # 8 free coefficients, four times log2 of 1e300, and a little from the constants
    assert bandlimited_sphere_bits(1e-300, **given_) == pytest.approx(1200 * math.log2(10), abs=9)
    plain = bandlimited_sphere_bits(0.1, **given_)
    assert bandlimited_sphere_bits(0.1, **given_, prior_variance=1 / 16) == plain


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("error", 0.0),
        ("error", math.nan),
        ("dimension", 0),
        ("dimension", 1.5),
        ("degree", -1),
        ("samples", -1),
        ("residual", -0.1),
        ("residual", math.inf),
        ("prior_variance", 0.0),
    ],
)
def test_bad_input_is_named(name, value):
    given_ = {"error": 0.1, **setting(2, 3), name: value}
    error = given_.pop("error")
    for function in (bandlimited_sphere_bits, bandlimited_sphere_asymptote):
        with pytest.raises(ValueError, match=name):
            function(error, **given_)
