import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.information_bottleneck.cauchy_schwarz import (
    cs_qmi,
    cs_qmi_gradient,
    normalised_cs_qmi,
)
from sims.numerics.validate import ValidityWarning

WIDTHS = {"width_x": 0.8, "width_t": 1.3}


def gram(points, width):
    points = np.reshape(points, (len(points), -1))
    difference = points[:, None] - points[None]
    return np.exp(-(difference**2).sum(-1) / (2 * width**2))


def pairs(count, d=2, p=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, d))
    return x, x @ rng.normal(size=(d, p)) + rng.normal(size=(count, p))


def finite_differences(function, at, step=1e-5):
    slope = np.empty_like(at)
    for index in np.ndindex(at.shape):
        forward, backward = at.copy(), at.copy()
        forward[index] += step
        backward[index] -= step
        slope[index] = (function(forward) - function(backward)) / (2 * step)
    return slope


# ----- values


@pytest.mark.parametrize("count", [2, 3, 9, 40])
def test_v_statistic_is_the_product_form(count):
    x, t = pairs(count)
    kernel, other = gram(x, 0.8), gram(t, 1.3)
    n = count
    expected = (
        np.log(np.trace(kernel @ other) / n**2)
        + np.log(kernel.sum() * other.sum() / n**4)
        - 2 * np.log((kernel @ other).sum() / n**3)
    )
    assert cs_qmi(x, t, **WIDTHS) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("count", [4, 5, 8])
def test_u_statistic_averages_over_distinct_indices(count):
    x, t = pairs(count)
    kernel, other = gram(x, 0.8), gram(t, 1.3)
    joint = np.mean(
        [kernel[i, j] * other[i, j] for i, j in itertools.permutations(range(count), 2)]
    )
    cross = np.mean(
        [kernel[i, j] * other[i, k] for i, j, k in itertools.permutations(range(count), 3)]
    )
    product = np.mean(
        [kernel[i, j] * other[k, m] for i, j, k, m in itertools.permutations(range(count), 4)]
    )
    expected = np.log(joint * product / cross**2)
    assert cs_qmi(x, t, **WIDTHS, statistic="U") == pytest.approx(expected, rel=1e-9)


def test_tiles_do_not_show():
    x, t = pairs(1100)  # three tiles a side, the last one small
    kernel, other = gram(x, 0.8), gram(t, 1.3)
    sums = (kernel * other).sum(), kernel.sum() * other.sum(), kernel.sum(0) @ other.sum(0)
    expected = np.log(sums[0]) + np.log(sums[1]) - 2 * np.log(sums[2])
    assert cs_qmi(x, t, **WIDTHS) == pytest.approx(expected, rel=1e-11)


def test_normalised_form():
    x, t = pairs(30)
    expected = cs_qmi(x, t, **WIDTHS) / math.sqrt(
        cs_qmi(x, x, width_x=0.8, width_t=0.8) * cs_qmi(t, t, width_x=1.3, width_t=1.3)
    )
    assert normalised_cs_qmi(x, t, **WIDTHS) == pytest.approx(expected, rel=1e-12)


def test_normalised_form_exceeds_one_and_is_not_clipped():
    """Points of x, rounded: the ratio to the geometric mean is no correlation coefficient."""
    rng = np.random.default_rng(0)
    largest = 0.0
    for _ in range(300):
        x = rng.normal(size=4)
        t = np.round(x)
        if len(set(t)) > 1:
            largest = max(largest, normalised_cs_qmi(x, t, width_x=1.0, width_t=0.3))
    assert largest > 1.0


# ----- limits


def test_small_widths_reach_log_n_and_say_so():
    x, t = pairs(50)
    with pytest.warns(ValidityWarning, match="within 5 % of its ceiling log N"):
        value = cs_qmi(x, t, width_x=1e-7, width_t=1e-7)
    assert value == pytest.approx(math.log(50), rel=1e-12)


def test_large_widths_reach_zero_and_say_so():
    x, t = pairs(50)
    with pytest.warns(ValidityWarning, match="constant: all samples look alike"):
        value = cs_qmi(x, t, width_x=1e5, width_t=1e5)
    assert 0 <= value < 1e-12


