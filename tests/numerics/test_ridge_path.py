import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.numerics import ridge_path as module
from sims.numerics.ridge_path import (
    nested_ridge_paths,
    ridge_path,
    shifted_solve,
    tridiagonalise,
)

SHAPES = [(1, 1), (1, 5), (5, 1), (2, 2), (7, 4), (4, 7), (30, 12), (12, 30), (16, 16)]


def with_spectrum(rows, columns, values, rng):
    left = np.linalg.qr(rng.standard_normal((rows, rows)))[0][:, : len(values)]
    right = np.linalg.qr(rng.standard_normal((columns, columns)))[0][:, : len(values)]
    return (left * values) @ right.T


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("outputs", [None, 1, 3])
def test_solves_the_normal_equations(shape, outputs):
    rng = np.random.default_rng(0)
    features = rng.standard_normal(shape)
    targets = rng.standard_normal(shape[:1] if outputs is None else (shape[0], outputs))
    ridges = [0.01, 3.0, 0.5]
    path = ridge_path(features, targets, ridges)
    assert path.coefficients.shape == (3, shape[1], *targets.shape[1:])
    for ridge, found, train in zip(ridges, path.coefficients, path.train):
        expected = np.linalg.solve(
            features.T @ features + ridge * np.eye(shape[1]), features.T @ targets
        )
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        assert train == pytest.approx(np.sum((targets - features @ expected) ** 2) / shape[0])


@pytest.mark.parametrize("shape", SHAPES)
def test_no_ridge_is_the_minimum_norm_solution(shape):
    rng = np.random.default_rng(1)
    features, targets = rng.standard_normal(shape), rng.standard_normal((shape[0], 2))
    path = ridge_path(features, targets, [0.0])
    np.testing.assert_allclose(
        path.coefficients[0], np.linalg.pinv(features) @ targets, rtol=1e-8, atol=1e-10
    )


@pytest.mark.parametrize("shape", [(9, 6), (6, 9), (8, 8)])
def test_no_ridge_and_too_low_a_rank(shape):
    rng = np.random.default_rng(2)
    features = rng.standard_normal((shape[0], 3)) @ rng.standard_normal((3, shape[1]))
    targets = rng.standard_normal(shape[0])
    path = ridge_path(features, targets, [0.0, 1e-13, 1.0])
    pinv = np.linalg.pinv(features, rcond=1e-10)
    np.testing.assert_allclose(path.coefficients[0], pinv @ targets, rtol=1e-10, atol=1e-12)
    # A ridge far below rounding is no ridge, and must not blow anything up.
    np.testing.assert_allclose(path.coefficients[1], path.coefficients[0], rtol=1e-9, atol=1e-11)
    residual = targets - features @ pinv @ targets
    assert path.train[0] == pytest.approx(residual @ residual / shape[0], rel=1e-10)


def test_a_silent_feature_gets_no_weight_and_changes_nothing():
    rng = np.random.default_rng(3)
    features, targets = rng.standard_normal((6, 4)), rng.standard_normal(6)
    padded = np.insert(features, 2, 0.0, axis=1)
    ridges = [0.0, 1e-3, 1.0]
    plain, silent = ridge_path(features, targets, ridges), ridge_path(padded, targets, ridges)
    np.testing.assert_allclose(silent.coefficients[:, 2], 0.0, atol=1e-12)  # rounding / ridge
    np.testing.assert_allclose(
        np.delete(silent.coefficients, 2, axis=1), plain.coefficients, rtol=1e-10, atol=1e-12
    )


def test_features_that_are_all_zero():
    path = ridge_path(np.zeros((4, 3)), np.ones(4), [0.0, 1.0])
    assert not path.coefficients.any()
    np.testing.assert_allclose(path.train, 1.0)


def exact(features, targets, ridge):
    """Coefficients and train error in 60-digit arithmetic."""
    with mpmath.workdps(60):
        matrix, column = mpmath.matrix(features.tolist()), mpmath.matrix(targets.tolist())
        rows, columns = features.shape
        if columns >= rows:
            theta = matrix.T * mpmath.lu_solve(matrix * matrix.T + ridge * mpmath.eye(rows), column)
        else:
            theta = mpmath.lu_solve(
                matrix.T * matrix + ridge * mpmath.eye(columns), matrix.T * column
            )
        missed = column - matrix * theta
        return np.array([float(t) for t in theta]), float(mpmath.fdot(missed, missed)) / rows


