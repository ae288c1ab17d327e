"""One trial of Gaussian random-feature regression, drawn exactly in law but not in full.

Setting: n samples with M independent standard normal modes, ``Phi`` (n x M), k features with
weights ``Z`` (k x M), both standard normal; ``G = Phi F``, ``F = Lambda^(1/2) Z.T / sqrt(k)``;
``y = Phi v + sigma eps``; theta minimises ``|y - G theta|^2 + ridge |theta|^2`` and ``w = F theta``
estimates v. The test error ``|w - v|^2 + sigma^2`` needs no test set.

Whichever of n and k is larger enters through a Bartlett factor only, so that its size costs
nothing (derived, see docs/theory/random_features.md). Three cases:

* *wide*, ``n <= min(k, M)``: with ``(Phi Lambda^(1/2)).T = Q L``, ``Z Q = U R`` holds for a
  Bartlett factor R with k degrees of freedom, and what Z does outside the span of Q is independent
  of everything else;
* *tall*, ``k < n`` and ``k <= M``: with ``F = Q R``, ``Phi Q`` is standard normal and has a
  Bartlett factor with n degrees of freedom; the leading blocks serve all smaller k;
* *low rank*, ``M < min(n, k)``: both at once, in the M modes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.linalg.blas import dtrmm

from sims.numerics.ridge_path import fit_ridges
from sims.numerics.validate import array, number, reject
from sims.numerics.wishart import bartlett_factor

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

_GRAM_CONDITION = 1e8  # beyond it a Gram matrix no longer stands in for Householder reflections
_BATCH = 1 << 22  # elements of the arrays with one row of M entries for each solution


@dataclass(frozen=True)
class Errors:
    """Errors of the fitted predictors.

    Attributes
    ----------
    test : ndarray
        Expected squared error on a new point, label noise included.
    train : ndarray
        Mean squared residual on the noisy labels. Same shape.
    """

    test: FloatArray
    train: FloatArray


@dataclass(frozen=True)
class Task:
    """The positive part of the spectrum, largest first; the rest of the target acts as noise."""

    roots: FloatArray  # of the eigenvalues
    target: FloatArray  # coefficients, one for each positive eigenvalue
    noise: float

    @classmethod
    def create(
        cls, eigenvalues: ArrayLike, target_power: ArrayLike, noise: float, rng: Generator
    ) -> Task:
        """Check the spectrum once for all trials, with the caller's names in the messages."""
        levels = array("eigenvalues", eigenvalues, 0, ndim=1)
        power = array("target_power", target_power, 0, ndim=1)
        if len(levels) != len(power):
            raise ValueError(f"{len(levels)} eigenvalues but {len(power)} entries of target_power")
        if not levels.any():
            raise ValueError("eigenvalues are all zero: at least one must be positive")
        if not isinstance(rng, Generator):
            reject("rng", rng, "a numpy.random.Generator")
        order = np.argsort(-levels, kind="stable")
        order = order[levels[order] > 0]
        total = number("noise_variance", noise, 0) + float(power[levels == 0].sum())
        return cls(np.sqrt(levels[order]), np.sqrt(power[order]), total)


@dataclass(frozen=True)
class _Frame:
    """Rows ``a`` (m x M) factored as ``a.T = Q L``, with ``Q = basis.T L^-1`` or ``basis.T``."""

    basis: FloatArray
    triangle: FloatArray
    inner: FloatArray | None

    @classmethod
    def of(cls, rows: FloatArray) -> _Frame:
        gram = rows @ rows.T
        triangle, failed = lapack.dpotrf(gram, lower=0)
        if not failed:
            norm = float(np.abs(gram).sum(axis=0).max())
            failed = lapack.dpocon(triangle, norm)[0] * _GRAM_CONDITION < 1.0
        if not failed:
            return cls(rows, triangle, triangle)
        orthonormal, triangle = np.linalg.qr(rows.T)
        signs = np.where(np.diag(triangle) < 0, -1.0, 1.0)  # positive diagonal, as Cholesky has
        return cls(signs[:, None] * orthonormal.T, signs[:, None] * triangle, None)

    def coordinates(self, vectors: FloatArray, size: int) -> FloatArray:
        """Return ``Q.T @ vectors.T`` for the first `size` columns of Q."""
        product = self.basis[:size] @ vectors.T
        if self.inner is None:
            return product
        return np.asarray(lapack.dtrtrs(self.inner[:size, :size], product, trans=1)[0])

    def expand(self, coordinates: FloatArray) -> FloatArray:
        """Return ``(Q @ coordinates).T`` with as many columns of Q as there are coordinates."""
        size = len(coordinates)
        if self.inner is not None:
            coordinates = lapack.dtrtrs(self.inner[:size, :size], coordinates)[0]
        return np.asarray(coordinates.T @ self.basis[:size])


