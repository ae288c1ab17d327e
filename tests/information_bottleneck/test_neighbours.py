import numpy as np
import pytest
from scipy.special import digamma

from sims.information_bottleneck import gaussian_information, ksg
from sims.information_bottleneck import neighbours as module
from sims.numerics.validate import ValidityWarning


def brute_counts(x, y, k, variant):
    dx = np.abs(x[:, None] - x).max(axis=2)
    dy = np.abs(y[:, None] - y).max(axis=2)
    joint = np.maximum(dx, dy)
    np.fill_diagonal(joint, np.inf)
    counts = []
    for i in range(len(x)):
        nearest = np.argsort(joint[i])[:k]
        if variant == 1:
            radius = joint[i, nearest[-1]]
            counts.append([(dx[i] < radius).sum() - 1, (dy[i] < radius).sum() - 1])
        else:
            inside_x = dx[i] <= dx[i, nearest].max()
            counts.append([inside_x.sum() - 1, (dy[i] <= dy[i, nearest].max()).sum() - 1])
    return np.array(counts).T


def pairs(rho, count, d, rng):
    x = rng.standard_normal((count, d))
    return x, rho * x + np.sqrt(1 - rho**2) * rng.standard_normal((count, d))


@pytest.mark.parametrize(("dx", "dy"), [(1, 1), (2, 1), (1, 2), (2, 2), (3, 3), (5, 1)])
@pytest.mark.parametrize("count", [9, 150])
def test_exactly_the_counts_of_the_definition(dx, dy, count):
    rng = np.random.default_rng(count)
    # every subtraction rounds: the neighbour on the boundary must still be told right
    x = np.sqrt(rng.permutation(10 * count)[: count * dx].reshape(count, dx)) + 1e3
    y = np.sqrt(rng.permutation(10 * count)[: count * dy].reshape(count, dy))
    y[:, 0] += 0.3 * x[:, 0]
    for k in (1, 3, 8):
        for variant in (1, 2):
            n_x, n_y = brute_counts(x, y, k, variant)
            found = module._counts(x, y, k, variant == 2)
            np.testing.assert_array_equal(found[0], n_x)
            np.testing.assert_array_equal(found[1], n_y)


def test_sets_of_many_words_in_many_chunks(monkeypatch):
    x, y = pairs(0.5, 1000, 3, np.random.default_rng(0))
    whole = module._counts(x, y, 3, False)
    monkeypatch.setattr(module, "_WORDS", 2500)  # chunks of 128
    chunked = module._counts(x, y, 3, False)
    for one, other, exact in zip(whole, chunked, brute_counts(x, y, 3, 1)):
        np.testing.assert_array_equal(one, exact)
        np.testing.assert_array_equal(other, exact)


@pytest.mark.parametrize("variant", [1, 2])
def test_value_by_hand(variant):
    x, y = pairs(0.7, 200, 2, np.random.default_rng(3))
    n_x, n_y = brute_counts(x, y, 4, variant)
    if variant == 1:
        exact = digamma(4) + digamma(200) - (digamma(n_x + 1) + digamma(n_y + 1)).mean()
    else:
        exact = digamma(4) - 1 / 4 + digamma(200) - (digamma(n_x) + digamma(n_y)).mean()
    assert ksg(x, y, k=4, variant=variant) == exact


@pytest.mark.parametrize(("rho", "bias"), [(0.0, 0.01), (0.9, 0.02), (0.99, 0.04)])
def test_near_the_truth_in_one_dimension(rho, bias):
    # 10 draws of 1000; the estimator's own bias is allowed for, its mean is known to 0.01
    rng = np.random.default_rng(0)
    draws = [pairs(rho, 1000, 1, rng) for _ in range(10)]
    for variant in (1, 2):
        values = [ksg(x, y, variant=variant) for x, y in draws]
        error = np.std(values) / np.sqrt(10)
        assert abs(np.mean(values) - gaussian_information(rho)) < bias + 3 * error


def test_far_below_the_truth_in_many_dimensions():
    x, y = pairs(0.6, 1000, 10, np.random.default_rng(0))
    assert ksg(x, y) == pytest.approx(0.88, abs=0.1)
    assert gaussian_information([0.6] * 10) == pytest.approx(2.231, abs=1e-3)


def test_ties_are_broken_and_reported():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, 400).astype(float)
    y = rng.standard_normal(400)
    with pytest.warns(ValidityWarning, match=r"1 coordinate\(s\) repeat values"):
        one = ksg(x, y)
    with pytest.warns(ValidityWarning, match="jitter"):
        assert ksg(x, y) == one  # the jitter is seeded
    with pytest.warns(ValidityWarning, match="jitter"):
        assert ksg(x + 1e9, y, rng=np.random.default_rng(5)) == pytest.approx(one, abs=0.2)
    with pytest.warns(ValidityWarning, match="jitter"):
        assert abs(ksg(np.zeros(400), y)) < 0.2  # a constant tells nothing


def test_ceiling_is_warned_of():
    x = np.random.default_rng(0).standard_normal(100)
    with pytest.warns(ValidityWarning, match="ceiling"):
        value = ksg(x, x)
    assert value == pytest.approx(digamma(100) - digamma(3), rel=1e-12)


def test_no_warning_on_ordinary_data(recwarn):
    ksg(*pairs(0.5, 100, 1, np.random.default_rng(0)))
    assert not recwarn


@pytest.mark.parametrize(
    ("arguments", "options", "word"),
    [
        (([1, 2, 3], [1, 2, 3]), {}, "len"),
        (([1, 2, 3, 4], [1, 2, 3]), {"k": 2}, "len"),
        (([1, 2, 3, np.nan], [1, 2, 3, 4]), {"k": 2}, "x"),
        (([1, 2, 3, 4], [1, 2, 3, 4]), {"k": 0}, "k"),
        (([1, 2, 3, 4], [1, 2, 3, 4]), {"k": 2, "variant": 3}, "variant"),
    ],
)
def test_bad_neighbour_input_is_named(arguments, options, word):
    with pytest.raises(ValueError, match=word):
        ksg(*arguments, **options)
