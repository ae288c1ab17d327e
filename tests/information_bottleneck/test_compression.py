import math

import numpy as np
import pytest
from scipy.stats import rankdata
from scipy.stats import t as student

from sims.information_bottleneck.compression import (
    compression_correlation,
    compression_score,
    dead_networks,
)
from sims.numerics.validate import ValidityWarning


def test_score_is_the_share_lost_since_the_maximum():
    information = np.array([[1.0, 0.0, 2.0], [4.0, 0.0, 3.0], [3.0, 0.0, 4.0]])
    np.testing.assert_allclose(compression_score(information), [0.25, 0, 0])
    np.testing.assert_allclose(compression_score(information.T, axis=1), [0.25, 0, 0])
    assert compression_score([5.0]) == 0


def test_score_refuses_what_is_no_information():
    with pytest.raises(ValueError, match=r"information\[1\] = -1"):
        compression_score([0.0, -1.0])
    with pytest.raises(ValueError, match="at least one epoch"):
        compression_score(np.empty((0, 3)))


def test_dead_networks_are_counted():
    with pytest.warns(ValidityWarning, match="1 of 3 networks are dead"):
        assert dead_networks([0.7, 0.71, 0.99]).tolist() == [True, False, False]
    with pytest.raises(ValueError, match=r"accuracy\[0\] = 1.2"):
        dead_networks([1.2])


def test_correlation_by_ranks_and_by_student():
    rng = np.random.default_rng(0)
    accuracy = rng.uniform(0.9, 1, 25)
    scores = rng.uniform(size=(25, 2)) + 3 * accuracy[:, None] * [0, 1]
    found = compression_correlation(scores, accuracy, tests=12)
    for layer in range(2):
        rho = np.corrcoef(rankdata(scores[:, layer]), rankdata(accuracy))[0, 1]
        statistic = rho * math.sqrt(23 / (1 - rho**2))
        assert found.coefficient[layer] == pytest.approx(rho, rel=1e-12)
        assert found.p_value[layer] == pytest.approx(2 * student.sf(abs(statistic), 23), rel=1e-9)
    assert found.level == pytest.approx(0.05 / 12)
    np.testing.assert_array_equal(found.passes, found.p_value <= 0.05 / 12)
    assert (found.networks, found.dead) == (25, 0)


def test_dead_networks_take_no_part_and_equal_scores_have_no_correlation():
    rng = np.random.default_rng(1)
    accuracy = np.append(rng.uniform(0.9, 1, 22), [0.5, 0.5])
    scores = np.append(accuracy[:22], [99, 99])[:, None] * [1, 0]
    with pytest.warns(ValidityWarning, match="2 of 24 networks are dead"):
        found = compression_correlation(scores, accuracy)
    assert found.coefficient[0] == pytest.approx(1)
    assert np.isnan(found.coefficient[1])
    assert found.passes.tolist() == [True, False]
    assert (found.networks, found.dead) == (22, 2)


def test_few_networks_are_called_noise():
    with pytest.warns(ValidityWarning, match="5 networks is mostly noise"):
        compression_correlation(np.arange(5.0)[:, None], np.linspace(0.8, 1, 5))


@pytest.mark.parametrize(
    ("scores", "accuracy", "settings", "message"),
    [
        (np.ones((3, 2)), [0.9, 0.9], {}, r"len\(accuracy\) = 2 .* 3, one a network"),
        (np.ones((2, 2)), [0.9, 0.9], {}, "living networks = 2 .* at least 3"),
        (np.ones((3, 2)), [0.9] * 3, {"level": 0}, "level = 0"),
        (np.ones((3, 2)), [0.9] * 3, {"tests": 0}, "tests = 0"),
    ],
)
def test_bad_input_is_named(scores, accuracy, settings, message):
    with pytest.raises(ValueError, match=message):
        compression_correlation(scores, accuracy, **settings)
