from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.aggregate_responses import (
    curated_risk,
    equal_bags,
    normal_within_fraction,
    optimal_bags_1d,
    risk,
    within_bag_fraction,
)
from sims.aggregate_responses.bag_trials import curated_trial, two_stage_trial


def scatter(scores, labels):
    return sum(
        ((part := scores[labels == label]) - part.mean()) @ (part - part.mean())
        for label in np.unique(labels)
    )


def partitions(items, size):
    """Every partition of the items into parts of at least `size`."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for count in range(size - 1, len(rest) + 1):
        for others in combinations(rest, count):
            left = [item for item in rest if item not in others]
            for tail in partitions(left, size):
                yield [(first, *others), *tail]


@pytest.mark.parametrize(("n", "size"), [(n, k) for n in range(1, 9) for k in (1, 2, 3) if k <= n])
def test_no_partition_has_less_scatter(n, size):
    rng = np.random.default_rng(10 * n + size)
    scores = rng.standard_cauchy(n)
    labels = optimal_bags_1d(scores, size)
    assert np.bincount(labels).min() >= size
    best = min(
        sum(np.var(scores[list(part)]) * len(part) for part in parts)
        for parts in partitions(list(range(n)), size)
    )
    assert scatter(scores, labels) == pytest.approx(best, rel=1e-9, abs=1e-12)


def slow_least_scatter(scores, size):
    """The textbook recursion over all sizes, also those that need not be tried."""
    ordered = np.sort(scores)
    best = [0.0] + [np.inf] * len(scores)
    for end in range(size, len(scores) + 1):
        best[end] = min(
            best[start] + np.var(ordered[start:end]) * (end - start)
            for start in range(end - size + 1)
        )
    return best[-1]


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40),
    st.integers(1, 12),
    st.floats(-1e6, 1e6),
)
def test_against_the_full_recursion(scores, size, shift):
    scores = np.array(scores) + shift
    size = min(size, len(scores))
    labels = optimal_bags_1d(scores, size)
    assert np.bincount(labels).min() >= size
    centred = scores - scores[0]
    least = slow_least_scatter(centred, size)
    assert scatter(centred, labels) <= least * (1 + 1e-9) + 1e-7  # spread² x rounding


@pytest.mark.parametrize(("n", "size"), [(70_000, 3), (40_000, 900), (3000, 1500), (3000, 2999)])
def test_long_inputs_cross_the_blocks(n, size):
    scores = np.random.default_rng(n).standard_t(3, n)
    labels = optimal_bags_1d(scores, size)
    sizes = np.bincount(labels)
    assert sizes.min() >= size
    assert sizes.max() < 2 * size or len(sizes) == 1
    ordered = labels[np.argsort(scores)]
    assert (np.diff(ordered) >= 0).all()
    # moving one border by one must not help
    ends = np.cumsum(sizes)[:-1]
    values = np.sort(scores)
    for border in ends[:: max(1, len(ends) // 20)]:
        for moved in (border - 1, border + 1):
            trial = ordered.copy()
            trial[min(border, moved) : max(border, moved)] = (
                ordered[border] if moved < border else ordered[border - 1]
            )
            if np.bincount(trial).min() >= size:
                near = slice(max(border - 4 * size, 0), border + 4 * size)
                before, after = (scatter(values[near], lab[near]) for lab in (ordered, trial))
                assert after >= before * (1 - 1e-9)


def test_bags_of_one_and_ties():
    assert sorted(optimal_bags_1d([3.0, 1.0, 2.0], 1).tolist()) == [0, 1, 2]
    assert optimal_bags_1d([1.0, 1.0, 1.0, 1.0], 4).tolist() == [0, 0, 0, 0]
    assert optimal_bags_1d([0, 9, 1, 8], 2).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("scores", "size", "word"),
    [
        ([1.0, 2.0], 3, "at most the number"),
        ([1.0], 0, "min_size"),
        ([np.nan, 1], 1, "scores"),
        ([[1.0]], 1, "dimension"),
        ([1.0, 2.0], 1.5, "whole"),
    ],
)
def test_bad_scores_are_named(scores, size, word):
    with pytest.raises(ValueError, match=word):
        optimal_bags_1d(scores, size)


def test_scatter_inside_bags():
    assert within_bag_fraction([0.0, 2.0, 4.0, 6.0], [0, 0, 1, 1]) == pytest.approx(0.2)
    assert within_bag_fraction([0.0, 2.0, 4.0], [0, 1, 2]) == 0.0
    # random bags leave 1 - 1/k: 4000 samples, standard error about 0.6 %
    scores = np.random.default_rng(0).normal(size=4000)
    assert within_bag_fraction(scores, equal_bags(4000, 5)) == pytest.approx(0.8, rel=0.03)
    with pytest.raises(ValueError, match="not constant"):
        within_bag_fraction([1.0, 1.0], [0, 0])


def test_scatter_inside_sorted_normal_bags():
    # one draw varies by 20 %; 100 draws: standard error 2 %, tolerance five of those
    omega = normal_within_fraction(10_000, 50, np.random.default_rng(0), draws=100)
    assert omega == pytest.approx(9.9e-4, rel=0.1)


def test_random_bags_are_the_special_case():
    k = 4.0
    for r2 in (0.0, 0.3, 1.0):
        out = curated_risk(
            5, k, [0.05, 1.0], alignment=r2, within_fraction=1 - 1 / k, noise_variance=0.5
        )
        plain = risk(5, k, [0.05, 1.0], noise_variance=0.5)
        np.testing.assert_allclose(out.bias_squared, plain.bias_squared, rtol=1e-12)
        np.testing.assert_allclose(out.variance, plain.variance, rtol=1e-12)


def test_perfect_scores_leave_no_bias_along_them():
    out = curated_risk(5, 5, 0.5, alignment=1.0, within_fraction=1e-9, noise_variance=0.5)
    assert out.bias_squared < 1e-8
    one = curated_risk(5, 1, 0.5, alignment=0.5, within_fraction=0.0, noise_variance=0.5)
    assert (one.bias_squared, one.variance) == (0.0, pytest.approx(0.125))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"psi": 0.9}, "psi"),
        ({"psi": 4.0, "rho": 0.0}, "psi"),
        ({"rho": np.inf}, "rho"),
        ({"alignment": 1.1}, "alignment"),
        ({"within_fraction": 1.0}, "within_fraction"),
    ],
)
def test_where_the_formula_does_not_hold_it_says_so(change, word):
    arguments = {"psi": 5, "bag_size": 5, "rho": 0.1, "alignment": 0.5, "within_fraction": 0.01}
    with pytest.raises(ValueError, match=word):
        curated_risk(**{**arguments, **change}, noise_variance=0.5)


def test_monte_carlo_of_curated_bags():
    # d = 400, 12 draws; bias² has one direction only: standard error up to 2.5 %, variance 0.3 %
    # with an offset of 6/d = 1.5 % at large rho; tolerances are four standard errors beyond
    rng = np.random.default_rng(0)
    rhos, aligned = [0.05, 0.3, 1.2], np.array([0.0, 0.3, 0.8])
    draws = [
        curated_trial(2000, 400, 8, rhos, alignments=aligned, noise_variance=0.6, rng=rng)
        for _ in range(12)
    ]
    omega = np.mean([draw.within_fraction for draw in draws])
    theory = curated_risk(
        5, 8, rhos, alignment=aligned[:, None], within_fraction=omega, noise_variance=0.6
    )
    bias = np.mean([draw.risk.bias_squared for draw in draws], axis=0)
    np.testing.assert_allclose(bias, theory.bias_squared, rtol=0.11)
    variance = np.mean([draw.risk.variance for draw in draws], axis=0)
    np.testing.assert_allclose(variance, theory.variance, rtol=0.03)


def test_two_stages_on_fresh_samples():
    # given the first stage, the second has the risk of its alignment: d = 200, 12 trials, paired;
    # relative standard error of the mean difference about 2 %
    rng = np.random.default_rng(1)
    draws = [
        two_stage_trial(1000, 200, 5, [0.1], first_rho=0.1, noise_variance=0.5, rng=rng)
        for _ in range(12)
    ]
    theory = [
        curated_risk(
            5,
            5,
            0.1,
            alignment=draw.alignment,
            within_fraction=draw.within_fraction,
            noise_variance=0.5,
        ).total
        for draw in draws
    ]
    assert np.mean([draw.fresh[0] for draw in draws]) == pytest.approx(np.mean(theory), rel=0.08)
    assert np.mean([draw.first for draw in draws]) == pytest.approx(
        risk(5, 5, 0.1, noise_variance=0.5).total, rel=0.12
    )
    # the gain that the scheme promises
    assert np.mean(theory) < 0.8 * risk(5, 5, 0.1, noise_variance=0.5).total
