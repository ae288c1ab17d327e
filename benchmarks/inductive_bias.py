"""Time the exact law's tail probability: ``python -m benchmarks.inductive_bias``.

K6: ln P(Q <= x) of a generalised chi-square with hundreds of terms, five thresholds at once. Its
peers bound the absolute error of P, so a first table shows how deep each of them goes, against
Ruben's positive series, an independent route in logs; the others time five thresholds that all of
them reach. The published recipe is 10,000 sampled errors and a fit of three parameters. Davies in
C (chi2comb) and gx2 take part where they are installed.
"""

from __future__ import annotations

import math
import sys
import warnings

import numpy as np
from scipy.integrate import quad
from scipy.stats import ncx2

from benchmarks.harness import Contender, compare, ufunc_rate
from sims.inductive_bias import (
    GeneralisedChiSquare,
    characteristic_inversion,
    invert,
    law_log_cdf,
    ruben_series,
)

ABSOLUTE = 1e-10  # error of P that the peers are asked for
SAMPLES = 10_000  # errors that the published recipe draws
SHARES = np.array([1.0, 0.7, 0.5, 0.2, 0.01])  # of the mean: from the bulk to the deep tail
BULK = np.array([-1.0, -3.0, -6.0, -9.0, -12.0])  # ln P that every peer reaches
MOST_NODES = 100


def spectrum(terms: int, *, noncentral: bool) -> GeneralisedChiSquare:
    """Weights 1/i, as of a kernel; or non-central, and spread evenly over a factor of twenty.

    Davies' and Imhof's integrals are short where many weights are alike, long where few rule.
    """
    if not noncentral:
        weights = 1.0 / np.arange(1, terms + 1)
        return GeneralisedChiSquare(weights, np.ones(terms), np.zeros(terms))
    rng = np.random.default_rng(terms)
    weights = np.exp(rng.uniform(math.log(0.05), 0.0, terms))
    return GeneralisedChiSquare(weights, np.ones(terms), weights * rng.exponential(size=terms))


def by_ruben(law: GeneralisedChiSquare, thresholds: np.ndarray) -> np.ndarray:
    """Ln P by a series of positive terms."""
    return np.array(
        [
            ruben_series(
                y, law.weights, dof=law.dof, noncentrality=law.noncentrality, limit=40_000
            ).log_cdf
            for y in thresholds
        ]
    )


def by_quadrature(law: GeneralisedChiSquare, thresholds: np.ndarray) -> np.ndarray:
    """P by Imhof's integral and QUADPACK, an integrand value at a time."""
    w, nu, bias = law.weights, law.dof, law.bias_squared

    def integrand(u: float, y: float) -> float:
        t = w * u
        square = 1.0 + t * t
        angle = 0.5 * (nu @ np.arctan(t) + u * (bias / square).sum() - u * y)
        size = 0.25 * nu @ np.log(square) + 0.5 * u * (bias * t / square).sum()
        return math.sin(angle) * math.exp(-size) / u

    ends = {"epsabs": math.pi * ABSOLUTE, "epsrel": 0.0, "limit": 500}
    return np.array(
        [0.5 - quad(integrand, 0.0, np.inf, args=(y,), **ends)[0] / math.pi for y in thresholds]
    )


def by_characteristic(law: GeneralisedChiSquare, thresholds: np.ndarray) -> np.ndarray:
    """P by our own trapezoid sum on the imaginary axis."""
    return np.array(
        [
            characteristic_inversion(
                y, law.weights, dof=law.dof, noncentrality=law.noncentrality, tolerance=ABSOLUTE
            ).cdf
            for y in thresholds
        ]
    )


def published_recipe(law: GeneralisedChiSquare, thresholds: np.ndarray) -> np.ndarray:
    """P under the scaled non-central chi-square of the highest likelihood."""
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((SAMPLES, len(law.weights)))
    errors = np.square(np.sqrt(law.weights) * normal + np.sqrt(law.bias_squared)).sum(1)
    dof, noncentrality, _, scale = ncx2.fit(errors, floc=0)
    return ncx2.cdf(thresholds, dof, noncentrality, scale=scale)


