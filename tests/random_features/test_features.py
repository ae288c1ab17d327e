import math

import numpy as np
import pytest
from scipy.special import eval_gegenbauer

from sims.datasets import digits
from sims.numerics import ridge_path as ridge_path_module
from sims.numerics.kernels import nngp_kernel
from sims.random_features import features as module
from sims.random_features.features import (
    draw_weights,
    population_spectrum,
    population_trial,
    relu_features,
    sphere_trial,
)
from sims.random_features.spectra import relu_sphere_spectrum
from sims.random_features.sphere import (
    gegenbauer,
    harmonics_count,
    sphere_points,
    sphere_target,
)
from sims.random_features.theory import held_out_error, risk

DEGREE_POWER = [0.0, 0.5, 0.35, 0.0, 0.15]


def test_features_tend_to_the_kernel():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((5, 3))
    found = relu_features(inputs, draw_weights(200_000, 3, rng))
    # Entries of the product have a standard deviation of about |x|^2 |x'|^2 / d^2 a unit.
    spread = np.diag(nngp_kernel(inputs))
    bound = 5 * np.sqrt(5) * np.sqrt(np.outer(spread, spread)) / math.sqrt(200_000)
    assert np.all(np.abs(found @ found.T - nngp_kernel(inputs)) < bound)


def test_weights_have_variance_two_over_d():
    weights = draw_weights(50_000, 8, np.random.default_rng(1))
    assert weights.shape == (50_000, 8)
    # 400000 normals: the relative standard error of the variance is 2.2e-3; 5 of them.
    assert weights.var() == pytest.approx(2 / 8, rel=0.012)


@pytest.mark.parametrize("dimension", [2, 3, 4, 10])
def test_polynomials_and_counts(dimension):
    t = np.linspace(-1, 1, 9)
    found = gegenbauer(8, dimension, t)
    order = (dimension - 2) / 2
    for degree in range(9):
        if dimension == 2:
            expected = np.cos(degree * np.arccos(t))
        else:
            expected = eval_gegenbauer(degree, order, t) / eval_gegenbauer(degree, order, 1.0)
        np.testing.assert_allclose(found[degree], expected, atol=1e-12)
    polynomials = [
        math.comb(d + dimension - 1, dimension - 1) - math.comb(d + dimension - 3, dimension - 1)
        for d in range(2, 8)
    ]
    assert [harmonics_count(d, dimension) for d in range(2, 8)] == polynomials
    assert gegenbauer(0, dimension, 0.3).shape == (1,)


def test_targets_on_the_sphere_have_the_power_they_claim():
    rng = np.random.default_rng(2)
    points = sphere_points(40_000, 10, rng)
    np.testing.assert_allclose(np.sum(points**2, axis=1), 1, rtol=1e-14)
    assert np.all(np.abs(points.mean(axis=0)) < 5 / math.sqrt(10 * 40_000))
    for degree in (0, 1, 2, 4):
        power = np.zeros(degree + 1)
        power[degree] = 0.7
        squares = sphere_target(points, power) ** 2
        stderr = squares.std() / math.sqrt(len(squares))
        assert abs(squares.mean() - 0.7) < 5 * stderr + 1e-12
    parts = [sphere_target(points[:5], [0, 0, 2.0]), sphere_target(points[:5], [3.0])]
    np.testing.assert_allclose(sphere_target(points[:5], [3.0, 0, 2.0]), sum(parts), rtol=1e-12)


def test_relu_features_on_the_sphere_follow_the_theory():
    widths, ridges, trials = np.array([150, 50, 600]), np.array([1e-3, 1e-2, 0.1]), 30
    rng = np.random.default_rng(3)
    runs = [
        sphere_trial(
            150,
            widths,
            ridges,
            dimension=10,
            degree_power=DEGREE_POWER,
            noise_variance=0.1,
            rng=rng,
        )
        for _ in range(trials)
    ]
    task = relu_sphere_spectrum(10, 60, DEGREE_POWER)
    theory = risk(
        150,
        widths[:, None],
        ridges,
        task.eigenvalues,
        task.target_power,
        noise_variance=0.1,
        multiplicity=task.multiplicity,
    )
    test = np.array([run.test for run in runs])
    stderr = test.std(axis=0, ddof=1) / math.sqrt(trials)
    # Universality holds only approximately here: 6 % on top of 4 standard errors.
    within = 0.06 * theory.test + 4 * stderr
    assert np.all(np.abs(test.mean(axis=0) - theory.test) < within)
    assert np.all(4 * stderr < 0.2 * theory.test)


