import math

import numpy as np
import pytest
from scipy.stats import binomtest

from sims.inductive_bias import (
    feature_error_law,
    interpolant_error_law,
    mixture_bits,
    random_feature_laws,
)
from sims.numerics.kernels import nngp_kernel


def problem(n=8, size=6, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((n, d)),
        rng.standard_normal((size, d)),
        *(rng.standard_normal((rows, 2)) for rows in (n, size)),
    )


def test_the_probabilities_are_averaged_not_the_bits():
    laws = random_feature_laws(*problem(), width=20, networks=5, rng=np.random.default_rng(1))
    eps = np.array([0.6, 1.0, 2.0]) * np.mean([law.mean for law in laws])
    found = mixture_bits(laws, eps)
    shares = np.array([2.0 ** -np.asarray(law.bits(eps)) for law in laws])
    np.testing.assert_allclose(found.bits, -np.log2(shares.mean(0)), rtol=1e-10)
    spread = shares.std(0, ddof=1) / shares.mean(0) / math.sqrt(5) / math.log(2)
    np.testing.assert_allclose(found.standard_error, spread, rtol=1e-10)
    assert np.all(found.bits <= np.mean([law.bits(eps) for law in laws], axis=0))  # Jensen
    np.testing.assert_allclose(found.log_cdf, np.log(shares), rtol=1e-10, atol=1e-15)


def test_far_below_what_a_float_holds():
    laws = random_feature_laws(*problem(), width=20, networks=3, rng=np.random.default_rng(1))
    top = max(law.offset for law in laws)
    assert top < 1e-20
    found = mixture_bits(laws, 1e-150)
    best = min(float(law.bits(1e-150)) for law in laws)
    assert 2000 < best <= found.bits <= best + math.log2(3)


def test_against_sampled_networks():
    # 20 hidden layers, 10,000 readouts of each that fit: a stratified sample of 200,000 errors.
    # Its scatter is at most the binomial one; false alarm 1e-4 for each of three thresholds.
    near, far, known, wanted = problem()
    rng = np.random.default_rng(2)
    laws, errors = [], []
    for _ in range(20):
        hidden = rng.standard_normal((3, 12)) * math.sqrt(2 / 3)
        one, other = (np.maximum(x @ hidden, 0) / math.sqrt(12) for x in (near, far))
        if np.linalg.matrix_rank(one) < 8:
            continue
        laws.append(feature_error_law(one, other, known, wanted))
        theta = rng.standard_normal((10_000, 12, 2))
        theta += np.linalg.pinv(one) @ (known - one @ theta)  # projected onto what fits
        assert np.abs(one @ theta - known).max() < 1e-6 * max(1.0, np.abs(theta).max())
        errors.append(np.square(other @ theta - wanted).mean((1, 2)))
    assert len(laws) > 10
    errors = np.concatenate(errors)
    for eps in np.quantile(errors, [0.5, 0.1, 0.01]):
        interval = binomtest(int(np.sum(errors <= eps)), len(errors)).proportion_ci(1 - 1e-4)
        assert interval.low <= 2.0 ** -float(mixture_bits(laws, eps).bits) <= interval.high


def test_wide_networks_have_the_law_of_the_kernel():
    near, far, known, wanted = problem()
    kernel = nngp_kernel(np.concatenate([near, far]))
    limit = interpolant_error_law(kernel[:8, :8], kernel[:8, 8:], kernel[8:, 8:], known, wanted)
    eps = np.array([0.3, 1.0]) * limit.mean
    rng = np.random.default_rng(3)
    gaps = []
    for width in (100, 10_000):
        laws = random_feature_laws(near, far, known, wanted, width=width, networks=8, rng=rng)
        bits = np.array([law.bits(eps) for law in laws])
        gaps.append(np.abs(bits - limit.bits(eps)).mean(0))
        if width > 1000:
            np.testing.assert_allclose(mixture_bits(laws, eps).bits, limit.bits(eps), rtol=0.1)
    assert np.all(gaps[1] < 0.3 * gaps[0])  # like width^-1/2, a factor 10


def test_narrow_networks_have_a_floor_and_narrower_ones_do_not_fit():
    near, far, known, wanted = problem()
    rng = np.random.default_rng(4)
    narrow = random_feature_laws(near, far, known, wanted, width=12, networks=4, rng=rng)
    assert all(law.rank <= 4 for law in narrow)
    floor = min(law.offset for law in narrow)
    assert floor > 0.0
    below = mixture_bits(narrow, 0.5 * floor)
    assert below.bits == math.inf
    assert math.isnan(below.standard_error)
    with pytest.raises(ValueError, match="no weights fit"):
        random_feature_laws(near, far, known, wanted, width=5, networks=1, rng=rng)


def test_one_network_has_no_scatter():
    law = random_feature_laws(*problem(), width=30, networks=1, rng=np.random.default_rng(5))
    found = mixture_bits(law, [0.1, math.inf])
    assert found.bits[0] == pytest.approx(law[0].bits(0.1), rel=1e-13)
    assert found.bits[1] == 0.0
    assert np.isnan(found.standard_error).all()


def test_bad_input_is_named():
    near, far, known, wanted = problem()
    rng = np.random.default_rng(0)
    laws = random_feature_laws(near, far, known, wanted, width=20, networks=1, rng=rng)
    fewer = random_feature_laws(near, far[:3], known, wanted[:3], width=20, networks=1, rng=rng)
    with pytest.raises(ValueError, match="empty"):
        mixture_bits([], 0.1)
    with pytest.raises(ValueError, match="one number of test points"):
        mixture_bits([*laws, *fewer], 0.1)
    with pytest.raises(ValueError, match="error"):
        mixture_bits(laws, 0.0)
    with pytest.raises(ValueError, match=r"inputs_test\.shape"):
        random_feature_laws(near, far[:, :2], known, wanted, width=20, networks=1, rng=rng)
    for name in ("width", "networks"):
        settings = {"width": 20, "networks": 1, name: 0}
        with pytest.raises(ValueError, match=name):
            random_feature_laws(near, far, known, wanted, rng=rng, **settings)
