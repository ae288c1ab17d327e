import numpy as np
import pytest

from sims.inductive_bias.networks import network_errors
from sims.inductive_bias.tasks import Task, digits_task, pendulum_task


def rng(seed=0):
    return np.random.default_rng(seed)


def test_digits_as_designed():
    # 20 of the 100 networks of the figure: test errors 0.0375 +- 0.003 over networks and draws of
    # the digits; 0.045 is what other draws reach
    task = digits_task(rng(), train=100, test=300)
    found = network_errors(task, rng(1), networks=20, depth=2)
    assert found.interpolates
    assert found.train.max() < 0.005
    assert found.test.mean() == pytest.approx(0.0375, abs=0.004)
    assert found.test.std() < 0.005


def test_narrow_networks_are_refused_the_name():
    task = digits_task(rng(), train=100, test=300)
    found = network_errors(task, rng(1), networks=20, width=16)
    assert not found.interpolates
    assert found.train.mean() == pytest.approx(0.038, abs=0.008)
    assert found.test.mean() == pytest.approx(0.061, abs=0.008)


def test_networks_differ_and_the_seed_decides():
    task = pendulum_task(rng(), train=10)
    one, two, other = (
        network_errors(task, rng(seed), networks=4, width=8, epochs=20) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.test, two.test)
    assert len(np.unique(np.r_[one.test, other.test])) == 8
    assert one.train.shape == one.test.shape == (4,)


def test_bad_input_is_named():
    task = pendulum_task(rng(), train=10)
    for name, value in (
        ("networks", 0),
        ("width", 0),
        ("depth", 0),
        ("epochs", 0),
        ("rate", 0.0),
    ):
        with pytest.raises(ValueError, match=name):
            network_errors(task, rng(), **{name: value})
    empty = Task(
        "",
        *(part[:0] for part in (task.train_inputs, task.train_targets)),
        task.test_inputs,
        task.test_targets,
    )
    with pytest.raises(ValueError, match="no training point"):
        network_errors(empty, rng())
