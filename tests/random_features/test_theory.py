"""The public door of the theory: against many digits, in every limit, with every bad input."""

import math

import numpy as np
import pytest
from eigenframework_reference import (
    FIELDS,
    eigenframework,
    small_task,
    worst_relative_error,
)

from sims.random_features.theory import (
    ensemble_error,
    held_out_error,
    risk,
    risk_infinite_data,
)

INDEX = np.arange(1.0, 10_001)
PAPER = INDEX**-1.5
RIDGES = 10 ** (-3 + 5 * np.array([4, 12, 20]) / 30)
# Test error on the paper's Gaussian task at these ridges: (n, k) -> three values.
ANCHORS = {
    (256, 50): (1.2339, 1.2101, 1.1215),
    (256, 100): (1.3686, 1.1982, 1.0135),
    (256, 251): (2.9115, 1.1368, 0.9402),
    (256, 501): (1.5741, 1.0243, 0.9147),
    (256, 1000): (1.1962, 0.9543, 0.9018),
    (256, 10000): (0.9976, 0.8909, 0.8901),
    (50, 256): (1.4803, 1.3339, 1.2600),
    (251, 256): (2.9072, 1.1363, 0.9419),
    (1000, 256): (0.9409, 0.8771, 0.8047),
    (10000, 256): (0.7222, 0.7217, 0.7199),
}


def direct_sums(result, eigenvalues, target_power, multiplicity=1.0):
    """Plain sums at the gamma that was found."""
    share = eigenvalues / (eigenvalues + result.gamma)
    rest = result.gamma / (eigenvalues + result.gamma)
    return {
        "z": np.sum(multiplicity * share),
        "q": np.sum(multiplicity * share**2),
        "c": np.sum(multiplicity * share * rest),
        "s1": np.sum(multiplicity * target_power * share * rest),
        "s2": np.sum(multiplicity * target_power * rest**2),
    }


# --- against the published equations in many digits


@pytest.mark.parametrize("seed", range(24))
def test_agrees_with_many_digits(seed):
    rng = np.random.default_rng(1000 + seed)
    task = small_task(seed)
    n = float(rng.choice([1, 5, 40, 7.5, 1e4, 1e9]))
    k = float(rng.choice([n + 1, n, max(n - 1, 0.5), math.inf, 12, 1e9]))
    ridge = float(rng.choice([0.0, 1e-9, 0.1, 1e8, 10.0 ** rng.uniform(-30, 8)]))
    exact = eigenframework(
        n,
        k,
        ridge,
        task["eigenvalues"],
        task["target_power"],
        task["noise_variance"],
        task["multiplicity"],
    )
    result = risk(n, k, ridge, **task)
    if exact is None:
        assert result.gamma == 0
    else:
        assert worst_relative_error(result, exact) < 2e-12


@pytest.mark.parametrize(
    ("n", "k", "ridge"), [(6, 6, 1e-200), (6, 7, 1e-200), (5, math.inf, 1e-200), (9, 6, 1e-150)]
)
def test_tiniest_ridges(n, k, ridge):
    eigenvalues, target = [1.0, 0.3, 0.3, 1e-3, 1e-7, 1e-8], [1.0, 0.0, 2.0, 1.0, 0.1, 1e-3]
    exact = eigenframework(n, k, ridge, eigenvalues, target, 0.0)
    assert worst_relative_error(risk(n, k, ridge, eigenvalues, target), exact) < 2e-12


@pytest.mark.parametrize("k", [10.0, 11.0, 20.0, math.inf])
def test_plateau_between_two_groups_of_modes(k):
    """z is flat to 1e-10 around n; computing n - z as a difference would lose all digits."""
    levels, target, size = [1.0, 1e-20], [1.0, 3.0], [10.0, 1000.0]
    exact = eigenframework(10, k, 0.0, levels, target, 0.2, size)
    result = risk(10, k, 0.0, levels, target, noise_variance=0.2, multiplicity=size)
    assert worst_relative_error(result, exact) < 2e-12


