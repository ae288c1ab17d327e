import math
import tracemalloc

import numpy as np
import pytest

from sims.information_bottleneck.conditional import (
    conditional_cs_divergence,
    conditional_cs_gradient,
    moments,
    moments_gradient,
)
from sims.information_bottleneck.conditional_limits import (
    conditional_cs_prediction,
    correntropy_loss,
)
from sims.numerics.validate import ValidityWarning

WIDTHS = {"width_x": 1.1, "width_y": 0.7}
LINES = (1.0, 0.5), (0.0, 0.2), (0.3, 0.5)  # slopes, offsets, deviations


def triple(count, d=2, p=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, d)), rng.normal(size=(count, p)), rng.normal(size=(count, p))


def brute_force(x, y, y_hat, width_x, width_y, variant):
    def kernel(a, b, width):
        return math.exp(-((a - b) ** 2).sum() / (2 * width**2))

    n, sums = len(x), np.zeros(3)
    for j in range(n):
        row = [kernel(x[j], x[i], width_x) for i in range(n)]
        size = sum(row) ** 2 if variant == "paper" else sum(k**2 for k in row)
        for i in range(n):
            share = row[i] / size
            sums += share * np.array(
                [
                    kernel(y[j], y[i], width_y),
                    kernel(y_hat[j], y_hat[i], width_y),
                    kernel(y_hat[j], y[i], width_y),
                ]
            )
    return math.log(sums[0]) + math.log(sums[1]) - 2 * math.log(sums[2])


@pytest.mark.parametrize("variant", ["paper", "released"])
@pytest.mark.parametrize(("count", "d", "p"), [(2, 1, 1), (17, 3, 2)])
def test_against_double_loops(count, d, p, variant):
    samples = triple(count, d, p)
    found = conditional_cs_divergence(*samples, **WIDTHS, variant=variant)
    assert found == pytest.approx(brute_force(*samples, **WIDTHS, variant=variant), rel=1e-12)


def test_blocks_of_rows_do_not_show():
    x, y, y_hat = triple(700)  # several blocks
    whole = moments(*(v[None] for v in (x, y, y_hat)), 1.1, 0.7).divergence[0]
    kernel, own, model, cross = (
        np.exp(-((a[:, None] - b) ** 2).sum(-1) / (2 * w**2))
        for a, b, w in ((x, x, 1.1), (y, y, 0.7), (y_hat, y_hat, 0.7), (y_hat, y, 0.7))
    )
    weights = 1 / kernel.sum(1) ** 2
    a, b, c = (weights @ (kernel * other).sum(1) for other in (own, model, cross))
    found = conditional_cs_divergence(x, y, y_hat, **WIDTHS)
    assert found == pytest.approx(math.log(a * b / c**2), rel=1e-11)
    assert whole == pytest.approx(found, rel=1e-12)


def test_the_two_variants_agree_only_at_the_truth():
    x, y, y_hat = triple(60)
    values = [
        conditional_cs_divergence(x, y, y_hat, **WIDTHS, variant=v) for v in ("paper", "released")
    ]
    assert abs(values[0] - values[1]) > 0.01
    for variant in ("paper", "released"):
        truth = conditional_cs_divergence(x, y, y, **WIDTHS, variant=variant)
        assert truth == pytest.approx(0, abs=1e-13)


def test_variants_have_the_same_weights_when_rows_see_only_themselves():
    """K = I makes both row sums 1, so the two forms are one; x on a lattice scales both alike."""
    _, y, y_hat = triple(12)
    x = np.arange(12.0)
    with pytest.warns(ValidityWarning, match="effective neighbours"):
        values = [
            conditional_cs_divergence(x, y, y_hat, width_x=0.02, width_y=0.7, variant=v)
            for v in ("paper", "released")
        ]
    assert values[0] == pytest.approx(values[1], rel=1e-14)


@pytest.mark.parametrize("width_y", [0.7, 0.01])
def test_narrow_x_gives_the_correntropy_loss_however_deep(width_y):
    x, y, y_hat = triple(40, p=2)
    with pytest.warns(ValidityWarning, match="effective neighbours"):
        found = conditional_cs_divergence(x, y, y_hat, width_x=1e-6, width_y=width_y)
    expected = correntropy_loss(y, y_hat, width_y=width_y)
    assert found == pytest.approx(expected, rel=1e-11)
    residual = ((y - y_hat) ** 2).sum(1)
    by_hand = -2 * np.logaddexp.reduce(-residual / (2 * width_y**2)) + 2 * math.log(40)
    assert expected == pytest.approx(by_hand, rel=1e-12)


def test_correntropy_of_small_residuals_is_the_squared_error():
    rng = np.random.default_rng(0)
    y, noise = rng.normal(size=(2, 50))
    found = correntropy_loss(y, y + 1e-4 * noise, width_y=0.5)
    assert found == pytest.approx(1e-8 * np.mean(noise**2) / 0.25, rel=1e-6)


