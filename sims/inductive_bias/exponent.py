"""Sums of complex logarithms along a contour, with one logarithm for eight factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IndexArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

GROUP = 8  # factors multiplied out as one polynomial
HALVINGS = 3  # products of polynomials before a logarithm is taken
LARGEST = 100.0  # whole dof up to which the logarithm of a product is accurate enough
BLOCK = 1 << 15  # complex numbers in a temporary


@dataclass(frozen=True)
class Plan:
    """Which terms are multiplied in groups (each of one dof) and which are taken one by one."""

    grouped: tuple[tuple[float, IndexArray], ...]
    single: IndexArray

    @classmethod
    def of(cls, dof: FloatArray) -> Plan:
        """Group the terms of every whole dof that enough terms share."""
        grouped: list[tuple[float, IndexArray]] = []
        single = np.ones(len(dof), np.bool_)
        if len(dof) > GROUP:
            for nu in np.unique(dof):
                chosen = dof == nu
                if nu == np.rint(nu) and nu <= LARGEST and chosen.sum() >= GROUP:
                    grouped.append((float(nu), np.flatnonzero(chosen)))
                    single &= ~chosen
        return cls(tuple(grouped), np.flatnonzero(single))


@dataclass(frozen=True)
class Exponent:
    """``slope d - sum_i nu_i/2 [log(1 - rho_i d) + rho_i d] + d^2 sum_i pull_i/(1 - rho_i d)``.

    The imaginary part is right up to multiples of 2 pi.

    Attributes
    ----------
    slope : ndarray, shape (thresholds,)
    rho, pull : ndarray, shape (thresholds, terms)
    dof : ndarray, shape (terms,)
    plan : Plan
    """

    slope: FloatArray
    rho: FloatArray
    pull: FloatArray
    dof: FloatArray
    plan: Plan

    def at_rows(self, rows: NDArray[np.bool_] | IndexArray) -> Exponent:
        """Keep some of the thresholds."""
        return Exponent(self.slope[rows], self.rho[rows], self.pull[rows], self.dof, self.plan)

    def __call__(self, d: ComplexArray) -> ComplexArray:
        """Values at d, shape (thresholds, nodes), each row a path in the upper half plane.

        Neighbours in a row must be close: the phase of eight factors may turn by less than pi.
        """
        result = self.slope[:, None] * d
        shifted = np.zeros_like(d)
        for nu, chosen in self.plan.grouped:
            for part in _blocks(chosen, d.size // GROUP, GROUP):
                logs, quotient = _grouped(self.rho[:, part], self.pull[:, part], d, nu % 2 > 0)
                result -= (0.5 * nu) * logs
                shifted += quotient
        for part in _blocks(self.plan.single, d.size, 1):
            logs, quotient = _singly(self.rho[:, part], self.pull[:, part], self.dof[part], d)
            result -= 0.5 * logs
            shifted += quotient
        return result + d * d * shifted


def _blocks(chosen: IndexArray, each: int, multiple: int) -> Iterator[IndexArray]:
    """Cut into parts whose temporaries, `each` numbers a term, stay in cache."""
    size = max(BLOCK // max(each, 1) // multiple, 1) * multiple
    for start in range(0, len(chosen), size):
        yield chosen[start : start + size]


def _grouped(
    rho: FloatArray, pull: FloatArray, d: ComplexArray, odd: bool
) -> tuple[ComplexArray, ComplexArray]:
    """Sum log(1 - rho d) + rho d, and pull/(1 - rho d), by polynomials of degree 8 in d.

    The phase of the first sum is right up to multiples of 2 pi, and of 4 pi if `odd`.
    """
    rows, nodes = d.shape
    groups = -(-rho.shape[1] // GROUP)
    factors = _padded(rho, groups)
    powers = np.empty((rows, GROUP + 1, nodes), np.complex128)
    powers[:, 0] = 1.0
    for k in range(GROUP):
        np.multiply(powers[:, k], d, out=powers[:, k + 1])
    real_powers = powers.view(np.float64)
    bottom = np.zeros((rows, groups, GROUP + 1))
    bottom[..., 0] = 1.0
    top, weights = np.zeros_like(bottom), _padded(pull, groups) if pull.any() else None
    for k in range(GROUP):
        root = factors[:, :, k, None]
        if weights is not None:
            top[..., 1:] -= root * top[..., :-1]
            top += weights[:, :, k, None] * bottom
        bottom[..., 1:] -= root * bottom[..., :-1]
    product = (bottom @ real_powers).view(np.complex128)
    logs = _log_of_all(product, _turns(product, factors, d[:, 0]) if odd else None)
    logs += rho.sum(1)[:, None] * d
    if weights is None:
        return logs, np.zeros_like(d)
    above = (top @ real_powers).view(np.complex128)
    return logs, (above / product).sum(1)


def _padded(values: FloatArray, groups: int) -> FloatArray:
    """Rows cut into groups of eight, the last filled up with zeros."""
    result = np.zeros((len(values), groups * GROUP))
    result[:, : values.shape[1]] = values
    return result.reshape(len(values), groups, GROUP)


def _turns(product: ComplexArray, factors: FloatArray, first: ComplexArray) -> BoolArray:
    """Whether each phase, followed along its path, is off its principal value by an odd turn."""
    real, imag = product.real, product.imag
    upper = imag >= 0.0
    crossing = np.empty_like(upper)
    # A step crosses the cut if it changes the half plane and meets the real axis below 0.
    rise = imag[..., 1:] - imag[..., :-1]
    meets = (real[..., :-1] * imag[..., 1:] - real[..., 1:] * imag[..., :-1]) * rise < 0.0
    crossing[..., 1:] = meets & (upper[..., 1:] != upper[..., :-1])
    start = first[:, None, None]
    phase = np.arctan2(-factors * start.imag, 1.0 - factors * start.real).sum(2)
    turns = (phase - np.arctan2(imag[..., 0], real[..., 0])) / (2.0 * np.pi)
    crossing[..., 0] = np.rint(turns) % 2.0 > 0.0
    return np.asarray(np.logical_xor.accumulate(crossing, axis=-1))


def _log_of_all(product: ComplexArray, turned: BoolArray | None) -> ComplexArray:
    """Logarithm of the product over axis 1; odd turns of the factors' phases are kept track of."""
    for _ in range(HALVINGS):
        if product.shape[1] == 1:
            break
        even = product.shape[1] // 2 * 2
        left, right, rest = product[:, 0:even:2], product[:, 1:even:2], product[:, even:]
        both = left * right
        if turned is not None:
            side = left.imag >= 0.0
            # Two phases of one sign add up past the cut if the sum changes the half plane.
            turn = (side == (right.imag >= 0.0)) & (side != (both.imag >= 0.0))
            turn ^= turned[:, 0:even:2] ^ turned[:, 1:even:2]
            turned = np.concatenate([turn, turned[:, even:]], axis=1)
        product = np.concatenate([both, rest], axis=1) if rest.size else both
    phase = np.arctan2(product.imag, product.real).sum(1)
    if turned is not None:
        phase += 2.0 * np.pi * turned.sum(1)
    return np.asarray(np.log(np.abs(product)).sum(1) + 1j * phase)


def _singly(
    rho: FloatArray, pull: FloatArray, dof: FloatArray, d: ComplexArray
) -> tuple[ComplexArray, ComplexArray]:
    """Sum the same term by term, the logarithms times dof; accurate for small rho d."""
    real = -rho[:, :, None] * d.real[:, None]
    imag = -rho[:, :, None] * d.imag[:, None]
    excess = real * (2.0 + real) + imag**2  # |1 - rho d|² - 1
    length = 0.5 * np.log1p(excess) - real
    angle = np.arctan2(imag, 1.0 + real) - imag
    logs = np.einsum("j,tjk->tk", dof, length) + 1j * np.einsum("j,tjk->tk", dof, angle)
    if not pull.any():
        return logs, np.zeros_like(d)
    share = pull[:, :, None] / (1.0 + excess)
    return logs, (share * (1.0 + real)).sum(1) - 1j * (share * imag).sum(1)
