"""The one table of estimators: what each measures, its ceiling, bias, cost and source.

A new estimator is one entry. Quantities differ: `quantity` says which entries may share an axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import special

from sims.information_bottleneck.binning import (
    adaptive_binned_information,
    binned_information,
    histogram_information,
    range_binned_information,
)
from sims.information_bottleneck.cauchy_schwarz import cs_qmi, normalised_cs_qmi
from sims.information_bottleneck.conditional import conditional_cs_divergence
from sims.information_bottleneck.entry import Estimator
from sims.information_bottleneck.hilbert_schmidt import cka, hsic
from sims.information_bottleneck.kde import adaptive_kde_information, kde_information
from sims.information_bottleneck.neighbours import ksg
from sims.information_bottleneck.spectral import renyi_information
from sims.information_bottleneck.variational import donsker_varadhan, infonce, nwj
from sims.information_bottleneck.wasserstein import (
    wasserstein_dependency,
    wasserstein_distance_exact,
)
from sims.numerics.validate import reject


def _log(count: int) -> float:
    return math.log(count)


def _digamma_gap(count: int) -> float:
    return float(special.digamma(max(count, 4)) - special.digamma(3))


def _one(count: int) -> float:
    return 1.0


_CHELOMBIEV = "Chelombiev, Houghton, O'Donnell, ICLR 2019"
_KRASKOV = "Kraskov, Stögbauer, Grassberger, Phys. Rev. E 69 (2004)"
_POOLE = "Poole et al., ICML 2019"
_YU = "Yu, Yu, Løkse, Jenssen, Príncipe, ICLR 2024"

ESTIMATOR_TABLE: tuple[Estimator, ...] = (
    Estimator(
        "histogram",
        "Histogram",
        "Shannon information",
        "nats",
        "samples",
        histogram_information,
        (),
        "log N, and log of the bins",
        _log,
        "about +(m_xy - m_x - m_y + 1)/2N for m occupied cells; Miller-Madow removes this",
        "O(N log N)",
        "Miller (1955) for the correction",
    ),
    Estimator(
        "ksg1",
        "Nearest neighbours, KSG 1",
        "Shannon information",
        "nats",
        "samples",
        ksg,
        (),
        "psi(N) - psi(k)",
        _digamma_gap,
        "small in 1 + 1 dimensions; severely negative for much information or many dimensions",
        "O(N log N) in few dimensions, O(N² d) in many",
        _KRASKOV,
    ),
    Estimator(
        "ksg2",
        "Nearest neighbours, KSG 2",
        "Shannon information",
        "nats",
        "samples",
        lambda x, y, **options: ksg(x, y, variant=2, **options),
        (),
        "psi(N) - psi(k)",
        _digamma_gap,
        "as KSG 1",
        "O(N log N) in few dimensions, O(N² d) in many",
        _KRASKOV,
    ),
    Estimator(
        "infonce",
        "InfoNCE",
        "Shannon information",
        "nats",
        "critic",
        infonce,
        (),
        "log K",
        _log,
        "negative, about -(exp(2 I) - 1)/2K for the best critic and large K; never above log K",
        "O(K²)",
        "van den Oord, Li, Vinyals (2018)",
    ),
    Estimator(
        "donsker-varadhan",
        "Donsker-Varadhan",
        "Shannon information",
        "nats",
        "critic",
        donsker_varadhan,
        (),
        "",
        None,
        "positive while the sample is small against exp(2 I), with large variance",
        "O(K²)",
        _POOLE,
    ),
    Estimator(
        "nwj",
        "NWJ",
        "Shannon information",
        "nats",
        "critic",
        nwj,
        (),
        "",
        None,
        "none beyond the critic's, but a variance like exp(2 I)/K",
        "O(K²)",
        _POOLE,
    ),
    Estimator(
        "fixed-width",
        "Bins of fixed width",
        "information of a binned layer",
        "nats",
        "layer and labels",
        binned_information,
        ("width",),
        "log N",
        _log,
        "the value is a property of the width; none from sampling when all inputs are used",
        "O(N d + N log N)",
        "Saxe et al., ICLR 2018",
    ),
    Estimator(
        "fixed-range",
        "30 bins on [-1, 1]",
        "information of a binned layer",
        "nats",
        "layer and labels",
        range_binned_information,
        (),
        "log N",
        _log,
        "one range for all layers under-resolves small ones",
        "O(N d + N log N)",
        "Shwartz-Ziv, Tishby (2017)",
    ),
    Estimator(
        "ebab",
        "Adaptive bins (EBAB)",
        "information of a binned layer",
        "nats",
        "layer and labels",
        adaptive_binned_information,
        (),
        "log N",
        _log,
        "rank based: sees saturation only through ties, so through the precision",
        "O(N d log(N d))",
        _CHELOMBIEV,
    ),
    Estimator(
        "kde",
        "Kernel density, fixed noise",
        "information of a noisy layer",
        "nats",
        "layer and labels",
        kde_information,
        ("variance",),
        "log N",
        _log,
        "bounds on I(T;X); differences of bounds, so no bounds, for I(T;Y)",
        "O(N² d)",
        "Kolchinsky, Tracey (2017)",
    ),
    Estimator(
        "akde",
        "Kernel density, adaptive noise",
        "information of a noisy layer",
        "nats",
        "layer and labels",
        adaptive_kde_information,
        (),
        "log N",
        _log,
        "as KDE; with noise proportional to the maximum it depends on the layer's scale",
        "O(N² d)",
        _CHELOMBIEV,
    ),
    Estimator(
        "cs-qmi",
        "Cauchy-Schwarz information, V-statistic",
        "Cauchy-Schwarz information",
        "nats",
        "samples",
        cs_qmi,
        ("width_x", "width_t"),
        "log N",
        _log,
        "positive, of order 1/(N widths); predicted by gaussian_kernel_moments",
        "O(N² d)",
        _YU,
    ),
    Estimator(
        "cs-qmi-u",
        "Cauchy-Schwarz information, U-statistic",
        "Cauchy-Schwarz information",
        "nats",
        "samples",
        lambda x, t, **options: cs_qmi(x, t, statistic="U", **options),
        ("width_x", "width_t"),
        "",
        None,
        "of order 1/N, that of the logarithm; it may be negative or undefined",
        "O(N² d)",
        "derived in docs/theory/information_bottleneck.md",
    ),
    Estimator(
        "normalised-cs-qmi",
        "Normalised Cauchy-Schwarz information",
        "normalised Cauchy-Schwarz information",
        "",
        "samples",
        normalised_cs_qmi,
        ("width_x", "width_t"),
        "",
        None,
        "as CS-QMI in numerator and denominator; it can exceed 1",
        "O(N² d)",
        _YU,
    ),
    Estimator(
        "conditional-cs",
        "Conditional Cauchy-Schwarz divergence",
        "conditional Cauchy-Schwarz divergence",
        "nats",
        "prediction",
        conditional_cs_divergence,
        ("width_x", "width_y"),
        "",
        None,
        "positive, like one over the number of neighbours in x",
        "O(N² d)",
        _YU,
    ),
    Estimator(
        "renyi",
        "Matrix Rényi information",
        "matrix Rényi information",
        "nats",
        "samples",
        renyi_information,
        ("width_x", "width_y"),
        "log N",
        _log,
        "no estimate of Shannon information: large under independence at narrow widths",
        "O(N³); O(N² d) at alpha = 2",
        "Sanchez Giraldo, Rao, Príncipe (2015)",
    ),
    Estimator(
        "hsic",
        "HSIC",
        "Hilbert-Schmidt dependence",
        "",
        "samples",
        hsic,
        ("width_x", "width_t"),
        "1",
        _one,
        "positive, of order 1/N; exact in gaussian_kernel_moments",
        "O(N² d)",
        "Gretton, Bousquet, Smola, Schölkopf (2005)",
    ),
    Estimator(
        "cka",
        "Centred kernel alignment",
        "kernel alignment",
        "",
        "samples",
        cka,
        ("width_x", "width_t"),
        "1",
        _one,
        "positive at small N",
        "O(N² d)",
        "Kornblith, Norouzi, Lee, Hinton, ICML 2019",
    ),
    Estimator(
        "wasserstein-dependency",
        "Wasserstein dependency",
        "Wasserstein distance",
        "units of the data",
        "samples",
        wasserstein_dependency,
        ("rng",),
        "",
        None,
        "positive, like N^(-1/D) in D dimensions of x and y: show the permuted baseline",
        "O(N³)",
        "Ozair et al., NeurIPS 2019",
    ),
    Estimator(
        "wasserstein",
        "W1 between two samples",
        "Wasserstein distance",
        "units of the data",
        "samples",
        wasserstein_distance_exact,
        (),
        "",
        None,
        "none between the given points; positive between the laws they come from",
        "O(n³); O(n log n) in one dimension",
        "Ozair et al., NeurIPS 2019",
    ),
)


def estimator(name: str) -> Estimator:
    """Look an estimator up by its name.

    Raises
    ------
    ValueError
        For a name that is not in the table.

    Examples
    --------
    >>> estimator("ksg1").quantity
    'Shannon information'
    """
    for entry in ESTIMATOR_TABLE:
        if entry.name == name:
            return entry
    return reject("name", name, "one of " + ", ".join(entry.name for entry in ESTIMATOR_TABLE))


def comparable(names: Sequence[str]) -> bool:
    """Say whether the named estimators measure one quantity, and so may share an axis.

    Raises
    ------
    ValueError
        For a name that is not in the table.

    Examples
    --------
    >>> comparable(["ksg1", "histogram"]), comparable(["ksg1", "cs-qmi"])
    (True, False)
    """
    return len({estimator(name).quantity for name in names}) <= 1