def test_long_spectrum_solves_the_published_equations():
    """With 10 000 modes the compressed sums are used; check on the full spectrum."""
    for n, k, ridge in [(256, 251, 1e-3), (10, 9000, 1e-8), (5000, 5000, 2.0), (300, 40, 1e3)]:
        result = risk(n, k, ridge, PAPER, INDEX**-2.0, noise_variance=0.5)
        sums = direct_sums(result, PAPER, INDEX**-2.0)
        assert sums["z"] + ridge / result.kappa == pytest.approx(n, rel=1e-12)
        assert sums["z"] + k * result.kappa / result.gamma == pytest.approx(k, rel=1e-12)
        assert result.bias_squared == pytest.approx(sums["s2"], rel=1e-12)


def test_reference_values_of_the_gaussian_task():
    n, k = np.array(list(ANCHORS)).T
    result = risk(n[:, None], k[:, None], RIDGES, PAPER, PAPER, noise_variance=0.5)
    assert np.abs(result.test - list(ANCHORS.values())).max() < 1e-4
    assert result.train[4] == pytest.approx([0.001003, 0.09939, 0.6006], rel=1e-3)


@pytest.mark.parametrize("seed", range(10))
def test_agrees_with_the_dimension_free_deterministic_equivalents(seed):
    """The formula of arXiv 2405.15699, whose two fixed points are kappa and gamma."""
    rng = np.random.default_rng(seed)
    task = small_task(seed)
    lam, v2, m = task["eigenvalues"], task["target_power"], task["multiplicity"]
    n, k, ridge = rng.uniform(2, 60), rng.uniform(2, 60), 10 ** rng.uniform(-3, 1)
    noise = task["noise_variance"]
    result = risk(n, k, ridge, **task)
    q = direct_sums(result, lam, v2, m)["q"]
    ratio = result.kappa / result.gamma
    upsilon = k / n * ((1 - ratio) ** 2 + ratio**2 * q / (k - q))
    chi = np.sum(m * lam / (lam + result.gamma) ** 2) / (k - q)
    power = np.sum(m * v2 / (lam + result.gamma) ** 2)
    crossed = np.sum(m * v2 * lam / (lam + result.gamma) ** 2)
    excess = noise * upsilon / (1 - upsilon)
    excess += result.gamma**2 / (1 - upsilon) * (power + chi * crossed)
    assert result.test == pytest.approx(noise + excess, rel=1e-12)


# --- limits


TASK = {"eigenvalues": INDEX[:300] ** -1.5, "target_power": INDEX[:300] ** -1.8}


def test_infinitely_many_features_are_the_limit_of_many():
    near = risk(40, 1e13, 0.1, **TASK, noise_variance=0.3)
    limit = risk(40, np.inf, 0.1, **TASK, noise_variance=0.3)
    assert limit.gamma == limit.kappa
    assert limit.test == pytest.approx(near.test, rel=1e-10)
    assert limit.variance_features == limit.variance_interaction == 0


@pytest.mark.parametrize("eta", [0.0, 1e-3, 0.5])
@pytest.mark.parametrize("k", [20, 300, 1000, np.inf])
def test_infinite_data_is_the_limit_of_much(k, eta):
    near = risk(1e13, k, 1e13 * eta, **TASK, noise_variance=0.3)
    limit = risk_infinite_data(k, eta, **TASK, noise_variance=0.3)
    for name in ("test", "train", "bias_squared", "variance_features"):
        assert getattr(limit, name) == pytest.approx(getattr(near, name), rel=1e-9, abs=1e-9)
    assert limit.gamma == pytest.approx(near.gamma, rel=1e-9, abs=1e-9)
    assert limit.kappa == eta


def test_infinite_data_without_ridge_in_closed_form():
    limit = risk_infinite_data(20, 0.0, **TASK, noise_variance=0.3)
    lam, v2 = TASK["eigenvalues"], TASK["target_power"]
    assert limit.test == pytest.approx(0.3 + np.sum(v2 * limit.gamma / (lam + limit.gamma)))
    assert np.sum(lam / (lam + limit.gamma)) == pytest.approx(20, rel=1e-12)