@pytest.mark.parametrize("variant", ["paper", "released"])
@pytest.mark.parametrize("width_y", [0.7, 0.05])
def test_gradient_against_finite_differences(variant, width_y):
    x, y, y_hat = triple(9, p=2)
    settings = {"width_x": 1.1, "width_y": width_y, "variant": variant}
    found = conditional_cs_gradient(x, y, y_hat, **settings)
    numeric = np.empty_like(y_hat)
    for index in np.ndindex(y_hat.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = y_hat.copy()
            moved[index] += step
            ends.append(conditional_cs_divergence(x, y, moved, **settings))
        numeric[index] = (ends[0] - ends[1]) / 2e-6
    np.testing.assert_allclose(found.gradient, numeric, atol=1e-8 * np.abs(numeric).max() + 1e-9)
    assert found.value == conditional_cs_divergence(x, y, y_hat, **settings)


def test_networks_together_are_networks_one_by_one():
    x, y, _ = triple(30)
    models = np.random.default_rng(1).normal(size=(3, 30, 1))
    found = moments(x, y, models, 1.1, 0.7)
    slopes = moments_gradient(x, y, models, 1.1, 0.7, found)
    for model, value, slope in zip(models, found.divergence, slopes):
        alone = conditional_cs_gradient(x, y, model, **WIDTHS)
        assert alone.value == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(slope, alone.gradient, rtol=1e-10, atol=1e-15)


# ----- the finite-N prediction


def test_limit_prediction_against_a_double_sum():
    """The integral over x by a midpoint sum, densities by their closed form."""
    x = (np.arange(20000) + 0.5) / 20000
    v1, v2 = 0.3**2 + 0.02, 0.5**2 + 0.02
    cross = np.exp(-((0.5 * x - 0.2) ** 2) / (2 * (v1 + v2))) / math.sqrt(2 * math.pi * (v1 + v2))
    expected = -2 * math.log(cross.mean()) - 0.5 * math.log(4 * math.pi * v1 * 4 * math.pi * v2)
    found = conditional_cs_prediction(*LINES, width_y=0.2)
    assert found == pytest.approx(expected, abs=1e-9)
    assert found == pytest.approx(0.15803, abs=5e-6)


@pytest.mark.parametrize(("count", "width_x"), [(500, 0.03), (800, 0.02)])
def test_estimates_follow_the_finite_sample_prediction_not_the_limit(count, width_x):
    rng = np.random.default_rng(count)
    runs = []
    for _ in range(20):
        x = rng.uniform(size=count)
        y = x + 0.3 * rng.normal(size=count)
        y_hat = 0.5 * x + 0.2 + 0.5 * rng.normal(size=count)
        runs.append(conditional_cs_divergence(x, y, y_hat, width_x=width_x, width_y=0.2))
    error = np.std(runs, ddof=1) / math.sqrt(len(runs))
    predicted = conditional_cs_prediction(*LINES, width_y=0.2, width_x=width_x, samples=count)
    # 3.5 standard errors of 20 runs (t law, 19 degrees): false alarm 0.25 % a case
    assert abs(np.mean(runs) - predicted) < 3.5 * error
    assert np.mean(runs) - conditional_cs_prediction(*LINES, width_y=0.2) > 5 * error


def test_perfect_deterministic_model_has_no_bias():
    still = (1.0, 1.0), (0.0, 0.0), (0.0, 0.0)
    assert conditional_cs_prediction(
        *still, width_y=0.2, width_x=0.03, samples=100
    ) == pytest.approx(0, abs=1e-12)


# ----- memory, doors


def test_memory_stays_bounded():
    x, y, y_hat = triple(3000)
    tracemalloc.start()
    conditional_cs_gradient(x, y, y_hat, **WIDTHS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # one kernel matrix would take 72 MB


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": [0.0], "y": [0.0], "y_hat": [0.0]}, r"len\(x\) = 1 .* at least 2"),
        ({"y_hat": [0.0, 1.0, 2.0]}, r"len\(y_hat\) = 3 .* len\(x\) = 2"),
        ({"y_hat": [[0.0, 1.0], [2.0, 3.0]]}, r"y_hat.shape = \(2, 2\) .* \(2, 1\) like y"),
        ({"y": [0.0, np.nan]}, r"y\[1.*\] = nan"),
        ({"width_x": 0}, r"width_x = 0 .* \(0, inf\)"),
        ({"width_y": math.inf}, r"width_y = inf .* \(0, inf\)"),
        ({"variant": "new"}, "variant = 'new' .* 'paper' or 'released'"),
    ],
)
def test_bad_input_is_named(changes, message):
    given = {"x": [0.0, 1.0], "y": [0.0, 1.0], "y_hat": [0.0, 1.0], "width_x": 9.0, "width_y": 1.0}
    for task in (conditional_cs_divergence, conditional_cs_gradient):
        with pytest.raises(ValueError, match=message):
            task(**{**given, **changes})


def test_bad_predictions_are_named():
    with pytest.raises(ValueError, match="together, or neither"):
        conditional_cs_prediction(*LINES, width_y=0.2, samples=100)
    with pytest.raises(ValueError, match=r"deviations\[0\] = -0.3"):
        conditional_cs_prediction(*LINES[:2], (-0.3, 0.5), width_y=0.2)
    with pytest.raises(ValueError, match=r"len\(slopes\) = 1"):
        conditional_cs_prediction((1.0,), *LINES[1:], width_y=0.2)
    with pytest.raises(ValueError, match=r"y_hat.shape = \(2, 2\)"):
        correntropy_loss([0.0, 1.0], [[0.0, 1.0], [0.0, 1.0]], width_y=1.0)
