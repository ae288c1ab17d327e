import tracemalloc

import numpy as np
import pytest
from scipy import special
from scipy.spatial.distance import cdist

from sims.information_bottleneck import (
    adaptive_kde_information,
    adaptive_variance,
    gaussian_kde_1d,
    kde_entropy_bounds,
    kde_information,
)
from sims.information_bottleneck.kde import _bounds
from sims.numerics.validate import ValidityWarning


def by_hand(points, variance):
    """The two bounds as they are written, with full matrices in logarithms."""
    squares = cdist(points, points, "sqeuclidean")
    n = len(points)
    return [
        float(np.log(n) - special.logsumexp(-squares / (scale * variance), axis=1).mean())
        for scale in (8.0, 2.0)
    ]


@pytest.mark.filterwarnings("ignore::sims.numerics.validate.ValidityWarning")
@pytest.mark.parametrize("variance", [1e-12, 1e-3, 0.1, 30.0])
@pytest.mark.parametrize(("n", "d"), [(2, 1), (60, 2), (700, 10)])
def test_bounds_by_hand(n, d, variance):
    points = np.tanh(np.random.default_rng(n).standard_normal((n, d)))
    found = kde_entropy_bounds(points, variance=variance)
    np.testing.assert_allclose((found.lower, found.upper), by_hand(points, variance), atol=1e-11)
    assert 0 <= found.lower <= found.upper <= np.log(n)


def test_tiles_do_not_matter():
    points = np.random.default_rng(0).standard_normal((90, 3))
    one, other = _bounds(points, 0.3, tile=7), _bounds(points, 0.3)
    assert one.lower == pytest.approx(other.lower, rel=1e-13)
    assert one.upper == pytest.approx(other.upper, rel=1e-13)


@pytest.mark.parametrize("variance", [0.01, 0.3])
def test_bounds_enclose_the_information_of_the_noisy_layer(variance):
    # Monte Carlo with 1000 draws a centre: standard error below 0.005, five of them allowed
    rng = np.random.default_rng(0)
    points = rng.standard_normal((60, 2))
    draws = 1000
    noisy = np.repeat(points, draws, axis=0)
    noisy += np.sqrt(variance) * rng.standard_normal(noisy.shape)
    logs = -cdist(noisy, points, "sqeuclidean") / (2 * variance)
    own = logs[np.arange(len(noisy)), np.repeat(np.arange(60), draws)]
    terms = own - special.logsumexp(logs, axis=1) + np.log(60)
    exact, error = terms.mean(), terms.std() / np.sqrt(len(terms))
    found = kde_entropy_bounds(points, variance=variance)
    assert found.lower - 5 * error < exact < found.upper + 5 * error
    assert found.upper - found.lower > 0.3  # so that the test says something


def test_label_information_is_a_difference():
    rng = np.random.default_rng(0)
    points, labels = rng.standard_normal((100, 3)), rng.integers(0, 3, 100)
    labels[7] = 9  # a label with one sample has no entropy to take away
    found = kde_information(points, labels, variance=0.1)
    whole = by_hand(points, 0.1)
    parts = [
        sum((labels == y).mean() * by_hand(points[labels == y], 0.1)[which] for y in range(3))
        for which in (0, 1)
    ]
    assert found.information_x.lower == pytest.approx(whole[0], abs=1e-12)
    assert found.information_x.upper == pytest.approx(whole[1], abs=1e-12)
    assert found.information_y_lower == pytest.approx(whole[0] - parts[0], abs=1e-12)
    assert found.information_y_upper == pytest.approx(whole[1] - parts[1], abs=1e-12)
    assert found.variance == 0.1


def test_the_papers_rule_depends_on_units_and_ours_does_not():
    rng = np.random.default_rng(0)
    points, labels = np.tanh(rng.standard_normal((300, 5))), rng.integers(0, 2, 300)
    scales = (0.1, 1.0, 10.0)
    paper = [
        adaptive_kde_information(s * points, labels, scale=0.1).information_x.upper for s in scales
    ]
    ours = [
        adaptive_kde_information(
            s * points, labels, scale=0.1, rule="max-squared"
        ).information_x.upper
        for s in scales
    ]
    assert np.ptp(ours) < 1e-10
    assert (np.diff(paper) > 0.05).all()
    assert adaptive_variance([[3.0, -7.0]], scale=0.5) == 3.5
    assert adaptive_variance([[3.0, -7.0]], scale=0.5, rule="max-squared") == 24.5


def test_ceiling_is_warned_of_where_samples_do_not_overlap():
    with pytest.warns(ValidityWarning, match="log N"):
        found = kde_entropy_bounds(np.arange(20.0), variance=1e-3)
    assert found.lower == pytest.approx(np.log(20), rel=1e-12)


def test_dead_layer():
    with pytest.warns(ValidityWarning, match="0 everywhere"):
        found = adaptive_kde_information(np.zeros((10, 2)), np.arange(10) % 2)
    assert found.information_x.upper == found.information_y_upper == 0.0
    constant = kde_entropy_bounds(np.full((10, 2), 3.0), variance=1e-3)
    assert (constant.lower, constant.upper) == (0.0, 0.0)


def test_memory_is_bounded():
    points = np.random.default_rng(0).standard_normal((3000, 4))
    tracemalloc.start()
    kde_entropy_bounds(points, variance=0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6  # one full matrix: 72 MB


@pytest.mark.parametrize("count", [2, 500])
def test_fast_density_against_the_sum(count):
    rng = np.random.default_rng(0)
    values = rng.standard_normal(count) * 3 + 7
    exact = np.exp(-0.5 * ((values[:, None] - values) / 0.4) ** 2).mean(axis=1)
    exact /= 0.4 * np.sqrt(2 * np.pi)
    np.testing.assert_allclose(gaussian_kde_1d(values, bandwidth=0.4), exact, atol=1e-5)
    fine = gaussian_kde_1d(values, bandwidth=0.4, points=65536)
    np.testing.assert_allclose(fine, exact, atol=2e-7)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: kde_entropy_bounds([[1.0], [2.0]], variance=0.0), "variance"),
        (lambda: kde_entropy_bounds([[1.0]], variance=1.0), "len"),
        (lambda: kde_entropy_bounds([[1.0], [np.inf]], variance=1.0), "activations"),
        (lambda: kde_information([[1.0], [2.0]], [0.5, 1], variance=1.0), "labels"),
        (lambda: kde_information([[1.0], [2.0]], [0, 1, 1], variance=1.0), "labels"),
        (lambda: adaptive_variance([1.0], scale=0.0), "scale"),
        (lambda: adaptive_variance([1.0], rule="mean"), "rule"),
        (lambda: adaptive_variance([]), "activations"),
        (lambda: gaussian_kde_1d([1.0, 2.0], bandwidth=0.0), "bandwidth"),
        (lambda: gaussian_kde_1d([1.0], bandwidth=1.0), "values"),
        (lambda: gaussian_kde_1d([1.0, 2.0], bandwidth=1.0, points=2), "points"),
    ],
)
def test_bad_kernel_input_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
