import numpy as np
import pytest

from sims.active_multitask_lasso import (
    exploration_trial,
    random_instance,
    target_samples_trial,
)

INSTANCE = random_instance(30, 4, 3)
GIVEN = {"heads": INSTANCE.heads, "target": INSTANCE.target, "dimension": 30}


def test_too_little_exploration_ruins_and_too_much_wastes():
    """The U-curve at N = 3000: means near 700, 22, 39 (x 1e-4), the first heavy-tailed."""
    rng = np.random.default_rng(0)
    found = [
        exploration_trial(**GIVEN, total=3000, shares=[0.1, "sqrt", 0.8], rng=rng)
        for _ in range(12)
    ]
    few, root, many = np.median(found, axis=0)[:, 1]
    assert few > 4 * root
    assert many > 1.2 * root


def test_l1_needs_more_target_samples_than_l2():
    """N = 24000: 12.7 against 6.1 (x 1e-4) with 8 target samples, 2.0 against 2.8 with 2000."""
    rng = np.random.default_rng(1)
    sizes = [8, 2000]
    found = np.array(
        [
            target_samples_trial(**GIVEN, total=24_000, target_samples=sizes, rng=rng)
            for _ in range(12)
        ]
    )
    mean = found.mean(axis=0)
    assert (found[:, 0, 0] == found[:, 1, 0]).all()  # uniform sampling asks no target
    assert mean[0, 2] > mean[0, 1]
    assert mean[1, 2] < mean[1, 1] < mean[1, 0]
    np.testing.assert_allclose(mean[1], [8.7e-4, 2.8e-4, 2.0e-4], rtol=0.25)


def test_exploring_with_everything_is_uniform_sampling():
    found = exploration_trial(**GIVEN, total=3000, shares=[1.0], rng=np.random.default_rng(2))
    assert found[0, 0] == found[0, 1]


def test_bad_arguments_are_named():
    rng = np.random.default_rng(0)
    for shares, word in (([], "shares"), ("sqrt", "shares"), ([0.0], "exploration")):
        with pytest.raises(ValueError, match=word):
            exploration_trial(**GIVEN, total=3000, shares=shares, rng=rng)
    for sizes in ([5], [], [8.5]):
        with pytest.raises(ValueError, match="target_samples"):
            target_samples_trial(**GIVEN, total=3000, target_samples=sizes, rng=rng)
