import warnings

import numpy as np
import pytest
from chi_square_reference import reference_log_cdf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, ncx2

from sims.inductive_bias import (
    GeneralisedChiSquare,
    deep_tail_log_cdf,
    invert,
    log_cdf,
)

# threshold, weights, dof, noncentrality; from 0.04 to 1271 bits
CASES = [
    (4.0, [1.0], [1.0], [0.0]),
    (1.2, [1.0, 0.5], [1.0, 1.0], [0.3, 0.0]),
    (1e-6, [1.0], [0.37], [0.0]),
    (0.5, [1.0, 0.3, 0.1], [1.0, 2.5, 0.5], [0.0, 4.0, 1.0]),
    (0.05, [1.0, 0.3, 0.1], [1.0, 2.5, 0.5], [0.0, 4.0, 1.0]),
    (2.0, [3.0, 1.0, 0.02], [2.0, 1.0, 3.0], [10.0, 0.0, 2.0]),
    (1e-3, [1.0, 1e-2], [1.0, 1.0], [0.0, 0.5]),
    (2.0, [1.0, 0.02], [3.0, 40.0], [0.0, 5.0]),
    (1e-2, [1.0] * 4 + [0.2] * 20, [1.0] * 24, [0.0] * 4 + [1.0] * 20),
    (1e-4, list(np.geomspace(1.0, 1e-3, 30)), [1.0] * 30, [0.0] * 30),
    (1e-2, list(np.geomspace(1.0, 0.05, 40)), [2.0] * 40, [0.1] * 40),
    (1e-19, [1.0, 0.7, 0.5], [10.0, 10.0, 15.0], [3.0, 0.0, 0.0]),
    (3e-10, list(np.linspace(1.0, 0.2, 60)), [1.0] * 60, list(np.linspace(0, 9, 60))),
]


@pytest.mark.parametrize("case", CASES)
def test_against_sixty_digits(case):
    y, weights, dof, delta = case
    expected = float(reference_log_cdf(y, weights, dof, delta))
    found = float(log_cdf(y, weights, dof=dof, noncentrality=delta))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_the_cases_span_the_depths_promised():
    bits = [-float(log_cdf(y, w, dof=n, noncentrality=d)) / np.log(2) for y, w, n, d in CASES]
    assert min(bits) < 0.1
    assert max(bits) > 1200


def test_the_upper_side_against_sixty_digits():
    weights, dof, delta = [1.0, 0.4, 0.3], [1.0, 2.0, 0.6], [2.0, 0.0, 3.0]
    for y in (7.0, 12.0, 20.0, 30.0):
        expected = float(reference_log_cdf(y, weights, dof, delta))
        found = float(log_cdf(y, weights, dof=dof, noncentrality=delta))
        assert found == pytest.approx(expected, rel=1e-10, abs=0)


@pytest.mark.parametrize("dof", [0.02, 0.5, 1.0, 2.0, 7.3, 40.0, 1e3, 1e6])
def test_one_term_against_scipy(dof):
    y = dof * np.array([1e-8, 1e-3, 0.3, 0.9, 0.999, 1.0, 1.001, 1.2, 2.0])
    with np.errstate(divide="ignore"):
        below, above = chi2.logcdf(y, dof), np.log1p(-chi2.sf(y, dof))
    expected = np.where(y > dof, above, below)
    known = np.isfinite(expected)
    found = log_cdf(2.5 * y, 2.5, dof=dof)
    np.testing.assert_allclose(found[known], expected[known], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("dof", "delta"), [(1, 3.0), (4, 0.1), (10, 50.0), (3, 400.0)])
def test_one_noncentral_term_against_scipy(dof, delta):
    y = (dof + delta) * np.array([0.05, 0.2, 0.5, 0.9, 1.0, 1.05])
    expected = ncx2.logcdf(y, dof, delta)
    # SciPy's own probabilities have about 12 digits.
    np.testing.assert_allclose(log_cdf(y, 1, dof=dof, noncentrality=delta), expected, rtol=1e-9)


def random_law(rng):
    """Weights over up to 14 decades, squared biases from 1e-8 to 1e3: the specified stress."""
    terms = rng.integers(1, 30)
    return GeneralisedChiSquare(
        10 ** rng.uniform(-rng.uniform(0, 14), 0, terms),
        rng.choice([0.3, 1.0, 1.0, 1.0, 2.0, 5.0], terms),
        10 ** rng.uniform(-8, 3, terms) * (rng.random(terms) < 0.6),
        rng.choice([0.0, 1.0]),
    )


