import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sims.active_multitask_lasso import (
    draw_data,
    draw_statistics,
    excess_risk,
    no_statistics,
    representation_risk,
    statistics_of,
    target_head,
    target_step_risk,
)


@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_it_is_least_squares_on_the_learned_features(ridge):
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((6, 3)))[0]
    x, y = draw_data([np.arange(6.0)], [20], noise_variance=1.0, rng=rng)[0]
    model = Ridge(alpha=ridge, fit_intercept=False, solver="svd").fit(x @ basis, y)
    found = target_head(statistics_of([(x, y)]), basis, ridge=ridge)
    np.testing.assert_allclose(found, model.coef_, rtol=1e-10)


def test_the_mean_excess_risk_is_the_exact_formula():
    """d = 6, K = 2, m = 9; four standard errors: false alarm 6e-5."""
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.standard_normal((6, 2)))[0]
    theta = rng.standard_normal(6)
    rep = representation_risk(basis, theta)
    found = []
    for _ in range(2000):
        drawn = draw_statistics(theta[None], 9, noise_variance=0.5, rng=rng)
        found.append(excess_risk(basis, target_head(drawn, basis), theta))
    expected = target_step_risk(rep, rank=2, target_samples=9, noise_variance=0.5)
    assert abs(np.mean(found) - expected) < 4 * np.std(found) / np.sqrt(len(found))


def test_risks_add_up():
    basis = np.eye(3, 2)
    theta = np.array([1.0, 2.0, 3.0])
    assert representation_risk(basis, theta) == 9.0
    assert excess_risk(basis, [1.0, 2.0], theta) == 9.0
    assert excess_risk(basis, [0.0, 2.0], theta) == 10.0


def test_bad_arguments_are_named():
    one = statistics_of([([[1.0, 0.0, 0.0]], [1.0])])
    twice = statistics_of([([[1.0, 0.0, 0.0]] * 2, [1.0, 1.0])])
    with pytest.raises(ValueError, match="target samples"):
        target_head(one, np.eye(3, 2))
    with pytest.raises(ValueError, match="rank of the target's features"):
        target_head(twice, np.eye(3, 2))
    assert np.isfinite(target_head(one, np.eye(3, 2), ridge=1e-3)).all()
    for arguments, word in (
        ((no_statistics(2, 3), np.eye(3, 2)), "one target"),
        ((one, np.eye(4, 2)), "one target"),
        ((one, np.ones((3, 2))), "orthonormal"),
    ):
        with pytest.raises(ValueError, match=word):
            target_head(*arguments, ridge=1.0)
    with pytest.raises(ValueError, match="ridge"):
        target_head(one, np.eye(3, 2), ridge=-1.0)
    with pytest.raises(ValueError, match=r"parameters\.shape"):
        representation_risk(np.eye(3, 2), [1.0])
    with pytest.raises(ValueError, match=r"basis\.shape"):
        excess_risk(np.eye(3, 2), [1.0], [1.0, 2.0, 3.0])
