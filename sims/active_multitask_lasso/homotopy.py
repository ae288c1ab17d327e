r"""The whole LASSO path of min 1/2 |w - W nu|^2 + lambda |nu|_1, knot by knot and exactly.

Between two knots the active set A and its signs s are constant and everything is linear in
lambda: nu_A = p - lambda v, and the residual is r = e + lambda u with W_A'u = s, W_A'e = 0. The
correlations of the tasks with it are W'e + lambda W'u, so that task j joins at lambda_j =
|(W'e)_j| / (1 - sign((W'e)_j) (W'u)_j), and an active task leaves at p_i/v_i when p_i and s_i
disagree. No step length is accumulated and so no error is: knots and solutions come from a QR
factorisation of W_A. Derived, see docs/theory/active_multitask_lasso.md.
"""

from __future__ import annotations

from bisect import bisect_left
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import blas, lapack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Real = NDArray[np.float64]

PARALLEL = 1e-12  # 1 - sign * slope below this: the correlation stays on the bound
IN_SPAN = 1e-10  # relative length left of a column that lies in the span of the active ones
REACHED = 1e-14  # relative residual taken for zero
TINY = 1e-300
STEPS_PER_RANK = 100  # a regular path has about 1.5


class Stalled(RuntimeError):
    """The path ran into more knots than a regular problem has."""


class Segment(NamedTuple):
    """One linear piece of the path, for lambda in [end, start].

    Attributes
    ----------
    start, end : float
        Its knots; `end` is 0 on the last piece of a whole path.
    active : list of int
        The k tasks in use.
    signs, constant, slope : ndarray, shape (k,)
        s, and p and v of nu_A = p - lambda v.
    residual : ndarray, shape (K, 2)
        e and u of the residual e + lambda u.
    """

    start: float
    end: float
    active: list[int]
    signs: Real
    constant: Real
    slope: Real
    residual: Real


class Path(NamedTuple):
    """Segments in falling order of lambda, for one problem.

    Attributes
    ----------
    heads, target : ndarray, shape (K, T) and (K,)
    segments : list of Segment
    """

    heads: Real
    target: Real
    segments: list[Segment]

    @property
    def knots(self) -> Real:
        """The ends of the segments, from the largest useful lambda down."""
        return np.array([self.segments[0].start, *(piece.end for piece in self.segments)])

    def at(self, lambdas: Real) -> tuple[Real, Real]:
        """Return the solutions (lambdas, T) and the scaled residuals r/lambda (lambdas, K).

        Every lambda must be positive and not below the path's last knot. The scaled residual
        keeps its digits however small lambda is.
        """
        nu = np.zeros((lambdas.size, self.heads.shape[1]))
        scaled = self.target / lambdas[:, None]
        inside = np.flatnonzero(lambdas < self.segments[0].start)
        if not inside.size:
            return nu, scaled
        falling = [-piece.end for piece in self.segments]
        values = lambdas[inside]
        pieces = [self.segments[bisect_left(falling, -value)] for value in values.tolist()]
        sizes = [len(piece.active) for piece in pieces]
        columns = [task for piece in pieces for task in piece.active]
        fallen = np.repeat(values, sizes) * np.concatenate([piece.slope for piece in pieces])
        entries = np.concatenate([piece.constant for piece in pieces]) - fallen
        signs = np.concatenate([piece.signs for piece in pieces])
        nu[np.repeat(inside, sizes), columns] = _signed(signs, entries)
        residuals = np.stack([piece.residual for piece in pieces])
        scaled[inside] = residuals[:, :, 0] / values[:, None] + residuals[:, :, 1]
        return nu, scaled

    def limit(self) -> tuple[Real, Real]:
        """Return the basis pursuit solution (T,) and its dual vector (K,): lambda -> 0."""
        last = self.segments[-1]
        nu = np.zeros(self.heads.shape[1])
        nu[last.active] = _signed(last.signs, last.constant)
        return nu, last.residual[:, 1]