@pytest.fixture(scope="module")
def digits_spectrum():
    return population_spectrum(nngp_kernel(digits().inputs), digits().targets)


def test_spectrum_of_a_population(digits_spectrum):
    data = digits()
    trace = np.einsum("ij,ij->", data.inputs, data.inputs) / data.dimension
    assert digits_spectrum.eigenvalues.sum() == pytest.approx(trace / data.size)
    assert digits_spectrum.target_power.sum() == pytest.approx(1.0)
    assert np.all(np.diff(digits_spectrum.eigenvalues) <= 0)
    assert digits_spectrum.eigenvalues[-1] >= 0


def test_spectrum_matches_its_definition_and_one_output_may_be_a_vector():
    rng = np.random.default_rng(4)
    inputs = rng.standard_normal((12, 3))
    kernel, targets = inputs @ inputs.T, rng.standard_normal((12, 2))
    spectrum = population_spectrum(kernel, targets)
    values, vectors = np.linalg.eigh(kernel)
    np.testing.assert_allclose(spectrum.eigenvalues[:3], values[::-1][:3] / 12, rtol=1e-12)
    np.testing.assert_allclose(spectrum.eigenvalues[3:], 0, atol=1e-14)
    overlap = (vectors[:, ::-1].T @ targets) ** 2 / 12
    np.testing.assert_allclose(spectrum.target_power[:3], overlap.sum(axis=1)[:3], rtol=1e-9)
    one = population_spectrum(kernel, targets[:, 0])
    np.testing.assert_array_equal(
        one.target_power, population_spectrum(kernel, targets[:, :1]).target_power
    )


def test_digits_follow_the_theory_with_the_finite_population_correction(digits_spectrum):
    data, n, trials = digits(), 256, 12
    widths, ridges = np.array([64, 1500]), np.array([1e-2, 0.1, 1.0])
    rng = np.random.default_rng(5)
    runs = [
        population_trial(data.inputs, data.targets, n, widths, ridges, rng=rng)
        for _ in range(trials)
    ]
    theory = risk(
        n, widths[:, None], ridges, digits_spectrum.eigenvalues, digits_spectrum.target_power
    )
    expected = held_out_error(theory.test, theory.train, n, data.size)
    test = np.array([run.test for run in runs])
    stderr = test.std(axis=0, ddof=1) / math.sqrt(trials)
    # The notes find simulation 0 to 9 % above the corrected theory on these data.
    within = 0.09 * expected + 4 * stderr
    assert np.all(np.abs(test.mean(axis=0) - expected) < within)