def test_fifteen_hundred_random_laws_do_not_depend_on_the_step():
    rng = np.random.default_rng(5)
    nodes = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing may overflow on the way
        for index in range(1500):
            law = random_law(rng)
            reach = law.mean - law.offset
            y = reach * 10 ** rng.uniform(-4, np.log10(6), 2)
            if index % 10 == 0:
                y[0] = 1e-6 * reach
            one, other = (invert(law, law.offset + y, step=step) for step in (0.32, 0.23))
            np.testing.assert_allclose(one.log_cdf, other.log_cdf, rtol=1e-11, atol=1e-12)
            nodes.append(one.nodes)
    assert np.max(nodes) <= 100
    assert np.median(nodes) <= 40


def test_nodes_are_few_for_an_interpolants_law():
    rng = np.random.default_rng(0)
    weights = np.sort(rng.exponential(size=300))
    for bias in (np.zeros(300), weights * rng.exponential(size=300)):
        law = GeneralisedChiSquare(weights, np.full(300, 10.0), bias)
        found = invert(law, law.mean * np.geomspace(1e-4, 1.0, 20))
        assert found.nodes.max() <= 64
        assert found.error.max() < 1e-17


def test_many_terms_grouped_or_one_by_one_are_the_same():
    rng = np.random.default_rng(1)
    weights, delta = rng.exponential(size=100), rng.exponential(size=100)
    for dof in (1.0, 3.0, 10.0):
        y = dof * weights.sum() * np.array([0.01, 0.2, 0.7, 1.5, 2.5])
        grouped = log_cdf(y, weights, dof=dof, noncentrality=delta)
        single = log_cdf(y, weights, dof=dof * (1 + 1e-15 * np.arange(100)), noncentrality=delta)
        # The laws differ by up to 1e-13 in dof, and ln P here changes by up to 60 times that.
        np.testing.assert_allclose(grouped, single, rtol=1e-11)


def test_equal_weights_may_be_merged():
    y = np.array([0.1, 3.0, 20.0])
    one = log_cdf(y, [2.0, 0.5], dof=[3.0, 7.0], noncentrality=[1.5, 2.0])
    many = log_cdf(
        y, [2.0] * 3 + [0.5] * 2, dof=[1, 1, 1, 3, 4], noncentrality=[0.5, 1.0, 0.0, 2.0, 0.0]
    )
    np.testing.assert_allclose(one, many, rtol=1e-13)


def test_nearly_frozen_directions_with_huge_noncentrality():
    # A pure parabola overflows here; the value is that of the limit, to the width of the term.
    law = GeneralisedChiSquare(np.array([1.0, 1e-9]), np.ones(2), np.array([0.0, 0.1]))
    for above in (1e-3, 1e-2):
        found = float(invert(law, np.array(0.1 + above)).log_cdf)
        assert found == pytest.approx(float(log_cdf(above, 1.0)), abs=1e-4)
    assert float(invert(law, np.array(0.0999)).log_cdf) < -10


@pytest.mark.parametrize("delta", [1e17, 1e30])
def test_one_huge_noncentrality_is_nearly_a_constant(delta):
    weights, others = [1.0, 1.0 / delta], {"dof": [3.0, 1.0], "noncentrality": [0.0, delta]}
    y = np.array([1.01, 1.5, 3.0, 9.0])
    np.testing.assert_allclose(
        log_cdf(y, weights, **others), log_cdf(y - 1.0, 1.0, dof=3), rtol=1e-5
    )
    # below it, Cramér: (sqrt(y) - 1)² delta/2 to leading order
    assert log_cdf(0.3, weights, **others) == pytest.approx(
        -0.5 * delta * (np.sqrt(0.3) - 1.0) ** 2, rel=1e-6
    )


def test_millions_of_bits():
    rng = np.random.default_rng(2)
    weights = rng.uniform(0.5, 1.0, 5000)
    found = log_cdf(1e-200, weights)
    assert found < -1e6 * np.log(2)
    assert found == pytest.approx(deep_tail_log_cdf(1e-200, weights), rel=1e-13)


@pytest.mark.parametrize("scale", [1e-250, 1e-3, 1e200])
def test_the_unit_of_the_error_does_not_matter(scale):
    weights, delta, y = np.array([1.0, 0.2]), [0.5, 2.0], np.array([1e-30, 0.1, 3.0, 9.0])
    plain = log_cdf(y, weights, noncentrality=delta)
    scaled = log_cdf(scale * y, scale * weights, noncentrality=delta)
    np.testing.assert_allclose(scaled, plain, rtol=1e-12)


def test_thresholds_at_the_ends():
    found = log_cdf([-np.inf, 0.5, 1.0, np.inf, 1e308], [1.0, 2.0], offset=1.0)
    np.testing.assert_array_equal(found, [-np.inf, -np.inf, -np.inf, 0.0, 0.0])
    assert -1e-100 < log_cdf(1000.0, [1.0, 2.0]) < 0.0  # log1p of a tail, not 0 or positive
    assert log_cdf(np.nextafter(1.0, 2.0), 1.0, offset=1.0) == pytest.approx(
        chi2.logcdf(np.spacing(1.0), 1), rel=1e-12
    )


