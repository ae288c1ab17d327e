"""What the studies of chapters 3 to 5 share: fixed draws of tasks, and counting beside the law."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sims.inductive_bias.interpolant import (
    InterpolantErrorLaw,
    Posterior,
    gaussian_posterior,
    interpolant_error_law,
)
from sims.inductive_bias.tasks import (
    Kernel,
    KernelMatrices,
    Task,
    digits_task,
    pendulum_task,
    sphere_task,
    task_kernels,
)
from sims.numerics.validate import ValidityWarning
from sims.params import parameter
from sims.study import Equation, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    Real = NDArray[np.float64]

SINGULAR = 1e-12  # of the targets unfitted: from there on bits depend on the jitter by 1 % and more

TaskName = Literal["digits", "digits-parity", "sphere", "pendulum", "pendulum-clipped"]

NAT, ESTIMATED = "1 What is a nat of bias?", "2 Can it be estimated?"
HARD, SUPPLY = "3 What makes a task hard?", "4 What does a model class supply?"
MEASURE = "5 The measure of 2023"

EXACT = Source(
    "A. Boopathy, W. Yue, J. Hwang, A. Iyer, I. Fiete, Towards Exact Computation of Inductive "
    "Bias, IJCAI 2024, arXiv 2406.15941",
    "@inproceedings{boopathy2024exact,\n"
    "  title={Towards Exact Computation of Inductive Bias},\n"
    "  author={Boopathy, Akhilan and Yue, William and Hwang, Jaedong and Iyer, Abhiram and "
    "Fiete, Ila},\n"
    "  booktitle={International Joint Conference on Artificial Intelligence},\n"
    "  year={2024},\n"
    "  note={arXiv:2406.15941}\n"
    "}",
)
AGNOSTIC = Source(
    "A. Boopathy, K. Liu, J. Hwang, S. Ge, A. Mohammedsaleh, I. Fiete, Model-agnostic Measure of "
    "Generalization Difficulty, ICML 2023, arXiv 2305.01034",
    "@inproceedings{boopathy2023model,\n"
    "  title={Model-agnostic Measure of Generalization Difficulty},\n"
    "  author={Boopathy, Akhilan and Liu, Kevin and Hwang, Jaedong and Ge, Shu and "
    "Mohammedsaleh, Asaad and Fiete, Ila},\n"
    "  booktitle={International Conference on Machine Learning},\n"
    "  year={2023},\n"
    "  note={arXiv:2305.01034}\n"
    "}",
)
DIGITS = Source(
    "E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
    "Repository, as bundled with scikit-learn (1797 images of 8 × 8 pixels)"
)
DERIVED = Source("Derived, see docs/theory/inductive_bias.md")
OURS = "derived, see docs/theory/inductive_bias.md"

INFORMATION = Equation(
    r"I(\varepsilon) = -\log_2 P\big(e_{test}(h)\le\varepsilon \,\big|\, h \text{ fits the"
    r" training set}\big)",
    "Bits of knowledge that single out the hypotheses which generalise, beyond the space and the "
    "data. A property of space, data, N test points and ε together.",
    "setting of arXiv 2406.15941",
)
LAW = Equation(
    r"e_{test} = c+\sum_i w_i\,\chi'^2\Big(C,\frac{b_i^2}{w_i}\Big),\qquad"
    r" w_i=\frac{\lambda_i}{NC},\quad b_i^2=\frac{1}{NC}\sum_c\big(u_i^\top(\mu_c-y_c)\big)^2",
    "λ, u: eigenvalues and eigenvectors of the posterior covariance at the N test points, μ its "
    "mean, C outputs, c what frozen directions leave. The probability is exact at any depth.",
    OURS,
)
CLOSED_FORM = Equation(
    r"\begin{aligned} I &= D\,(2dE-n)\,\log_2\frac{B\sqrt{Dd}\,L_f W}{\varepsilon},\qquad"
    r" E=\binom{m+K}{m}+\binom{m+K-1}{m},\qquad"
    r" K(K+m-1)=\Big(\frac{2\pi r}{\delta}\Big)^2,\\"
    r" L_f&=\frac{K\sqrt D}{r},\qquad"
    r" W=\sqrt{\frac m6}\,\Big(\frac{2\pi^{(m+1)/2}\,d}{\Gamma(\frac{m+1}2)}\Big)^{1/m}\,"
    r" r\,n^{-1/m}\end{aligned}",
    "m: intrinsic dimension, r: radius and δ: resolution of the inputs, d: classes, D = d − 1: "
    "outputs, B = 1: their bound, n: samples, ε: error over the loss's Lipschitz constant; E: "
    "harmonics up to degree K, W: distance between training and test points.",
    "released code of arXiv 2305.01034",
)
STAND_INS = (
    "Digits, spheres and a pendulum stand in for the papers' MNIST, CIFAR-10, Omniglot and "
    "inverted pendulum, whose set-ups or data were not available. Not reproduced: Table 1 and "
    "figures 3 and 4 of arXiv 2406.15941."
)
SAME_N = (
    "Information belongs to the N given test points and grows about linearly with N: only "
    "numbers with the same N may be compared."
)

TITLES: dict[TaskName, str] = {
    "digits": "digits, ten classes",
    "digits-parity": "digits, even or odd",
    "sphere": "sphere S⁴",
    "pendulum": "pendulum, smooth",
    "pendulum-clipped": "pendulum, clipped",
}
WIDTHS: dict[TaskName, float] = {
    "digits": 3.0,
    "digits-parity": 3.0,
    "sphere": 1.0,
    "pendulum": 0.5,
    "pendulum-clipped": 0.5,
}


def training_points(default: int, *, low: int = 5, high: int = 300, advanced: bool = False) -> Any:
    """Declare n."""
    return parameter(
        default,
        title="training points",
        symbol="n",
        help="Every hypothesis fits all of them.",
        ge=low,
        le=high,
        scale="log",
        advanced=advanced,
    )


def held_out_points(default: int, *, high: int = 400) -> Any:
    """Declare N."""
    return parameter(
        default,
        title="test points",
        symbol="N",
        help="The error is measured on these; information grows about linearly with N.",
        ge=10,
        le=high,
        scale="log",
    )


def which_draw() -> Any:
    """Declare the number of the draw that the lines are of."""
    return parameter(
        0,
        title="number of the draw",
        symbol=r"\#",
        help="Which random training and test set the lines are of.",
        ge=0,
        le=999,
        advanced=True,
    )


def sample_count(default: int = 2000) -> Any:
    """Declare how many interpolants a trial draws."""
    return parameter(
        default,
        title="interpolants sampled in a trial",
        symbol="S",
        help="Counting sees no deeper than log2 of all samples drawn.",
        ge=500,
        le=20_000,
        scale="log",
        advanced=True,
    )


def drawn_task(name: TaskName, train: int, test: int, rng: Generator) -> Task:
    """Draw a task by name."""
    if name == "sphere":
        return sphere_task(rng, train=train, test=test)
    if name in ("digits", "digits-parity"):
        targets: Literal["one-hot", "parity"] = "one-hot" if name == "digits" else "parity"
        return digits_task(rng, train=train, test=test, targets=targets)
    control: Literal["smooth", "clipped"] = "smooth" if name == "pendulum" else "clipped"
    return pendulum_task(rng, train=train, test=test, control=control)


@cache
def known_task(name: TaskName, train: int, test: int, draw: int) -> Task:
    """Return draw number so-and-so of a task: the same at every call."""
    return drawn_task(name, train, test, np.random.default_rng([20240615, draw]))


@dataclass(frozen=True, eq=False)
class Space:
    """A hypothesis space on one task: exact error law, posterior, targets, their mean square."""

    law: InterpolantErrorLaw
    posterior: Posterior
    targets: Real
    power: float


@cache
def known_space(
    name: TaskName,
    train: int,
    test: int,
    draw: int,
    kernel: Kernel = "rbf",
    width: float | None = None,
    depth: int = 1,
) -> Space:
    """Return the error law of a kernel's interpolants on a fixed draw of a task."""
    task = known_task(name, train, test, draw)
    kernels = task_kernels(task, kernel, width=width, depth=depth)
    return space_of(task, kernels)


