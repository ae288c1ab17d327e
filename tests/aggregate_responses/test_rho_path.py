import numpy as np
import pytest

from sims.aggregate_responses import equal_bags, interpolating_path
from sims.aggregate_responses import rho_path as module
from sims.aggregate_responses.bags import as_bags
from sims.aggregate_responses.leave_one_out import bag_errors

RHOS = np.array([0.0, 1e-8, 0.1, 1.0, 2.5, 30.0])


def stacked(features, responses, labels, rho, ridge, intercept):
    """Return the minimum-norm stacked least squares, by a dense averaging matrix."""
    n, d = features.shape
    _, index, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    centre = features.mean(0) if intercept else np.zeros(d)
    level = responses.mean() if intercept else 0.0
    averaging = np.zeros((len(sizes), n))
    averaging[index, np.arange(n)] = 1 / sizes[index]
    means = averaging @ (features - centre)
    root = np.sqrt(sizes)[:, None]
    if ridge == 0 and n - intercept < d and rho > 0:
        rho = 1.0  # interpolation forgets the weight; keep the reference well conditioned
    rows = [root * means, np.sqrt(rho) * (features - centre - means[index])]
    rows.append(np.sqrt(ridge * d) * np.eye(d))
    right = np.concatenate([root[:, 0] * (averaging @ (responses - level)), np.zeros(n + d)])
    theta = np.linalg.lstsq(np.concatenate(rows), right, rcond=1e-9)[0]
    return theta, level - theta @ centre


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize(
    ("n", "d", "m"),
    [
        (60, 10, 20),
        (60, 10, 7),
        (60, 30, 20),
        (20, 30, 8),
        (12, 30, 12),
        (40, 1, 8),
        (31, 30, 9),
        (1, 1, 1),
        (9, 2, 9),
    ],
)
def test_every_regime_against_stacked_least_squares(n, d, m, ridge, intercept):
    rng = np.random.default_rng(n + d + m)
    features, responses = rng.normal(size=(n, d)) + 3, rng.normal(size=n)
    labels = rng.integers(0, m, n)
    path = interpolating_path(
        features, responses, RHOS, bags=labels, ridge=ridge, fit_intercept=intercept
    )
    for rho, theta, constant in zip(RHOS, path.coefficients, path.intercepts, strict=True):
        expected, level = stacked(features, responses, labels, rho, ridge, intercept)
        # the reference itself loses digits where rho is tiny and the rows are nearly dependent
        size = 1e-12 + np.abs(expected).max()
        np.testing.assert_allclose(theta, expected, atol=2e-7 * size)
        assert constant == pytest.approx(level, abs=1e-6 * (size + 1))


def test_instance_level_is_least_squares_on_repeated_means():
    rng = np.random.default_rng(0)
    features, responses = rng.normal(size=(50, 4)), rng.normal(size=50)
    labels = rng.integers(0, 12, 50)
    bags = as_bags(labels)
    repeated = bags.means(responses)[bags.index]
    path = interpolating_path(features, responses, [1.0], bags=labels, fit_intercept=False)
    expected = np.linalg.lstsq(features, repeated, rcond=None)[0]
    np.testing.assert_allclose(path.coefficients[0], expected, rtol=1e-10)
    again = interpolating_path(features, repeated, [1.0], bags=labels, fit_intercept=False)
    np.testing.assert_allclose(again.coefficients, path.coefficients, rtol=1e-12)


def test_few_samples_forget_the_weight_and_fit_exactly():
    rng = np.random.default_rng(1)
    features, responses = rng.normal(size=(12, 30)), rng.normal(size=12)
    labels = equal_bags(12, 3)
    path = interpolating_path(features, responses, [1e-6, 1.0, 50.0], bags=labels)
    np.testing.assert_allclose(path.coefficients[0], path.coefficients[1], atol=1e-9)
    np.testing.assert_allclose(path.coefficients[2], path.coefficients[1], atol=1e-9)
    bags = as_bags(labels)
    fitted = features @ path.coefficients[1] + path.intercepts[1]
    np.testing.assert_allclose(fitted, bags.means(responses)[bags.index], atol=1e-10)


def test_dependent_and_constant_features():
    rng = np.random.default_rng(2)
    base = rng.normal(size=(50, 3))
    features = np.column_stack([base, base[:, 0], np.full(50, 7.1e5)])
    path = interpolating_path(features, rng.normal(size=50), RHOS, bags=rng.integers(0, 15, 50))
    np.testing.assert_allclose(path.coefficients[:, 0], path.coefficients[:, 3], rtol=1e-6)
    np.testing.assert_array_equal(path.coefficients[:, 4], 0.0)


def test_scales_of_features_do_not_matter():
    rng = np.random.default_rng(3)
    features, responses = rng.normal(size=(50, 4)), rng.normal(size=50)
    scale = np.array([1e-9, 1.0, 1e6, 30.0])
    labels = rng.integers(0, 15, 50)
    plain = interpolating_path(features, responses, RHOS, bags=labels)
    scaled = interpolating_path(features * scale, responses, RHOS, bags=labels)
    np.testing.assert_allclose(
        scaled.coefficients * scale, plain.coefficients, rtol=1e-7, atol=1e-9
    )


