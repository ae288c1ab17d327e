import math
import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sims.inductive_bias.difficulty import (
    bandlimited_difficulty,
    control_difficulty,
    few_shot_difficulty,
    generalization_difficulty,
    log_eigenfunctions,
    top_degree,
)
from sims.numerics.validate import ValidityWarning

mp = mpmath.mp.clone()
mp.dps = 60

MNIST = {
    "error": 0.001,
    "samples": 60_000,
    "dimension": 14,
    "radius": 17.179045827183984,
    "classes": 10,
    "resolution": 2.3987084824335305,
}
REACHER = {"error": 1e-3, "samples": 10**6, "dimension": 6, "actions": 2, "resolution": 1e-3}


def reference_degree(m, frequency):
    return (mp.sqrt((m - 1) ** 2 + 4 * frequency**2) - (m - 1)) / 2


def reference_count(m, degree):
    return mp.binomial(m + degree, m) + mp.binomial(m + degree - 1, m)


def reference(error, samples, dimension, radius, classes, resolution, outputs=None, bound=1):
    """The measure written out step by step with 60 digits; log10 of the bits."""
    eps, n, m, r, d, delta = (
        mp.mpf(v) for v in (error, samples, dimension, radius, classes, resolution)
    )
    wide = d - 1 if outputs is None else mp.mpf(outputs)
    degree = reference_degree(m, 2 * mp.pi * r / delta)
    area = 2 * mp.pi ** ((m + 1) / 2) * d / mp.gamma((m + 1) / 2)
    distance = mp.sqrt(m / 6) * area ** (1 / m) * r * n ** (-1 / m)
    slope = degree * mp.sqrt(wide) / r
    dimensions = 2 * wide * d * reference_count(m, degree) - n * wide
    ratio = mp.mpf(bound) * mp.sqrt(wide * d) * slope * distance / eps
    return mp.log10(dimensions * mp.log(ratio, 2))


def reference_control(error, samples, dimension, actions, resolution):
    eps, n, m, wide, delta = (mp.mpf(v) for v in (error, samples, dimension, actions, resolution))
    modes = (2 * mp.pi / delta) ** m * mp.pi ** (m / 2) / mp.gamma(m / 2 + 1)
    ratio = 4 * mp.pi**2 / mp.sqrt(6) * wide * mp.sqrt(m) / delta / n ** (1 / m) / eps
    return mp.log10(wide * (2 * modes - n) * mp.log(ratio, 2))


@pytest.mark.filterwarnings("ignore:resolution is so coarse")
@settings(deadline=None, max_examples=120, derandomize=True)
@given(
    st.floats(1e-6, 0.1),
    st.floats(1, 1e6),
    st.floats(1, 500),
    st.floats(0.01, 1e4),
    st.integers(2, 5000),
    st.floats(0.001, 1),
)
def test_any_task_to_1e_9(error, samples, dimension, radius, classes, share):
    task = {
        "error": error,
        "samples": samples,
        "dimension": dimension,
        "radius": radius,
        "classes": classes,
        "resolution": share * radius,
    }
    result = generalization_difficulty(**task)
    assume(not result.vacuous)
    assert float(result.log10_bits) == pytest.approx(float(reference(**task)), abs=1e-9)


@pytest.mark.parametrize("dimension", [1, 2, 9.5, 17, 60, 400])
@pytest.mark.parametrize("resolution", [1e-9, 1e-3, 0.1])
def test_any_control_task_to_1e_9(dimension, resolution):
    task = REACHER | {"dimension": dimension, "resolution": resolution, "samples": 10}
    found = control_difficulty(**task)
    assert not found.vacuous
    assert float(found.log10_bits) == pytest.approx(float(reference_control(**task)), abs=1e-9)


def test_omniglot_size_in_60_digits():
    task = {"error": 0.01, "samples": 7e40, "radius": 49.4064773081425}
    resolution = 5.477225575051661
    found = few_shot_difficulty(
        **task, ways=20, task_dimension=22, pooled_dimension=29, resolution=resolution
    )
    m0 = mp.mpf(22)
    inner = 760 * reference_count(
        m0, reference_degree(m0, 2 * mp.pi * mp.mpf(task["radius"]) / mp.mpf(resolution))
    )
    exact = reference(
        task["error"],
        task["samples"],
        29 + 19 * 22,
        mp.mpf(task["radius"]) * mp.sqrt(20),
        1,
        resolution,
        outputs=inner,
        bound=mp.sqrt(380),
    )
    assert float(found.log10_bits) == pytest.approx(float(exact), abs=1e-9)
    assert float(found.degree) == pytest.approx(114.600, abs=5e-4)


def test_samples_hardly_matter_with_few_shots():
    settings_ = {
        "error": 0.01,
        "ways": 20,
        "task_dimension": 22,
        "pooled_dimension": 29,
        "radius": 49.4,
        "resolution": 5.48,
    }
    one, many = (few_shot_difficulty(samples=n, **settings_).log10_bits for n in (1.0, 7e40))
    assert 0 < one - many < 0.002


# ----- counting harmonics


def harmonics(degree, m):
    """Dimension of the harmonic polynomials of one degree in m + 1 variables."""
    less = math.comb(degree + m - 2, m) if degree >= 2 else 0
    return math.comb(degree + m, m) - less