def space_of(task: Task, kernels: KernelMatrices) -> Space:
    """Put together what is known of the interpolants of a task."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ValidityWarning)  # `rounding_notes` says it in words
        return Space(
            interpolant_error_law(*kernels, task.train_targets, task.test_targets),
            gaussian_posterior(*kernels, task.train_targets),
            task.test_targets,
            float(np.mean(task.test_targets**2)),
        )


def rounding_notes(*spaces: Space) -> tuple[str, ...]:
    """Warn where a kernel matrix is so nearly singular that its jitter decides, or rank ends."""
    left = max(space.posterior.training_error / space.power for space in spaces)
    least = max(space.law.offset / space.power for space in spaces)
    notes = []
    if left >= SINGULAR:
        notes.append(
            f"A kernel matrix is singular up to rounding: a share {left:.0e} of the targets stays "
            "unfitted, and the bits depend on the jitter of 1e-10. Use fewer training points."
        )
    if least > 1e-3:
        notes.append(
            f"Errors below {least:.2g} of the targets' mean square are out of reach at this "
            "numerical rank: infinitely many bits."
        )
    return tuple(notes)


def relative_bits(spaces: Sequence[Space], errors: Real) -> Real:
    """Exact bits against the error in units of the targets' mean square; inf out of reach."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ValidityWarning)  # a gap in the chart, and a note
        return np.array([space.law.bits(errors * space.power) for space in spaces])


@cache
def _quantiles(space: Space, depths: tuple[float, ...]) -> tuple[Real, Real]:
    """Return relative errors near the asked depths and the exact probabilities there."""
    top = np.log(space.law.mean / space.power)
    fine = np.exp(np.linspace(top - 6.0, top + 0.5, 300))
    bits = relative_bits([space], fine)[0]
    places = np.exp(np.interp(depths, bits[::-1], np.log(fine)[::-1]))
    return places, np.exp2(-relative_bits([space], places)[0])


def exact_quantiles(spaces: Sequence[Space], depths: Real) -> tuple[Real, Real]:
    """Return errors that are reached with about 2^-depth, and with which probability exactly."""
    found = [_quantiles(space, tuple(float(depth) for depth in depths)) for space in spaces]
    return np.array([one[0] for one in found]), np.array([one[1] for one in found])


def counted(spaces: Sequence[Space], depths: Real, samples: int, rng: Generator) -> dict[str, Real]:
    """Sample interpolants of every space: where a share 2^-depth of them lies, and the shares.

    Functions are drawn from the posterior, not errors from the law, so that the law is tested.
    """
    places, _ = exact_quantiles(spaces, depths)
    quantile, share = np.empty_like(places), np.empty_like(places)
    for row, space in enumerate(spaces):
        errors = space.posterior.draw_errors(space.targets, samples, rng) / space.power
        quantile[row] = np.quantile(errors, np.exp2(-depths))
        share[row] = (errors[:, None] <= places[row]).mean(axis=0)
    level = np.broadcast_to(depths, quantile.shape).astype(float)
    return {"quantile": quantile, "level": level, "share": share}
