import pickle

import numpy as np
import pytest
from scipy.stats import ks_2samp

from sims.random_features import gaussian_trial
from sims.random_features.sampler import (
    sample_curve_trial,
    sample_test_errors,
    size_grid_trial,
    width_curve_trial,
)
from sims.random_features.theory import risk

# Law against law: the largest of about 200 Kolmogorov-Smirnov statistics is held to p = 1e-5 and
# means to 4.5 standard errors, so a fresh seed would give a false alarm with probability 4e-3.
SMALLEST_P = 1e-5
SIGMAS = 4.5


def power_law(alpha, beta, modes):
    index = np.arange(1.0, modes + 1)
    return index**-alpha, index**-beta


def assert_same_law(first, second):
    """Compare samples, shape (trials, ridges), column by column."""
    for left, right in zip(first.T, second.T, strict=True):
        if max(left.max(), right.max()) < 1e-20:
            continue  # interpolation: both are rounding errors of zero
        assert ks_2samp(left, right).pvalue > SMALLEST_P
        stderr = np.hypot(left.std(), right.std()) / np.sqrt(len(left))
        assert abs(left.mean() - right.mean()) < SIGMAS * stderr


SETTINGS = {
    "more features": (12, 40, 60),
    "more samples": (40, 12, 60),
    "as many": (15, 15, 60),
    "one sample more": (16, 15, 60),
    "one feature more": (15, 16, 60),
    "infinitely many features": (12, np.inf, 60),
    "modes = samples < features": (20, 40, 20),
    "modes = features < samples": (40, 20, 20),
    "few modes, more features": (30, 40, 8),
    "few modes, more samples": (40, 30, 8),
    "few modes, infinitely many features": (30, np.inf, 8),
    "modes = samples - 1": (20, 40, 19),
    "one sample": (1, 5, 10),
    "one feature": (5, 1, 10),
    "one mode": (4, 3, 1),
    "one of each": (1, 1, 1),
    "one sample, one feature": (1, 1, 10),
    "two samples, three features": (2, 3, 10),
}


@pytest.mark.parametrize(("n", "k", "modes"), SETTINGS.values(), ids=SETTINGS.keys())
def test_the_compressed_sampler_has_the_law_of_the_direct_one(n, k, modes):
    eigenvalues, power = power_law(1.4, 1.2, modes)
    # At k = n without ridge the mean is infinite, and with one sample of one mode too.
    ridges = [0.02, 1.0] if abs(n - k) < 3 else [0.0, 0.02, 1.0]
    samples = {
        method: sample_test_errors(
            n,
            k,
            ridges,
            eigenvalues,
            power,
            noise_variance=0.3,
            trials=500,
            rng=np.random.default_rng(len(method)),
            method=method,
        )
        for method in ("compressed", "direct")
    }
    assert_same_law(samples["compressed"].test, samples["direct"].test)
    assert_same_law(samples["compressed"].train, samples["direct"].train)


@pytest.mark.parametrize(("n", "k"), [(12, 40), (40, 12)])
def test_unlearnable_modes_act_as_noise(n, k):
    eigenvalues, power = power_law(1.4, 1.2, 40)
    rng = np.random.default_rng(0)
    keep = np.arange(40) % 3 > 0
    padded = sample_test_errors(
        n, k, [0.1], np.where(keep, eigenvalues, 0.0), power, trials=600, rng=rng
    )
    lost = power[~keep].sum()
    plain = sample_test_errors(
        n, k, [0.1], eigenvalues[keep], power[keep], noise_variance=lost, trials=600, rng=rng
    )
    assert_same_law(padded.test, plain.test)


def test_the_order_of_the_modes_does_not_matter_to_the_bit():
    eigenvalues, power = power_law(1.5, 1.5, 50)
    order = np.random.default_rng(1).permutation(50)
    first = sample_test_errors(
        20, 30, [0.1], eigenvalues, power, trials=2, rng=np.random.default_rng(2)
    )
    second = sample_test_errors(
        20, 30, [0.1], eigenvalues[order], power[order], trials=2, rng=np.random.default_rng(2)
    )
    np.testing.assert_array_equal(first.test, second.test)


@pytest.mark.parametrize(("n", "k", "modes"), [(20, 60, 50), (60, 20, 50), (40, 60, 10)])
def test_scaling_eigenvalues_and_ridge_together(n, k, modes):
    eigenvalues, power = power_law(1.5, 1.5, modes)
    plain, scaled = (
        sample_test_errors(
            n, k, [s * 0.1], s * eigenvalues, power, trials=3, rng=np.random.default_rng(3)
        )
        for s in (1.0, 1e6)
    )
    np.testing.assert_allclose(scaled.test, plain.test, rtol=1e-9)
    np.testing.assert_allclose(scaled.train, plain.train, rtol=1e-9)