@pytest.mark.parametrize("shape", [(14, 9), (9, 14), (12, 12)])
def test_accuracy_at_any_condition_number(shape):
    rng = np.random.default_rng(4)
    values = 10.0 * np.arange(1, min(shape) + 1.0) ** -7  # condition of the Gram matrix 1e13 up
    features, targets = with_spectrum(*shape, values, rng), rng.standard_normal(shape[0])
    ridges = 10.0 ** np.arange(0.0, -13.0, -1.0)
    path = ridge_path(features, targets, ridges)
    for index, ridge in enumerate(ridges):
        theta, train = exact(features, targets, float(ridge))
        error = np.linalg.norm(path.coefficients[index] - theta) / np.linalg.norm(theta)
        condition = (values[0] ** 2 + ridge) / (values[-1] ** 2 + ridge)
        # The documented bounds: 1e-16 (here 1e-15, for any BLAS) times the condition number, or
        # times its root where the decomposition of the features takes over.
        trusted = condition < module.CONDITION_LIMIT
        assert error < 1e-15 * (condition if trusted else 10 * shape[0] * condition**0.5)
        assert error < 1e-6
        assert path.train[index] == pytest.approx(train, rel=1e-6)


@pytest.fixture
def calls(monkeypatch):
    counts = {"tridiagonalise": 0, "_by_svd": 0}

    def counted(name):
        original = getattr(module, name)

        def call(*arguments):
            counts[name] += 1
            return original(*arguments)

        monkeypatch.setattr(module, name, call)

    for name in counts:
        counted(name)
    return counts


def test_one_factorisation_whatever_the_number_of_ridges(calls):
    rng = np.random.default_rng(5)
    features, targets = rng.standard_normal((20, 40)), rng.standard_normal((20, 3))
    ridge_path(features, targets, np.geomspace(1e-3, 1e3, 30))
    assert calls == {"tridiagonalise": 1, "_by_svd": 0}
    # A well-conditioned problem needs no decomposition at ridge 0 either.
    ridge_path(features, targets, [0.0, 1.0])
    assert calls == {"tridiagonalise": 2, "_by_svd": 0}


def test_one_decomposition_serves_all_ridges_below_the_limit(calls):
    features = np.diag([1.0, 1e-8])
    path = ridge_path(features, [1.0, 1.0], [0.0, 1e-14, 1e-12, 1e-3])
    assert calls == {"tridiagonalise": 1, "_by_svd": 1}
    np.testing.assert_allclose(path.coefficients[0], [1.0, 1e8], rtol=1e-12)


def test_one_factorisation_a_width(calls):
    rng = np.random.default_rng(6)
    features, targets = rng.standard_normal((20, 60)), rng.standard_normal(20)
    widths = [1, 5, 19, 20, 21, 40, 60]
    assert len(list(nested_ridge_paths(features, targets, widths, [0.1, 1.0]))) == len(widths)
    assert calls == {"tridiagonalise": len(widths), "_by_svd": 0}


@pytest.mark.parametrize("widths", [[1, 5, 19, 20, 20, 21, 60], [3], [30], [20]])
def test_nested_widths_equal_separate_fits(widths):
    rng = np.random.default_rng(7)
    features, targets = rng.standard_normal((20, 60)), rng.standard_normal((20, 2))
    ridges = [0.0, 0.3, 7.0]
    for k, path in zip(widths, nested_ridge_paths(features, targets, widths, ridges), strict=True):
        alone = ridge_path(features[:, :k] / np.sqrt(k), targets, ridges)
        np.testing.assert_allclose(
            path.coefficients * np.sqrt(k), alone.coefficients, rtol=1e-7, atol=1e-9
        )
        np.testing.assert_allclose(path.train, alone.train, rtol=1e-7, atol=1e-12)


def test_a_given_gram_matrix_is_used():
    rng = np.random.default_rng(8)
    features, targets = rng.standard_normal((5, 9)), rng.standard_normal(5)
    gram = features @ features.T
    same = ridge_path(features, targets, [0.5], gram=gram)
    other = ridge_path(features, targets, [0.5], gram=2 * gram)
    np.testing.assert_allclose(
        same.coefficients, ridge_path(features, targets, [0.5]).coefficients, rtol=1e-12
    )
    assert not np.allclose(same.coefficients, other.coefficients)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    rows=st.integers(1, 8),
    columns=st.integers(1, 8),
    scale=st.sampled_from([1e-100, 1e-3, 1.0, 1e3, 1e100]),
    ridge=st.sampled_from([0.0, 1e-3, 1.0]),
    seed=st.integers(0, 1000),
)
def test_scaling_features_and_ridge_together(rows, columns, scale, ridge, seed):
    rng = np.random.default_rng(seed)
    features, targets = rng.standard_normal((rows, columns)), rng.standard_normal(rows)
    plain = ridge_path(features, targets, [ridge])
    scaled = ridge_path(scale * features, targets, [scale**2 * ridge])
    tolerance = 1e-13 * np.linalg.cond(features) ** 2  # of the data, not of the code
    np.testing.assert_allclose(
        scaled.coefficients * scale, plain.coefficients, rtol=tolerance, atol=tolerance
    )
    np.testing.assert_allclose(scaled.train, plain.train, rtol=1e-6, atol=tolerance)


