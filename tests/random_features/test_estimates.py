"""The estimates under every invariance, over rough random tasks, and never NaN."""

import math

import numpy as np
import pytest
from eigenframework_reference import FIELDS, small_task
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.random_features.theory import risk, risk_infinite_data

PIECES = tuple(name for name in FIELDS if name.startswith(("bias", "variance")))
TASKS = st.integers(0, 10**6).map(small_task)
SIZES = st.floats(0.5, 1e4)
RIDGE = st.floats(-12, 6).map(lambda exponent: 10.0**exponent)
MANY = settings(deadline=None, max_examples=40, derandomize=True)


def same(first, second, factor=None, rel=1e-10):
    for name in FIELDS:
        scale = (factor or {}).get(name, 1.0)
        assert getattr(second, name) == pytest.approx(scale * getattr(first, name), rel=rel), name


@MANY
@given(TASKS, SIZES, SIZES, RIDGE, st.floats(-20, 20))
def test_scaling_the_kernel(task, n, k, ridge, exponent):
    scale = 10.0**exponent
    scaled = task | {"eigenvalues": scale * task["eigenvalues"]}
    factor = {"gamma": scale, "kappa": scale}
    same(risk(n, k, ridge, **task), risk(n, k, scale * ridge, **scaled), factor)


@MANY
@given(TASKS, SIZES, SIZES, RIDGE)
def test_scaling_the_target(task, n, k, ridge):
    scaled = task | {
        "target_power": 9 * task["target_power"],
        "noise_variance": 9 * task["noise_variance"],
    }
    factor = {name: 9.0 for name in FIELDS if name not in ("gamma", "kappa")}
    same(risk(n, k, ridge, **task), risk(n, k, ridge, **scaled), factor)


@MANY
@given(TASKS, SIZES, SIZES, RIDGE, st.randoms(use_true_random=False))
def test_order_of_the_modes(task, n, k, ridge, random):
    order = list(range(len(task["eigenvalues"])))
    random.shuffle(order)
    names = ("eigenvalues", "target_power", "multiplicity")
    shuffled = task | {name: task[name][order] for name in names}
    same(risk(n, k, ridge, **task), risk(n, k, ridge, **shuffled), rel=1e-13)


@MANY
@given(TASKS, SIZES, SIZES, RIDGE)
def test_splitting_a_level(task, n, k, ridge):
    names = ("eigenvalues", "target_power")
    split = task | {name: np.append(task[name], task[name][0]) for name in names}
    part = 0.3 * task["multiplicity"][0]
    split["multiplicity"] = np.append(task["multiplicity"], part)
    split["multiplicity"][0] -= part
    same(risk(n, k, ridge, **task), risk(n, k, ridge, **split))


@MANY
@given(TASKS, SIZES, SIZES, RIDGE, st.floats(0, 10))
def test_power_without_eigenvalue_is_noise(task, n, k, ridge, power):
    names = ("eigenvalues", "target_power", "multiplicity")
    hidden = task | {name: np.append(task[name], x) for name, x in zip(names, (0, power, 1))}
    noisy = task | {"noise_variance": task["noise_variance"] + power}
    first, second = risk(n, k, ridge, **hidden), risk(n, k, ridge, **noisy)
    for name in ("test", "train", "gamma", "kappa", "variance_interaction"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), rel=1e-12)


@MANY
@given(TASKS, SIZES, SIZES, RIDGE)
def test_gamma_is_symmetric_in_samples_and_features(task, n, k, ridge):
    swapped = risk(k, n, ridge * k / n, **task)
    assert risk(n, k, ridge, **task).gamma == pytest.approx(swapped.gamma, rel=1e-12)


@MANY
@given(TASKS, SIZES, SIZES, RIDGE, st.floats(1.01, 100))
def test_more_ridge_fits_less(task, n, k, ridge, factor):
    less, more = (risk(n, k, x, **task) for x in (ridge, factor * ridge))
    assert more.gamma > less.gamma
    assert more.kappa > less.kappa
    assert more.train >= less.train * (1 - 1e-12)
    assert more.train / more.test >= less.train / less.test * (1 - 1e-12)


@MANY
@given(TASKS, SIZES, st.one_of(SIZES, st.just(math.inf)), RIDGE)
def test_pieces_and_bounds(task, n, k, ridge):
    result = risk(n, k, ridge, **task)
    assert sum(getattr(result, name) for name in PIECES) + task["noise_variance"] == pytest.approx(
        result.test, rel=1e-12
    )
    assert all(getattr(result, name) >= 0 for name in FIELDS)
    assert result.train <= result.test * (1 + 1e-12)
    assert result.test >= task["noise_variance"]


@settings(deadline=None, max_examples=120, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.just(0.0), st.floats(1e-120, 1e100)),
            st.one_of(st.just(0.0), st.floats(1e-100, 1e100)),
            st.one_of(st.just(1.0), st.floats(1e-3, 1e9)),
        ),
        min_size=1,
        max_size=6,
    ),
    st.one_of(st.integers(1, 9), st.floats(1e-3, 1e12)),
    st.one_of(st.integers(1, 9), st.floats(1e-3, 1e12), st.just(math.inf)),
    st.one_of(st.just(0.0), st.floats(1e-300, 1e100)),
    st.one_of(st.just(0.0), st.floats(0, 1e50)),
)
def test_no_field_is_ever_nan(levels, n, k, ridge, noise):
    eigenvalues, target, multiplicity = np.array(levels).T
    if not np.any(eigenvalues * multiplicity > 0):
        return
    task = {"noise_variance": noise, "multiplicity": multiplicity}
    result = risk(n, k, ridge, eigenvalues, target, **task)
    assert not any(np.isnan(getattr(result, name)) for name in FIELDS)
    limit = risk_infinite_data(k, ridge, eigenvalues, target, **task)
    assert not any(np.isnan(getattr(limit, name)) for name in FIELDS)
