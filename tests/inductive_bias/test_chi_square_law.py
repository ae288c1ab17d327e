import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest, ncx2

from sims.inductive_bias import GeneralisedChiSquare, cgf, cumulants, law_cumulants, log_cdf
from sims.inductive_bias.law import draw, merge

WEIGHTS, DOF, DELTA = np.array([1.0, 0.5, 0.2]), np.array([1.0, 2.5, 4.0]), np.array([0, 3.0, 1.0])
LAW = GeneralisedChiSquare(WEIGHTS, DOF, WEIGHTS * DELTA, 0.25)


def test_cumulants_of_one_term_are_scipys_moments():
    mean, variance, skew, kurtosis = (float(v) for v in ncx2.stats(3, 5, moments="mvsk"))
    expected = [mean, variance, skew * variance**1.5, kurtosis * variance**2]
    scaled = np.array(expected) * 0.7 ** np.arange(1, 5)
    np.testing.assert_allclose(cumulants(0.7, dof=3, noncentrality=5), scaled, rtol=1e-12)


def test_cumulants_add_up_and_are_derivatives_of_the_generating_function():
    found = cumulants(WEIGHTS, dof=DOF, noncentrality=DELTA, order=5)
    parts = sum(
        cumulants(w, dof=n, noncentrality=d, order=5) for w, n, d in zip(WEIGHTS, DOF, DELTA)
    )
    np.testing.assert_allclose(found, parts, rtol=1e-13)
    np.testing.assert_allclose(
        found, [float(cgf(LAW, 0.0, derivative=k)) for k in range(1, 6)], rtol=1e-13
    )
    assert law_cumulants(LAW, 2)[0] == pytest.approx(found[0] + 0.25, rel=1e-13)
    assert LAW.mean == pytest.approx(found[0] + 0.25, rel=1e-13)
    assert LAW.variance == pytest.approx(found[1], rel=1e-13)


@pytest.mark.parametrize("s", [-3.0, -0.1, 0.3])
def test_derivatives_by_differences(s):
    step = 1e-5
    for k in range(4):
        slope = (cgf(LAW, s + step, k) - cgf(LAW, s - step, k)) / (2 * step)
        assert float(cgf(LAW, s, k + 1)) == pytest.approx(float(slope), rel=1e-7)


def test_the_generating_function_is_the_expectation():
    density = lambda q: ncx2.pdf(q, 3, 2)  # noqa: E731
    law = GeneralisedChiSquare(np.ones(1), np.array([3.0]), np.array([2.0]))
    expected = quad(lambda q: np.exp(-0.4 * q) * density(q), 0, np.inf)[0]
    assert float(cgf(law, -0.4)) == pytest.approx(np.log(expected), rel=1e-9)


def test_draws_follow_the_law():
    # One-sample Kolmogorov-Smirnov at 20000 draws: false alarm 1e-4 for a fresh seed; it is fixed.
    draws = draw(LAW, 20_000, np.random.default_rng(4))
    exact = lambda q: np.exp(  # noqa: E731
        log_cdf(q, WEIGHTS, dof=DOF, noncentrality=DELTA, offset=0.25)
    )
    assert kstest(draws, exact).pvalue > 1e-4
    for k, expected in enumerate(law_cumulants(LAW, 2)):
        sample = draws.mean() if k == 0 else draws.var(ddof=1)
        error = np.sqrt(LAW.variance / 20_000) if k == 0 else LAW.variance * np.sqrt(8 / 20_000)
        assert abs(sample - expected) < 4 * error


def test_merging_sorts_and_adds():
    law = merge(
        GeneralisedChiSquare(
            np.array([0.5, 2.0, 0.5]), np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.0, 0.4]), 3.0
        )
    )
    np.testing.assert_array_equal(law.weights, [2.0, 0.5])
    np.testing.assert_array_equal(law.dof, [2.0, 4.0])
    np.testing.assert_array_equal(law.bias_squared, [0.0, 0.5])
    assert law.offset == 3.0
    assert law.total_dof == 6.0


def test_zero_weights_have_no_cumulants():
    assert (cumulants([0.0, 0.0], noncentrality=2.0) == 0).all()
    assert (cumulants([0.0, 1.0]) == cumulants(1.0)).all()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (([-1.0],), "weights"),
        (([1.0], {"dof": 0}), "dof"),
        (([1.0], {"noncentrality": -1}), "noncentrality"),
        (([1.0], {"order": 0}), "order"),
        (([1.0], {"order": 1.5}), "order"),
    ],
)
def test_bad_arguments_are_named(arguments, word):
    with pytest.raises(ValueError, match=word):
        cumulants(arguments[0], **(arguments[1] if len(arguments) > 1 else {}))


def test_the_generating_function_stops_at_its_singularity():
    with pytest.raises(ValueError, match=r"s = 0\.5"):
        cgf(LAW, [0.1, 0.5])
