import numpy as np
import pytest
from scipy.stats import ks_2samp

from sims.active_multitask_lasso import draw_statistics
from sims.active_multitask_lasso.statistics import gaussian_statistics
from sims.active_multitask_lasso.tape import Tape

PLACES = np.array([[5, 0, 9], [5, 4, 2], [30, 4, 0]])


def tape(seed=0, sigma=1.0):
    rng = np.random.default_rng(seed)
    return Tape(PLACES, np.eye(3, 4), sigma, gaussian_statistics, rng)


def test_any_mixture_of_places_can_be_read():
    one = tape(sigma=0.0)
    for counts in (*PLACES, np.array([30, 0, 2]), np.array([0, 0, 0])):
        found = one.at(counts)
        assert found.counts.tolist() == counts.tolist()
        ranks = np.linalg.matrix_rank(found.gram, tol=1e-9)
        assert ranks.tolist() == np.minimum(counts, 4).tolist()
        np.testing.assert_allclose(found.cross, found.gram[np.arange(3), np.arange(3)], atol=1e-12)
        assert not found.square[counts == 0].any()


def test_later_places_contain_earlier_ones():
    one = tape()
    first, second = one.at(PLACES[1]), one.at(np.array([30, 4, 9]))
    gained = np.linalg.eigvalsh(second.gram - first.gram)
    assert gained.min() > -1e-9
    assert (gained[:, -1] > 1e-9).tolist() == [True, False, True]
    np.testing.assert_array_equal(one.at(PLACES[0]).gram[0], first.gram[0])


def test_reading_does_not_change_the_tape():
    one = tape()
    before = one.at(PLACES[0])
    before.gram[:] = 0.0
    assert one.at(PLACES[0]).gram.any()


def test_every_place_has_its_own_law():
    """The increments add up to a Wishart matrix: KS at 1e-4 on three statistics."""
    rng = np.random.default_rng(1)
    theta = np.array([[1.0, -1.0, 0.5]])
    sums = [
        Tape(np.array([[3], [4], [11]]), theta, 0.7, gaussian_statistics, rng).at(np.array([11]))
        for _ in range(1200)
    ]
    drawn = draw_statistics(np.repeat(theta, 1200, 0), 11, noise_variance=0.49, rng=rng)
    for summary in (
        lambda s: np.linalg.det(s.gram),
        lambda s: s.cross @ [1.0, 2.0, 3.0],
        lambda s: s.square,
    ):
        found = np.concatenate([summary(one) for one in sums])
        assert ks_2samp(found, summary(drawn)).pvalue > 1e-4


def test_an_empty_tape_has_nothing_to_read():
    nothing = np.zeros((2, 3), dtype=int)
    rng = np.random.default_rng(2)
    one = Tape(nothing, np.eye(3, 4), 1.0, gaussian_statistics, rng)
    assert one.at(nothing[0]).total == 0
    with pytest.raises(ValueError, match="places"):
        one.at(np.array([1, 0, 0]))


def test_other_places_are_refused():
    with pytest.raises(ValueError, match="places"):
        tape().at(np.array([6, 4, 2]))
    with pytest.raises(ValueError, match="places"):
        tape().at(np.array([31 + 4, 4, 2]))  # would be the next task's place
