r"""Joint least squares of all source tasks through one low-dimensional representation.

The problem is min over B (d x K, orthonormal columns) and heads w_t of sum_t |y_t - X_t B w_t|^2.
It is solved from sufficient statistics alone. Given B the heads are K x K least squares, and with
them eliminated a Gauss-Newton step for B is the solution of

    sum_t (w_t w_t') kron (S_t - S_t B (B'S_t B)^-1 B'S_t)  vec(step) = vec(sum_t r_t w_t'),

r_t = c_t - S_t B w_t; the sum of Kronecker products is a single matrix product over the tasks.
Where the residuals are large (few samples, tasks that share no subspace) such steps shrink slowly;
then the terms with r_t that Gauss-Newton leaves out are added, which makes it Newton's method.
Derived, see docs/theory/active_multitask_lasso.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from scipy.linalg import lapack

from sims.active_multitask_lasso.checks import checked_basis
from sims.active_multitask_lasso.starts import starting_basis
from sims.active_multitask_lasso.statistics import TINY, Statistics
from sims.numerics.validate import integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

Objective = Literal["pooled", "per-task mean"]
Method = Literal["variable projection", "alternation", "start only"]

HEAD_RIDGE = 1e-10  # relative, for tasks with fewer than K samples
LEAST_DAMPING, FIRST_DAMPING, MOST_DAMPING = 1e-12, 1e-3, 1e6  # of the mean diagonal entry
SLOW, CRAWLING = 0.1, 0.5  # ratio of a step to the one before: try Newton's, or longer ones
FAR = 1.0  # Newton steps are not tried while steps are larger
ROUNDING = 1e-13  # relative change of the objective that is no change


@dataclass(frozen=True, eq=False)
class MultitaskFit:
    """A representation and heads fitted to all source tasks.

    Attributes
    ----------
    basis : ndarray, shape (d, K)
        Bhat, orthonormal columns. Only its span is determined.
    heads : ndarray, shape (K, T)
        What, in the coordinates of `basis`; zero for tasks without samples.
    counts : ndarray of int, shape (T,)
        Samples behind the heads.
    residual : float
        Pooled residual sum of squares.
    degrees_of_freedom : int
        Samples minus free parameters: N - K(d + T - K) when every task has K samples or more.
    noise_variance : float
        residual/degrees_of_freedom, the estimate of sigma^2; nan when there are no degrees left.
    rounds : int
        Steps taken.
    converged : bool
        Whether the last step was below the tolerance.
    """

    basis: Real
    heads: Real
    counts: NDArray[np.int64]
    residual: float
    degrees_of_freedom: int
    noise_variance: float
    rounds: int
    converged: bool


def joint_erm(
    statistics: Statistics,
    rank: int,
    *,
    objective: Objective = "pooled",
    method: Method = "variable projection",
    start: ArrayLike | None = None,
    tolerance: float = 1e-7,
    rounds: int = 60,
) -> MultitaskFit:
    r"""Fit a shared representation of dimension K and a head for every source task.

    Parameters
    ----------
    statistics : Statistics
        Of the T source tasks; at least K of them need samples.
    rank : int
        K, 1 <= K <= T and K < d.
    objective : {"pooled", "per-task mean"}
        Sum of all squared residuals, or sum over tasks of their mean. The second undoes what an
        allocation is for: tasks with few samples weigh as much as tasks with many.
    method : {"variable projection", "alternation", "start only"}
        Gauss-Newton on B with the heads eliminated (damped so that the objective never rises);
        least squares for the heads and for B in turn; or the starting subspace as it is, which to
        first order is as good when every relevant task has many more than d samples.
    start : array_like, shape (d, K), optional
        Orthonormal columns to start from instead of the singular vectors of the tasks' own least
        squares solutions.
    tolerance : float
        Stop when a step turns the subspace by less (Frobenius norm of the tangents), > 0.
    rounds : int
        Stop after so many steps, >= 1.

    Returns
    -------
    MultitaskFit

    Raises
    ------
    ValueError
        When an argument is outside its range, and when fewer than K tasks have samples.

    Notes
    -----
    The learning procedure of Wang et al. (2023) and Chen et al. (2022); the algorithm is derived
    in docs/theory/active_multitask_lasso.md. The problem is not convex: the minimum is local.

    Examples
    --------
    >>> from sims.active_multitask_lasso import draw_statistics, joint_erm
    >>> theta = np.outer([1.0, -2.0, 0.5], [0.6, 0.8, 0.0, 0.0])
    >>> drawn = draw_statistics(theta, 200, noise_variance=0.1, rng=np.random.default_rng(0))
    >>> fit = joint_erm(drawn, 1)
    >>> abs(fit.basis[:, 0]).round(1).tolist(), round(fit.noise_variance, 1), fit.converged
    ([0.6, 0.8, 0.0, 0.0], 0.1, True)
    """
    k = _checked_rank(statistics, rank)
    for name, choice, known in (("objective", objective, Objective), ("method", method, Method)):
        if choice not in get_args(known):
            reject(name, choice, f"one of {', '.join(map(repr, get_args(known)))}")
    first = None if start is None else checked_basis("start", start, k)
    if first is not None and len(first) != statistics.dimension:
        reject("start.shape", first.shape, f"({statistics.dimension}, {k})")
    accuracy = number("tolerance", tolerance, 0, open_low=True)
    return fit_jointly(
        statistics, k, objective, method, first, accuracy, integer("rounds", rounds, 1)
    )


def fit_jointly(
    statistics: Statistics,
    rank: int,
    objective: Objective = "pooled",
    method: Method = "variable projection",
    start: Real | None = None,
    tolerance: float = 1e-5,
    rounds: int = 60,
) -> MultitaskFit:
    """Do the work of `joint_erm`, without checks."""
    sampled = np.flatnonzero(statistics.counts)
    used = statistics if sampled.size == statistics.tasks else statistics.take(sampled)
    gram, cross = used.gram, used.cross
    if objective == "per-task mean":
        gram, cross = gram / used.counts[:, None, None], cross / used.counts[:, None]
    basis = starting_basis(used, rank, objective == "pooled") if start is None else start
    taken, converged = 0, method == "start only"
    state = _State.at(gram, cross, basis)
    if method == "variable projection":
        state, taken, converged = _variable_projection(gram, cross, state, tolerance, rounds)
    elif method == "alternation":
        state, taken, converged = _alternation(gram, cross, state, tolerance, rounds)
    if objective != "pooled":
        state = _State.at(used.gram, used.cross, state.basis)
    return _result(statistics, sampled, state, taken, converged)


class _State(NamedTuple):
    """A subspace with everything that follows from it.

    `images` is S_t B (T, d, K), `whitener` the inverse Cholesky factor of B'S_t B, `heads` (T, K)
    and `explained` the decrease of the objective by the fit.
    """

    basis: Real
    images: Real
    whitener: Real
    heads: Real
    explained: float

    @classmethod
    def at(cls, gram: Real, cross: Real, basis: Real) -> _State:
        tasks, dimension = cross.shape
        rank = basis.shape[1]
        images = (gram.reshape(-1, dimension) @ basis).reshape(tasks, dimension, rank)
        inner = np.matmul(basis.T, images)
        diagonal = np.einsum("tkk->tk", inner)  # a writeable view
        diagonal += HEAD_RIDGE * diagonal.mean(axis=1, keepdims=True) + TINY
        whitener = np.asarray(np.linalg.inv(np.linalg.cholesky(inner)), dtype=np.float64)
        half = np.matmul(whitener, (cross @ basis)[..., None])
        heads = np.matmul(whitener.mT, half)[..., 0]
        return cls(basis, images, whitener, heads, float(np.square(half).sum()))


def _variable_projection(
    gram: Real, cross: Real, state: _State, tolerance: float, rounds: int
) -> tuple[_State, int, bool]:
    """Step until the subspace stands still; the objective never rises.

    Gauss-Newton steps, damped after a failure, lengthened where they shrink slowly, and replaced
    by Newton's once those succeed.
    """
    damping, last, shrinks, newton, close = LEAST_DAMPING, 0.0, 0.0, False, FAR
    equations = _Equations(gram, cross)
    for taken in range(1, rounds + 1):
        equations.move(state)
        while True:
            step = equations.step(damping, newton)
            if step is not None:
                size, trial = float(np.linalg.norm(step)), equations.after(step)
                if trial.explained >= state.explained * (1.0 - ROUNDING):
                    break
                if size < tolerance:
                    return state, taken, True
            if damping >= MOST_DAMPING:
                return state, taken, False
            if newton:
                newton, close = False, 0.5 * last
            else:
                damping = max(FIRST_DAMPING, 10.0 * damping)
        if not newton and damping == LEAST_DAMPING and shrinks > CRAWLING:
            trial = equations.lengthened(step, trial)
        state, shrinks = trial, min(1.0, size / last) if last else 1.0
        if size * shrinks < tolerance:  # and so will be the next step
            return state, taken, True
        newton = last > 0.0 and size < close and (newton or shrinks > SLOW)
        last = size
        damping = 0.01 * damping if damping > FIRST_DAMPING**2 else LEAST_DAMPING
    return state, rounds, False


class _Equations:
    """The linear equations of a step from the current subspace, in buffers used again."""

    def __init__(self, gram: Real, cross: Real) -> None:
        self.gram, self.cross = gram, cross
        self.projected = np.empty_like(gram)

    def move(self, state: _State) -> None:
        """Take a new subspace."""
        self.state = state
        half = np.matmul(state.whitener, state.images.mT)
        np.matmul(half.mT, half, out=self.projected)
        np.subtract(self.gram, self.projected, out=self.projected)
        self.residual = self.cross - np.matmul(state.images, state.heads[..., None])[..., 0]

    def after(self, step: Real) -> _State:
        """Return the subspace that a step leads to."""
        return _State.at(self.gram, self.cross, np.linalg.qr(self.state.basis + step)[0])

    def lengthened(self, step: Real, best: _State) -> _State:
        """Double a step, of which the outcome is given, as long as that helps."""
        for factor in (2.0, 4.0, 8.0, 16.0, 32.0):
            trial = self.after(factor * step)
            if trial.explained <= best.explained:
                break
            best = trial
        return best

    def step(self, damping: float, newton: bool) -> Real | None:
        """Return the step, orthogonal to the subspace; None where the equations bend down."""
        basis, heads = self.state.basis, self.state.heads
        dimension, rank = basis.shape
        matrix = weighted_kronecker(heads, self.projected)
        blocks = matrix.reshape(rank, dimension, rank, dimension)
        scale = float(np.trace(matrix)) / len(matrix) + TINY
        if newton:
            self._add_curvature(blocks)
        stiffness = scale * (basis @ basis.T)  # along the subspace itself they are singular
        for k in range(rank):
            blocks[k, :, k, :] += stiffness
        matrix.reshape(-1)[:: len(matrix) + 1] += scale * damping
        right = heads.T @ self.residual
        _, solution, info = lapack.dposv(matrix.T, right.reshape(-1), lower=0)
        return None if info else np.asarray(solution).reshape(rank, dimension).T

    def _add_curvature(self, blocks: Real) -> None:
        """Add what Gauss-Newton leaves out: how the heads bend, times the residuals."""
        state, residual = self.state, self.residual
        tasks, dimension = residual.shape
        inverse = np.matmul(state.whitener.mT, state.whitener)
        lifted = np.matmul(state.images, inverse) - state.basis  # (T, d, K), off the subspace
        rank = inverse.shape[1]
        mixed = np.einsum("ta,tib->taib", state.heads, lifted).reshape(tasks, -1).T @ residual
        mixed = mixed.reshape(rank, dimension, rank, dimension)
        blocks += mixed
        blocks += mixed.transpose(2, 3, 0, 1)
        squares = (residual[:, :, None] * residual[:, None, :]).reshape(tasks, -1)
        outer = inverse.reshape(tasks, -1).T @ squares
        blocks -= outer.reshape(rank, rank, dimension, dimension).transpose(0, 2, 1, 3)


def _alternation(
    gram: Real, cross: Real, state: _State, tolerance: float, rounds: int
) -> tuple[_State, int, bool]:
    """Fit B to the heads, then the heads to B, until the subspace stands still."""
    dimension, rank = state.basis.shape
    for taken in range(1, rounds + 1):
        matrix = weighted_kronecker(state.heads, gram)
        matrix.reshape(-1)[:: len(matrix) + 1] *= 1.0 + HEAD_RIDGE
        fitted = _solved(matrix, state.heads.T @ cross).reshape(rank, dimension).T
        basis = np.linalg.qr(fitted)[0]
        turned = float(np.linalg.norm(basis - state.basis @ (state.basis.T @ basis)))
        state = _State.at(gram, cross, basis)
        if turned < tolerance:
            return state, taken, True
    return state, rounds, False


def weighted_kronecker(heads: Real, matrices: Real) -> Real:
    r"""Return the lower blocks of :math:`\sum_t (w_tw_t')\otimes A_t` by one matrix product.

    Parameters
    ----------
    heads : ndarray, shape (T, K)
    matrices : ndarray, shape (T, d, d)
        Symmetric.

    Returns
    -------
    ndarray, shape (K d, K d)
        The blocks above the diagonal ones are zero.

    Examples
    --------
    >>> weighted_kronecker(np.array([[1.0, 2.0]]), np.array([[[3.0]]])).tolist()
    [[3.0, 0.0], [6.0, 12.0]]
    """
    tasks, rank = heads.shape
    dimension = matrices.shape[1]
    rows, columns = np.tril_indices(rank)
    products = (heads[:, rows] * heads[:, columns]).T @ matrices.reshape(tasks, -1)
    result = np.zeros((rank, dimension, rank, dimension))
    result[rows, :, columns, :] = products.reshape(-1, dimension, dimension)
    return result.reshape(rank * dimension, rank * dimension)


def _solved(matrix: Real, right: Real) -> Real:
    """Solve with a positive definite matrix of which the lower half is given, row by row."""
    _, solution, info = lapack.dposv(matrix.T, right.reshape(-1), lower=0)
    if info:  # fewer equations than unknowns: as small a ridge as lets it be solved
        full = np.tril(matrix) + np.tril(matrix, -1).T
        full += 1e-9 * np.trace(full) / len(full) * np.eye(len(full))
        solution = np.linalg.lstsq(full, right.reshape(-1))[0]
    return np.asarray(solution)


def _result(
    statistics: Statistics, sampled: NDArray[np.intp], state: _State, rounds: int, converged: bool
) -> MultitaskFit:
    dimension, rank = state.basis.shape
    heads = np.zeros((rank, statistics.tasks))
    heads[:, sampled] = state.heads.T
    residual = max(0.0, float(statistics.square.sum()) - state.explained)
    parameters = int(np.minimum(statistics.counts, rank).sum()) + rank * (dimension - rank)
    left = statistics.total - parameters
    variance = residual / left if left > 0 else float("nan")
    return MultitaskFit(
        state.basis, heads, statistics.counts, residual, left, variance, rounds, converged
    )


def _checked_rank(statistics: Statistics, rank: int) -> int:
    """Return K after checking that so many tasks have samples and inputs have more dimensions."""
    k = integer("rank", rank, 1)
    if k > statistics.tasks:
        reject("rank", k, f"at most the number of tasks, {statistics.tasks}")
    if k >= statistics.dimension:
        reject("rank", k, f"below the input dimension, {statistics.dimension}")
    sampled = int(np.count_nonzero(statistics.counts))
    if sampled < k:
        reject("tasks with samples", sampled, f"at least the rank, {k}: no subspace without them")
    return k
