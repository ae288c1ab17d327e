import math

import numpy as np
import pytest
from scipy.stats import chi2

from sims.inductive_bias.contour import integrate
from sims.inductive_bias.exponent import Exponent, Plan


def chi_square_exponent(rows, dof):
    """Exponent of a chi-square law at y = dof (its mean), around the saddle -sigma of K - ln|s|.

    In units of the standard deviation at the saddle. Returns it with ln of the factor in front.
    """
    sigma = (1.0 + math.sqrt(1.0 + 2.0 * dof)) / (2.0 * dof)  # dof/(1 + 2 sigma) + 1/sigma = dof
    rho = 2.0 * sigma / (1.0 + 2.0 * sigma)
    spread = 1.0 / math.sqrt(1.0 + 0.5 * dof * rho**2)
    every = np.array([dof, 2.0])
    ratios = spread * np.tile([rho, 1.0], (rows, 1))
    front = -0.5 * dof * math.log1p(2.0 * sigma) + sigma * dof + math.log(spread / math.pi)
    third = spread**3 * (dof * rho**3 + 2.0) / 3.0
    return Exponent(np.zeros(rows), ratios, 0.0 * ratios, every, Plan.of(every)), front, third


@pytest.mark.parametrize("dof", [1.0, 3.0, 12.0, 500.0])
def test_the_integral_does_not_depend_on_the_path_or_the_step(dof):
    expected = chi2.logcdf(dof, dof)
    bends = np.array([0.1, 0.15, 0.2, 0.3])
    exponent, front, _ = chi_square_exponent(len(bends), dof)
    for step in (0.32, 0.2):
        found = integrate(exponent, bends, refinements=4, step=step)
        np.testing.assert_allclose(front + np.log(found.integral), expected, rtol=1e-12)
        assert np.all(found.error <= 1e-17)


def test_the_path_of_steepest_descent_needs_fewer_nodes_than_a_straighter_one():
    exponent, _, third = chi_square_exponent(1, 3.0)
    bend = np.array([min(third, 0.3)])
    bent, straighter = (integrate(exponent, share * bend, refinements=4) for share in (1.0, 0.25))
    assert bent.nodes[0] < 60 < straighter.nodes[0]


def test_a_coarse_step_is_halved_until_it_agrees():
    exponent, front, third = chi_square_exponent(1, 3.0)
    bend = np.array([min(third, 0.3)])
    fine = integrate(exponent, bend, refinements=4)
    coarse = integrate(exponent, bend, refinements=6, step=1.6)
    assert front + math.log(coarse.integral[0]) == pytest.approx(chi2.logcdf(3, 3), rel=1e-12)
    stopped = integrate(exponent, bend, refinements=0, step=1.6)
    assert stopped.error[0] > 1e-12  # it knows
    actual = abs(stopped.integral[0] / fine.integral[0] - 1.0)
    assert actual > 1e-9


def test_the_error_is_an_estimate_of_the_error():
    exponent, _, third = chi_square_exponent(1, 8.0)
    bend = np.array([min(third, 0.3)])
    exact = integrate(exponent, bend, refinements=4).integral[0]
    for step in (0.6, 0.8, 1.0):
        found = integrate(exponent, bend, refinements=0, step=step)
        assert abs(found.integral[0] / exact - 1.0) < 30 * found.error[0] + 1e-15


def test_what_does_not_decay_is_said():
    every, flat = np.array([2.0]), np.zeros((1, 1))
    exponent = Exponent(np.zeros(1), flat, flat, every, Plan.of(every))
    found = integrate(exponent, np.array([0.1]), refinements=2)
    assert found.error[0] == math.inf
    # one degree of freedom falls like a power, and a path this straight is not long enough
    exponent, front, _ = chi_square_exponent(1, 1.0)
    straight = integrate(exponent, np.array([0.02]), refinements=2)
    assert straight.error[0] == math.inf
    assert abs(front + math.log(straight.integral[0]) - chi2.logcdf(1, 1)) > 1e-9


def test_rounding_of_large_parts_does_not_keep_it_from_settling():
    # a million degrees of freedom: the linear parts cancel from 700, so 1e-13 is left of them
    exponent, front, _ = chi_square_exponent(1, 1e6)
    found = integrate(exponent, np.array([0.01]), refinements=4)
    assert found.error[0] <= 1e-17
    assert found.nodes[0] < 100
    assert front + math.log(found.integral[0]) == pytest.approx(chi2.logcdf(1e6, 1e6), rel=1e-9)
