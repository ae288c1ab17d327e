"""What the family's studies share: chapters, sources, equations, units, the trained networks."""

from __future__ import annotations

import math
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sims.agreement import statement
from sims.information_bottleneck.compression import dead_networks
from sims.information_bottleneck.counting import plug_in_entropy
from sims.information_bottleneck.icosahedron import icosahedron_dataset
from sims.numerics.validate import ValidityWarning
from sims.params import Params, parameter
from sims.study import Axis, Check, Equation, Outcome, Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sims.information_bottleneck.planes import InformationPlane

ActivationName = Literal[
    "tanh", "relu", "abs", "prelu", "elu", "softplus", "centred-softplus", "swish"
]

TRADE_OFF, MEASURING = "1 What is the trade-off?", "2 Who can measure it?"
NETWORKS, REGRESSION = "3 What do networks do?", "4 Does the bottleneck help regression?"

CS_IB = Source(
    "S. Yu, X. Yu, S. Løkse, R. Jenssen, J. C. Príncipe, Cauchy–Schwarz Divergence Information "
    "Bottleneck for Regression, ICLR 2024, arXiv 2404.17951",
    "@inproceedings{yu2024cauchy,\n"
    "  title={Cauchy-Schwarz Divergence Information Bottleneck for Regression},\n"
    "  author={Yu, Shujian and Yu, Xi and L{\\o}kse, Sigurd and Jenssen, Robert and "
    "Pr{\\'i}ncipe, Jos{\\'e} C.},\n"
    "  booktitle={International Conference on Learning Representations},\n"
    "  year={2024},\n"
    "  note={arXiv:2404.17951}\n"
    "}",
)
ADAPTIVE = Source(
    "I. Chelombiev, C. Houghton, C. O'Donnell, Adaptive Estimators Show Information Compression in "
    "Deep Neural Networks, ICLR 2019, arXiv 1902.09037",
    "@inproceedings{chelombiev2019adaptive,\n"
    "  title={Adaptive Estimators Show Information Compression in Deep Neural Networks},\n"
    "  author={Chelombiev, Ivan and Houghton, Conor and O'Donnell, Cian},\n"
    "  booktitle={International Conference on Learning Representations},\n"
    "  year={2019},\n"
    "  note={arXiv:1902.09037}\n"
    "}",
)
OPENING = Source(
    "R. Shwartz-Ziv, N. Tishby, Opening the Black Box of Deep Neural Networks via Information, "
    "arXiv 1703.00810, 2017"
)
SAXE = Source("A. M. Saxe et al., On the Information Bottleneck Theory of Deep Learning, ICLR 2018")
DERIVED = Source("Derived, see docs/theory/information_bottleneck.md")
OURS = "derived, see docs/theory/information_bottleneck.md"

BITS = 1.0 / math.log(2.0)
PATTERNS = 4096
LAYERS = np.arange(1.0, 7.0)
LAYER = Axis("layer", "layer (6 is the softmax output)")

BINNED = Equation(
    r"I(T;X) = H(B), \qquad I(T;Y) = H(B) - \sum_y p(y)\,H(B \mid y), \qquad B = \mathrm{bin}(T)",
    "A deterministic layer has I(T;X) = 12 bits unless two of the 4096 patterns collide. What is "
    "plotted instead belongs to the bins: of one width for all, or as many values in each of "
    "30 bins, chosen anew for every layer and epoch.",
    "arXiv 1902.09037; ICLR 2018 (Saxe et al.)",
)
ATTAINABLE = Equation(
    r"I(T;Y) \le \min\{I(T;X),\, H(Y)\}",
    "The exact bottleneck curve where the label is a function of the input; H(Y) = 0.9992 bits.",
    OURS,
)
SCORE = Equation(
    r"C = \frac{\max_e I_e(T;X) - I_{end}(T;X)}{\max_e I_e(T;X)}",
    "Compression score of a layer, over the epochs e looked at: 0 if I(T;X) never falls. Ours; the "
    "paper's own definition was not available to us.",
    OURS,
)
ICOSAHEDRON = (
    "All 4096 patterns of 12 bits on an icosahedron's vertices, labelled by a rule that is "
    "invariant under rotation; information is measured on all of them, so there is no sampling "
    "bias. Network 12-10-7-5-4-3-2, softmax, Adam, batches of 256, 80 % of the patterns to train.",
    "Activations are float32, as in the papers: adaptive bins see saturation only through ties, "
    "and float64 has other ties.",
)


@cache
def label_entropy() -> float:
    """Return H(Y) of the icosahedron's labels, nats.

    Examples
    --------
    >>> round(label_entropy() * BITS, 6)
    0.999157
    """
    return float(plug_in_entropy(np.bincount(icosahedron_dataset().labels)))


def epoch_count(default: int, *, most: int = 10_000) -> Any:
    """Declare the length of the training."""
    return parameter(
        default,
        title="epochs",
        symbol="e",
        help="Passes over the training patterns.",
        ge=20,
        le=most,
        scale="log",
    )


def activation_choice(default: ActivationName) -> Any:
    """Declare the activation of the hidden layers."""
    return parameter(
        default,
        title="activation",
        symbol="f",
        help="Of the five hidden layers.",
    )


def learning_rate(default: float) -> Any:
    """Declare Adam's rate."""
    return parameter(
        default,
        title="learning rate",
        symbol=r"\eta",
        help="Of Adam. The paper's 4e-4 asks for its 8000 epochs; short runs need more.",
        ge=1e-4,
        le=1e-2,
        scale="log",
        advanced=True,
    )


class NetworkParams(Params):
    """Networks trained on the icosahedron's patterns."""

    activation: ActivationName = activation_choice("tanh")
    epochs: int = epoch_count(150)
    rate: float = learning_rate(2e-3)
    networks: int = parameter(
        1,
        title="networks in a trial",
        symbol="S",
        help="Initialisations trained together; a trial returns their average.",
        ge=1,
        le=50,
        advanced=True,
    )


def living(plane: InformationPlane) -> tuple[NDArray[np.bool_], float]:
    """Return which networks to average, and the share of dead ones.

    The dead are left out, except where no network of the trial has learned: then all are kept.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ValidityWarning)  # said by `dead_check`
        dead = dead_networks(plane.test_accuracy[-1])
    return (np.ones_like(dead) if dead.all() else ~dead), float(dead.mean())


def dead_check(outcome: Outcome[Any], networks: int) -> Check:
    """Count the networks that have not learned."""
    words = "at most a quarter of the networks are dead (test accuracy of 0.7 or less)"
    if outcome.trials < 1:
        return Check("dead", words, "undecided", math.nan, 0.25, "no network trained so far")
    share = float(np.mean(outcome.mean["dead"]))
    total = np.size(outcome.mean["dead"]) * outcome.trials * networks
    detail = f"{round(share * total)} of {total} dead"
    return statement("dead", words, share, 0.25, detail)


def short_training(epochs: int) -> tuple[str, ...]:
    """Warn where most networks have hardly begun to learn."""
    if epochs >= 50:
        return ()
    return (f"After {epochs} epochs many networks, of ReLU above all, have not learned yet.",)