def test_thresholds_too_small_for_any_scale_join_on_smoothly():
    weights = [1.0, 0.5, 0.1]
    left, right = log_cdf([0.99e-280, 1.01e-280], np.divide(weights, 1.6))
    assert right - left == pytest.approx(1.5 * np.log(1.01 / 0.99), rel=1e-9)


@pytest.mark.parametrize("weights", [[], 0.0, [0.0, 0.0]])
def test_without_weight_it_is_a_step(weights):
    found = log_cdf([0.9, 1.0, 1.1], weights, offset=1.0, noncentrality=3.0)
    np.testing.assert_array_equal(found, [-np.inf, 0.0, 0.0])


def test_shapes_follow_the_threshold():
    assert np.ndim(log_cdf(1, 1)) == 0
    assert log_cdf([1], [1, 2]).shape == (1,)
    assert log_cdf([[1, 2, 3]], 1, dof=2).shape == (1, 3)
    assert log_cdf([], [1.0]).shape == (0,)
    spread = log_cdf(np.linspace(0.1, 9, 5000).reshape(50, 100), np.ones(60) * [1.0])
    assert spread.shape == (50, 100)
    assert (np.diff(spread.ravel()) > 0).all()


laws = st.lists(
    st.tuples(
        st.floats(1e-6, 1.0),
        st.sampled_from([1.0, 2.0, 3.0, 10.0]),
        st.one_of(st.just(0.0), st.floats(1e-3, 50.0)),
    ),
    min_size=1,
    max_size=12,
)
shares = st.floats(1e-4, 3.0)


def unpacked(law):
    weights, dof, delta = (np.array(part) for part in zip(*law, strict=True))
    mean = weights @ (dof + delta)
    return weights, {"dof": dof, "noncentrality": delta}, mean


@given(laws, shares, shares)
def test_rises_and_is_log_concave_in_the_threshold(law, first, second):
    weights, others, mean = unpacked(law)
    low, high = sorted((first * mean, second * mean))
    left, middle, right = log_cdf([low, 0.5 * (low + high), high], weights, **others)
    assert left <= middle + 1e-12 <= right + 2e-12
    assert middle >= 0.5 * (left + right) - 1e-11 * max(1.0, -left)


@given(laws, shares, st.integers(0, 11), st.floats(1.0, 3.0))
def test_falls_when_a_weight_or_a_noncentrality_grows(law, share, index, factor):
    weights, others, mean = unpacked(law)
    index %= len(weights)
    y = share * mean
    plain = log_cdf(y, weights, **others)
    heavier = weights.copy()
    heavier[index] *= factor
    slack = 1e-12 * max(1.0, -plain)
    assert log_cdf(y, heavier, **others) <= plain + slack
    moved = dict(others, noncentrality=others["noncentrality"].copy())
    moved["noncentrality"][index] += factor
    assert log_cdf(y, weights, **moved) <= plain + slack


@given(laws, shares, st.floats(0.0, 10.0))
@settings(max_examples=30)
def test_an_offset_shifts(law, share, offset):
    weights, others, mean = unpacked(law)
    y = offset + share * mean
    shifted = log_cdf(y, weights, offset=offset, **others)
    assert shifted == pytest.approx(log_cdf(y - offset, weights, **others), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"weights": [1.0, -1e-9]}, r"weights\[1\]"),
        ({"weights": [np.nan]}, r"weights\[0\]"),
        ({"weights": [np.inf]}, r"weights\[0\]"),
        ({"weights": [[1.0]]}, "weights.shape"),
        ({"dof": 0.0}, "dof"),
        ({"dof": [-1.0]}, r"dof\[0\]"),
        ({"noncentrality": [-0.5]}, "noncentrality"),
        ({"noncentrality": np.nan}, "noncentrality"),
        ({"dof": [1.0, 2.0, 3.0]}, "do not go together"),
        ({"offset": np.inf}, "offset"),
        ({"offset": "much"}, "offset"),
        ({"threshold": np.nan}, "threshold"),
        ({"threshold": [0.1, np.nan]}, "threshold"),
        ({"threshold": "half"}, "threshold"),
        ({"weights": [1e300], "noncentrality": 1e300}, "overflow"),
        ({"weights": [1e308, 1e308]}, "overflow"),
    ],
)
def test_bad_arguments_are_named(change, word):
    arguments = {"threshold": 1.0, "weights": [1.0, 0.5], **change}
    with pytest.raises(ValueError, match=word):
        log_cdf(**arguments)