def test_one_bag_teaches_nothing_but_its_mean():
    rng = np.random.default_rng(4)
    path = interpolating_path(rng.normal(size=(9, 3)), np.arange(9.0), RHOS, bags=np.zeros(9))
    np.testing.assert_allclose(path.coefficients, 0.0, atol=1e-12)
    np.testing.assert_allclose(path.intercepts, 4.0)


@pytest.mark.parametrize(("n", "d", "k"), [(300, 40, 3), (300, 40, 12), (30, 40, 3)])
def test_one_factorisation_serves_every_weight(monkeypatch, n, d, k):
    calls = {"tridiagonal": 0, "svd": 0, "cholesky": 0}

    def counted(name, function):
        def call(*args, **kwargs):
            calls[name] += 1
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(module, "tridiagonalise", counted("tridiagonal", module.tridiagonalise))
    monkeypatch.setattr(module.linalg, "svd", counted("svd", module.linalg.svd))
    monkeypatch.setattr(module, "sound_factor", counted("cholesky", module.sound_factor))
    rng = np.random.default_rng(0)
    interpolating_path(
        rng.normal(size=(n, d)),
        rng.normal(size=n),
        np.geomspace(1e-3, 1, 50),
        bags=equal_bags(n, k),
    )
    assert calls["tridiagonal"] == 1
    assert calls["svd"] + calls["cholesky"] == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"rhos": [-0.1]}, r"rhos\[0\]"),
        ({"rhos": [np.inf]}, "rhos"),
        ({"ridge": -1.0}, "ridge"),
        ({"responses": [1.0, np.nan]}, "responses"),
        ({"responses": [1.0]}, "responses"),
        ({"features": [[1.0], [np.inf]]}, "features"),
        ({"features": np.empty((0, 3)), "responses": []}, "responses"),
        ({"bags": [0]}, "1 labels"),
    ],
)
def test_bad_arguments_are_named(change, word):
    arguments = {"features": [[1.0], [2.0]], "responses": [1.0, 2.0], "rhos": [0.1], **change}
    with pytest.raises(ValueError, match=word):
        interpolating_path(**arguments)


# ----- leave one bag mean out


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("ridge", [0.0, 0.2])
@pytest.mark.parametrize(("n", "d", "m"), [(60, 5, 20), (60, 14, 9)])
def test_shortcut_equals_leaving_out_each_row(n, d, m, ridge, intercept):
    """Drop the row of one bag mean, keep all deviations inside bags, refit, predict the mean."""
    rng = np.random.default_rng(0)
    features, responses = rng.normal(size=(n, d)) + 1, rng.normal(size=n) + 2
    bags = as_bags(rng.permutation(np.arange(n) % m))
    root = np.sqrt(bags.sizes)
    means = bags.means(features)
    design = root[:, None] * np.column_stack([means, np.ones(m)][: 1 + intercept])
    targets = root * bags.means(responses)
    inside = features - means[bags.index]
    problem = module.prepare(features, responses, bags, intercept)
    errors = bag_errors(problem.rows, problem.targets, bags, ridge * d, intercept)
    for rho in (0.05, 1.0, 7.0):
        penalty = np.zeros((design.shape[1],) * 2)
        penalty[:d, :d] = rho * inside.T @ inside + ridge * d * np.eye(d)
        left = []
        for bag in range(m):
            kept = np.arange(m) != bag
            rows = design[kept]
            theta = np.linalg.solve(rows.T @ rows + penalty, rows.T @ targets[kept])
            left.append(targets[bag] - design[bag] @ theta)
        assert errors.error(np.array([rho]))[0] == pytest.approx(np.mean(np.square(left)), rel=1e-9)


def test_interpolation_leaves_no_residual_to_judge_by():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(10, 20))
    bags = as_bags(equal_bags(10, 2))
    errors = bag_errors(features, bags.means(rng.normal(size=10)), bags, 0.0, False)
    assert errors.error(np.array([0.1, 1.0])).tolist() == [np.inf, np.inf]
    assert errors.best() == (1.0, np.inf)


def test_leave_one_out_estimates_risk_plus_noise_and_finds_the_weight():
    # d = 150, 16 trials: relative standard error about 3 %, tolerance five of those
    from sims.aggregate_responses import optimal_rho, risk

    rng, rhos = np.random.default_rng(5), np.array([0.05, 0.3, 1.0])
    n, d, k, noise = 900, 150, 4, 0.6
    bags = as_bags(equal_bags(n, k))
    curves, found = [], []
    for _ in range(16):
        features = rng.normal(size=(n, d))
        responses = features[:, 0] + np.sqrt(noise) * rng.normal(size=n)
        errors = bag_errors(features, np.sqrt(k) * bags.means(responses), bags, 0.0, False)
        curves.append(errors.error(rhos))
        found.append(errors.best()[0])
    theory = noise + risk(n / d, k, rhos, noise_variance=noise).total
    np.testing.assert_allclose(np.mean(curves, axis=0), theory, rtol=0.15)
    best = optimal_rho(n / d, k, noise_variance=noise)
    chosen = risk(n / d, k, np.array(found), noise_variance=noise).total
    assert chosen.mean() < 1.08 * best.risk