def test_u_statistic_says_why_it_is_nan():
    with pytest.warns(ValidityWarning, match="no two samples see each other"):
        assert math.isnan(
            cs_qmi([0, 1, 2, 3], [0, 1, 2, 3], width_x=1e-3, width_t=1, statistic="U")
        )
    # two twins: pairs exist, triples do not
    twins = np.array([0.0, 0.0, 9.0, 18.0])
    with pytest.warns(ValidityWarning, match="no sample sees one other"):
        assert math.isnan(cs_qmi(twins, twins, width_x=0.1, width_t=0.1, statistic="U"))
    # three twins: triples exist, separate pairs do not
    twins = np.array([0.0, 0.0, 0.0, 9.0])
    with pytest.warns(ValidityWarning, match="no two separate pairs"):
        found = cs_qmi_gradient(twins, twins, width_x=0.1, width_t=0.1, statistic="U")
    assert math.isnan(found.value)
    assert np.isnan(found.gradient).all()


def test_constant_sample_has_no_normalised_information():
    with pytest.warns(ValidityWarning, match="0/0"):
        assert math.isnan(normalised_cs_qmi([0.0, 1.0], [2.0, 2.0], width_x=1, width_t=1))
    with pytest.warns(ValidityWarning, match="0/0"):
        found = cs_qmi_gradient([0, 1], [2, 2], width_x=1, width_t=1, normalised=True)
    assert math.isnan(found.value)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=2, max_size=12),
    st.floats(0.1, 5),
    st.floats(0.1, 5),
)
@pytest.mark.filterwarnings("ignore::sims.numerics.validate.ValidityWarning")
def test_v_statistic_stays_between_zero_and_log_n(points, width_x, width_t):
    x, t = np.array(points).T
    value = cs_qmi(x, t, width_x=width_x, width_t=width_t)
    assert 0 <= value <= math.log(len(x)) + 1e-9
    swapped = cs_qmi(t, x, width_x=width_t, width_t=width_x)
    assert value == pytest.approx(swapped, abs=1e-12)


# ----- what it estimates


def smoothed(rho, width):
    """CS-QMI of a unit Gaussian pair whose densities are smoothed by the kernel."""
    rho2 = rho**2 / (1 + width**2 / 2) ** 2
    return math.log1p(-rho2 / 4) - 0.5 * math.log1p(-rho2)


def gaussian_pair(rng, count, rho):
    x, noise = rng.normal(size=(2, count))
    return x, rho * x + math.sqrt(1 - rho**2) * noise


@pytest.mark.parametrize(("rho", "width", "count"), [(0.5, 0.3, 100), (0.9, 1.0, 200)])
def test_u_statistic_has_the_mean_of_the_smoothed_closed_form(rho, width, count):
    rng = np.random.default_rng(int(100 * rho))
    runs = [
        cs_qmi(*gaussian_pair(rng, count, rho), width_x=width, width_t=width, statistic="U")
        for _ in range(200)
    ]
    error = np.std(runs, ddof=1) / math.sqrt(len(runs))
    # 3 standard errors: false alarm 0.3 % a case; the O(1/N) bias is below one (see the notes)
    assert abs(np.mean(runs) - smoothed(rho, width)) < 3 * error


def test_v_statistic_has_its_finite_sample_mean_under_independence():
    """E of the three sums for independent pairs, where they factorise."""
    rng, count, width = np.random.default_rng(5), 100, 0.3
    runs = [cs_qmi(*rng.normal(size=(2, count)), width_x=width, width_t=width) for _ in range(200)]
    e = 1 / math.sqrt(1 + 2 / width**2)  # mean kernel between two samples
    n = count
    own = (1 + (n - 1) * e) / n
    # every row sum of x is independent of that of t
    cross = own**2
    joint = (1 + (n - 1) * e**2) / n
    # totals of x and of t are independent
    predicted = math.log(joint) + 2 * math.log(own) - 2 * math.log(cross)
    error = np.std(runs, ddof=1) / math.sqrt(len(runs))
    assert predicted == pytest.approx(0.1257, abs=2e-3)
    # 3 standard errors plus 2 % for the mean of a logarithm; false alarm below 0.3 %
    assert abs(np.mean(runs) - predicted) < 3 * error + 0.02 * predicted


# ----- gradients