@pytest.mark.parametrize(("n", "k"), [(40, 60), (60, 40), (40, np.inf), (299, 1000), (400, 299)])
def test_no_ridge_is_the_limit_of_little(n, k):
    near, limit = (risk(n, k, d, **TASK, noise_variance=0.3) for d in (1e-17, 0.0))
    for name in FIELDS:
        expected = pytest.approx(getattr(near, name), rel=1e-9, abs=1e-12)
        assert getattr(limit, name) == expected, name


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("hidden", [0.0, 0.7])
@pytest.mark.parametrize(
    ("n", "k"), [(15, 20), (15, 10), (15, np.inf), (10, 20), (10, 10), (10, np.inf), (1e6, 10)]
)
def test_no_ridge_with_everything_fitted(n, k, noise, hidden):
    """Rank 10 <= n, k; `hidden` target power sits on eigenvalue 0. Against a ridge of 1e-60."""
    eigenvalues = np.append(INDEX[:10] ** -1.5, 0.0)
    target = np.append(INDEX[:10] ** -1.2, hidden)
    limit = risk(n, k, 0.0, eigenvalues, target, noise_variance=noise)
    near = risk(n, k, 1e-60, eigenvalues, target, noise_variance=noise)
    for name in FIELDS:
        value, close = getattr(limit, name), getattr(near, name)
        if np.isinf(value):
            assert close > 1e15, name
        else:
            assert value == pytest.approx(close, rel=1e-12, abs=1e-15), name
    if n > 10:
        assert limit.test == pytest.approx(n * (noise + hidden) / (n - 10))
        assert limit.train == pytest.approx((n - 10) / n * (noise + hidden))


def test_as_many_samples_features_and_modes():
    eigenvalues, target = np.array([1.0, 0.5, 0.1, 0.02]), np.array([1.0, 2.0, 0.5, 0.0])
    limit = risk(4, 4, 0, eigenvalues, target)
    assert limit.test == pytest.approx(
        4 / 3 * np.sum(target / eigenvalues) / np.sum(1 / eigenvalues)
    )


def test_divergence_at_equal_numbers():
    at = risk(40, 40, 0.0, **TASK, noise_variance=0.3)
    assert at.test == at.variance_interaction == np.inf
    assert at.train == 0
    near = risk(40, 40, 1e-14, **TASK, noise_variance=0.3)
    for name in ("bias_squared", "variance_features", "variance_data", "variance_noise", "gamma"):
        assert getattr(at, name) == pytest.approx(getattr(near, name), rel=1e-5)
    sums = direct_sums(near, **TASK)
    leading = 0.5 * np.sqrt(40 * near.gamma / 1e-14) * (sums["s1"] + sums["s2"] + 0.3)
    assert near.test == pytest.approx(leading, rel=1e-5)


def test_infinite_ridge_learns_nothing():
    result = risk(40, 60, 1e14, **TASK, noise_variance=0.3)
    everything = TASK["target_power"].sum() + 0.3
    assert result.test == pytest.approx(everything, rel=1e-10)
    assert result.train == pytest.approx(everything, rel=1e-10)


def test_isotropic_task_in_closed_form():
    result = risk(30, np.inf, 0.0, np.ones(100), np.full(100, 0.02), noise_variance=0.5)
    assert result.test == pytest.approx((1 - 0.3) * 2.0 + 0.5 / (1 - 0.3), rel=1e-13)


def test_target_drawn_from_the_prior():
    """With power equal to the eigenvalues and ridge equal to the noise the error is n kappa."""
    n = np.array([3.0, 50.0, 800.0])
    result = risk(n, np.inf, 0.2, PAPER, PAPER, noise_variance=0.2)
    assert result.test == pytest.approx(n * result.kappa, rel=1e-12)


# --- shapes, ensembles, finite populations


def test_shapes_follow_broadcasting():
    result = risk([[10], [20]], [5, 50, np.inf], 0.1, [1, 0.5], [1, 2])
    assert all(getattr(result, name).shape == (2, 3) for name in FIELDS)
    assert isinstance(risk(10, 5, 1, [1, 0.5], [1, 2]).test, float)
    assert risk([], 5, 1, [1, 0.5], [1, 2]).test.shape == (0,)
    with_noise = risk(10, 5, 1, [1, 0.5], [1, 2], noise_variance=[0, 1])
    assert with_noise.test.shape == (2,)


def test_changing_an_array_in_place_is_noticed():
    eigenvalues = np.array([1.0, 0.5, 0.1])
    before = risk(2, 3, 0.1, eigenvalues, [1, 1, 1]).test
    eigenvalues[0] = 5.0
    assert (
        risk(2, 3, 0.1, eigenvalues, [1, 1, 1]).test == risk(2, 3, 0.1, [5, 0.5, 0.1], [1] * 3).test
    )
    assert risk(2, 3, 0.1, eigenvalues, [1, 1, 1]).test != before


