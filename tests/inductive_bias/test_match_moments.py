import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.inductive_bias.law import cumulants
from sims.inductive_bias.moments import match_three_cumulants


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.floats(-30, 30), st.floats(-2, 3), st.floats(-1, 1.5))
def test_the_law_that_made_the_cumulants_is_found(log_scale, log_dof, log_ratio):
    scale, dof = 10**log_scale, 10**log_dof
    noncentrality = dof * 10**log_ratio
    k = cumulants(scale, dof=dof, noncentrality=noncentrality, order=3)
    found = match_three_cumulants(*k)
    assert found.status == "interior"
    # rounding of the cumulants is magnified where dof is a small difference
    slack = 1e-12 * (1 + noncentrality / dof) ** 2
    assert found.scale == pytest.approx(scale, rel=slack)
    assert found.noncentrality == pytest.approx(noncentrality, rel=slack)
    assert found.dof == pytest.approx(dof, rel=20 * slack)


@pytest.mark.parametrize("weights", [[1.0, 2.0], [1.0, 0.5, 1e-3], list(range(1, 50))])
def test_unequal_weights_without_bias_are_satterthwaite(weights):
    k1, k2, k3 = cumulants(weights, order=3)
    assert k1 * k3 > 2 * k2**2  # Cauchy-Schwarz
    found = match_three_cumulants(k1, k2, k3)
    assert found.status == "gamma-boundary"
    assert found.noncentrality == 0.0
    assert found.dof == pytest.approx(2 * k1**2 / k2)
    assert found.scale * found.dof == pytest.approx(k1)
    # the participation ratio of the weights, not their number
    assert found.dof == pytest.approx(np.sum(weights) ** 2 / np.sum(np.square(weights)))
    assert found.dof < len(weights)


@pytest.mark.parametrize("k3", [0.0, -1.0, 1e-9])
def test_too_symmetric_is_infeasible(k3):
    found = match_three_cumulants(1.0, 0.1, k3)
    assert found.status == "infeasible"
    assert math.isnan(found.scale)
    assert math.isnan(found.dof)
    assert math.isnan(found.noncentrality)


@pytest.mark.parametrize(
    ("k", "name"),
    [
        ((0.0, 1.0, 1.0), "k1"),
        ((-1.0, 1.0, 1.0), "k1"),
        ((1.0, 0.0, 1.0), "k2"),
        ((1.0, 1.0, np.nan), "k3"),
        ((1.0, np.inf, 1.0), "k2"),
    ],
)
def test_bad_cumulants_are_named(k, name):
    with pytest.raises(ValueError, match=name):
        match_three_cumulants(*k)
