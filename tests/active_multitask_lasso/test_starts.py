import numpy as np
import pytest
from scipy.linalg import subspace_angles

from sims.active_multitask_lasso import draw_statistics, statistics_of
from sims.active_multitask_lasso.starts import leading_directions, starting_basis


@pytest.mark.parametrize("shape", [(3, 8), (8, 8), (20, 8)])
def test_leading_directions_are_singular_vectors(shape):
    rows = np.random.default_rng(0).standard_normal(shape)
    expected = np.linalg.svd(rows)[2][:2].T
    assert subspace_angles(leading_directions(rows, 2), expected).max() < 1e-7


def weighted_example(counts):
    rng = np.random.default_rng(1)
    heads = rng.standard_normal((len(counts), 2))
    return draw_statistics(heads @ np.eye(2, 10), counts, noise_variance=0.0, rng=rng)


def test_tasks_with_enough_samples_decide():
    """Without noise their solutions lie in the subspace exactly; poor tasks are left out."""
    start = starting_basis(weighted_example([25, 30, 3, 3, 3]), 2)
    assert np.abs(start[2:]).max() < 1e-9


def test_the_weights_follow_the_counts():
    """Two tasks and one direction: the task with more samples wins."""
    rng = np.random.default_rng(2)
    drawn = draw_statistics(np.eye(2, 5), [10_000, 20], noise_variance=0.01, rng=rng)
    assert abs(starting_basis(drawn, 1)[0, 0]) > 0.99
    assert abs(starting_basis(drawn, 1, weighted=False)[0, 0]) < 0.99


def test_moments_stand_in_where_samples_are_few():
    counts = np.full(400, 5)  # far below d = 10 each
    start = starting_basis(weighted_example(counts), 2)
    assert subspace_angles(start, np.eye(10, 2)).max() < 0.3


def test_collinear_inputs_do_no_harm():
    x = np.random.default_rng(3).standard_normal((40, 2))
    x = np.column_stack([x, x[:, 0]])
    both = statistics_of([(x, x[:, 0]), (x, x[:, 1])])
    assert np.isfinite(starting_basis(both, 2)).all()
