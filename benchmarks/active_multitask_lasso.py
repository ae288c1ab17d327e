"""Time the relevance solvers: ``python -m benchmarks.active_multitask_lasso``.

K1: a LASSO path of twenty lambdas and the basis pursuit limit, against scikit-learn, celer, cvxpy
and HiGHS. The error column is the largest relative duality gap (basis pursuit: the relative excess
of the norm or misfit of the constraint), measured by the same function for all. Our time includes
the checks of the arguments and the certificates.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
from scipy.optimize import linprog
from sklearn.linear_model import lars_path
from sklearn.linear_model import lasso_path as sklearn_path

from benchmarks.harness import Contender, Report, best, compare
from sims.active_multitask_lasso import (
    LassoOracle,
    lasso_path,
    random_instance,
    relevance,
)
from sims.active_multitask_lasso.homotopy import trace
from sims.active_multitask_lasso.lasso import relative_gap

SHAPES = ((5, 100), (20, 2000))
PASSES = 1.4  # over W for each dimension, of a regular path


def matrix_rate(rank: int, tasks: int) -> float:
    """Multiply-adds a second of the product W'x, the only large operation of a path."""
    heads, x = np.ones((rank, tasks)), np.ones(rank)
    return rank * tasks / best(lambda: x @ heads)


def path_report(rank: int, tasks: int, rounds: int) -> Report:
    """Time twenty lambdas, from just below the largest useful one to a thousandth of it."""
    instance = random_instance(tasks, rank, 0)
    heads, target = instance.heads, instance.target
    lambdas = np.geomspace(0.999, 1e-3, 20) * np.abs(target @ heads).max()
    alphas = lambdas / rank  # scikit-learn and celer divide the square by the number of rows
    column_major = np.asfortranarray(heads)

    def gap(nu: np.ndarray) -> float:
        return float(relative_gap(heads, target, lambdas, nu).max())

    def lars():
        knots, _, coefficients = lars_path(heads, target, method="lasso")
        return knots, coefficients

    def lars_gap(result) -> float:
        knots, coefficients = result
        rows = [np.interp(alphas, knots[::-1], row[::-1]) for row in coefficients]
        return gap(np.transpose(rows))

    def coordinate(tol: float):
        return sklearn_path(column_major, target, alphas=alphas, tol=tol, max_iter=100_000)[1].T

    peers = [
        Contender("lars_path (its knots only)", lars, lars_gap),
        Contender("lasso_path, tol 1e-4 (default)", lambda: coordinate(1e-4)),
        Contender("lasso_path, tol 1e-8", lambda: coordinate(1e-8)),
        *celer_peers(column_major, target, alphas),
    ]
    some = slice(0, 20, 10)
    oracle = LassoOracle(rank, tasks)

    def clarabel():
        return np.array([oracle.solve(heads, target, value) for value in lambdas[some]])

    def some_gap(nu: np.ndarray) -> float:
        return float(relative_gap(heads, target, lambdas[some], nu).max())

    peers.append(Contender("cvxpy, DPP, Clarabel", clarabel, some_gap, share=0.1))
    segments = len(trace(heads, target).segments)
    print(f"K = {rank}, T = {tasks}: {segments} pieces, {segments / rank:.2f} for each dimension")
    return compare(
        f"K1 path of 20 lambdas, K = {rank}, T = {tasks}",
        Contender("ours", lambda: lasso_path(heads, target, lambdas).nu),
        peers,
        error=gap,
        tolerance=1e-6,
        rounds=rounds,
        budget=15.0,
        limit=PASSES * rank * rank * tasks / matrix_rate(rank, tasks),
    )


def knots_report(rank: int, tasks: int, rounds: int) -> Report:
    """Time the bare path, knots and solutions there, which is what lars_path returns."""
    instance = random_instance(tasks, rank, 0)
    heads, target = instance.heads, instance.target

    def misfit(nu: np.ndarray) -> float:
        return float(np.abs(heads @ nu - target).max())

    return compare(
        f"K1 knots only, no checks and no certificates, K = {rank}, T = {tasks}",
        Contender("ours", lambda: trace(heads, target), lambda path: misfit(path.limit()[0])),
        [
            Contender(
                "lars_path",
                lambda: lars_path(heads, target, method="lasso"),
                lambda found: misfit(found[2][:, -1]),
            )
        ],
        tolerance=1e-10,
        rounds=rounds,
        budget=15.0,
        limit=PASSES * rank * rank * tasks / matrix_rate(rank, tasks),
    )


def celer_peers(heads: np.ndarray, target: np.ndarray, alphas: np.ndarray) -> list[Contender]:
    """Return celer's path at two tolerances, when it is installed."""
    try:
        from celer import celer_path
    except ImportError:
        print("celer is not installed: left out")
        return []

    def run(tol: float):
        return celer_path(heads, target, "lasso", alphas=alphas, tol=tol, max_iter=1000)[1].T

    return [
        Contender(f"celer_path, tol {tol:g}", lambda tol=tol: run(tol)) for tol in (1e-4, 1e-10)
    ]


def pursuit_report(rank: int, tasks: int, rounds: int) -> Report:
    """Time the relevance of smallest L1 norm."""
    instance = random_instance(tasks, rank, 0)
    heads, target = instance.heads, instance.target
    least = relevance(heads, target, p=1).norm

    def highs():
        doubled = np.hstack([heads, -heads])
        x = linprog(np.ones(2 * tasks), A_eq=doubled, b_eq=target, method="highs-ds").x
        return x[:tasks] - x[tasks:]

    def error(nu: np.ndarray) -> float:
        excess = abs(np.abs(nu).sum() / least - 1)
        return float(max(excess, np.abs(heads @ nu - target).max()))

    def lars():
        return lars_path(heads, target, method="lasso")[2][:, -1]

    return compare(
        f"K1 basis pursuit, K = {rank}, T = {tasks}",
        Contender("ours", lambda: relevance(heads, target, p=1).nu),
        [
            Contender("HiGHS dual simplex (linprog)", highs),
            Contender("lars_path, its last point", lars),
        ],
        error=error,
        tolerance=1e-9,
        rounds=rounds,
        budget=15.0,
        limit=PASSES * rank * rank * tasks / matrix_rate(rank, tasks),
    )


def main() -> None:
    """Print the tables at both sizes."""
    warnings.simplefilter("ignore")  # peers warn where they stop early; the error column tells
    rounds = 5 if "--quick" in sys.argv else 15
    for rank, tasks in SHAPES:
        print(knots_report(rank, tasks, rounds), end="\n\n", flush=True)
        print(path_report(rank, tasks, rounds), end="\n\n", flush=True)
        print(pursuit_report(rank, tasks, rounds), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
