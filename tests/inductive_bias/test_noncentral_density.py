import mpmath
import numpy as np
import pytest
from scipy.stats import chi2, ncx2

from sims.inductive_bias.noncentral import log_density

mp = mpmath.mp.clone()
mp.dps = 60


def reference(x, dof, noncentrality):
    x, nu, lam = (mp.mpf(v) for v in (x, dof, noncentrality))
    bessel = mp.besseli(nu / 2 - 1, mp.sqrt(lam * x))
    return -mp.log(2) - (x + lam) / 2 + (nu / 4 - mp.mpf(1) / 2) * mp.log(x / lam) + mp.log(bessel)


RNG = np.random.default_rng(0)
CASES = [
    (nu, lam, (nu + lam) * 10 ** RNG.uniform(-1.5, 0.7))
    for nu, lam in zip(10 ** RNG.uniform(-5, 4, 60), 10 ** RNG.uniform(-3, 3.3, 60))
]


@pytest.mark.parametrize(("dof", "noncentrality", "x"), CASES)
def test_value_and_slopes_in_60_digits(dof, noncentrality, x):
    found = log_density(np.array([x]), dof, noncentrality)
    exact = float(reference(x, dof, noncentrality))
    assert found.value[0] == pytest.approx(exact, abs=1e-13 * max(1, dof, noncentrality, x))
    for place, slope in enumerate((found.by_point, found.by_dof, found.by_noncentrality)):
        ends = []
        for sign in (1, -1):
            at = [mp.mpf(v) for v in (x, dof, noncentrality)]
            at[place] *= 1 + sign * mp.mpf(10) ** -20
            ends.append(reference(*at))
        step = 2 * mp.mpf((x, dof, noncentrality)[place]) * mp.mpf(10) ** -20
        exact = float((ends[0] - ends[1]) / step)
        assert slope[0] == pytest.approx(exact, rel=1e-9, abs=1e-11)


def test_no_noncentrality_is_the_chi_square():
    x = np.geomspace(1e-8, 1e3, 30)
    for dof in (1e-3, 1.0, 2.0, 47.0, 51.0, 900.0):
        found = log_density(x, dof, 0.0)
        np.testing.assert_allclose(found.value, chi2.logpdf(x, dof), rtol=1e-11, atol=1e-11)
        if dof < 1:
            continue  # too curved for a difference quotient; the 60-digit test has small dof
        near = log_density(x, dof, 1e-6)
        gain = (near.value - found.value) / 1e-6
        np.testing.assert_allclose(found.by_noncentrality, gain, rtol=1e-3, atol=1e-5)


def test_many_points_are_scipys():
    x = np.random.default_rng(1).noncentral_chisquare(7.0, 30.0, 500)
    found = log_density(x, 7.0, 30.0).value
    np.testing.assert_allclose(found, ncx2.logpdf(x, 7.0, 30.0), rtol=1e-11)
