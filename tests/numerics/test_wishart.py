import numpy as np
import pytest
from numpy.linalg import slogdet
from scipy.special import digamma, polygamma

from sims.numerics.wishart import bartlett_factor, bartlett_factors, wishart_factor

# Every Monte-Carlo comparison below is at 5 standard errors: with fewer than 100 of them in this
# file the chance of any false alarm is below 1e-4 for a fresh seed, and the seeds are fixed.
SIGMAS = 5.0


def products(factors):
    return factors @ factors.mT


@pytest.mark.parametrize(("dimension", "dof"), [(1, 1), (4, 9), (4, 4), (4, 3.5), (5, 2), (3, 1)])
def test_first_two_moments_of_the_wishart_law(dimension, dof):
    count = 6000
    factors = bartlett_factor(dimension, dof, np.random.default_rng(0), batch=count)
    draws = products(factors)
    mean = dof * np.eye(dimension)
    variance = dof * (np.ones((dimension, dimension)) + np.eye(dimension))
    stderr = np.sqrt(variance / count)
    assert np.all(np.abs(draws.mean(axis=0) - mean) < SIGMAS * stderr)
    squares = (draws - mean) ** 2
    spread = squares.std(axis=0) / np.sqrt(count)
    assert np.all(np.abs(squares.mean(axis=0) - variance) < SIGMAS * spread)


@pytest.mark.parametrize(("dimension", "dof"), [(3, 7), (6, 2)])
def test_second_power_of_the_matrix(dimension, dof):
    # E tr(S^2) = dof d (dof + d + 1), also where S is singular.
    draws = products(bartlett_factor(dimension, dof, np.random.default_rng(1), batch=8000))
    traces = np.einsum("bij,bij->b", draws, draws)
    expected = dof * dimension * (dof + dimension + 1)
    assert abs(traces.mean() - expected) < SIGMAS * traces.std() / np.sqrt(len(traces))


def test_log_determinant_has_its_exact_mean_and_variance():
    dimension, dof, count = 5, 11.5, 8000
    draws = products(bartlett_factor(dimension, dof, np.random.default_rng(2), batch=count))
    logs = slogdet(draws)[1]
    half = (dof - np.arange(dimension)) / 2
    mean = digamma(half).sum() + dimension * np.log(2)
    variance = polygamma(1, half).sum()
    assert abs(logs.mean() - mean) < SIGMAS * np.sqrt(variance / count)
    assert abs(logs.var() / variance - 1) < SIGMAS * np.sqrt(3 / count)


def test_the_upper_factor_is_the_transpose_and_its_leading_block_has_the_law_of_fewer_columns():
    lower = bartlett_factor(6, 9, np.random.default_rng(3))
    upper = bartlett_factor(6, 9, np.random.default_rng(3), lower=False)
    np.testing.assert_array_equal(upper, lower.T)
    assert not np.tril(upper, -1).any()
    blocks = bartlett_factor(6, 9, np.random.default_rng(4), lower=False, batch=6000)[:, :2, :2]
    logs = slogdet(blocks.mT @ blocks)[1]
    mean = digamma(np.array([9, 8]) / 2).sum() + 2 * np.log(2)
    assert abs(logs.mean() - mean) < SIGMAS * logs.std() / np.sqrt(len(logs))


def test_same_law_as_the_data_it_stands_for():
    rng = np.random.default_rng(5)
    data = rng.standard_normal((4000, 3, 4))  # 3 rows, 4 columns
    direct = np.linalg.norm(data.mT @ data, ord=2, axis=(1, 2))
    drawn = np.linalg.norm(products(bartlett_factor(4, 3, rng, batch=4000)), ord=2, axis=(1, 2))
    stderr = np.hypot(direct.std(), drawn.std()) / np.sqrt(4000)
    assert abs(direct.mean() - drawn.mean()) < SIGMAS * stderr