def test_ensemble():
    arguments = (30, [10, 30, 100], 0.01)
    single = risk(*arguments, **TASK, noise_variance=0.3)
    one, two, endless = (
        ensemble_error(members, *arguments, **TASK, noise_variance=0.3)
        for members in (1, 2, np.inf)
    )
    assert one == pytest.approx(single.test, rel=1e-13)
    assert two == pytest.approx((one + endless) / 2, rel=1e-13)
    for gamma, error in zip(single.gamma, endless):
        sums = direct_sums(type(single)(*[gamma] * 9), **TASK)
        assert error == pytest.approx(30 * (sums["s2"] + 0.3) / (30 - sums["q"]), rel=1e-11)
    assert np.isfinite(ensemble_error(np.inf, 30, 30, 0.0, **TASK))


def test_held_out_error():
    assert held_out_error(0.5, 0.0, 50, 100) == pytest.approx(1.0)
    assert held_out_error([0.5, 0.4], [0.1, 0.4], 20, 100) == pytest.approx([0.6, 0.4])
    with pytest.raises(ValueError, match=r"n = 100\.0 is not allowed.*below population = 100"):
        held_out_error(0.5, 0.1, [10, 100], 100)


# --- bad inputs

GOOD = {"n": 10, "k": 20, "ridge": 0.1, "eigenvalues": [1.0, 0.5], "target_power": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 0}, r"n = 0\.0 is not allowed"),
        ({"n": [3, -1]}, r"n\[1\] = -1\.0"),
        ({"n": math.nan}, r"n = nan"),
        ({"n": math.inf}, r"n = inf.*risk_infinite_data"),
        ({"k": 0}, r"k = 0\.0"),
        ({"k": math.nan}, r"k = nan"),
        ({"k": -math.inf}, r"k = -inf"),
        ({"ridge": -1e-9}, r"ridge = -1e-09"),
        ({"ridge": math.nan}, r"ridge = nan"),
        ({"ridge": math.inf}, r"ridge = inf"),
        ({"noise_variance": -0.1}, r"noise_variance = -0\.1"),
        ({"noise_variance": math.inf}, r"noise_variance = inf"),
        ({"eigenvalues": [1.0, -0.5]}, r"eigenvalues\[1\] = -0\.5"),
        ({"eigenvalues": [1.0, math.inf]}, r"eigenvalues\[1\] = inf"),
        ({"eigenvalues": [1.0, math.nan]}, r"eigenvalues\[1\] = nan"),
        ({"eigenvalues": [0.0, 0.0]}, r"sum of the eigenvalues = 0\.0"),
        ({"eigenvalues": [[1.0, 0.5]]}, r"eigenvalues has shape \(1, 2\)"),
        ({"eigenvalues": [], "target_power": []}, r"sum of the eigenvalues"),
        ({"eigenvalues": "steep"}, r"eigenvalues"),
        ({"target_power": [1.0, -1.0]}, r"target_power\[1\] = -1\.0"),
        ({"target_power": [1.0]}, r"target_power has 1 entries.*2 eigenvalues"),
        ({"target_power": [1e308, 1e308]}, r"sum of target_power"),
        ({"multiplicity": [1.0]}, r"multiplicity has 1 entries"),
        ({"multiplicity": [1.0, -1.0]}, r"multiplicity\[1\] = -1\.0"),
        ({"multiplicity": [0.0, 0.0]}, r"sum of the eigenvalues"),
        ({"n": [1, 2], "k": [1, 2, 3]}, r"n \(2,\), k \(3,\)"),
    ],
)
def test_bad_inputs_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        risk(**(GOOD | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 0}, r"k = 0\.0"),
        ({"ridge_per_sample": -1}, r"ridge_per_sample = -1\.0"),
        ({"noise_variance": math.nan}, r"noise_variance = nan"),
    ],
)
def test_bad_inputs_of_the_infinite_data_limit(changes, message):
    good = {"k": 3, "ridge_per_sample": 0.1, "eigenvalues": [1, 2], "target_power": [1, 1]}
    with pytest.raises(ValueError, match=message):
        risk_infinite_data(**(good | changes))


def test_bad_ensembles():
    with pytest.raises(ValueError, match=r"members = 0\.5"):
        ensemble_error(0.5, **GOOD)
