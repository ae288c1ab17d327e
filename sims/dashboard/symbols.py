"""Symbols in colour: a parameter's symbol looks alike on its slider and in the equations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sims.study import Study

# Dark enough, or light enough, to be read as text (contrast 4.5 and more).
_ON_LIGHT = ("#00609C", "#A63C00", "#00684E", "#99306F", "#6B5500", "#4B3FA0", "#8A1C1C")
_ON_DARK = ("#56B4E9", "#FFA45C", "#2CC79B", "#E39BC4", "#F0E442", "#B9AEFF", "#FF9A9A")

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\s+|.", re.DOTALL)
_WORDS = {r"\text", r"\textbf", r"\mathrm", r"\operatorname", r"\begin", r"\end", r"\tag"}


def colours(study: Study[Any], dark: bool) -> dict[str, str]:
    """Return a colour for the symbol of each parameter that is not folded away."""
    palette = _ON_DARK if dark else _ON_LIGHT
    shown = [info.symbol for info in study.Params.describe() if not info.advanced]
    return dict(zip(dict.fromkeys(shown), palette))


def coloured(latex: str, known: Mapping[str, str]) -> str:
    r"""Return an equation with every occurrence of the known symbols in its colour.

    A symbol with an index, or a dash, of its own is another quantity and stays as it is; so do
    words.

    Examples
    --------
    >>> coloured(r"\frac{n}{n_0}", {"n": "#111111"})
    '\\frac{{\\textcolor{#111111}{n}}}{n_0}'
    """
    tokens = _TOKEN.findall(latex)
    symbols = sorted(((_TOKEN.findall(s), c) for s, c in known.items()), key=lambda e: -len(e[0]))
    parts: list[str] = []
    at = 0
    while at < len(tokens):
        size = _word_size(tokens, at)
        ink = ""
        if not size:
            size, ink = next(
                ((len(s), c) for s, c in symbols if _stands_there(tokens, at, s)), (1, "")
            )
        text = "".join(tokens[at : at + size])
        parts.append(f"{{\\textcolor{{{ink}}}{{{text}}}}}" if ink else text)
        at += size
    return "".join(parts)


def _stands_there(tokens: list[str], at: int, symbol: list[str]) -> bool:
    after = tokens[at + len(symbol)] if at + len(symbol) < len(tokens) else ""
    return tokens[at : at + len(symbol)] == symbol and after not in ("_", "'")


def _word_size(tokens: list[str], at: int) -> int:
    """Return how many tokens a command and its words in braces take; 0 where there is none."""
    if tokens[at] not in _WORDS:
        return 0
    depth = 0
    for end in range(at + 1, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[end], 0)
        if depth == 0:
            return end - at + 1
    return len(tokens) - at