@pytest.mark.parametrize(("dof", "rank"), [(0, 0), (1, 1), (3, 3), (4, 4), (7, 4)])
def test_rank_and_shape(dof, rank):
    factor = bartlett_factor(4, dof, np.random.default_rng(6))
    assert factor.shape == (4, rank)
    assert np.linalg.matrix_rank(factor @ factor.T) == rank


def test_batches_and_normalisation():
    rng = np.random.default_rng(7)
    assert bartlett_factor(2, 3, rng, batch=()).shape == (2, 2)
    assert bartlett_factor(2, 1, rng, batch=(5, 6)).shape == (5, 6, 2, 1)
    assert bartlett_factor(0, 3, rng).shape == (0, 0)
    plain = bartlett_factor(3, 8, np.random.default_rng(8))
    scaled = bartlett_factor(3, 8, np.random.default_rng(8), normalised=True)
    np.testing.assert_allclose(scaled * np.sqrt(8), plain, rtol=1e-15)


def test_infinite_degrees_of_freedom_are_the_identity():
    rng = np.random.default_rng(9)
    limit = bartlett_factor(3, np.inf, rng, normalised=True, batch=2)
    np.testing.assert_array_equal(limit, np.broadcast_to(np.eye(3), (2, 3, 3)))
    near = bartlett_factor(3, 1e12, rng, normalised=True)
    np.testing.assert_allclose(near, np.eye(3), atol=1e-5)


def test_covariance():
    covariance = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])
    chol = np.linalg.cholesky(covariance)
    factors = wishart_factor(chol, 6, np.random.default_rng(10), batch=6000)
    assert not np.triu(factors, 1).any()
    draws = products(factors)
    diagonal = np.diag(covariance)
    variance = 6 * (covariance**2 + np.outer(diagonal, diagonal))
    deviation = np.abs(draws.mean(axis=0) - 6 * covariance)
    assert np.all(deviation < SIGMAS * np.sqrt(variance / 6000))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((-1, 3), "dimension"),
        ((2.5, 3), "dimension"),
        ((3, -1), "dof"),
        ((3, np.nan), "dof"),
        ((3, np.inf), "dof"),
        ((3, 1.5), "dof = 1.5"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        bartlett_factor(*arguments, np.random.default_rng(0))


@pytest.mark.parametrize("factor", [np.ones((2, 3)), np.ones((2, 2)), [[np.nan]]])
def test_bad_covariance_factors_are_rejected(factor):
    with pytest.raises(ValueError, match="covariance_factor"):
        wishart_factor(factor, 3, np.random.default_rng(0))


def test_factors_with_their_own_degrees_of_freedom_have_the_first_two_moments():
    dimension, count = 4, 6000
    for dof in (0, 2, 4, 9):
        mixed = np.tile([dof, 20], count)  # another one beside it, which must not matter
        draws = products(bartlett_factors(dimension, mixed, np.random.default_rng(dof)))[::2]
        mean = dof * np.eye(dimension)
        variance = dof * (np.ones((dimension, dimension)) + np.eye(dimension))
        stderr = np.sqrt(variance / count)
        assert np.all(np.abs(draws.mean(axis=0) - mean) <= SIGMAS * stderr)
        squares = (draws - mean) ** 2
        spread = squares.std(axis=0) / np.sqrt(count)
        assert np.all(np.abs(squares.mean(axis=0) - variance) <= SIGMAS * spread)


def test_factors_are_lower_triangular_and_of_the_right_rank():
    factors = bartlett_factors(5, [0, 1, 5, 7], np.random.default_rng(0))
    assert not np.triu(factors, 1).any()
    assert np.linalg.matrix_rank(factors).tolist() == [0, 1, 5, 5]


@pytest.mark.parametrize("dofs", [[2.5], [-1], [np.nan], 3])
def test_bad_degrees_of_freedom_are_named(dofs):
    with pytest.raises(ValueError, match="dofs"):
        bartlett_factors(3, dofs, np.random.default_rng(0))
