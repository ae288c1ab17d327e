import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ncx2

from sims.inductive_bias import (
    cumulants,
    feature_error_law,
    gaussian_posterior,
    interpolant_error_law,
    log_cdf_approximation,
    sphere_task,
    task_kernels,
)
from sims.numerics.kernels import rbf_kernel
from sims.numerics.validate import ValidityWarning


def problem(n, size, outputs, *, width=0.7, seed=0):
    """Points in the square, targets drawn at random; the kernel over all of them."""
    rng = np.random.default_rng(seed)
    kernel = rbf_kernel(rng.uniform(-1, 1, (n + size, 2)), width=width)
    return kernel, rng.standard_normal((n + size, outputs))


def parts(kernel, targets, n):
    return kernel[:n, :n], kernel[:n, n:], kernel[n:, n:], targets[:n], targets[n:]


def log2_sum(found):
    """ln P in nats from bits."""
    return -math.log(2) * np.asarray(found)


# ----- the law against sampling


def test_against_posterior_draws():
    # 250,000 draws by a Cholesky factor of our own. Four Clopper-Pearson intervals of confidence
    # 1 - 2.5e-5: the chance of a false alarm is at most 1e-4 for a fresh seed; it is fixed.
    n, size, outputs, draws = 15, 12, 2, 250_000
    kernel, _ = problem(n, size, outputs)
    rng = np.random.default_rng(1)
    targets = np.linalg.cholesky(kernel + 1e-9 * np.eye(n + size)) @ rng.standard_normal((27, 2))
    near, cross, far, known, wanted = parts(kernel, targets, n)
    law = interpolant_error_law(near, cross, far, known, wanted)
    solved = np.linalg.solve(near + 1e-10 * np.eye(n), np.column_stack([known, cross]))
    root = np.linalg.cholesky(far - cross.T @ solved[:, outputs:] + 1e-11 * np.eye(size))
    gap = cross.T @ solved[:, :outputs] - wanted
    errors = np.concatenate(
        [
            np.square(root @ rng.standard_normal((draws // 50, size, outputs)) + gap).mean((1, 2))
            for _ in range(50)
        ]
    )
    for share in (1.0, 0.3, 0.1, 0.04):
        eps = share * law.mean
        exact = 2.0 ** -law.bits(eps)
        interval = binomtest(int(np.sum(errors <= eps)), draws).proportion_ci(1 - 2.5e-5, "exact")
        assert interval.low <= exact <= interval.high
    assert law.bits(0.04 * law.mean) > 5  # the deepest of them is a tail
    assert abs(errors.mean() - law.mean) < 5 * errors.std() / math.sqrt(draws)


def test_against_rejection_of_the_prior():
    # 2e7 functions from the prior, kept where both training residuals are below 0.01. Given that
    # much slack the law moves by less than the interval's width. False alarm: 3e-4 at most.
    kernel, targets = problem(2, 4, 1, width=1.0, seed=3)
    law = interpolant_error_law(*parts(kernel, targets, 2))
    root = np.linalg.cholesky(kernel)
    rng = np.random.default_rng(4)
    errors = []
    for _ in range(20):
        first = rng.standard_normal((1_000_000, 2))
        kept = first[(np.abs(first @ root[:2, :2].T - targets[:2, 0]) < 0.01).all(1)]
        values = kept @ root[2:, :2].T + rng.standard_normal((len(kept), 4)) @ root[2:, 2:].T
        errors.append(np.square(values - targets[2:, 0]).mean(1))
    errors = np.concatenate(errors)
    assert len(errors) > 500
    for share in (1.2, 0.6, 0.3):
        eps = share * law.mean
        hits = int(np.sum(errors <= eps))
        interval = binomtest(hits, len(errors)).proportion_ci(1 - 1e-4, "exact")
        assert interval.low <= 2.0 ** -law.bits(eps) <= interval.high


def test_the_slow_sampler_draws_from_the_law():
    kernel, targets = problem(8, 6, 3, seed=5)
    near, cross, far, known, wanted = parts(kernel, targets, 8)
    law = interpolant_error_law(near, cross, far, known, wanted)
    rng = np.random.default_rng(6)
    slow = gaussian_posterior(near, cross, far, known).draw_errors(wanted, 40_000, rng)
    for errors in (slow, law.draw(40_000, rng)):
        hits = int(np.sum(errors <= 0.8 * law.mean))
        # false alarm 1e-5 for each of the two samplers
        interval = binomtest(hits, 40_000).proportion_ci(1 - 1e-5, "exact")
        assert interval.low <= 2.0 ** -law.bits(0.8 * law.mean) <= interval.high


# ----- closed forms


def test_white_kernel():
    rng = np.random.default_rng(0)
    n, size, outputs = 5, 6, 2
    known, wanted = rng.standard_normal((n, outputs)), rng.standard_normal((size, outputs))
    law = interpolant_error_law(np.eye(n), np.zeros((n, size)), np.eye(size), known, wanted)
    cells, power = size * outputs, float(np.sum(wanted**2))
    eps = np.array([0.3, 1.0, 2.0, 4.0])
    expected = -ncx2.logcdf(cells * eps, cells, power) / math.log(2)
    np.testing.assert_allclose(law.bits(eps), expected, rtol=1e-9)
    assert law.mean == pytest.approx(1 + power / cells, rel=1e-12)


def test_one_point_by_hand():
    # h(x') given h(x) = 2 is N(0.6 * 2, 1 - 0.36); its squared distance from 1 is one term
    law = interpolant_error_law([[1.0]], [[0.6]], [[1.0]], [2.0], [1.0], jitter=0.0)
    assert law.weights == pytest.approx([0.64], rel=1e-12)
    assert law.bias_squared == pytest.approx([0.04], rel=1e-12)
    assert (law.rank, law.offset, law.test_points, law.outputs) == (1, 0.0, 1, 1)


def test_mean_and_variance_are_those_of_the_posterior():
    kernel, targets = problem(10, 7, 3, seed=2)
    near, cross, far, known, wanted = parts(kernel, targets, 10)
    law = interpolant_error_law(near, cross, far, known, wanted)
    posterior = gaussian_posterior(near, cross, far, known)
    gap = posterior.mean - wanted
    trace = 3 * np.trace(posterior.covariance)
    assert law.mean == pytest.approx((np.sum(gap**2) + trace) / 21, rel=1e-9)
    square = 3 * np.sum(posterior.covariance**2)
    moved = np.einsum("ic,ij,jc->", gap, posterior.covariance, gap)
    k2 = cumulants(law.weights, dof=law.dof, noncentrality=law.bias_squared / law.weights)[1]
    assert k2 == pytest.approx((2 * square + 4 * moved) / 21**2, rel=1e-9)


def test_the_prior_is_no_training_set():
    kernel, targets = problem(0, 6, 2)
    empty = np.zeros((0, 0)), np.zeros((0, 6)), kernel
    law = interpolant_error_law(*empty, np.zeros((0, 2)), targets)
    values, vectors = np.linalg.eigh(kernel)
    np.testing.assert_allclose(law.weights, values[::-1] / 12, rtol=1e-9)
    expected = np.sum((vectors.T @ targets) ** 2, axis=1)[::-1] / 12
    np.testing.assert_allclose(law.bias_squared, expected, rtol=1e-6)
    again = interpolant_error_law([], [], kernel, [], targets)
    assert again.bits(0.1) == law.bits(0.1)


def test_weights_and_functions_are_one_space():
    # k features: the kernel is their Gram matrix, and both spaces have the same law
    rng = np.random.default_rng(7)
    near, far = rng.standard_normal((2, 6, 40)) / math.sqrt(40)
    known, wanted = rng.standard_normal((2, 6, 2))
    one = feature_error_law(near, far, known, wanted)
    two = interpolant_error_law(near @ near.T, near @ far.T, far @ far.T, known, wanted)
    np.testing.assert_allclose(one.weights, two.weights, rtol=1e-6)
    np.testing.assert_allclose(one.bits([0.05, 0.5]), two.bits([0.05, 0.5]), rtol=1e-6)


def test_few_features_leave_a_floor():
    rng = np.random.default_rng(8)
    near, far = rng.standard_normal((10, 13)), rng.standard_normal((8, 13))
    known, wanted = rng.standard_normal(10), rng.standard_normal(8)
    law = feature_error_law(near, far, known, wanted)
    assert law.rank == 3
    # the least error over all weights that fit: three free ones
    theta = np.linalg.pinv(near) @ known
    free = np.linalg.svd(near)[2][10:]
    left = np.linalg.lstsq(far @ free.T, wanted - far @ theta, rcond=None)[1]
    assert law.offset == pytest.approx(float(left[0]) / 8, rel=1e-9)
    assert np.isfinite(law.bits(1.01 * law.offset))
    with pytest.warns(ValidityWarning, match="below the reachable"):
        assert law.bits(0.99 * law.offset) == math.inf


def test_the_truth_in_the_space_has_no_floor():
    rng = np.random.default_rng(9)
    near, far, theta = (
        rng.standard_normal((10, 13)),
        rng.standard_normal((8, 13)),
        rng.standard_normal(13),
    )
    law = feature_error_law(near, far, near @ theta, far @ theta)
    assert law.offset < 1e-20
    # its error is at most the largest eigenvalue of far'far/N times the squared distance, which
    # is chi-square with 3 degrees of freedom and the noncentrality |P_null theta|^2
    missed = float(np.sum((np.linalg.svd(near)[2][10:] @ theta) ** 2))
    top = float(np.linalg.norm(far, 2)) ** 2 / 8
    for eps in (1e-4, 1e-2, 0.3):
        ln_p = log2_sum(law.bits(eps))
        assert ncx2.logcdf(eps / top, 3, missed) <= ln_p + 1e-9
        terms = {
            "dof": law.dof,
            "noncentrality": law.bias_squared / law.weights,
            "offset": law.offset,
        }
        assert ln_p <= log_cdf_approximation(eps, law.weights, **terms, method="chernoff") + 1e-9


# ----- what does not matter, and what does


@given(st.integers(0, 50), st.floats(1e-3, 1e3), st.integers(1, 3))
def test_units_and_orders_do_not_matter(seed, unit, outputs):
    kernel, targets = problem(6, 5, outputs, seed=seed)
    near, cross, far, known, wanted = parts(kernel, targets, 6)
    plain = interpolant_error_law(near, cross, far, known, wanted, cut=1e-7)
    scaled = interpolant_error_law(
        unit**2 * near, unit**2 * cross, unit**2 * far, unit * known, unit * wanted, cut=1e-7
    )
    eps = plain.offset + np.array([0.1, 0.7, 1.3]) * (plain.mean - plain.offset)
    np.testing.assert_allclose(scaled.bits(unit**2 * eps), plain.bits(eps), rtol=1e-5, atol=1e-9)
    order = np.random.default_rng(seed).permutation(5)
    mixed = interpolant_error_law(
        near, cross[:, order], far[np.ix_(order, order)], known, wanted[order], cut=1e-7
    )
    np.testing.assert_allclose(mixed.bits(eps), plain.bits(eps), rtol=1e-5, atol=1e-9)


@given(st.integers(0, 50), st.floats(0.05, 1.5), st.floats(1.0, 4.0))
def test_bits_fall_to_zero_as_the_error_grows(seed, share, factor):
    kernel, targets = problem(4, 5, 1, seed=seed)
    law = interpolant_error_law(*parts(kernel, targets, 4))
    low = law.offset + share * (law.mean - law.offset)
    assert law.bits(low) >= law.bits(factor * low) >= 0.0
    assert law.bits(math.inf) == 0.0


def test_jitter_and_cut_are_numerics_only_while_they_are_small():
    task = sphere_task(np.random.default_rng(0), dimension=3, train=100, test=200)
    kernels = task_kernels(task, width=1.0)
    sets = task.train_targets, task.test_targets

    def bits(**settings):
        return interpolant_error_law(*kernels, *sets, **settings).bits([1e-3, 1e-4])

    plain = bits()
    for jitter in (1e-12, 1e-11):
        np.testing.assert_allclose(bits(jitter=jitter), plain, atol=0.02)
    for cut in (1e-14, 1e-12):
        np.testing.assert_allclose(bits(cut=cut), plain, atol=1e-3)
    with pytest.warns(ValidityWarning, match="label noise"):
        noisy = bits(jitter=1e-2)
    assert np.all(noisy > plain + 30)


def test_a_test_point_seen_in_training_is_frozen():
    kernel, targets = problem(6, 3, 1)
    index = np.r_[:6, 0, 6, 7]  # the first test point is the first training point
    doubled, known = kernel[np.ix_(index, index)], targets[index]
    law = interpolant_error_law(*parts(doubled, known, 6))
    assert law.rank == 2
    assert law.offset < 1e-12
    known[6] += 0.3  # a wrong label: no interpolant can follow it
    moved = interpolant_error_law(*parts(doubled, known, 6))
    assert moved.rank == 2
    assert moved.offset == pytest.approx(0.09 / 3, rel=1e-4)


def test_everything_frozen_is_a_step():
    kernel, targets = problem(5, 1, 1)
    index = np.r_[:5, 2]
    law = interpolant_error_law(*parts(kernel[np.ix_(index, index)], targets[index], 5))
    assert law.rank == 0
    assert law.bits(1e-6) == 0.0


def test_shapes_follow_the_error():
    kernel, targets = problem(4, 3, 1)
    law = interpolant_error_law(*parts(kernel, targets[:, 0], 4))
    assert isinstance(law.bits(1), float)
    assert law.bits([1]).shape == (1,)
    assert law.bits([[0.1, 1.0]]).shape == (1, 2)
    np.testing.assert_allclose(law.log_cdf([0.1, 1.0]), log2_sum(law.bits([0.1, 1.0])), rtol=1e-13)


# ----- bad input


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({2: np.zeros((0, 0)), 1: np.zeros((4, 0)), 4: np.zeros((0, 1))}, "kernel_test"),
        ({1: np.zeros((3, 4))}, "kernel_cross.shape"),
        ({0: -np.eye(4)}, "kernel_train"),
        ({0: np.ones((4, 3))}, "kernel_train"),
        ({1: 3.0 * np.ones((4, 3))}, "positive semi-definite|posterior variance"),
        ({3: np.zeros((4, 2))}, "targets_train.shape"),
        ({3: np.zeros((3, 1))}, "targets_train"),
        ({4: np.zeros((2, 1))}, "targets_test"),
        ({4: np.full((3, 1), np.nan)}, "targets_test"),
        ({"jitter": -1.0}, "jitter"),
        ({"cut": 1.0}, "cut"),
    ],
)
def test_bad_arguments_are_named(change, words):
    given_ = [np.eye(4), np.zeros((4, 3)), np.eye(3), np.ones((4, 1)), np.ones((3, 1))]
    settings = {key: value for key, value in change.items() if isinstance(key, str)}
    for place, value in change.items():
        if isinstance(place, int):
            given_[place] = value
    with pytest.raises(ValueError, match=words):
        interpolant_error_law(*given_, **settings)


def test_one_input_with_two_targets_is_refused():
    kernel, targets = problem(4, 2, 1)
    index = np.r_[:4, 1, 4, 5]
    doubled = kernel[np.ix_(index, index)]
    with pytest.raises(ValueError, match="training inputs 1 and 4 coincide"):
        interpolant_error_law(*parts(doubled, targets[np.r_[:5, 4, 5]], 5))
    assert interpolant_error_law(*parts(doubled, targets[index], 5)).rank == 2


@pytest.mark.parametrize("error", [0.0, -1.0, math.nan, [0.1, math.nan], "small"])
def test_bad_errors_are_named(error):
    kernel, targets = problem(4, 2, 1)
    with pytest.raises(ValueError, match="error"):
        interpolant_error_law(*parts(kernel, targets, 4)).bits(error)


def test_features_that_cannot_fit_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="no weights fit"):
        feature_error_law(
            rng.standard_normal((5, 3)), rng.standard_normal((2, 3)), np.arange(5.0), [0.0, 0.0]
        )
    with pytest.raises(ValueError, match="features_test"):
        feature_error_law(np.eye(3), np.zeros((2, 3)), np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match=r"features_train\.shape"):
        feature_error_law(np.eye(3), np.ones((2, 4)), np.ones(3), np.ones(2))
