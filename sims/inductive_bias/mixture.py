"""Networks with random hidden weights and a Gaussian last layer: an exact law for every draw."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from sims.inductive_bias.interpolant import InterpolantErrorLaw, feature_error_law
from sims.numerics.validate import array, integer, reject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MixtureBits:
    """Bits of a mixture of error laws, averaged over the probabilities, not over the bits.

    Attributes
    ----------
    bits : ndarray, shaped like the error
    standard_error : ndarray, shaped like the error
        Of bits, from the scatter of the components' probabilities (delta method); NaN where all
        of them vanish. About 1/ln 2 where one component carries the sum, and then too small.
    log_cdf : ndarray, shape (components, …), then that of the error
        Of every component, in nats.
    """

    bits: FloatArray
    standard_error: FloatArray
    log_cdf: FloatArray


def mixture_bits(laws: Sequence[InterpolantErrorLaw], error: ArrayLike) -> MixtureBits:
    """Bits under the equal mixture of error laws, each factor exact.

    ``ln P = logsumexp_W ln P_W - ln #W``. Far less noisy than counting sampled networks: only the
    hidden weights are sampled, the last layer is integrated out.

    Parameters
    ----------
    laws : sequence of InterpolantErrorLaw
        At least one; of the same test points.
    error : array_like
        Mean squared test error, > 0; inf is allowed.

    Returns
    -------
    MixtureBits

    Raises
    ------
    ValueError
        For no law, laws of different numbers of test points or outputs, or bad errors.

    Notes
    -----
    The components count equally, as where hidden layers are drawn once and only readouts are
    fitted. Derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> law = feature_error_law([[1.0, 0.0]], [[0.0, 1.0]], [0.0], [0.0])
    >>> found = mixture_bits([law, law], 1e-3)
    >>> round(float(found.bits), 3), float(found.standard_error)
    (5.309, 0.0)
    """
    if not laws:
        raise ValueError("laws is empty: a mixture needs a component")
    shapes = {(law.test_points, law.outputs) for law in laws}
    if len(shapes) > 1:
        reject("laws", sorted(shapes), "of one number of test points and outputs")
    eps = array("error", error, 0.0, open_low=True, allow_inf=True)
    logs = np.array([law.log_cdf(eps) for law in laws])
    count = len(laws)
    total = logsumexp(logs, axis=0) - math.log(count)
    with np.errstate(invalid="ignore"):
        ratios = np.exp(logs - total)
    spread = ratios.std(axis=0, ddof=1) if count > 1 else np.full(eps.shape, np.nan)
    scale = math.log(2.0)
    return MixtureBits(
        np.maximum(0.0 - total, 0.0) / scale, spread / math.sqrt(count) / scale, logs
    )


def random_feature_laws(
    inputs_train: ArrayLike,
    inputs_test: ArrayLike,
    targets_train: ArrayLike,
    targets_test: ArrayLike,
    *,
    width: int,
    networks: int,
    rng: Generator,
) -> list[InterpolantErrorLaw]:
    """Error laws of networks ``h(x) = relu(W x) theta / sqrt(width)``, one for every draw of W.

    Rows of W are N(0, 2/d I), theta ~ N(0, I): for large width the kernel of depth one
    `sims.numerics.kernels.nngp_kernel`.

    Parameters
    ----------
    inputs_train, inputs_test : array_like, shapes (n, d) and (N, d)
    targets_train, targets_test : array_like, shapes (n,) or (n, C) and (N,) or (N, C)
    width : int
        Hidden units, >= 1; fewer than n cannot fit generic targets.
    networks : int
        Draws of W, >= 1.
    rng : numpy.random.Generator

    Returns
    -------
    list of InterpolantErrorLaw

    Raises
    ------
    ValueError
        For bad shapes, or a width that cannot fit the training set.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((6, 3)), rng.standard_normal(6)
    >>> laws = random_feature_laws(x[:4], x[4:], y[:4], y[4:], width=50, networks=2, rng=rng)
    >>> [law.rank for law in laws]
    [2, 2]
    """
    train, test = array("inputs_train", inputs_train, ndim=2), array("inputs_test", inputs_test)
    if test.ndim != 2 or test.shape[1] != train.shape[1] or not test.size:
        reject("inputs_test.shape", test.shape, f"(N, {train.shape[1]}) like inputs_train, N >= 1")
    width, networks = integer("width", width, 1), integer("networks", networks, 1)
    laws = []
    for _ in range(networks):
        weights = rng.standard_normal((test.shape[1], width)) * math.sqrt(2.0 / test.shape[1])
        near, far = (np.maximum(x @ weights, 0.0) / math.sqrt(width) for x in (train, test))
        laws.append(feature_error_law(near, far, targets_train, targets_test))
    return laws
