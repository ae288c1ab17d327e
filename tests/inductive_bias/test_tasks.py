import math

import numpy as np
import pytest

from sims.datasets import digits
from sims.inductive_bias.interpolant import interpolant_error_law
from sims.inductive_bias.models import model_errors
from sims.inductive_bias.tasks import (
    Task,
    digits_task,
    median_distance,
    pendulum_task,
    sphere_task,
    task_kernels,
    upright_gains,
)


def law(task, **settings):
    return interpolant_error_law(
        *task_kernels(task, **settings), task.train_targets, task.test_targets
    )


def rng(seed=0):
    return np.random.default_rng(seed)


# ----- what the tasks are


def test_digits_are_pixels_drawn_without_replacement():
    from sklearn.datasets import load_digits

    task = digits_task(rng(), train=1000, test=797)
    rows = np.concatenate([task.train_inputs, task.test_inputs])
    known = load_digits()
    order = np.lexsort(rows.T)
    pixels = known.data / 16
    np.testing.assert_allclose(rows[order], pixels[np.lexsort(pixels.T)], atol=1e-12)
    assert task.train_targets.sum(axis=1).tolist() == [1.0] * 1000
    assert median_distance(digits_task(rng(), train=200, test=400)) == pytest.approx(3.07, abs=0.03)


def test_parity_follows_the_digit():
    one, two = (digits_task(rng(3), train=20, test=10, targets=t) for t in ("one-hot", "parity"))
    np.testing.assert_array_equal(one.test_inputs, two.test_inputs)
    label = one.test_targets.argmax(axis=1)
    np.testing.assert_array_equal(two.test_targets[:, 0], 1 - 2 * (label % 2))


def test_sphere_targets_are_draws_of_the_process():
    # mean square of the targets over draws: 1; 400 draws, each with effectively a few degrees of
    # freedom, so 0.05 standard error: 5 sigma
    squares = [
        np.mean(sphere_task(rng(seed), dimension=3, train=5, test=20).test_targets ** 2)
        for seed in range(400)
    ]
    assert abs(np.mean(squares) - 1) < 5 * np.std(squares) / 20
    assert np.std(squares) / 20 < 0.06


def test_pendulum_by_hand():
    task = pendulum_task(rng(), train=30, test=10)
    cosine, sine, speed = task.train_inputs.T
    np.testing.assert_allclose(cosine**2 + sine**2, 1.0)
    assert np.abs(speed).max() <= 1
    np.testing.assert_allclose(
        task.train_targets[:, 0], np.tanh(-(2 * sine + 0.64 * 8 * speed)), rtol=1e-12
    )


def test_clipped_torque_is_the_regulator_cut():
    by_angle, by_speed = upright_gains()
    # the closed loop is stable, and the gains solve the Riccati equation in closed form:
    # 3 k1^2/9... : p12 = k1/3, p22 = k2/3 with 30 p12 - 9 p12^2 + 1 = 0, 2 p12 - 9 p22^2 + 1 = 0
    p12 = (30 + math.sqrt(900 + 36)) / 18
    assert by_angle == pytest.approx(3 * p12)
    assert by_speed == pytest.approx(math.sqrt(2 * p12 + 1))
    task = pendulum_task(rng(), train=400, test=1, control="clipped")
    angle = np.arctan2(task.train_inputs[:, 1], task.train_inputs[:, 0])
    torque = -(by_angle * angle + by_speed * 8 * task.train_inputs[:, 2]) / 2
    np.testing.assert_allclose(task.train_targets[:, 0], np.clip(torque, -1, 1), atol=1e-9)
    assert np.mean(np.abs(task.train_targets) == 1) > 0.8


def test_first_points_keep_the_test_set():
    task = sphere_task(rng(), train=10)
    part = task.first(4)
    np.testing.assert_array_equal(part.train_inputs, task.train_inputs[:4])
    np.testing.assert_array_equal(part.train_targets, task.train_targets[:4])
    assert part.test_inputs is task.test_inputs


@pytest.mark.parametrize("kernel", ["rbf", "laplace", "nngp", "ntk"])
def test_kernels_fit_together(kernel):
    task = digits_task(rng(), train=12, test=8)
    train, cross, test = task_kernels(task, kernel)
    swapped = Task("", task.test_inputs, task.test_targets, task.train_inputs, task.train_targets)
    other = task_kernels(swapped, kernel)
    np.testing.assert_allclose(train, other.test, rtol=1e-12)
    np.testing.assert_allclose(cross, other.cross.T, rtol=1e-12)
    np.testing.assert_allclose(test, other.train, rtol=1e-12)
    assert np.isfinite(law(task, kernel=kernel).mean)


def test_width_and_depth_are_passed_on():
    task = pendulum_task(rng(), train=4, test=3)
    gap = np.sum((task.train_inputs[0] - task.test_inputs[1]) ** 2)
    assert task_kernels(task, width=0.5).cross[0, 1] == pytest.approx(math.exp(-2 * gap))
    assert task_kernels(task, "laplace", width=0.5).cross[0, 1] == pytest.approx(
        math.exp(-2 * math.sqrt(gap))
    )
    one, two = (task_kernels(task, "nngp", depth=depth).cross for depth in (1, 2))
    assert not np.allclose(one, two)


def test_no_training_points_are_legal():
    for task in (
        digits_task(rng(), train=0),
        sphere_task(rng(), train=0),
        pendulum_task(rng(), train=0),
    ):
        assert len(task.train_inputs) == 0
        assert law(task).bits(0.01) > 10