@pytest.mark.parametrize("count", [4, 13])
@pytest.mark.parametrize("form", [{}, {"statistic": "U"}, {"normalised": True}])
def test_gradient_against_finite_differences(form, count):
    x, t = pairs(count, seed=count)
    found = cs_qmi_gradient(x, t, **WIDTHS, **form)
    numeric = finite_differences(lambda at: cs_qmi_gradient(x, at, **WIDTHS, **form).value, t)
    np.testing.assert_allclose(found.gradient, numeric, atol=2e-9 * max(1, np.abs(numeric).max()))
    plain = {k: v for k, v in form.items() if k == "statistic"}
    value = normalised_cs_qmi if form.get("normalised") else cs_qmi
    assert found.value == pytest.approx(value(x, t, **WIDTHS, **plain), rel=1e-12)


def test_gradient_over_several_tiles():
    """Against the dense formula: W o Q applied to differences of t."""
    x, t = pairs(600, d=1, p=2)
    kernel, other = gram(x, 0.8), gram(t, 1.3)
    k, q = kernel.sum(0), other.sum(0)
    weights = 2 * kernel / (kernel * other).sum() + 2 / other.sum()
    weights = (weights - 2 * (k[:, None] + k) / (k @ q)) * other
    expected = -(weights.sum(1)[:, None] * t - weights @ t) / 1.3**2
    found = cs_qmi_gradient(x, t, **WIDTHS).gradient
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max())


def test_gradient_keeps_the_shape_and_ignores_a_shift():
    x, t = pairs(20, d=1, p=1)
    one = cs_qmi_gradient(x[:, 0], t[:, 0], **WIDTHS)
    two = cs_qmi_gradient(x, t + 50.0, **WIDTHS)
    assert one.gradient.shape == (20,)
    assert two.gradient.shape == (20, 1)
    np.testing.assert_allclose(one.gradient, two.gradient[:, 0], atol=1e-11)
    assert one.gradient.sum() == pytest.approx(0, abs=1e-13)


# ----- memory, doors


@pytest.mark.parametrize("task", [cs_qmi, cs_qmi_gradient])
def test_memory_stays_bounded(task):
    x, t = np.random.default_rng(0).normal(size=(2, 3000, 2))
    tracemalloc.start()
    task(x, t, width_x=1, width_t=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # one Gram matrix of 3000 samples would take 72 MB


def test_lists_and_integers_pass():
    assert cs_qmi([0, 1, 3], [[0], [1], [3]], width_x=1, width_t=1) == pytest.approx(
        cs_qmi(np.array([0.0, 1, 3]), np.array([0.0, 1, 3]), width_x=1.0, width_t=1.0)
    )


@pytest.mark.parametrize(
    ("x", "t", "settings_", "message"),
    [
        ([1.0], [1.0], {}, r"len\(x\) = 1 .* at least 2"),
        ([1.0, 2, 3], [1.0, 2, 3], {"statistic": "U"}, r"len\(x\) = 3 .* at least 4"),
        ([1.0, 2], [1.0, 2, 3], {}, r"len\(t\) = 3 .* len\(x\) = 2"),
        ([1.0, np.nan], [1.0, 2], {}, r"x\[1.*\] = nan"),
        ([1.0, 2], [1.0, np.inf], {}, r"t\[1.*\] = inf"),
        ([1.0, 2], [1.0, 2], {"width_x": 0.0}, r"width_x = 0.0 .* \(0, inf\)"),
        ([1.0, 2], [1.0, 2], {"width_t": -1.0}, r"width_t = -1.0 .* \(0, inf\)"),
        ([1.0, 2], [1.0, 2], {"statistic": "W"}, "statistic = 'W' .* 'V' or 'U'"),
    ],
)
def test_bad_input_is_named(x, t, settings_, message):
    for task in (cs_qmi, cs_qmi_gradient):
        with pytest.raises(ValueError, match=message):
            task(x, t, **{"width_x": 1.0, "width_t": 1.0, **settings_})


def test_normalised_u_statistic_is_refused():
    x = np.arange(5.0)
    with pytest.raises(ValueError, match="'V' for the normalised form"):
        cs_qmi_gradient(x, x, width_x=1, width_t=1, statistic="U", normalised=True)
