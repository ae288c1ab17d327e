"""Sources and equations that the studies of the first two chapters share."""

from __future__ import annotations

from sims.information_bottleneck.studies.common import OURS
from sims.study import Equation, Source

CHECHIK = Source(
    "G. Chechik, A. Globerson, N. Tishby, Y. Weiss, Information Bottleneck for Gaussian "
    "Variables, JMLR 6, 2005",
    "@article{chechik2005gaussian,\n"
    "  title={Information Bottleneck for Gaussian Variables},\n"
    "  author={Chechik, Gal and Globerson, Amir and Tishby, Naftali and Weiss, Yair},\n"
    "  journal={Journal of Machine Learning Research},\n"
    "  volume={6},\n"
    "  year={2005}\n"
    "}",
)
TISHBY = Source(
    "N. Tishby, F. C. Pereira, W. Bialek, The Information Bottleneck Method, Allerton 1999",
    "@inproceedings{tishby1999bottleneck,\n"
    "  title={The Information Bottleneck Method},\n"
    "  author={Tishby, Naftali and Pereira, Fernando C. and Bialek, William},\n"
    "  booktitle={Allerton Conference on Communication, Control, and Computing},\n"
    "  year={1999}\n"
    "}",
)
KRASKOV = Source(
    "A. Kraskov, H. Stögbauer, P. Grassberger, Estimating Mutual Information, Phys. Rev. E 69, "
    "2004",
    "@article{kraskov2004estimating,\n"
    "  title={Estimating Mutual Information},\n"
    '  author={Kraskov, Alexander and St{\\"o}gbauer, Harald and Grassberger, Peter},\n'
    "  journal={Physical Review E},\n"
    "  volume={69},\n"
    "  year={2004}\n"
    "}",
)
POOLE = Source(
    "B. Poole, S. Ozair, A. van den Oord, A. Alemi, G. Tucker, On Variational Bounds of Mutual "
    "Information, ICML 2019",
    "@inproceedings{poole2019variational,\n"
    "  title={On Variational Bounds of Mutual Information},\n"
    '  author={Poole, Ben and Ozair, Sherjil and van den Oord, A{\\"a}ron and Alemi, Alex and '
    "Tucker, George},\n"
    "  booktitle={International Conference on Machine Learning},\n"
    "  year={2019}\n"
    "}",
)
LIMITATIONS = Source(
    "D. McAllester, K. Stratos, Formal Limitations on the Measurement of Mutual Information, "
    "AISTATS 2020, arXiv 1811.04251",
    "@inproceedings{mcallester2020formal,\n"
    "  title={Formal Limitations on the Measurement of Mutual Information},\n"
    "  author={McAllester, David and Stratos, Karl},\n"
    "  booktitle={Artificial Intelligence and Statistics},\n"
    "  year={2020},\n"
    "  note={arXiv:1811.04251}\n"
    "}",
)
WASSERSTEIN = Source(
    "S. Ozair, C. Lynch, Y. Bengio, A. van den Oord, S. Levine, P. Sermanet, Wasserstein "
    "Dependency Measure for Representation Learning, NeurIPS 2019, arXiv 1903.11780",
    "@inproceedings{ozair2019wasserstein,\n"
    "  title={Wasserstein Dependency Measure for Representation Learning},\n"
    '  author={Ozair, Sherjil and Lynch, Corey and Bengio, Yoshua and van den Oord, A{\\"a}ron and '
    "Levine, Sergey and Sermanet, Pierre},\n"
    "  booktitle={Advances in Neural Information Processing Systems},\n"
    "  year={2019},\n"
    "  note={arXiv:1903.11780}\n"
    "}",
)
GIRALDO = Source(
    "L. G. Sanchez Giraldo, M. Rao, J. C. Príncipe, Measures of Entropy from Data Using "
    "Infinitely Divisible Kernels, IEEE Trans. Inf. Theory 61, 2015"
)
GRETTON = Source(
    "A. Gretton, O. Bousquet, A. Smola, B. Schölkopf, Measuring Statistical Dependence with "
    "Hilbert-Schmidt Norms, ALT 2005"
)

PROBLEM = Equation(
    r"\min_{p(t \mid x)}\; I(T;X) - \beta\, I(T;Y)",
    "T is what is kept of X; β is what a nat about Y is worth in nats of X.",
    "Tishby, Pereira, Bialek, 1999",
)
GAUSSIAN_INFORMATION = Equation(
    r"I(X;Y) = -\tfrac12 \sum_k \log(1-\rho_k^2)",
    "ρ_k are the canonical correlations. Natural logarithms: nats.",
    "textbook",
)
QMI = Equation(
    r"I_{CS}(X;T) = -2\log\!\int\! p\,q + \log\!\int\! p^2 + \log\!\int\! q^2"
    r" = I(X;T) + \sum_k \log\!\big(1-\tfrac{\rho_k^2}{4}\big)",
    "p is the joint law, q the product of the marginals; the right-hand side is for Gaussian "
    "pairs. With the factor 2 (some papers use half of it).",
    f"arXiv 2404.17951 (definition); right-hand side {OURS}",
)
SMOOTHED = Equation(
    r"\rho_k^2 \to \frac{\rho_k^2}{(1+\sigma_x^2/2)(1+\sigma_t^2/2)}",
    "What an estimator with kernels exp(−d²/2σ²) aims at: the information of the data after "
    "smoothing by N(0, σ²/2).",
    OURS,
)
