import numpy as np
import pytest

from sims.aggregate_responses import risk, unequal_bag_risk
from sims.aggregate_responses.bag_trials import unequal_trial


def test_equal_weights_only_see_the_mean_size_and_the_mean_noise():
    for psi, rho, ridge in [
        (6, 0.1, 0),
        (6, 0, 0),
        (0.8, 0.3, 0),
        (2, 0, 0),
        (6, 0.1, 0.3),
        (3, 0, 0),
    ]:
        mixed = unequal_bag_risk(psi, [1, 2, 6], rho, noise_variance=[0.1, 0.4, 1.0], ridge=ridge)
        equal = risk(psi, 3, rho, noise_variance=0.5, ridge=ridge)
        assert mixed.bias_squared == pytest.approx(equal.bias_squared, rel=1e-12)
        assert mixed.variance == pytest.approx(equal.variance, rel=1e-12)


def test_weights_do_not_matter_to_interpolation():
    for psi, rho in [(0.8, 0.3), (2, 0.0)]:
        one, other = (
            unequal_bag_risk(psi, [1, 2, 6], rho, noise_variance=0.5, weights=w).total
            for w in ("size", [3.0, 0.1, 7.0])
        )
        assert one == pytest.approx(other, rel=1e-13)


def test_weights_only_count_up_to_a_factor():
    # w -> c w is rho -> rho/c
    one = unequal_bag_risk(5, [1, 2, 6], 0.2, noise_variance=0.5, weights=[1, 2, 3])
    other = unequal_bag_risk(5, [1, 2, 6], 1.0, noise_variance=0.5, weights=[5, 10, 15])
    assert one.total == pytest.approx(other.total, rel=1e-12)


@pytest.mark.parametrize("weights", ["size", "equal", "random"])
def test_monte_carlo_with_unequal_bags(weights):
    # d = 300, 10 draws, direction averaged: standard errors below 0.2 %, offsets below 1 %; 2 %
    # is at least five standard errors away from any offset
    rng = np.random.default_rng(8)
    sizes = np.tile([1, 2, 3, 10, 4], 150)
    noise = rng.uniform(0.2, 2, sizes.size)
    known = {
        "size": np.ones(sizes.size),
        "equal": sizes.mean() / sizes,
        "random": rng.uniform(0.3, 3, sizes.size),
    }
    rhos = [0.04, 0.3, 1.2]
    arguments = {"noise_variance": noise, "signal_power": 0.8}
    draws = [
        unequal_trial(sizes, 300, rhos, weights=known[weights], rng=rng, **arguments)
        for _ in range(10)
    ]
    given = known[weights] if weights == "random" else weights
    theory = unequal_bag_risk(10, sizes, rhos, weights=given, **arguments)
    for part in ("bias_squared", "variance"):
        mean = np.mean([getattr(draw, part) for draw in draws], axis=0)
        np.testing.assert_allclose(mean, getattr(theory, part), rtol=0.02)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"bag_sizes": []}, "at least one"),
        ({"bag_sizes": [0, 1]}, "bag_sizes"),
        ({"weights": "bags"}, "weights"),
        ({"weights": [1.0]}, "shape"),
        ({"weights": [1.0, 0.0]}, "weights"),
        ({"noise_variance": [1.0, 2.0, 3.0]}, "noise_variance"),
    ],
)
def test_bad_unequal_bags_are_named(change, word):
    arguments = {"bag_sizes": [1, 2], "weights": "size", "noise_variance": 1.0, **change}
    with pytest.raises(ValueError, match=word):
        unequal_bag_risk(3, rho=0.1, **arguments)