# ----- what they are for: the published designs of the laboratory's figures


def test_information_against_the_length_scale():
    task = digits_task(rng(), train=200, test=100)
    found = [float(law(task, width=width).bits(0.02)) for width in (0.5, 1, 2, 3, 4, 6, 10)]
    # recorded with this seed by another implementation, in whole bits
    np.testing.assert_allclose(found, [2172, 1852, 804, 238, 76, 25, 60], atol=0.6)


def test_information_against_the_number_of_test_points():
    task = digits_task(rng(), train=200, test=400)
    found = []  # recorded like the values above
    for size in (25, 50, 100, 200, 400):
        part = Task(
            "",
            task.train_inputs,
            task.train_targets,
            task.test_inputs[:size],
            task.test_targets[:size],
        )
        found.append(float(law(part, width=3.0).bits(0.02)))
    np.testing.assert_allclose(found, [91, 148, 238, 428, 656], atol=0.6)


def test_higher_spheres_are_harder():
    bits = [
        np.mean(
            [law(sphere_task(rng(s), dimension=m), width=1.0).bits([0.1, 0.01]) for s in range(3)],
            axis=0,
        )
        for m in (2, 6, 10)
    ]
    np.testing.assert_allclose(bits[0], 0.0, atol=0.1)
    np.testing.assert_allclose(bits[1:], [[0.4, 99], [33, 288]], rtol=0.2, atol=0.4)


def test_more_data_leave_less_to_know():
    task = sphere_task(rng(), dimension=4, train=300)
    found = [float(law(task.first(n), width=1.0).bits(0.01)) for n in (0, 10, 30, 100, 300)]
    assert np.all(np.diff(found) < 0)
    assert 100 < found[0] < 200
    assert found[-1] < 0.1


def test_smooth_torque_is_learnable_and_clipped_torque_is_not():
    smooth, clipped = (
        [
            law(pendulum_task(rng(s), control=control), width=0.5).bits([0.03, 0.01])
            for s in range(3)
        ]
        for control in ("smooth", "clipped")
    )
    assert np.all((np.array(smooth) > [6, 26]) & (np.array(smooth) < [16, 54]))
    assert np.max(clipped) > 1000
    assert np.max(clipped) > 10 * np.min(np.array(clipped)[:, 1])


# ----- what model classes supply


def test_information_supplied_by_models():
    task = digits_task(rng(), train=200, test=400)
    kernels = task_kernels(task, width=3.0)
    found = interpolant_error_law(*kernels, task.train_targets, task.test_targets)
    errors = model_errors(task, kernels)
    bits = {name: float(found.bits(error)) for name, error in errors.items()}
    expected = {"ridge 0.001": 34, "ridge 1": 91, "tree": 0.01, "GP mean": 758}
    for name, value in expected.items():
        assert bits[name] == pytest.approx(value, rel=0.02, abs=0.6)
    assert bits["constant"] < 1e-6
    assert bits["5 neighbours"] == pytest.approx(1147, rel=0.01)  # ties between neighbours
    # a better model supplies more
    assert sorted(errors, key=errors.get) == sorted(bits, key=bits.get, reverse=True)
    # the mean of the process errs by the law's squared bias
    squared = found.offset + found.bias_squared.sum()
    assert errors["GP mean"] == pytest.approx(squared, rel=1e-6)


def test_models_of_one_output():
    task = digits_task(rng(), train=30, test=20, targets="parity")
    errors = model_errors(task, task_kernels(task))
    mean = task.train_targets.mean()
    assert errors["constant"] == pytest.approx(np.mean((task.test_targets - mean) ** 2))
    assert set(errors) == {
        "constant", "GP mean", "tree", "ridge 0.001", "ridge 1", "5 neighbours"
    }  # fmt: skip


# ----- bad input


@pytest.mark.parametrize(
    ("make", "settings", "name"),
    [
        (digits_task, {"train": -1}, "train"),
        (digits_task, {"test": 0}, "test"),
        (digits_task, {"train": 1700, "test": 98}, "at most 1797"),
        (digits_task, {"targets": "colour"}, "targets"),
        (sphere_task, {"dimension": 0}, "dimension"),
        (sphere_task, {"width": 0.0}, "width"),
        (pendulum_task, {"control": "none"}, "control"),
        (pendulum_task, {"test": 1.5}, "test"),
    ],
)
def test_bad_tasks_are_named(make, settings, name):
    with pytest.raises(ValueError, match=name):
        make(rng(), **settings)


def test_bad_kernels_and_models_are_named():
    task = pendulum_task(rng(), train=4)
    with pytest.raises(ValueError, match="kernel"):
        task_kernels(task, "cosine")
    with pytest.raises(ValueError, match="width"):
        task_kernels(task, width=-1.0)
    with pytest.raises(ValueError, match="depth"):
        task_kernels(task, "ntk", depth=0)
    with pytest.raises(ValueError, match="train"):
        task.first(5)
    with pytest.raises(ValueError, match="fewer than 5"):
        model_errors(task, task_kernels(task))
    with pytest.raises(ValueError, match="seed"):
        model_errors(pendulum_task(rng()), task_kernels(pendulum_task(rng())), seed=-1)


def test_bundled_data_are_left_alone():
    before = digits().inputs.copy()
    digits_task(rng()).train_inputs[:] = 7.0
    np.testing.assert_array_equal(digits().inputs, before)