def trace(heads: Real, target: Real, stop: float = 0.0) -> Path:
    """Follow the path from the lambda above which nu = 0 down to `stop`.

    Parameters
    ----------
    heads : ndarray, shape (K, T)
        Without zero columns; not checked.
    target : ndarray, shape (K,)
        Not 0.
    stop : float
        No knot below it is looked for; 0 goes down to basis pursuit.

    Returns
    -------
    Path

    Raises
    ------
    Stalled
        After 100 K knots, which only ties and other degenerate positions bring about.

    Examples
    --------
    >>> path = trace(np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), np.array([3.0, 1.0]))
    >>> path.knots.round(9).tolist(), path.limit()[0].round(9).tolist()
    ([6.0, 2.0, 0.0], [1.0, 0.0, 1.0])
    """
    state = _State(heads, target)
    task = int(np.abs(state.along[:, 0]).argmax())
    level = float(abs(state.along[task, 0]))
    state.add(task)
    segments: list[Segment] = []
    for _ in range(STEPS_PER_RANK * len(target)):
        constant, slope = state.line()
        signs = state.signs[: constant.size]
        position, leaves = _leaving(constant, slope, signs)
        task, joins = state.joining()
        end = min(max(leaves, joins), level)
        last = end <= stop
        if end < level or last:
            used, residual = state.active.copy(), state.residual.copy(order="F")
            segments.append(Segment(level, end, used, signs.copy(), constant, slope, residual))
        if last:
            return Path(heads, target, segments)
        level = end
        if leaves >= joins:
            state.drop(position)
        elif not state.add(task):
            state.parallel.append(task)
    raise Stalled(f"no end of the LASSO path after {STEPS_PER_RANK * len(target)} knots")


def _signed(signs: Real, coefficients: Real) -> Real:
    """Put to 0 what rounding leaves of the wrong sign, at a knot."""
    return np.where(signs * coefficients > 0.0, coefficients, 0.0)


def _leaving(constant: Real, slope: Real, signs: Real) -> tuple[int, float]:
    """Return which active coefficient reaches zero next and the lambda at which, 0 for none."""
    agreement = constant * signs
    if agreement.min() >= 0.0:
        return 0, 0.0
    wrong = agreement < -REACHED * agreement.max()
    when = np.where(wrong, constant, 0.0) / np.where(wrong, slope, 1.0)
    position = int(when.argmax())
    return position, float(when[position])