def grid_trial(
    ns: FloatArray, ks: FloatArray, ridges: FloatArray, task: Task, rng: Generator
) -> Errors:
    """Fill the grid case by case."""
    shape = (len(ns), len(ks), len(ridges))
    errors = Errors(np.empty(shape), np.empty(shape))
    rows, columns = ns[:, None], ks[None, :]
    modes = len(task.roots)
    wide = (rows <= columns) & (rows <= modes)
    tall = (columns < rows) & (columns <= modes)
    if wide.any():
        _fill_wide(ns, ks, wide, ridges, task, rng, errors)
    if tall.any():
        _fill_tall(ns, ks, tall, ridges, task, rng, errors)
    for i, j in np.argwhere(~wide & ~tall):
        found = _low_rank(int(ns[i]), ks[j], ridges, task, rng)
        errors.test[i, j], errors.train[i, j] = found
    return errors


def _fill_wide(
    ns: FloatArray,
    ks: FloatArray,
    cells: NDArray[np.bool_],
    ridges: FloatArray,
    task: Task,
    rng: Generator,
    errors: Errors,
) -> None:
    """Cells with no more samples than features: nested data, features drawn for each cell."""
    most = int(ns[cells.any(axis=1)].max())
    data = rng.standard_normal((most, len(task.roots)))
    labels = data @ task.target + math.sqrt(task.noise) * rng.standard_normal(most)
    data *= task.roots
    frame = _Frame.of(data)
    step = max(1, _BATCH // (len(task.roots) * max(1, len(ridges))))
    for i in np.flatnonzero(cells.any(axis=1)):
        chosen = np.flatnonzero(cells[i])
        for start in range(0, len(chosen), step):
            batch = chosen[start : start + step]
            test, train = _wide(int(ns[i]), ks[batch], ridges, labels, frame, task, rng)
            errors.test[i, batch], errors.train[i, batch] = test, train


def _wide(
    n: int,
    ks: FloatArray,
    ridges: FloatArray,
    labels: FloatArray,
    frame: _Frame,
    task: Task,
    rng: Generator,
) -> tuple[FloatArray, FloatArray]:
    """Errors, each (len(ks), ridges), of several k at one n."""
    train = np.empty((len(ks), len(ridges)))
    inside = np.empty((len(ks), n, len(ridges)))
    outside = np.zeros((len(ks), len(ridges), len(task.roots)))
    for cell, k in enumerate(ks):
        features = frame.triangle[:n, :n]  # at k = inf the kernel itself
        factor = None
        if np.isfinite(k):
            factor = bartlett_factor(n, k, rng, lower=False, normalised=True)
            features = dtrmm(1.0, factor, features)
        path = fit_ridges(features.T, labels[:n, None], ridges)
        theta = path.coefficients[:, :, 0]
        train[cell] = path.train
        inside[cell] = theta.T if factor is None else factor.T @ theta.T
        if factor is not None:
            # W.T theta has the law of fewer normals times the triangle of theta's QR.
            triangle = np.asarray(np.linalg.qr(theta.T / math.sqrt(k), mode="r"))
            normals = rng.standard_normal((len(triangle), len(task.roots)))
            np.matmul(triangle.T, normals, out=outside[cell])
    flat = outside.reshape(-1, len(task.roots))
    coordinates = inside.transpose(1, 0, 2).reshape(n, -1)
    flat += frame.expand(coordinates - frame.coordinates(flat, n))
    flat *= task.roots
    flat -= task.target
    return np.einsum("crm,crm->cr", outside, outside) + task.noise, train


def _fill_tall(
    ns: FloatArray,
    ks: FloatArray,
    cells: NDArray[np.bool_],
    ridges: FloatArray,
    task: Task,
    rng: Generator,
    errors: Errors,
) -> None:
    """Cells with fewer features than samples: nested features, data drawn for each n."""
    most = int(ks[cells.any(axis=0)].max())
    pool = rng.standard_normal((most, len(task.roots)))
    pool *= task.roots
    frame = _Frame.of(pool)
    along = frame.coordinates(task.target[None], most)[:, 0]
    beyond = float(np.sum((task.target - frame.expand(along[:, None])[0]) ** 2))
    for i in np.flatnonzero(cells.any(axis=1)):
        chosen = np.flatnonzero(cells[i])
        size = int(ks[chosen].max())
        out_of_reach = beyond + float(np.sum(along[size:] ** 2))
        test, train = _tall(
            int(ns[i]),
            ks[chosen].astype(int),
            ridges,
            frame.triangle[:size, :size],
            along[:size],
            (out_of_reach, task.noise),
            rng,
        )
        errors.test[i, chosen], errors.train[i, chosen] = test, train


def _tall(
    n: int,
    ks: NDArray[np.int_],
    ridges: FloatArray,
    triangle: FloatArray,
    along: FloatArray,
    unseen: tuple[float, float],
    rng: Generator,
) -> tuple[FloatArray, FloatArray]:
    """Errors, each (len(ks), ridges), of nested features ``Q triangle`` at one n.

    The target has coordinates `along` in Q; `unseen` are its power outside and the noise variance.
    """
    size = len(triangle)
    factor = bartlett_factor(size, n, rng, lower=False)
    labels = _labels(factor, along, sum(unseen), n, rng)
    samples = np.zeros((size + 1, size))
    samples[:size] = dtrmm(1.0, factor, triangle)
    gram = samples.T @ samples
    test, train = np.empty((2, len(ks), len(ridges)))
    for cell, k in enumerate(ks):
        # Everything is triangular, so the leading blocks belong to the first k features; the
        # other rotated labels are fitted by nothing, and only their norm counts.
        scale = 1.0 / math.sqrt(k)
        tail = math.sqrt(np.sum(labels[k:] ** 2))
        path = fit_ridges(
            samples[: k + 1, :k] * scale,
            np.append(labels[:k], tail)[:, None],
            ridges,
            gram[:k, :k] / k,
        )
        fitted = path.coefficients[:, :, 0] @ (triangle[:k, :k].T * scale)
        missed = float(np.sum(along[k:] ** 2)) + sum(unseen)
        test[cell] = np.sum((fitted - along[:k]) ** 2, axis=1) + missed
        train[cell] = path.train * (k + 1) / n
    return test, train


def _low_rank(
    n: int, k: float, ridges: FloatArray, task: Task, rng: Generator
) -> tuple[FloatArray, FloatArray]:
    """Errors, each (ridges,), with fewer modes than samples and features."""
    modes = len(task.roots)
    projection = task.roots[:, None] * bartlett_factor(modes, k, rng, normalised=True)
    factor = bartlett_factor(modes, n, rng, lower=False)
    labels = _labels(factor, task.target, task.noise, n, rng)
    samples = np.zeros((modes + 1, modes))
    np.matmul(factor, projection, out=samples[:modes])
    path = fit_ridges(samples, labels[:, None], ridges)
    fitted = path.coefficients[:, :, 0] @ projection.T
    test = np.sum((fitted - task.target) ** 2, axis=1) + task.noise
    return test, path.train * (modes + 1) / n


def _labels(
    factor: FloatArray, coefficients: FloatArray, noise: float, n: int, rng: Generator
) -> FloatArray:
    """Labels rotated like the rows of the Bartlett factor; last, the norm of all the others."""
    size = len(factor)
    rotated = factor @ coefficients + math.sqrt(noise) * rng.standard_normal(size)
    rest = rng.chisquare(n - size) if n > size else 0.0
    return np.append(rotated, math.sqrt(noise * rest))


def direct_trial(
    ns: FloatArray, ks: FloatArray, ridges: FloatArray, task: Task, rng: Generator
) -> Errors:
    """Draw everything; one n and one k."""
    n, k, modes = int(ns[0]), ks[0], len(task.roots)
    phi = rng.standard_normal((n, modes))
    labels = phi @ task.target + math.sqrt(task.noise) * rng.standard_normal(n)
    projection = np.diag(task.roots)
    if np.isfinite(k):
        normals = rng.standard_normal((modes, int(k)))
        projection = task.roots[:, None] * normals / math.sqrt(k)
    left, values, right = np.linalg.svd(phi @ projection, full_matrices=False)
    kept = values > np.finfo(float).eps * max(len(left), right.shape[1]) * values[0]
    left, values, right = left[:, kept], values[kept], right[kept]
    rotated = left.T @ labels
    power = values**2 + ridges[:, None]
    theta = (values / power * rotated) @ right
    test = np.sum((theta @ projection.T - task.target) ** 2, axis=1) + task.noise
    residuals = (ridges[:, None] / power * rotated) @ left.T + (labels - left @ rotated)
    train = np.sum(residuals**2, axis=1) / n
    return Errors(test[None, None], train[None, None])
