import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq

from sims.inductive_bias import GeneralisedChiSquare, cgf
from sims.inductive_bias.saddle import falling_root, lower_saddle, upper_saddle

TERMS = st.lists(
    st.tuples(
        st.floats(1e-8, 1.0),
        st.sampled_from([0.3, 1.0, 2.0, 10.0]),
        st.one_of(st.just(0.0), st.floats(1e-6, 10.0)),
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda term: term[0],
)


def law_of(terms):
    weights, dof, bias = (np.array(part) for part in zip(*terms, strict=True))
    order = np.argsort(-weights)
    return GeneralisedChiSquare(weights[order], dof[order], bias[order])


def imbalance(law, s, y, pole):
    """K'(s) - y - pole/s, over its largest part."""
    slope = float(cgf(law, s, 1))
    return (slope - y - pole / s) / max(slope, y, pole / abs(s))


@given(TERMS, st.floats(-12, 0), st.sampled_from([0.0, 1.0]))
def test_below_the_mean(terms, depth, pole):
    law = law_of(terms)
    y = law.mean * 10**depth
    assume(pole or depth < -1e-3)
    found = lower_saddle(law, np.array([y]), pole)
    s = -float(found.sigma[0])
    assert s < 0
    assert abs(imbalance(law, s, y, pole)) < 1e-9
    assert float(found.value[0]) == pytest.approx(
        float(cgf(law, s)) - s * y, rel=1e-9, abs=1e-12 * max(1.0, -s * y)
    )
    assert abs(found.slope[0]) < 1e-9 * max(1.0, -s * y)


@given(TERMS, st.floats(1.001, 1e4), st.sampled_from([0.0, 1.0]))
def test_above_the_mean(terms, factor, pole):
    law = law_of(terms)
    # with a pole, a last singularity of one degree of freedom is passed at a greater distance
    assume(pole == 0.0 or law.dof[0] >= 1.0)
    y = law.mean * factor
    found = upper_saddle(law, np.array([y]), pole)
    s = float(found.sigma[0])
    edge = 0.5 / law.weights.max()
    assert 0 < s <= edge
    assume(1.0 - s / edge > 1e-6)  # nearer, cgf itself has too few digits left
    assert abs(imbalance(law, s, y, pole)) < 1e-7
    assert float(found.value[0]) == pytest.approx(float(cgf(law, s)) - s * y, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("share", [1e-6, 0.3, 1.0, 5.0])
def test_against_a_bracketing_solver(share):
    law = law_of([(1.0, 1.0, 0.4), (0.3, 5.0, 0.0), (0.01, 2.0, 3.0)])
    y = share * law.mean

    def slope(a):  # of the exponent in ln(-s)
        s = -math.exp(a)
        return float(cgf(law, s, 1)) - y - 1.0 / s

    expected = math.exp(brentq(slope, -30, 30, xtol=1e-13))
    assert lower_saddle(law, np.array([y]), 1.0).sigma[0] == pytest.approx(expected, rel=1e-7)
    # the bracket of the theory: 1/y <= sigma <= (n/2 + sum of noncentralities / 8 + 1)/y
    most = 0.5 * law.total_dof + 0.125 * law.noncentrality.sum() + 1.0
    assert 1.0 / y <= expected <= most / y


def test_few_degrees_at_the_last_singularity_are_passed_at_a_distance():
    law = GeneralisedChiSquare(np.array([1.0, 0.1]), np.array([0.05, 4.0]), np.zeros(2))
    found = upper_saddle(law, np.array([5.0]), 1.0)
    np.testing.assert_array_equal(found.guide, [1.0, 4.0])
    assert float(found.sigma[0]) < 0.5
    np.testing.assert_array_equal(upper_saddle(law, np.array([5.0]), 0.0).guide, law.dof)


def test_pulls_and_ratios_by_hand():
    law = GeneralisedChiSquare(np.array([0.5]), np.array([3.0]), np.array([2.0]))
    found = lower_saddle(law, np.array([0.7]), 1.0)
    t = float(found.sigma[0])  # 2 w sigma
    assert found.rho[0, 0] == pytest.approx(t / (1 + t), rel=1e-14)
    assert found.pull[0, 0] == pytest.approx(t / (1 + t) * 2.0 * t / (1 + t) ** 2, rel=1e-14)


def test_huge_thresholds_do_not_overflow():
    law = law_of([(1.0, 1.0, 0.0), (1e-9, 5.0, 1e3)])
    with np.errstate(all="raise", under="ignore"):
        found = upper_saddle(law, law.mean * np.array([1.0 + 1e-12, 10.0, 1e30, 1e59]), 1.0)
    assert np.isfinite(found.value).all()
    assert np.all(np.diff(found.value) < 0)


def test_rows_can_be_chosen():
    law = law_of([(1.0, 1.0, 0.4), (0.3, 5.0, 0.0)])
    both = lower_saddle(law, np.array([0.1, 1.0]), 1.0)
    one = both.at_rows(np.array([False, True]))
    alone = lower_saddle(law, np.array([1.0]), 1.0)
    np.testing.assert_allclose(one.rho, alone.rho, rtol=1e-8)
    assert one.sigma == pytest.approx(alone.sigma, rel=1e-8)


@given(st.floats(-20, 20), st.floats(-25, 25))
def test_falling_roots(root, start):
    def function(v):  # steep on one side, flat on the other: plain Newton steps would leave
        return -np.sinh(v - root) - 1e-3 * (v - root), -np.cosh(v - root) - 1e-3

    found = falling_root(function, np.array([start]), -50.0, 50.0)
    assert found[0] == pytest.approx(root, abs=1e-6)


def test_no_root_is_said():
    with pytest.raises(ArithmeticError, match="did not settle"):
        falling_root(lambda v: (np.where(v < 0.5, 1.0, -1e-3) * (1 + v), -1.0 + 0 * v),
                     np.array([0.0]), -1.0, np.array([np.inf]))  # fmt: skip