@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_tridiagonal_form_is_a_similarity(size):
    rng = np.random.default_rng(9)
    matrix = rng.standard_normal((size, size))
    matrix = matrix @ matrix.T
    form = tridiagonalise(matrix)
    off = np.diag(form.off_diagonal, 1) if size > 1 else np.zeros((1, 1))
    middle = np.diag(form.diagonal) + off + off.T
    rotation = form.rotate(np.eye(size), back=True)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(size), atol=1e-13)
    np.testing.assert_allclose(rotation @ middle @ rotation.T, matrix, rtol=1e-11, atol=1e-12)
    columns = rng.standard_normal((size, 4))
    np.testing.assert_allclose(form.rotate(columns), rotation.T @ columns, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 25])
def test_condition_numbers_are_bounds_within_a_small_factor(size):
    rng = np.random.default_rng(10)
    matrix = with_spectrum(size, size, np.geomspace(1.0, 1e-6, size), rng)
    gram = matrix @ matrix.T
    shifts = np.array([0.0, 1e-8, 1e-2])
    values = np.linalg.eigvalsh(gram)
    true = (values[-1] + shifts) / (values[0] + shifts)
    found = tridiagonalise(gram).condition(shifts)
    assert np.all(found > 0.99 * true)
    if size > 1:
        assert found[1] < 3 * true[1]
        assert found[2] < 3 * true[2]


def test_shifted_solve_with_several_right_hand_sides():
    rng = np.random.default_rng(11)
    matrix = rng.standard_normal((12, 12))
    matrix = matrix @ matrix.T
    targets, shifts = rng.standard_normal((12, 3)), np.array([0.1, 0.0, 5.0])
    found = shifted_solve(np.tril(matrix), targets, shifts)  # only the lower triangle counts
    for shift, solution in zip(shifts, found):
        expected = np.linalg.solve(matrix + shift * np.eye(12), targets)
        np.testing.assert_allclose(solution, expected, rtol=1e-7, atol=1e-9)
    assert shifted_solve(matrix, targets[:, 0], shifts).shape == (3, 12)


def test_shifted_solve_of_a_singular_matrix_is_the_minimum_norm_limit():
    rng = np.random.default_rng(12)
    factor = rng.standard_normal((8, 3))
    matrix = factor @ factor.T
    inside = factor @ rng.standard_normal(3)
    shifts = [0.0, 1e-14, 1.0]
    found = shifted_solve(matrix, inside, shifts)
    np.testing.assert_allclose(found[0], np.linalg.pinv(matrix, rcond=1e-10) @ inside, rtol=1e-8)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-8)
    np.testing.assert_allclose(found[2], np.linalg.solve(matrix + np.eye(8), inside), rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0, 2.0], [1.0, 2.0], [1.0]), "features"),
        ((np.ones((2, 0)), [1.0, 2.0], [1.0]), "features"),
        (([[np.inf]], [1.0], [1.0]), r"features\[0, 0\]"),
        ((np.ones((2, 2)), [1.0], [1.0]), "targets"),
        ((np.ones((2, 2)), np.ones((2, 2, 2)), [1.0]), "targets"),
        ((np.ones((2, 2)), [1.0, np.nan], [1.0]), r"targets\[1\]"),
        ((np.ones((2, 2)), [1.0, 2.0], [1.0, -1.0]), r"ridges\[1\] = -1.0"),
        ((np.ones((2, 2)), [1.0, 2.0], 1.0), "ridges"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        ridge_path(*arguments)


@pytest.mark.parametrize("widths", [[2, 1], [0], [4], [1.5]])
def test_bad_widths_are_rejected(widths):
    with pytest.raises(ValueError, match="widths"):
        nested_ridge_paths(np.ones((2, 3)), np.ones(2), widths, [1.0])


def test_shifted_solve_names_bad_arguments():
    with pytest.raises(ValueError, match="matrix"):
        shifted_solve(np.ones((2, 3)), np.ones(2), [1.0])
    with pytest.raises(ValueError, match="shifts"):
        shifted_solve(np.eye(2), np.ones(2), [-1.0])
