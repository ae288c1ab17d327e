"""Synthetic spectra: sums of the compressed ones against closed forms and explicit modes."""

import math

import mpmath as mp
import numpy as np
import pytest
from eigenframework_reference import FIELDS

from sims.random_features import spectra
from sims.random_features.spectra import power_law_spectrum, relu_sphere_spectrum
from sims.random_features.theory import risk


def test_short_power_laws_list_every_mode():
    spectrum = power_law_spectrum(1.5, 1.2, 10_000)
    index = np.arange(1, 10_001)
    assert np.array_equal(spectrum.eigenvalues, index**-1.5)
    assert np.array_equal(spectrum.target_power, index**-1.2)
    assert np.all(spectrum.multiplicity == 1)


@pytest.mark.parametrize(("alpha", "beta"), [(1.5, 1.5), (1.1, 1.1), (2.0, 4.0), (1.2, 6.0)])
def test_long_power_laws_against_every_mode(alpha, beta, monkeypatch):
    short = power_law_spectrum(alpha, beta, 400_000)
    assert len(short.eigenvalues) < 1000
    monkeypatch.setattr(spectra, "EXPLICIT_MODES", 1_000_000)
    full = power_law_spectrum(alpha, beta, 400_000)
    n, k = np.array([[3.0], [512.0], [20_000.0]]), np.array([10.0, 700.0, np.inf])
    for ridge in (0.0, 1e-5, 1.0):
        one, other = (risk(n, k, ridge, **x.arguments(), noise_variance=0.1) for x in (short, full))
        for name in FIELDS:
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-11), name


@pytest.mark.parametrize("n", [1.0, 7.0, 1e3, 1e8, 1e11])
@pytest.mark.parametrize("ridge", [0.0, 1e-3, 10.0])
def test_endless_power_law_in_closed_form(n, ridge):
    """For alpha = 2 the sum over modes is a hyperbolic cotangent."""
    with mp.workdps(40):

        def z_of(gamma):
            x = mp.pi / mp.sqrt(gamma)
            return (x * mp.coth(x) - 1) / 2

        left, right = mp.mpf(-80), mp.mpf(5)
        while right - left > mp.mpf(10) ** -30:
            t = (left + right) / 2
            above = z_of(mp.exp(t)) + ridge * mp.exp(-t) > n
            left, right = (t, right) if above else (left, t)
        gamma = mp.exp(left)
        c = -gamma * mp.diff(z_of, gamma)
        test = n * (gamma * c + mp.mpf("0.3")) / (n - z_of(gamma) + c)
    result = risk(n, math.inf, ridge, **power_law_spectrum(2, 2, math.inf).arguments(),
                  noise_variance=0.3)  # fmt: skip
    assert result.gamma == pytest.approx(float(gamma), rel=1e-12)
    assert result.test == pytest.approx(float(test), rel=1e-12)


@pytest.mark.parametrize(("alpha", "beta"), [(1.5, 1.5), (1.05, 1.05), (3.0, 6.0), (12.0, 20.0)])
def test_endless_power_law_keeps_trace_and_power(alpha, beta):
    spectrum = power_law_spectrum(alpha, beta, math.inf)
    assert np.sum(spectrum.eigenvalues * spectrum.multiplicity) == pytest.approx(
        float(mp.zeta(alpha)), rel=1e-12
    )
    assert np.sum(spectrum.target_power * spectrum.multiplicity) == pytest.approx(
        float(mp.zeta(beta)), rel=1e-12
    )


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ((1.0, 2.0, math.inf), r"alpha = 1\.0"),
        ((2.0, 1.0, math.inf), r"beta = 1\.0"),
        ((-0.1, 2.0, 10), r"alpha = -0\.1"),
        ((math.nan, 2.0, 10), r"alpha = nan"),
        ((1.5, 1.5, 0), r"modes = 0"),
        ((1.5, 1.5, 10.5), r"modes = 10\.5"),
        ((1.5, 1.5, 1e16), r"modes = 1e\+16"),
        ((1.5, 1.5, math.nan), r"modes = nan"),
    ],
)
def test_bad_power_laws(bad, message):
    with pytest.raises(ValueError, match=message):
        power_law_spectrum(*bad)


def test_relu_features_on_the_sphere():
    spectrum = relu_sphere_spectrum(10, 40)
    known = [3.34602e-2, 5.0e-3, 2.76531e-4, 0, 1.63628e-6, 0, 6.54511e-8, 0, 5.66186e-9]
    assert spectrum.eigenvalues[:9] == pytest.approx(known, rel=2e-6)
    assert spectrum.multiplicity[[0, 1, 2, 4, 6, 8]].tolist() == [1, 10, 54, 660, 4290, 19305]
    assert np.all(spectrum.eigenvalues[3::2] == 0)
    trace = np.sum(spectrum.eigenvalues * spectrum.multiplicity)
    assert trace == pytest.approx(0.1 * 0.9999684, rel=1e-7)  # E[relu(w.x)^2] = 1/d in total


@pytest.mark.parametrize("dimension", [2, 3, 7])
def test_relu_eigenvalues_are_projections_of_the_kernel(dimension):
    """Funk-Hecke with the arc-cosine kernel itself, integrated in the angle."""
    node, weight = np.polynomial.legendre.leggauss(2000)
    angle, weight = (node + 1) * np.pi / 2, weight * np.pi / 2
    t, density = np.cos(angle), weight * np.sin(angle) ** (dimension - 2)
    density /= density.sum()
    kernel = (t * (np.pi - angle) + np.sin(angle)) / np.pi / dimension
    before, now = np.ones_like(t), t
    found = [np.sum(density * kernel), np.sum(density * kernel * t)]
    for degree in range(1, 8):
        before, now = now, (
            (2 * degree + dimension - 2) * t * now - degree * before
        ) / (degree + dimension - 2)  # fmt: skip
        found.append(np.sum(density * kernel * now))
    spectrum = relu_sphere_spectrum(dimension, 9)
    assert spectrum.eigenvalues == pytest.approx(found, rel=1e-9, abs=1e-13)


def test_target_power_by_degree():
    spectrum = relu_sphere_spectrum(10, 60, [0, 0.5, 0.35, 0, 0.15])
    in_total = spectrum.target_power * spectrum.multiplicity
    assert in_total[:6] == pytest.approx([0, 0.5, 0.35, 0, 0.15, 0])
    with pytest.raises(ValueError, match="at most degrees = 2"):
        relu_sphere_spectrum(10, 2, [1, 1, 1])
    with pytest.raises(ValueError, match=r"degree_power\[0\] = -1"):
        relu_sphere_spectrum(10, 2, [-1])
    with pytest.raises(ValueError, match="dimension = 1"):
        relu_sphere_spectrum(1, 2)
