"""The tabulated sums: against many digits, anywhere; what they cost; when they are remembered."""

import mpmath as mp
import numpy as np
import pytest

from sims.random_features import spectral_sums as module
from sims.random_features.compression import NODES, compress
from sims.random_features.spectral_sums import REACH, spectral_sums

INDEX = np.arange(1.0, 2001.0)
RNG = np.random.default_rng(5)
SPECTRA = {
    "power law": (INDEX**-1.5, INDEX**-1.7),
    "crowded": (RNG.random(1500) ** 3, RNG.random(1500)),
    "two groups": (np.repeat([1.0, 1e-20], [10, 600]), RNG.random(610)),
    "300 decades": (10.0 ** np.linspace(0, -270, 60), RNG.random(60)),
}


def exact(eigenvalues, target_power, log_gamma):
    """All sums at gamma in units of the largest eigenvalue, in 60 digits."""
    with mp.workdps(60):
        gamma = mp.exp(float(log_gamma)) * mp.mpf(float(eigenvalues.max()))
        levels = [mp.mpf(float(x)) for x in eigenvalues]
        share, rest = [x / (x + gamma) for x in levels], [gamma / (x + gamma) for x in levels]
        power = [mp.mpf(float(x)) for x in target_power]
        return {
            "z": mp.fsum(share),
            "c": mp.fdot(share, rest),
            "q": mp.fdot(share, share),
            "s1": mp.fsum(v * a * b for v, a, b in zip(power, share, rest)),
            "s2": mp.fsum(v * b * b for v, b in zip(power, rest)),
            "c_high": mp.fsum(a * a * b for a, b in zip(share, rest)),
            "s1_low": mp.fsum(v * a * b * b for v, a, b in zip(power, share, rest)),
        }


@pytest.mark.parametrize("name", SPECTRA)
def test_relative_accuracy_everywhere(name):
    eigenvalues, target_power = SPECTRA[name]
    sums = spectral_sums(eigenvalues, target_power)
    rng = np.random.default_rng(0)
    outside = [sums.first - 12.5, sums.first, float(sums.last), sums.last + 12.5]
    for t in [*outside, *rng.uniform(sums.first, sums.last, 6), *rng.uniform(-12, 2, 4)]:
        true = exact(eigenvalues, target_power, t)
        found = sums.all(np.array([t]))
        for field in ("c", "q", "s1", "s2", "c_high", "s1_low"):
            value = float(getattr(found, field)[0])
            assert abs(mp.mpf(value) / true[field] - 1) < 2e-13, (field, t)
        # z counts modes; what decides about gamma is its error against c.
        with mp.workdps(60):
            short = int(found.above[0, 0]) + mp.mpf(float(found.excess[0])) - true["z"]
            assert abs(short / true["c"]) < 2e-13, t


def test_edges_and_nodes_agree_with_interpolation():
    sums = spectral_sums(*SPECTRA["power law"])
    whole = np.arange(sums.first - 3.0, sums.last + 4.0)
    # The two may differ in how many modes they count as well above gamma, not in the total.
    gap = sums.at_edges(whole).deficit(300.0) - sums.slope(whole).deficit(300.0)
    assert np.abs(gap / sums.slope(whole).c).max() < 1e-12
    at_nodes = sums.all(sums.node_positions())
    for mine, other in zip(sums.node_sums(), at_nodes):
        assert mine == pytest.approx(other, rel=1e-11)


def test_compression_keeps_counts_and_shrinks():
    index = np.arange(1.0, 100_001.0)
    levels = compress(index**-1.5, np.ones(100_000), index**-1.2)
    assert len(levels.level) < 250
    assert levels.multiplicity.sum() == pytest.approx(100_000, rel=1e-13)
    assert levels.block_counts.sum() == 100_000
    assert levels.power.sum() == pytest.approx(np.sum(index**-1.2), rel=1e-13)
    few = compress(np.array([1.0, 0.5, 0.1]), np.ones(3), np.ones(3))
    assert few.level.tolist() == [1.0, 0.5, 0.1]


def test_size_of_the_table():
    sums = spectral_sums(*SPECTRA["power law"])
    blocks = int(np.ceil(1.5 * np.log(2000))) + 2 * REACH
    assert sums.slopes.shape == (2, NODES, blocks)


def test_content_is_what_counts(monkeypatch):
    built = []
    original = module._tabulate

    def counted(*arrays):
        built.append(len(arrays[0]))
        return original(*arrays)

    monkeypatch.setattr(module, "_tabulate", counted)
    eigenvalues, target = np.array([0.9173, 0.5, 0.25]), [1.0, 2.0, 3.0]
    first = spectral_sums(eigenvalues, target)
    assert spectral_sums(eigenvalues.tolist(), tuple(target)) is first
    assert built == [3]
    assert spectral_sums(eigenvalues, target, [1, 1, 1]) is not first  # absent is not the same
    eigenvalues[2] = 0.125
    assert spectral_sums(eigenvalues, target) is not first
    assert built == [3, 3, 3]


def test_negligible_eigenvalues_count_as_zero():
    sums = spectral_sums([1.0, 1e-290, 0.0], [1.0, 2.0, 4.0])
    assert sums.rank == 1
    assert sums.null_power == 6.0


def test_multiplicities_that_do_not_add_up_in_float64():
    """1e16 + 1 is not a float64; the rounding error of the count is kept."""
    sums = spectral_sums([1.0, 0.1], [1, 1], [1e16, 1.0])
    assert sums.spare(np.array([1e16])) == -1.0
