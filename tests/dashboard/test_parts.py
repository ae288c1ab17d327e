"""Parts of the dashboard that can be asked without a page."""

from __future__ import annotations

import pytest

from sims.catalogue import find, studies
from sims.chart import with_scales
from sims.dashboard import controls, pins
from sims.dashboard.glossary import entries
from sims.dashboard.home import matches
from sims.dashboard.symbols import coloured, colours
from sims.params import Params, parameter
from sims.study import Curves, Stack

DESCENT = find("random-features/double-descent")
INK = {"n": "#1", r"\sigma^2": "#2", r"\delta": "#3"}


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("n", r"{\textcolor{#1}{n}}"),
        (r"x_n^2", r"x_{\textcolor{#1}{n}}^2"),
        (r"n_0 + n'", r"n_0 + n'"),
        (r"\ln n", r"\ln {\textcolor{#1}{n}}"),
        (r"\text{n in words}", r"\text{n in words}"),
        (r"\text{an $\frac{n}{2}$} n", r"\text{an $\frac{n}{2}$} {\textcolor{#1}{n}}"),
        (r"\sigma^2 + \sigma", r"{\textcolor{#2}{\sigma^2}} + \sigma"),
        (r"\delta\deltan", r"{\textcolor{#3}{\delta}}\deltan"),
        (r"\begin{n} n \end{n}", r"\begin{n} {\textcolor{#1}{n}} \end{n}"),
        (r"\text{unclosed", r"\text{unclosed"),
    ],
)
def test_symbols_are_coloured_where_they_stand_alone(latex, expected):
    assert coloured(latex, INK) == expected


@pytest.mark.parametrize("name", list(studies()))
@pytest.mark.parametrize("dark", [True, False])
def test_every_equation_keeps_its_meaning_in_colour(name, dark):
    """Taking the colours away again gives the equation back."""
    study = find(name)
    inks = colours(study, dark)
    for equation in study.equations:
        text = coloured(equation.latex, inks)
        for symbol, ink in inks.items():
            text = text.replace(f"{{\\textcolor{{{ink}}}{{{symbol}}}}}", symbol)
        assert text == equation.latex


def test_pins_are_read_as_they_are_written(monkeypatch):
    base = DESCENT.presets[0].params
    kept = (
        pins.Pin(base, 0, 20),
        pins.Pin(base.replace(n=100, ridges=(0.1, 1.0)), 7, 3),
    )
    monkeypatch.setattr(pins, "pinned", lambda study: kept)
    text = pins.write(DESCENT)
    assert text == "seed=0;trials=20|n=100;ridges=0.1,1;seed=7;trials=3"
    assert pins.read(DESCENT, text) == (kept, [])
    assert pins.words(DESCENT, kept[0]) == "as the page opened"
    assert pins.words(DESCENT, kept[1]) == "n = 100, ridges = 0.1, 1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n=-3", "A pin is left out: n = -3 is not allowed"),
        ("trials=-1", "A pin is left out: its seed and trials must be"),
        ("trials=x", "A pin is left out: its seed and trials must be"),
        ("bogus=1", "A pin is left out: bogus is not a parameter of this study"),
    ],
)
def test_a_pin_that_cannot_be_read_is_named_and_the_others_stay(text, message):
    found, messages = pins.read(DESCENT, f"{text}|n=50;trials=2")
    assert [pin.params.n for pin in found] == [50]
    assert len(messages) == 1
    assert messages[0].startswith(message)


def test_five_pins_in_a_link_are_four():
    assert len(pins.read(DESCENT, "|".join(["trials=1"] * 5))[0]) == pins.MOST


class Open(Params):
    fraction: float = parameter(0.5, title="f", symbol="f", help="h", gt=0, lt=1)
    width: int = parameter(8, title="w", symbol="w", help="h", ge=1, le=512, scale="log")
    level: float = parameter(0.1, title="l", symbol="l", help="h", gt=1e-3, le=1, scale="log")


@pytest.mark.parametrize("count", [1, 6, 20, 1000])
def test_the_stops_of_a_sweep_are_legal_ordered_and_of_the_right_kind(count):
    for info in Open.describe():
        stops = controls.stops(info, count)
        assert 1 <= len(stops) <= count
        assert stops == sorted(set(stops))
        assert all(Open(**{info.name: stop}) for stop in stops)
        assert all(isinstance(stop, int if info.kind == "integer" else float) for stop in stops)


def test_the_search_looks_at_titles_papers_and_symbols():
    assert matches(DESCENT, "Double Descent")
    assert matches(DESCENT, "2311.14646")
    assert matches(DESCENT, "ridge alpha")
    assert not matches(DESCENT, "ridge unicorn")


def test_the_glossary_has_every_symbol_once():
    lines = entries([DESCENT])
    assert len(lines) == len(set(lines))
    for info in DESCENT.Params.describe():
        assert any(f"${info.symbol}$" in line and info.title in line for line in lines)
    assert all(line.count(" | ") == 2 for line in lines)


def test_scales_can_be_changed_except_that_parts_are_piled_up_linearly():
    curves = next(view for view in DESCENT.views if isinstance(view, Curves))
    assert with_scales(curves, "linear", "linear").y_scale == "linear"
    assert with_scales(curves, None, None) == curves
    stack = Stack("s", "s", "k", ("a",))
    assert with_scales(stack, "linear", "log") == Stack("s", "s", "k", ("a",), x_scale="linear")
