import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from sims.information_bottleneck import cka, hsic
from sims.numerics.validate import ValidityWarning


def centred(x, width):
    gram = np.exp(-cdist(x, x, "sqeuclidean") / (2 * width**2))
    h = np.eye(len(x)) - 1 / len(x)
    return h @ gram @ h


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.integers(2, 60), st.integers(0, 10**6))
def test_traces_of_centred_matrices(count, seed):
    rng = np.random.default_rng(seed)
    x, t = rng.standard_normal((count, 3)), rng.standard_normal((count, 2))
    k, q = centred(x, 0.8), centred(t, 1.7)
    exact = np.trace(k @ q) / count**2
    assert hsic(x, t, width_x=0.8, width_t=1.7) == pytest.approx(exact, rel=1e-9, abs=1e-15)
    norm = np.sqrt(np.trace(k @ k) * np.trace(q @ q)) / count**2
    assert cka(x, t, width_x=0.8, width_t=1.7) == pytest.approx(exact / norm, rel=1e-9)


def test_alignment_with_itself_and_with_a_constant():
    x = np.random.default_rng(0).standard_normal((50, 4))
    assert cka(x, x, width_x=1.0, width_t=1.0) == pytest.approx(1, abs=1e-12)
    with pytest.warns(ValidityWarning, match="constant"):
        assert np.isnan(cka(x, np.ones(50), width_x=1.0, width_t=1.0))
    with pytest.warns(ValidityWarning, match="kernel of t is constant"):
        assert hsic(x, np.ones(50), width_x=1.0, width_t=1.0) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("measure", [hsic, cka])
@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"width_x": 0.0}, "width_x"),
        ({"width_t": np.nan}, "width_t"),
        ({"t": [1.0, 2.0, 3.0]}, "len"),
        ({"x": [[np.nan], [0.0]]}, "x"),
        ({"x": [1.0], "t": [1.0]}, "at least 2"),
    ],
)
def test_bad_kernel_samples_are_named(measure, change, word):
    arguments = {"x": [0.0, 1.0], "t": [0.0, 1.0], "width_x": 1.0, "width_t": 1.0, **change}
    with pytest.raises(ValueError, match=word):
        measure(arguments.pop("x"), arguments.pop("t"), **arguments)