def libraries(law: GeneralisedChiSquare) -> dict[str, object]:
    """Peers that may be missing."""
    found: dict[str, object] = {}
    try:
        from chi2comb import ChiSquared, chi2comb_cdf
    except ImportError as reason:
        print(f"(Davies in C is left out: {reason})")
    else:
        terms = [
            ChiSquared(*term)
            for term in zip(law.weights, law.noncentrality, law.dof.astype(int), strict=True)
        ]
        found["Davies in C (chi2comb)"] = lambda y: np.array(
            [chi2comb_cdf(value, terms, 0.0, 10**7, ABSOLUTE)[0] for value in y]
        )
    try:
        import gx2
    except ImportError as reason:
        print(f"(gx2 is left out: {reason})")
    else:
        found["Imhof (gx2)"] = lambda y: gx2.cdf(
            y, law.weights, law.dof, law.noncentrality, 0.0, 0.0, method="imhof"
        )
    return found


def peers_of(law: GeneralisedChiSquare) -> dict[str, object]:
    """Everything that returns a probability, by name."""
    return libraries(law) | {
        "Imhof (scipy.integrate.quad)": lambda y: by_quadrature(law, y),
        "trapezoid on the imaginary axis": lambda y: by_characteristic(law, y),
        "published recipe": lambda y: published_recipe(law, y),
    }


def logarithm(probability: np.ndarray) -> np.ndarray:
    """Ln P, NaN where the probability found is not one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(np.where(probability > 0, probability, np.nan))


def largest(found: np.ndarray, exact: np.ndarray) -> float:
    """Largest error of ln P in nats; inf where there is none."""
    return float(np.nan_to_num(np.abs(found - exact), nan=np.inf).max())


def depth_table(law: GeneralisedChiSquare) -> np.ndarray:
    """Print the error of every route at every depth; return the nodes that ours took."""
    thresholds = SHARES * law.mean
    exact = by_ruben(law, thresholds)
    ours = invert(law, thresholds)
    print(f"Error of ln P in nats, {len(law.weights)} terms (reference: Ruben's series)")
    print(f"{'ln P':<34}" + "".join(f"{value:>14.6g}" for value in exact))
    rows = {"ours": ours.log_cdf}
    rows |= {name: logarithm(run(thresholds)) for name, run in peers_of(law).items()}
    for name, found in rows.items():
        gaps = [f"{gap:.1e}" if np.isfinite(gap) else "none" for gap in np.abs(found - exact)]
        print(f"{name:<34}" + "".join(f"{gap:>14}" for gap in gaps))
    print(f"{'contour nodes':<34}" + "".join(f"{count:>14d}" for count in ours.nodes), end="\n\n")
    return ours.nodes


def speed_table(law: GeneralisedChiSquare, title: str, rounds: int) -> np.ndarray:
    """Print times for five thresholds in the bulk; return the nodes that ours took."""
    grid = law.mean * np.geomspace(0.05, 1.0, 400)
    thresholds = np.interp(BULK, law_log_cdf(law, grid), grid)
    exact = by_ruben(law, thresholds)
    nodes = invert(law, thresholds).nodes
    peers = [
        Contender(name, lambda run=run: run(thresholds), lambda p: largest(logarithm(p), exact))
        for name, run in peers_of(law).items()
    ]
    peers.append(
        Contender(
            "Ruben's series in logs", lambda: by_ruben(law, thresholds), lambda v: largest(v, exact)
        )
    )
    report = compare(
        f"{title}, five thresholds, ln P from {BULK.max():g} to {BULK.min():g}",
        Contender("ours", lambda: law_log_cdf(law, thresholds), lambda v: largest(v, exact)),
        peers,
        tolerance=1e-9,
        rounds=rounds,
        budget=12.0,
        limit=nodes.sum() * len(law.weights) / ufunc_rate(np.square, np.complex128),
    )
    print(report, end="\n\n", flush=True)
    return nodes


def main() -> None:
    """Print how deep the routes go, then how fast they are; count the contour's nodes."""
    rounds = 5 if "--quick" in sys.argv else 15
    warnings.filterwarnings("ignore")  # of peers beyond their depth
    nodes = [depth_table(spectrum(200, noncentral=noncentral)) for noncentral in (False, True)]
    for terms in (200, 1000):
        for noncentral in (False, True):
            kind = "non-central" if noncentral else "central power-law"
            law = spectrum(terms, noncentral=noncentral)
            nodes.append(speed_table(law, f"K6, {terms} {kind} terms", rounds))
    counts = np.concatenate(nodes)
    print(f"nodes a threshold: median {np.median(counts):.0f}, at most {counts.max()}")
    if counts.max() > MOST_NODES:
        raise SystemExit(f"more than {MOST_NODES} nodes")


if __name__ == "__main__":
    main()
