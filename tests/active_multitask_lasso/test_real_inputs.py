import numpy as np
import pytest
from scipy.stats import ks_2samp

from sims.active_multitask_lasso import (
    first_order_risk,
    pool_inputs,
    random_instance,
    statistics_of,
    strategy_trial,
    whitened_digits,
)

POOL = np.linalg.qr(np.random.default_rng(0).standard_normal((7, 3)))[0] * np.sqrt(7)


@pytest.mark.parametrize("n", [1, 5, 60])
def test_statistics_have_the_law_of_rows_drawn_with_replacement(n):
    """Few draws, and many (multinomial counts): KS at 1e-4 on five statistics, three sizes."""
    repeats, rng = 1500, np.random.default_rng(n)
    theta = np.tile([1.0, -0.5, 2.0], (repeats, 1))
    drawn = pool_inputs(POOL)(theta, np.full(repeats, float(n)), 0.7, rng)
    rows = POOL[rng.integers(0, 7, (repeats, n))]
    data = [(x, x @ theta[0] + 0.7 * rng.standard_normal(n)) for x in rows]
    expected = statistics_of(data)
    for summary in (
        lambda s: s.gram[:, 0, 0],
        lambda s: s.gram[:, 1, 2],
        lambda s: s.cross @ [1.0, 2.0, 3.0],
        lambda s: s.square,
        lambda s: s.square - s.cross[:, 0],
    ):
        one, other = summary(drawn), summary(expected)
        noise = 1e-9 * rng.standard_normal(repeats)  # ties of a discrete law, split alike
        assert ks_2samp(np.round(one, 9) + noise, np.round(other, 9) + noise).pvalue > 1e-4


def test_no_draws_are_no_statistics():
    drawn = pool_inputs(POOL)(np.ones((2, 3)), np.array([0.0, 4.0]), 1.0, np.random.default_rng(0))
    assert not drawn.gram[0].any()
    assert drawn.counts.tolist() == [0, 4]


def test_real_covariates_have_the_same_first_order_risk():
    """S4: ratios 0.91 to 1.10 in earlier runs; each mean here has a standard error of 4 %."""
    instance = random_instance(12, 3, 3)
    rows = whitened_digits(20)
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.standard_normal((20, 3)))[0]
    settings = {"dimension": 20, "inputs": pool_inputs(rows), "basis": basis}
    strategies = ("uniform", "l2", "l1")
    trials = [
        strategy_trial(
            instance.heads, instance.target, [6000], strategies=strategies, rng=rng, **settings
        )
        for _ in range(60)
    ]
    found = np.mean([trial.representation[0] for trial in trials], axis=0)
    theory = [
        first_order_risk(instance.heads, instance.target, counts, dimension=20, noise_variance=1.0)
        for counts in trials[0].counts[0]
    ]
    np.testing.assert_allclose(found, theory, rtol=0.17)
    assert found[0] > found[1] > found[2]


def test_rows_that_are_not_white_are_refused():
    with pytest.raises(ValueError, match="whitened"):
        pool_inputs(2 * POOL)
    with pytest.raises(ValueError, match="dimension"):
        whitened_digits(61)