class _State:
    """Active set with a QR factorisation of its columns, and both lines over all tasks.

    The columns of `residual` are e and u, those of `along` W'e and W'u. Adding a task costs one
    product with W, dropping one a new factorisation and two products.
    """

    def __init__(self, heads: Real, target: Real) -> None:
        rank, tasks = heads.shape
        self.heads, self.target = heads, target
        self.square = float(target @ target)
        self.smallest = REACHED**2 * self.square
        self.spanned = False  # the active columns reach the target: e = 0
        self.q, self.r = np.empty((rank, rank), order="F"), np.zeros((rank, rank), order="F")
        self.signs = np.empty(rank)
        self.coordinates = np.empty((rank, 2), order="F")  # Q'w and R^-T s
        self.active: list[int] = []
        self.parallel: list[int] = []  # in the span of the active columns
        self.residual, self.along = np.zeros((rank, 2), order="F"), np.zeros((tasks, 2), order="F")
        self.residual[:, 0] = target
        self.along[:, 0] = target @ heads
        self.dropped, self.sign_dropped = -1, 0.0
        self._when, self._room = np.empty(tasks), np.empty(tasks)

    def add(self, task: int) -> bool:
        """Take a task in, with the sign of its correlation with e.

        False, and nothing done, when its column lies in the span of the active ones.
        """
        k = len(self.active)
        column, basis = self.heads[:, task], self.q[:, :k]
        inside = basis.T @ column
        rest = column - basis @ inside
        square, left = float(column @ column), float(rest @ rest)
        if left < 0.5 * square:  # once more, for orthogonality to the last digit
            again = basis.T @ rest
            rest -= basis @ again
            inside += again
            left = float(rest @ rest)
        if left <= IN_SPAN**2 * square:
            return False
        length = sqrt(left)
        rest /= length
        sign = 1.0 if self.along[task, 0] > 0 else -1.0
        target_part = float(rest @ self.residual[:, 0])
        sign_part = (sign - float(inside @ self.coordinates[:k, 1])) / length
        self.q[:, k], self.r[:k, k], self.r[k, k] = rest, inside, length
        self.coordinates[k], self.signs[k] = (target_part, sign_part), sign
        self.active.append(task)
        self.dropped = -1
        change = (-target_part, sign_part)
        blas.dger(1.0, rest, change, a=self.residual, overwrite_a=True)
        blas.dger(1.0, rest @ self.heads, change, a=self.along, overwrite_a=True)
        self._clean()
        return True

    def _clean(self) -> None:
        """Make e orthogonal to the active columns to its own last digit, not to that of w."""
        k, offset = len(self.active), self.residual[:, 0]
        left = float(offset @ offset)
        self.spanned = k == len(offset) or left <= self.smallest
        if self.spanned:
            offset[:] = 0.0
        elif left < 0.01 * self.square:
            basis = self.q[:, :k]
            offset -= basis @ (basis.T @ offset)

    def drop(self, position: int) -> None:
        """Let a task go and factorise the others afresh."""
        self.dropped = self.active.pop(position)
        self.parallel.clear()
        k = len(self.active)
        self.sign_dropped = self.signs[position]
        self.signs[position:k] = self.signs[position + 1 : k + 1].copy()
        reflectors, scales, _, _ = lapack.dgeqrf(self.heads[:, self.active])
        q = lapack.dorgqr(reflectors, scales)[0]
        self.q[:, :k], self.r[:k, :k] = q, reflectors[:k]  # below the diagonal nobody looks
        self.coordinates[:k, 0] = q.T @ self.target
        self.coordinates[:k, 1] = _solve(self.r, self.signs[:k], transposed=True)
        self.residual[:, 0] = self.target - q @ self.coordinates[:k, 0]
        self.residual[:, 1] = q @ self.coordinates[:k, 1]
        self._clean()
        self.along[:, 0] = self.residual[:, 0] @ self.heads
        self.along[:, 1] = self.residual[:, 1] @ self.heads

    def line(self) -> tuple[Real, Real]:
        """Return p and v of the active coefficients p - lambda v."""
        both = _solve(self.r, self.coordinates[: len(self.active)])
        return both[:, 0], both[:, 1]

    def joining(self) -> tuple[int, float]:
        """Return the task that joins next and the lambda at which it does, 0 for none."""
        if self.spanned:
            return 0, 0.0
        reach, when, room = self.along[:, 0], self._when, self._room
        np.sign(reach, out=when)
        np.multiply(when, self.along[:, 1], out=room)
        np.subtract(1.0, room, out=room)
        room[self.active + self.parallel] = np.inf
        np.maximum(room, TINY, out=room)
        np.multiply(when, reach, out=when)
        np.divide(when, room, out=when)
        task = int(when.argmax())
        if room[task] < PARALLEL:
            when[room < PARALLEL] = 0.0
            task = int(when.argmax())
        if task == self.dropped and self.sign_dropped * reach[task] > 0:
            when[task] = 0.0  # it is on the bound because it has just left
            task = int(when.argmax())
        return task, float(when[task])


def _solve(r: Real, right: Real, transposed: bool = False) -> Real:
    """Solve with the leading block of an upper triangle, given in a larger column-major array."""
    size = len(right)
    solution, info = lapack.dtrtrs(r[:, :size], right, trans=int(transposed))
    if info:
        raise Stalled("the active tasks became linearly dependent")
    return np.asarray(solution)