@pytest.mark.parametrize(("n", "k"), [(30, 60), (60, 30)])
def test_householder_reflections_give_the_same_numbers(monkeypatch, n, k):
    eigenvalues, power = power_law(1.5, 1.5, 80)

    def draw():
        return sample_test_errors(
            n, k, [0.01, 1.0], eigenvalues, power, trials=4, rng=np.random.default_rng(4)
        )

    by_gram = draw()
    monkeypatch.setattr(gaussian_trial, "_GRAM_CONDITION", 0.0)
    by_reflections = draw()
    np.testing.assert_allclose(by_gram.test, by_reflections.test, rtol=1e-9)
    np.testing.assert_allclose(by_gram.train, by_reflections.train, rtol=1e-9)


@pytest.mark.parametrize(("n", "k"), [(25, 40), (40, 25)])
def test_a_spectrum_too_steep_for_a_gram_matrix(n, k):
    eigenvalues = 4.0 ** -np.arange(40)  # 1 to 1e-24
    power = np.ones(40)
    draws = [
        sample_test_errors(
            n,
            k,
            [1e-3],
            eigenvalues,
            power,
            trials=400,
            rng=np.random.default_rng(5),
            method=method,
        )
        for method in ("compressed", "direct")
    ]
    assert_same_law(draws[0].test, draws[1].test)
    assert_same_law(draws[0].train, draws[1].train)


WIDTHS = [3, 12, 19, 20, 21, 35, 200, np.inf]


@pytest.mark.parametrize("modes", [30, 15])
def test_every_point_of_a_whole_curve_trial_has_the_law_of_a_single_setting(modes):
    eigenvalues, power = power_law(1.4, 1.2, modes)
    rng = np.random.default_rng(6)
    curve = [
        width_curve_trial(20, WIDTHS, [0.05], eigenvalues, power, noise_variance=0.3, rng=rng)
        for _ in range(300)
    ]
    mirror = [
        sample_curve_trial(WIDTHS[:-1], 20, [0.05], eigenvalues, power, noise_variance=0.3, rng=rng)
        for _ in range(300)
    ]
    for index, size in enumerate(WIDTHS):
        for runs, n, k in ((curve, 20, size), (mirror, size, 20)):
            if np.isinf(n):
                continue
            alone = sample_test_errors(
                n,
                k,
                [0.05],
                eigenvalues,
                power,
                noise_variance=0.3,
                trials=300,
                rng=rng,
                method="direct",
            )
            assert_same_law(np.array([run.test[index] for run in runs]), alone.test)
            assert_same_law(np.array([run.train[index] for run in runs]), alone.train)


def test_a_grid_holds_the_curves():
    eigenvalues, power = power_law(1.5, 1.5, 40)
    rng = np.random.default_rng(7)
    ns, ks = [30, 5, 60], [60, 8, np.inf, 30]  # unsorted on purpose
    grids = [
        size_grid_trial(ns, ks, [0.1, 1.0], eigenvalues, power, noise_variance=0.2, rng=rng)
        for _ in range(200)
    ]
    assert grids[0].test.shape == grids[0].train.shape == (3, 4, 2)
    for i, n in enumerate(ns):
        for j, k in enumerate(ks):
            alone = sample_test_errors(
                n, k, [0.1, 1.0], eigenvalues, power, noise_variance=0.2, trials=200, rng=rng
            )
            assert_same_law(np.array([grid.test[i, j] for grid in grids]), alone.test)


def test_theory_agrees_along_both_curves():
    eigenvalues, power = power_law(1.5, 1.5, 1500)
    ridges, sizes, trials = np.array([0.02, 0.5]), np.array([20, 60, 100, 101, 250, 5000]), 40
    rng = np.random.default_rng(8)
    for run, theory in (
        (
            lambda: width_curve_trial(
                100, sizes, ridges, eigenvalues, power, noise_variance=0.5, rng=rng
            ),
            risk(100, sizes[:, None], ridges, eigenvalues, power, noise_variance=0.5),
        ),
        (
            lambda: sample_curve_trial(
                sizes, 100, ridges, eigenvalues, power, noise_variance=0.5, rng=rng
            ),
            risk(sizes[:, None], 100, ridges, eigenvalues, power, noise_variance=0.5),
        ),
    ):
        runs = [run() for _ in range(trials)]
        for name, allowance in (("test", 0.03), ("train", 0.05)):
            values = np.array([getattr(found, name) for found in runs])
            expected = getattr(theory, name)
            stderr = values.std(axis=0, ddof=1) / np.sqrt(trials)
            # 4 standard errors, and the theory's own finite-size error of a few per cent
            # (1/20 at the smallest sizes).
            within = 4 * stderr + allowance * expected
            assert np.all(np.abs(values.mean(axis=0) - expected) < within)


def test_exact_law_of_least_squares_with_fewer_features_than_samples():
    # E[test | features] = (power out of reach + noise) (n - 1)/(n - k - 1), no asymptotics.
    n, k, trials, noise = 12, 5, 4000, 0.5
    eigenvalues, power = power_law(1.5, 1.5, 40)
    rng = np.random.default_rng(9)
    errors = sample_test_errors(
        n, k, 0.0, eigenvalues, power, noise_variance=noise, trials=trials, rng=rng
    )
    features = np.sqrt(eigenvalues)[:, None] * rng.standard_normal((trials, 40, k))
    span, target = np.linalg.qr(features)[0], np.sqrt(power)
    out_of_reach = target - (span @ (span.mT @ target)[..., None])[..., 0]
    expected = (np.sum(out_of_reach**2, axis=1) + noise) * (n - 1) / (n - k - 1)
    difference = errors.test.mean() - expected.mean()
    stderr = np.hypot(errors.test.std(), expected.std()) / np.sqrt(trials)
    assert abs(difference) < 4 * stderr  # false alarm 6e-5
    assert 4 * stderr < 0.06 * expected.mean()  # one degree of freedom more would be -7 %


