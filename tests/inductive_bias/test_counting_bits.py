import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from sims.inductive_bias.counting import (
    counting_bits,
    dkw_bits,
    samples_needed,
    supported_bits,
)


@pytest.mark.parametrize(
    ("hits", "samples"), [(1, 10), (5, 10), (9, 10), (10, 10), (1, 10**6), (10**6 - 1, 10**6)]
)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_interval_is_scipys(hits, samples, confidence):
    interval = binomtest(hits, samples).proportion_ci(confidence, method="exact")
    found = counting_bits(hits, samples, confidence=confidence)
    assert found.bits == pytest.approx(-math.log2(hits / samples), rel=1e-14, abs=1e-300)
    # SciPy's ends have an absolute error near 1e-14
    assert 2.0**-found.high == pytest.approx(interval.low, rel=1e-10, abs=1e-13)
    assert 2.0**-found.low == pytest.approx(interval.high, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("samples", [10, 10**6, 10**12])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_ends_in_closed_form(samples, confidence):
    one = counting_bits(1, samples, confidence=confidence)
    exact = -math.expm1(math.log1p(-(1 - confidence) / 2) / samples)
    assert one.high == pytest.approx(-math.log2(exact), rel=1e-12)
    rest = counting_bits(samples - 1, samples, confidence=confidence)
    exact = math.log1p(-(1 - confidence) / 2) / samples
    assert rest.low * math.log(2) == pytest.approx(-exact, rel=1e-9)


@pytest.mark.parametrize("samples", [1, 30, 10_000, 10**12])
def test_no_hit_bounds_from_below(samples):
    found = counting_bits(0, samples)
    assert found.bits == found.high == np.inf
    exact = -math.log2(-math.expm1(math.log(0.05) / samples))
    assert found.low == pytest.approx(exact, rel=1e-12)
    assert np.isfinite(found.low)
    if samples >= 10_000:
        assert found.low * math.log(2) == pytest.approx(math.log(samples / 3), abs=2e-3)


def test_all_hits():
    found = counting_bits(1000, 1000)
    assert (found.bits, found.low) == (0.0, 0.0)
    assert not np.signbit(found.bits)
    assert 0 < found.high < 0.01


@pytest.mark.parametrize("samples", [1, 7, 50, 400])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_coverage_is_exact_arithmetic(samples, confidence):
    # every outcome weighed by its probability, so there is no chance of a false alarm. Without a
    # hit the miss at that end is 1 - confidence, hence 3/2 of it in the worst case.
    hits = np.arange(samples + 1)
    interval = counting_bits(hits, samples, confidence=confidence)
    miss = 1 - confidence
    for share in np.r_[np.geomspace(1e-4, 0.5, 41), 0.9, 0.99]:
        bits = -math.log2(share)
        weight = binom.pmf(hits, samples, share)
        assert weight[interval.low > bits].sum() <= (miss if share < 0.5 else miss / 2) * (1 + 1e-9)
        assert weight[interval.high < bits].sum() <= miss / 2 * (1 + 1e-9)
        some = hits > 0
        assert weight[(interval.low > bits) & some].sum() <= miss / 2 * (1 + 1e-9)


def test_coverage_in_simulation():
    # 4000 intervals at nominal 95 % (2-sided, hits are practically never 0 here): the number
    # that misses is at most binomial(4000, 0.05); above 5 sigma with probability < 1e-6.
    rng = np.random.default_rng(3)
    share, samples = 0.02, 1000
    found = counting_bits(rng.binomial(samples, share, 4000), samples)
    truth = -math.log2(share)
    misses = np.sum((found.low > truth) | (found.high < truth))
    assert misses <= 4000 * 0.05 + 5 * math.sqrt(4000 * 0.05 * 0.95)
    assert misses >= 40  # not so wide that it says nothing: 1 % at least


def test_band_covers_all_targets_at_once():
    # Massart's constant holds at every sample size: 2000 bands at 90 %; 5 sigma, < 1e-6.
    rng = np.random.default_rng(4)
    samples = 50
    errors = np.sort(rng.random((2000, samples)), axis=1)
    targets = np.linspace(0.01, 1.0, 100)
    hits = np.stack([np.searchsorted(row, targets, side="right") for row in errors])
    band = dkw_bits(hits, samples, confidence=0.9)
    truth = -np.log2(targets)
    misses = np.any((band.low > truth + 1e-12) | (band.high < truth - 1e-12), axis=1).sum()
    assert misses <= 200 + 5 * math.sqrt(180)


def test_band_says_nothing_beyond_its_width():
    width = math.sqrt(math.log(2 / 0.05) / (2 * 10_000))
    band = dkw_bits([0, 10, 9999], 10_000)
    assert band.high[0] == band.high[1] == np.inf
    assert band.low[0] == pytest.approx(-math.log2(width))
    assert band.low[2] == 0.0


def test_shapes():
    found = counting_bits([[1], [2]], [10, 20, 40])
    assert found.bits.shape == found.low.shape == found.high.shape == (2, 3)
    assert found.high[1, 2] == counting_bits(2, 40).high
    assert np.all((found.low <= found.bits) & (found.bits <= found.high))


def test_samples_needed_and_supported():
    assert samples_needed(15, 0.1) == pytest.approx(3.3e6, rel=0.01)
    assert samples_needed(5000, 0.1) == np.inf
    assert supported_bits(8000) == pytest.approx(math.log2(1000))
    assert supported_bits(3) == 0.0


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((-1, 10), "hits"),
        ((11, 10), "hits"),
        ((1.5, 10), "hits"),
        ((np.nan, 10), "hits"),
        ((0, 0), "samples"),
        ((0, 2.5), "samples"),
    ],
)
def test_bad_counts_are_named(arguments, name):
    for estimate in (counting_bits, dkw_bits):
        with pytest.raises(ValueError, match=name):
            estimate(*arguments)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.2, np.nan])
def test_bad_confidence(confidence):
    for estimate in (counting_bits, dkw_bits):
        with pytest.raises(ValueError, match="confidence"):
            estimate(1, 10, confidence=confidence)