def by_hand(inputs, targets, n, widths, ridges, noise, seed):
    """Do what `population_trial` does with the same draws, in the plainest way."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(inputs))
    inputs, targets = inputs[order], targets[order]
    weights = draw_weights(max(widths), inputs.shape[1], rng)
    outputs = targets.shape[1]
    labels = targets[:n] + math.sqrt(noise / outputs) * rng.standard_normal((n, outputs))
    test, train = np.empty((2, len(widths), len(ridges)))
    for i, k in enumerate(widths):
        kernel = np.maximum(inputs @ weights[:k].T, 0)
        kernel = kernel @ kernel.T / k
        for j, ridge in enumerate(ridges):
            dual = np.linalg.solve(kernel[:n, :n] + ridge * np.eye(n), labels)
            test[i, j] = np.mean(np.sum((kernel[n:, :n] @ dual - targets[n:]) ** 2, axis=1))
            train[i, j] = ridge**2 * np.mean(np.sum(dual**2, axis=1))
    return test + noise, train


def test_a_trial_by_hand(monkeypatch):
    rng = np.random.default_rng(6)
    inputs, targets = rng.standard_normal((70, 5)), rng.standard_normal((70, 3))
    widths, ridges = [40, 7, 25, 24, 100], [0.05, 2.0]
    arguments = (inputs, targets, 25, widths, ridges)
    test, train = by_hand(*arguments, 0.6, 7)
    monkeypatch.setattr(module, "_BLOCK", 900)  # several blocks of test points
    found = population_trial(*arguments, noise_variance=0.6, rng=np.random.default_rng(7))
    np.testing.assert_allclose(found.test, test, rtol=1e-8)
    np.testing.assert_allclose(found.train, train, rtol=1e-8)


class Watched(np.ndarray):
    """Remember the shapes of all matrix products it takes part in."""

    shapes: list = []  # noqa: RUF012

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **rest):
        plain = [np.asarray(x) if isinstance(x, Watched) else x for x in inputs]
        if out is not None:
            rest["out"] = tuple(np.asarray(x) if isinstance(x, Watched) else x for x in out)
        result = getattr(ufunc, method)(*plain, **rest)
        if ufunc is np.matmul:
            Watched.shapes.append(result.shape)
        return result


def test_one_factorisation_a_width_and_no_kernel_between_test_and_training_points(monkeypatch):
    factorisations = []
    original, relu = ridge_path_module.tridiagonalise, module._relu

    def counted(matrix):
        factorisations.append(len(matrix))
        return original(matrix)

    monkeypatch.setattr(ridge_path_module, "tridiagonalise", counted)
    monkeypatch.setattr(module, "_relu", lambda *pair: relu(*pair).view(Watched))
    Watched.shapes.clear()
    rng = np.random.default_rng(8)
    inputs = rng.standard_normal((130, 4))
    widths = [10, 20, 31, 50, 90]
    population_trial(inputs, inputs[:, 0], 31, widths, [0.1, 0.2, 0.3], rng=rng)
    assert factorisations == [10, 20, 31, 31, 31]
    assert (99, 3) in Watched.shapes  # test points x ridges: the product that is needed
    assert not any(99 in shape and 31 in shape for shape in Watched.shapes)


def test_silent_units_are_reported_and_harmless():
    # One direction of the weights decides; half of the units point away from the training points.
    inputs = np.vstack([np.ones((6, 1)), -np.ones((4, 1))])
    runs = [
        population_trial(inputs, inputs[:, 0], 3, [50, 1], [0.0, 0.1], rng=np.random.default_rng(s))
        for s in range(40)
    ]
    assert all(np.isfinite(run.test).all() for run in runs)
    same_sign = [run for run in runs if 0.3 < run.silent[0] < 0.7]
    assert same_sign  # all three training points equal: silent units stay in k
    for run in runs:
        assert run.silent.shape == (2,)
        assert run.silent[1] in (0.0, 1.0)
        if run.silent[1] == 1.0:  # a single, silent unit: the predictor is zero
            np.testing.assert_allclose([run.test[1], run.train[1]], 1.0)


def test_shapes_scalars_and_reproducibility():
    rng = np.random.default_rng(9)
    inputs = rng.standard_normal((20, 2)).tolist()
    targets = rng.standard_normal(20)

    def draw(seed, widths=5, ridges=0.1):
        return population_trial(inputs, targets, 8, widths, ridges, rng=np.random.default_rng(seed))

    assert draw(0).test.shape == draw(0).train.shape == (1, 1)
    np.testing.assert_array_equal(draw(0).test, draw(0).test)
    assert not np.allclose(draw(0).test, draw(1).test)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 10}, "n = 10"),
        ({"n": 0}, "n = 0"),
        ({"n": 11}, "n = 11"),
        ({"widths": [0]}, "widths"),
        ({"widths": [2.5]}, "widths"),
        ({"widths": []}, "widths"),
        ({"ridges": [-1.0]}, "ridges"),
        ({"ridges": []}, "ridges"),
        ({"targets": np.ones(9)}, "targets"),
        ({"inputs": np.ones(10)}, "inputs"),
        ({"inputs": np.full((10, 2), np.nan)}, "inputs"),
        ({"noise_variance": -1.0}, "noise_variance"),
        ({"rng": 3}, "rng = 3"),
    ],
)
def test_bad_arguments_are_named(change, words):
    arguments = {
        "inputs": np.ones((10, 2)),
        "targets": np.ones(10),
        "n": 4,
        "widths": [3],
        "ridges": [0.1],
        "rng": np.random.default_rng(0),
    }
    with pytest.raises(ValueError, match=words):
        population_trial(**{**arguments, **change})


def test_bad_arguments_of_the_smaller_functions():
    with pytest.raises(ValueError, match="weights"):
        relu_features(np.ones((2, 3)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="unit sphere"):
        sphere_target(np.ones((2, 3)), [1.0])
    with pytest.raises(ValueError, match="degree_power"):
        sphere_target([[1.0, 0.0]], [])
    with pytest.raises(ValueError, match=r"degree_power\[0\] = -1"):
        sphere_target([[1.0, 0.0]], [-1.0])
    with pytest.raises(ValueError, match="kernel is not symmetric"):
        population_spectrum([[1.0, 0.0], [0.5, 1.0]], [1.0, 1.0])
    with pytest.raises(ValueError, match="targets"):
        population_spectrum(np.eye(2), [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"cosines\[0\] = 2"):
        gegenbauer(2, 3, [2.0])