def test_the_large_size_costs_nothing():
    eigenvalues, power = power_law(1.5, 1.5, 50)
    rng = np.random.default_rng(10)
    huge = sample_test_errors(10**9, 5, [0.0], eigenvalues, power, trials=200, rng=rng)
    theory = risk(1e9, 5, 0.0, eigenvalues, power)
    stderr = huge.test.std() / np.sqrt(200)
    assert abs(huge.test.mean() - theory.test) < 4 * stderr + 0.1 * theory.test
    wide = sample_test_errors(5, 10**12, [0.1], eigenvalues, power, trials=200, rng=rng)
    limit = sample_test_errors(5, np.inf, [0.1], eigenvalues, power, trials=200, rng=rng)
    assert_same_law(wide.test, limit.test)


def test_interpolation_and_no_target():
    eigenvalues, power = power_law(1.5, 1.5, 50)
    rng = np.random.default_rng(11)
    fitted = sample_test_errors(10, 30, [0.0], eigenvalues, power, trials=3, rng=rng)
    assert np.all(fitted.train < 1e-20)
    nothing = sample_test_errors(10, 30, [0.1], eigenvalues, 0 * power, trials=3, rng=rng)
    assert not nothing.test.any()
    known = sample_test_errors(40, 60, [0.0], eigenvalues[:10], power[:10], trials=3, rng=rng)
    assert np.all(known.test < 1e-20)  # fewer modes than samples, no noise: exactly recovered


def test_shapes_types_and_reproducibility():
    eigenvalues, power = [1.0, 0.5, 0.25], [1, 1, 1]

    def draw(seed, ridges=(0.1, 1.0)):
        return sample_test_errors(
            2, 5, ridges, eigenvalues, power, trials=4, rng=np.random.default_rng(seed)
        )

    first = draw(0)
    assert first.test.shape == first.train.shape == (4, 2)
    assert first.test.dtype == np.float64
    np.testing.assert_array_equal(first.test, draw(0).test)
    assert not np.allclose(first.test, draw(1).test)
    assert draw(0, 0.1).test.shape == (4, 1)
    copy = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(copy.train, first.train)


GOOD = {
    "n": 4,
    "k": 5,
    "ridges": [0.1],
    "eigenvalues": [1.0, 0.5],
    "target_power": [1.0, 1.0],
    "noise_variance": 0.1,
    "trials": 2,
    "method": "compressed",
}


@pytest.mark.parametrize("method", ["compressed", "direct"])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("n", 0, "n = 0"),
        ("n", -3, "n = -3"),
        ("n", 2.5, "n = 2.5"),
        ("n", np.nan, "n = nan"),
        ("n", np.inf, "n = inf"),
        ("k", 0, "k = 0"),
        ("k", 2.5, "k = 2.5"),
        ("k", np.nan, "k = nan"),
        ("ridges", [-0.1], r"ridges\[0\] = -0.1"),
        ("ridges", [np.inf], r"ridges\[0\] = inf"),
        ("ridges", [np.nan], r"ridges\[0\]"),
        ("ridges", [], "ridges"),
        ("ridges", [[1.0]], "ridges"),
        ("eigenvalues", [1.0, -0.5], r"eigenvalues\[1\] = -0.5"),
        ("eigenvalues", [1.0, np.nan], r"eigenvalues\[1\]"),
        ("eigenvalues", [0.0, 0.0], "eigenvalues"),
        ("eigenvalues", [1.0], "eigenvalues"),
        ("eigenvalues", [], "eigenvalues"),
        ("target_power", [1.0, -1.0], r"target_power\[1\] = -1"),
        ("noise_variance", -0.1, "noise_variance = -0.1"),
        ("trials", 0, "trials = 0"),
        ("trials", 1.5, "trials = 1.5"),
        ("rng", 0, "rng = 0"),
    ],
)
def test_bad_arguments_are_named(name, value, words, method):
    arguments = {"rng": np.random.default_rng(0), **GOOD, "method": method, name: value}
    with pytest.raises(ValueError, match=words):
        sample_test_errors(**arguments)


def test_unknown_method():
    with pytest.raises(ValueError, match="method = 'fast'"):
        sample_test_errors(**{**GOOD, "method": "fast"}, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("ns", "ks", "words"), [([3, 2.5], [4], r"ns\[1\] = 2.5"), ([3], [4, 0], r"ks\[1\] = 0")]
)
def test_bad_grids(ns, ks, words):
    with pytest.raises(ValueError, match=words):
        size_grid_trial(ns, ks, [0.1], [1.0], [1.0], rng=np.random.default_rng(0))
