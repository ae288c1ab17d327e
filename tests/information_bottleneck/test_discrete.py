import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.information_bottleneck import (
    blahut_arimoto,
    bsc_critical_beta,
    bsc_ib_curve,
    deterministic_ib_curve,
    discrete_ib,
    discrete_information,
    discretised_gaussian,
    entropy,
    gaussian_ib,
    gaussian_ib_encoder,
    pair_covariance,
)


def random_table(seed):
    """Rows of p(y|x) with few large entries, and p(x): several fixed points for some seeds."""
    rows = np.random.default_rng(seed).dirichlet(np.full(3, 0.5), 4)
    return rows * np.random.default_rng(seed).dirichlet(np.ones(4))[:, None]


TABLE = random_table(28)


def channel(delta):
    return np.array([[1 - delta, delta], [delta, 1 - delta]]) / 2


def informations(encoder, joint):
    """I(T;X) and I(T;Y) from the joint tables of an encoder."""
    with_x = encoder * joint.sum(axis=1, keepdims=True)
    return discrete_information(with_x.T), discrete_information(encoder.T @ joint)


def functional(result, beta):
    return result.information_x - beta * result.information_y


@pytest.mark.parametrize("delta", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("factor", [1.05, 1.3, 2.0, 5.0])
def test_iteration_finds_the_channel_curve(delta, factor):
    result = discrete_ib(channel(delta), factor * bsc_critical_beta(delta))
    assert result.information_x > 0.05
    exact = bsc_ib_curve(delta, min(result.information_x, np.log(2)))
    assert result.information_y == pytest.approx(float(exact), abs=1e-7)


@pytest.mark.parametrize("beta", [0.3, 1.0, 0.95 / 0.64])
def test_nothing_is_kept_below_the_critical_beta(beta):
    result = discrete_ib(channel(0.1), beta)
    assert (result.information_x, result.information_y) == (0.0, 0.0)
    assert result.encoder.tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize("beta", [2.0, 8.0, 30.0])
def test_result_is_a_fixed_point_with_the_lowest_functional(beta):
    result = discrete_ib(TABLE, beta, starts=20, seed=1)
    np.testing.assert_allclose(result.encoder.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(
        (result.information_x, result.information_y),
        informations(result.encoder, TABLE),
        rtol=1e-9,
        atol=1e-12,
    )
    # the three equations, as they are written
    x = TABLE.sum(axis=1)
    t = x @ result.encoder
    y_given_t = (result.encoder.T @ TABLE) / t[:, None]
    y_given_x = TABLE / x[:, None]
    kl = np.array([[(p * np.log(p / q)).sum() for q in y_given_t] for p in y_given_x])
    again = t * np.exp(-beta * kl)
    again /= again.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(result.encoder, again, atol=2e-6)
    rng = np.random.default_rng(3)
    for _ in range(5):
        other = blahut_arimoto(TABLE, beta, rng.dirichlet(np.ones(4), 4), tolerance=1e-12)
        assert functional(result, beta) <= functional(other, beta) + 1e-10


def test_several_fixed_points_exist_and_more_starts_never_do_worse():
    beta, rng = 8.0, np.random.default_rng(0)
    values = {
        round(functional(blahut_arimoto(TABLE, beta, start, tolerance=1e-12), beta), 4)
        for start in rng.dirichlet(np.ones(4), (20, 4))
    }
    assert len(values) > 1, "the table was chosen to have more than one"
    assert functional(discrete_ib(TABLE, beta, starts=1), beta) <= min(values) + 1e-4


def test_iteration_never_increases_the_functional():
    start = np.random.default_rng(1).dirichlet(np.ones(4), 4)
    values = [
        functional(blahut_arimoto(TABLE, 6.0, start, tolerance=tolerance), 6.0)
        for tolerance in (1e3, 1e-2, 1e-4, 1e-8, 1e-12)
    ]
    assert (np.diff(values) <= 1e-14).all()


def test_zero_probabilities_and_deterministic_labels():
    # Y is a function of X: all of the curve's corner at min(I_X, H(Y))
    joint = np.array([[0.25, 0.0], [0.25, 0.0], [0.0, 0.5]])
    result = discrete_ib(joint, 3.0)
    assert result.information_y == pytest.approx(np.log(2), abs=1e-9)
    exact = deterministic_ib_curve(result.information_x, entropy([0.5, 0.5]))
    assert result.information_y == pytest.approx(float(exact), abs=1e-9)
    # an x that shares no label with the other
    apart = discrete_ib([[0.5, 0.0], [0.0, 0.5]], 1.5)
    assert apart.information_x == pytest.approx(np.log(2), abs=1e-12)


def test_large_beta_keeps_all_the_information():
    result = discrete_ib(TABLE, 1e4)
    assert result.information_y == pytest.approx(discrete_information(TABLE), rel=1e-6)


def test_seed_decides():
    one, same = discrete_ib(TABLE, 8.0, seed=3), discrete_ib(TABLE, 8.0, seed=3)
    np.testing.assert_array_equal(one.encoder, same.encoder)


@pytest.mark.parametrize("beta", [2.0, 6.0])
def test_discretised_gaussian_is_near_the_gaussian_curve(beta):
    # 41 points on [-4, 4] lose 7e-4 nats to the cut tails and the grid
    joint, grid = discretised_gaussian(0.8)
    gain = gaussian_ib_encoder(pair_covariance(0.8), 1, beta)[0, 0]
    clusters = np.sqrt(gain**2 + 1) * grid
    start = np.exp(-0.5 * (clusters - gain * grid[:, None]) ** 2)
    start /= start.sum(axis=1, keepdims=True)
    found = blahut_arimoto(joint, beta, start, tolerance=1e-9)
    exact = gaussian_ib(0.8, beta)
    assert found.information_x == pytest.approx(exact.information_x, abs=1e-3)
    assert found.information_y == pytest.approx(exact.information_y, abs=5e-4)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6))
def test_information_of_a_table_by_its_definition(rows, columns, seed):
    joint = np.random.default_rng(seed).dirichlet(np.ones(rows * columns)).reshape(rows, columns)
    product = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    exact = (joint * np.log(joint / product)).sum()
    assert discrete_information(joint) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"joint": [[0.5, 0.6], [0.0, 0.0]]}, "joint.sum"),
        ({"joint": [[0.5, 0.5], [0.0, 0.0]]}, "empty row"),
        ({"joint": [[1.5, -0.5]]}, "joint"),
        ({"joint": [0.5, 0.5]}, "dimension"),
        ({"joint": np.zeros((0, 2))}, "not empty"),
        ({"joint": [[np.nan, 1.0]]}, "joint"),
        ({"beta": 0.0}, "beta"),
        ({"beta": np.inf}, "beta"),
        ({"starts": 0}, "starts"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_tables_are_named(change, word):
    with pytest.raises(ValueError, match=word):
        discrete_ib(**{"joint": channel(0.1), "beta": 2.0, **change})


@pytest.mark.parametrize(
    ("encoder", "word"),
    [([[1.0]], "shape"), ([[0.5, 0.4], [1.0, 0.0]], "sum"), ([[2.0, -1.0], [1, 0]], "encoder")],
)
def test_bad_encoders_are_named(encoder, word):
    with pytest.raises(ValueError, match=word):
        blahut_arimoto(channel(0.1), 2.0, encoder)
