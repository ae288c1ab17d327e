import numpy as np
import pytest
from chi_square_reference import reference_log_cdf

from sims.inductive_bias import (
    characteristic_inversion,
    cumulants,
    log_cdf,
    ruben_series,
    tilted_importance_sampling,
)

RNG = np.random.default_rng(8)
LAWS = [
    ([1.0, 0.4, 0.3], {"dof": [2.0, 1.0, 3.0]}),
    ([1.0, 0.9, 0.2, 0.1], {"dof": 2.0, "noncentrality": [0.0, 3.0, 1.0, 0.0]}),
    (RNG.uniform(0.1, 1.0, 60), {"noncentrality": RNG.exponential(size=60)}),
]


@pytest.mark.parametrize(("weights", "others"), LAWS)
def test_the_characteristic_function_agrees_down_to_twenty_bits(weights, others):
    mean = cumulants(weights, **others, order=1)[0]
    for share in (0.12, 0.3, 0.7, 1.0, 1.5):
        exact = float(log_cdf(share * mean, weights, **others))
        found = characteristic_inversion(share * mean, weights, **others, tolerance=1e-14)
        assert abs(found.cdf - np.exp(exact)) <= found.error + 2e-14
        if exact > -20 * np.log(2):
            assert found.cdf == pytest.approx(np.exp(exact), rel=1e-7, abs=found.error + 2e-14)


def test_a_bulk_probability_to_nine_digits():
    for weights, others in LAWS:
        y = 0.8 * np.sum(weights)
        found = characteristic_inversion(y, weights, **others, tolerance=1e-13)
        assert np.log(found.cdf) == pytest.approx(float(log_cdf(y, weights, **others)), rel=1e-9)


def test_its_error_is_absolute_and_told():
    few = characteristic_inversion(0.5, [1.0], limit=2000)
    assert few.nodes == 2000
    assert few.error > 1e-4  # one degree of freedom decays like u^-1/2
    assert abs(few.cdf - np.exp(log_cdf(0.5, 1.0))) <= few.error
    deep = characteristic_inversion(1e-3, np.ones(40))
    assert log_cdf(1e-3, np.ones(40)) < -190
    assert abs(deep.cdf) <= deep.error + 1e-14


@pytest.mark.parametrize(("weights", "others"), LAWS)
@pytest.mark.parametrize("share", [1e-6, 0.01, 0.5, 1.5])
def test_ruben_agrees_at_any_depth(weights, others, share):
    y = share * np.sum(weights)
    found = ruben_series(y, weights, **others)
    assert found.remainder <= 1e-13
    assert found.log_cdf == pytest.approx(float(log_cdf(y, weights, **others)), rel=1e-11)


def test_ruben_against_sixty_digits():
    case = (0.3, [1.0, 0.2], [1.5, 2.0], [0.5, 7.0])
    found = ruben_series(case[0], case[1], dof=case[2], noncentrality=case[3])
    assert found.log_cdf == pytest.approx(float(reference_log_cdf(*case)), rel=1e-13)


def test_ruben_keeps_to_its_limit():
    with pytest.raises(ArithmeticError, match="limit = 500"):
        ruben_series(1.0, [1.0, 1e-5], limit=500)


@pytest.mark.parametrize(
    ("y", "weights", "others"),
    [
        (1e-3, np.linspace(0.1, 1.0, 60), {}),
        (0.5, np.linspace(0.1, 1.0, 40), {"dof": 3.0, "noncentrality": np.linspace(0, 20, 40)}),
        (2e-9, [1.0, 0.3, 1e-4], {"dof": [10.0, 9.5, 4.0], "noncentrality": [0.0, 3.0, 1.0]}),
    ],
)
def test_tilted_sampling_beyond_a_hundred_bits(y, weights, others):
    exact = float(log_cdf(y, weights, **others))
    assert exact < -100 * np.log(2)
    rng = np.random.default_rng(3)
    found = tilted_importance_sampling(y, weights, **others, samples=20_000, rng=rng)
    assert found.standard_error < 0.04
    # 4 standard errors: a false alarm has a chance below 1e-4 for a fresh seed; it is fixed.
    assert abs(found.log_cdf - exact) < 4 * found.standard_error


def test_tilted_sampling_above_the_mean_is_counting():
    found = tilted_importance_sampling(3.0, [1.0, 0.5], samples=5000, rng=np.random.default_rng(0))
    assert abs(found.log_cdf - log_cdf(3.0, [1.0, 0.5])) < 4 * found.standard_error


def test_an_offset_is_subtracted_everywhere():
    rng = np.random.default_rng(0)
    exact = float(log_cdf(1.0, [1.0, 0.5, 0.4], dof=2, offset=0.6))
    shifted = {"weights": [1.0, 0.5, 0.4], "dof": 2, "offset": 0.6}
    assert np.log(characteristic_inversion(1.0, **shifted).cdf) == pytest.approx(exact, rel=1e-8)
    assert ruben_series(1.0, **shifted).log_cdf == pytest.approx(exact, rel=1e-12)
    found = tilted_importance_sampling(1.0, **shifted, samples=4000, rng=rng)
    assert abs(found.log_cdf - exact) < 4 * found.standard_error
    assert characteristic_inversion(0.5, **shifted).cdf == 0.0
    assert ruben_series(0.5, **shifted).log_cdf == -np.inf


def test_bad_arguments_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="tolerance"):
        characteristic_inversion(1.0, 1.0, tolerance=0.0)
    with pytest.raises(ValueError, match="limit"):
        ruben_series(1.0, 1.0, limit=0)
    with pytest.raises(ValueError, match="threshold"):
        tilted_importance_sampling(1.0, 1.0, offset=1.0, samples=10, rng=rng)
    with pytest.raises(ValueError, match="samples"):
        tilted_importance_sampling(1.0, 1.0, samples=1, rng=rng)
    with pytest.raises(ValueError, match="weights are all 0"):
        tilted_importance_sampling(1.0, 0.0, samples=10, rng=rng)