@pytest.mark.parametrize("m", [1, 2, 3, 5, 11])
@pytest.mark.parametrize("top", [0, 1, 2, 3, 6, 40])
def test_whole_degrees_count_the_harmonics(m, top):
    exact = sum(harmonics(degree, m) for degree in range(top + 1))
    assert math.exp(log_eigenfunctions(m, top)) == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize(
    ("m", "degree"), [(1, 1e15), (48, 1e12), (1e6, 3.3), (447, 114.6), (20, 15.0), (1, 1e-9)]
)
def test_counts_far_out(m, degree):
    exact = mp.log(reference_count(mp.mpf(m), mp.mpf(degree)))
    assert float(log_eigenfunctions(m, degree)) == pytest.approx(float(exact), rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("m", [1, 2, 14.5, 1e8])
@pytest.mark.parametrize("frequency", [1e-6, 1.0, 45.0, 1e200])
def test_degree_solves_its_equation(m, frequency):
    found = float(top_degree(m, frequency))
    with mp.workdps(500):
        exact = reference_degree(mp.mpf(m), mp.mpf(frequency))
    assert found == pytest.approx(float(exact), rel=1e-13)


def test_the_train_test_distance_of_the_formula_is_that_of_uniform_points():
    # sqrt(m/6) is the root mean square distance of two uniform points of a unit cube. 1e5 draws:
    # 5 sigma, false alarm 6e-7 a dimension.
    rng = np.random.default_rng(0)
    for m in (1, 20):
        squares = ((rng.random((100_000, m)) - rng.random((100_000, m))) ** 2).sum(1)
        error = squares.std() / math.sqrt(len(squares))
        assert abs(squares.mean() - m / 6) < 5 * error


# ----- shapes, vacuous cases, bad input


def test_arrays_broadcast_and_equal_scalars():
    grid = {"dimension": np.array([[3], [14]]), "samples": np.array([10.0, 1e3, 1e5])}
    whole = generalization_difficulty(**(MNIST | grid))
    assert whole.log10_bits.shape == whole.bits.shape == whole.degree.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        one = generalization_difficulty(
            **(MNIST | {"dimension": [3, 14][i], "samples": grid["samples"][j]})
        )
        assert one.bits == whole.bits[i, j]
        assert one.log10_bits == whole.log10_bits[i, j]
        assert one.degree == whole.degree[i, j]
        assert np.ndim(one.bits) == 0


def test_bits_overflow_to_inf_while_the_log_survives():
    huge = generalization_difficulty(**(MNIST | {"dimension": 2000, "resolution": 1e-3}))
    assert huge.bits == np.inf
    assert np.isfinite(huge.log10_bits)
    assert huge.log10_bits > 308
    assert not huge.vacuous


@pytest.mark.parametrize(
    "change",
    [
        {"samples": 1e17},  # more data than the hypotheses have dimensions
        {"error": 1e12},  # any hypothesis is good enough
    ],
)
def test_vacuous_is_zero_and_said(change):
    result = generalization_difficulty(**(MNIST | change))
    assert result.vacuous is True
    assert result.bits == 0.0
    assert result.log10_bits == -np.inf


def test_vacuous_control():
    result = control_difficulty(**(REACHER | {"error": [1e-3, 1e9]}))
    assert result.vacuous.tolist() == [False, True]
    assert result.bits[1] == 0.0


def test_next_to_vacuous_keeps_its_digits():
    dimensions = 20 * math.exp(log_eigenfunctions(1, 2 * math.pi))
    task = MNIST | {"dimension": 1, "radius": 1.0, "resolution": 1.0}
    for share in (0.9, 0.999, 1.001):
        samples = share * dimensions
        result = generalization_difficulty(**(task | {"samples": samples, "error": 1e-6}))
        assert bool(result.vacuous) == (share > 1)
        if share < 1:
            exact = reference(**(task | {"samples": samples, "error": 1e-6}))
            assert float(result.log10_bits) == pytest.approx(float(exact), abs=1e-9)


def test_coarse_resolution_warns():
    with pytest.warns(ValidityWarning, match="degree is below 1") as caught:
        generalization_difficulty(**(MNIST | {"resolution": 200.0}))
    assert caught[0].filename == __file__
    with pytest.warns(ValidityWarning, match="degree is below 1") as caught:
        bandlimited_difficulty(**(MNIST | {"resolution": 200.0, "outputs": 9}))
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generalization_difficulty(**MNIST)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("error", 0.0),
        ("error", -1.0),
        ("error", np.nan),
        ("samples", 0),
        ("samples", np.inf),
        ("dimension", 0.5),
        ("radius", 0.0),
        ("classes", 1),
        ("classes", 2.5),
        ("resolution", 0.0),
        ("output_bound", 0.0),
        ("output_bound", "much"),
    ],
)
def test_bad_input_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        generalization_difficulty(**(MNIST | {name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("error", 0), ("samples", 0.5), ("dimension", 0), ("actions", 0), ("resolution", -1e-3)],
)
def test_bad_control_input_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        control_difficulty(**(REACHER | {name: value}))


def test_one_way_few_shot_is_no_task():
    with pytest.raises(ValueError, match="ways"):
        few_shot_difficulty(
            error=0.01,
            samples=10,
            ways=1,
            task_dimension=22,
            pooled_dimension=29,
            radius=49.4,
            resolution=5.48,
        )
