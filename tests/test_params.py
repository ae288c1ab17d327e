from __future__ import annotations

import json
import math
import pickle
from typing import Annotated, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError, model_validator

from sims.params import ParameterError, Params, as_text, parameter


class Everything(Params):
    """One parameter of every kind, and a rule across two of them."""

    n: int = parameter(8, title="samples", symbol="n", help="How many.", ge=1, le=1000, scale="log")
    sigma: float = parameter(
        0.5, title="noise", symbol=r"\sigma", help="How loud.", unit="V", ge=0, le=10, step=0.1
    )
    rate: float = parameter(0.5, title="rate", symbol="r", help="Open ends.", gt=0, lt=1)
    free: float = parameter(0.0, title="free", symbol="f", help="Any number.", advanced=True)
    positive: int = parameter(3, title="positive", symbol="q", help="Open from below.", gt=0)
    ridges: tuple[float, ...] = parameter(
        (0.1, 1), title="ridges", symbol=r"\delta", help="One curve each.", gt=0, le=1e6
    )
    kernel: Literal["NNGP", "two layers"] = parameter(
        "NNGP", title="kernel", symbol="K", help="Which."
    )
    centred: bool = parameter(True, title="centred", symbol="c", help="Subtract the mean.")

    @model_validator(mode="after")
    def _noise_needs_samples(self):
        if self.sigma > self.n:
            raise ValueError(f"sigma = {self.sigma:g} is not allowed: it must be at most n")
        return self


def problems(**values):
    with pytest.raises(ParameterError) as caught:
        Everything(**values)
    return caught.value.problems


# --- every kind, through Python and through text ---


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("n", 12, 12),
        ("n", 12.0, 12),
        ("n", np.int64(12), 12),
        ("n", "12", 12),
        ("n", "1e2", 100),
        ("sigma", 1, 1.0),
        ("sigma", "0.25", 0.25),
        ("sigma", np.float32(0.25), 0.25),
        ("sigma", -0.0, 0.0),
        ("rate", "1e-3", 1e-3),
        ("free", "-7.5", -7.5),
        ("positive", "9007199254740993", 9007199254740993),  # not a float
        ("ridges", "0.1, 1,10", (0.1, 1.0, 10.0)),
        ("ridges", "2", (2.0,)),
        ("ridges", 2, (2.0,)),
        ("ridges", [1, 2], (1.0, 2.0)),
        ("ridges", np.array([0.5, 2]), (0.5, 2.0)),
        ("kernel", "two layers", "two layers"),
        ("centred", "false", False),
        ("centred", False, False),
    ],
)
def test_values_are_taken_from_python_and_from_text(name, given, kept):
    value = getattr(Everything(**{name: given}), name)
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(
    ("name", "value", "message", "nearest"),
    [
        ("n", 0, "n = 0 is not allowed: it must be a whole number in [1, 1000] (samples)", 1),
        ("n", 5000, "n = 5000 is not allowed: it must be a whole number in [1, 1000]", 1000),
        ("n", 2.6, "n = 2.6 is not allowed: it must be a whole number", 3),
        ("n", "many", "n = many is not allowed: it must be a whole number", 8),
        ("n", "", "n = '' is not allowed", 8),
        ("n", None, "n = None is not allowed", 8),
        ("n", "inf", "n = inf is not allowed", 1000),
        ("n", "nan", "n = nan is not allowed", 8),
        ("sigma", -1, "sigma = -1 is not allowed: it must be a number in [0, 10] (noise)", 0.0),
        ("sigma", math.nan, "sigma = nan is not allowed", 0.5),
        ("sigma", math.inf, "sigma = inf is not allowed", 10.0),
        ("sigma", "x", "sigma = x is not allowed", 0.5),
        ("rate", 0, "rate = 0 is not allowed: it must be a number in (0, 1) (rate)", 0.5),
        ("rate", 1, "rate = 1 is not allowed", 0.5),
        ("rate", 7, "rate = 7 is not allowed", 0.5),
        ("free", math.inf, "free = inf is not allowed: it must be a number in (-inf, inf)", 0.0),
        ("positive", 0, "positive = 0 is not allowed: it must be a whole number in (0, inf)", 3),
        ("positive", 0.3, "positive = 0.3 is not allowed", 3),
        ("ridges", "1,-2", "ridges = 1,-2 is not allowed: it must be numbers in (0, 1e+06]", None),
        ("ridges", "1,x", "ridges = x is not allowed", None),
        ("ridges", "", "ridges = '' is not allowed", None),
        ("ridges", (), "ridges = '' is not allowed", None),
        ("ridges", (1, math.inf), "ridges = inf is not allowed", None),
        ("ridges", ((math.inf,),), "ridges = inf is not allowed", None),
        (
            "kernel",
            "RBF",
            "kernel = RBF is not allowed: it must be one of NNGP, two layers",
            "NNGP",
        ),
        ("centred", "maybe", "centred = maybe is not allowed: it must be true or false", True),
    ],
)
def test_refusals_name_argument_value_and_range(name, value, message, nearest):
    (problem,) = problems(**{name: value})
    assert problem.name == name
    assert problem.message.startswith(message)
    expected = Everything().ridges if name == "ridges" else nearest
    assert problem.nearest == expected
    assert type(problem.nearest) is type(getattr(Everything(), name))


def test_a_number_too_large_for_a_float_is_refused_with_the_same_words():
    (problem,) = problems(n=10**400)
    assert problem.message.endswith("it must be a whole number in [1, 1000] (samples)")
    assert problem.nearest == 8


def test_all_problems_come_at_once():
    found = problems(n=0, sigma="loud", speed=3)
    assert [problem.name for problem in found] == ["n", "sigma", "speed"]
    with pytest.raises(ValueError, match=r"n = 0 .*; sigma = loud .*; speed is not a parameter"):
        Everything(n=0, sigma="loud", speed=3)


def test_unknown_names_get_a_suggestion_and_the_list():
    (problem,) = problems(kernels="NNGP")
    assert problem.message.startswith(
        "kernels is not a parameter of this study: did you mean kernel? it has n, sigma,"
    )
    assert problem.nearest is None
    (problem,) = problems(zzz=1)
    assert "did you mean" not in problem.message


def test_rules_across_parameters_speak_the_same_language():
    (problem,) = problems(n=1, sigma=2)
    assert problem.name == "sigma"
    assert problem.value == 2
    assert problem.nearest == 0.5
    assert problem.message == "sigma = 2 is not allowed: it must be at most n"


def test_errors_survive_pickling():
    with pytest.raises(ParameterError) as caught:
        Everything(n=0, sigma="loud")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert copy.problems == caught.value.problems


# --- declarations ---


def test_describe_tells_everything_a_control_needs():
    infos = {info.name: info for info in Everything.describe()}
    assert list(infos) == [
        "n", "sigma", "rate", "free", "positive", "ridges", "kernel", "centred",
    ]  # fmt: skip
    kinds = [info.kind for info in infos.values()]
    assert kinds == [
        "integer", "number", "number", "number", "integer", "numbers", "choice", "flag",
    ]  # fmt: skip
    n, sigma, rate = infos["n"], infos["sigma"], infos["rate"]
    assert (n.low, n.high, n.open_low, n.open_high) == (1, 1000, False, False)
    assert (rate.low, rate.high, rate.open_low, rate.open_high) == (0, 1, True, True)
    assert (n.default, n.scale, n.title, n.symbol, n.help) == (
        8, "log", "samples", "n", "How many.",
    )  # fmt: skip
    assert (sigma.unit, sigma.step, sigma.advanced) == ("V", 0.1, False)
    assert infos["free"].advanced
    assert (infos["free"].low, infos["free"].high) == (-math.inf, math.inf)
    assert (infos["ridges"].low, infos["ridges"].open_low, infos["ridges"].high) == (0, True, 1e6)
    assert infos["kernel"].choices == ("NNGP", "two layers")


def test_annotated_types_are_understood():
    class Plain(Params):
        m: Annotated[int, "a remark"] = parameter(1, title="m", symbol="m", help="m")

    assert Plain.describe()[0].kind == "integer"


@pytest.mark.parametrize("annotation", [list[int], complex, Literal[1, 2]])
def test_a_type_without_a_control_is_refused_when_it_is_described(annotation):
    class Odd(Params):
        x: annotation = parameter(None, title="x", symbol="x", help="x")  # type: ignore

    with pytest.raises(TypeError):
        Odd.describe()


def test_a_default_outside_its_own_range_is_refused():
    class Wrong(Params):
        x: float = parameter(5, title="x", symbol="x", help="x", le=1)

    with pytest.raises(ParameterError, match=r"x = 5 is not allowed"):
        Wrong()


# --- values once made ---


def test_frozen():
    values = Everything()
    with pytest.raises(ValidationError, match="frozen"):
        values.n = 3


def test_equal_values_are_one_key():
    one, other = Everything(n=5, sigma=1), Everything(n="5", sigma=1.0)
    assert one == other
    assert hash(one) == hash(other)
    assert one.canonical() == other.canonical()


def test_replace_validates_and_leaves_the_original():
    values = Everything()
    assert values.replace(n=9).n == 9
    assert values.n == 8
    with pytest.raises(ParameterError, match=r"n = 0 is not allowed"):
        values.replace(n=0)
    with pytest.raises(ParameterError, match="did you mean sigma"):
        values.replace(sigm=0)


def test_changes_are_what_differs():
    values = Everything(n=9, ridges="1,2")
    assert values.changes() == {"n": 9, "ridges": (1.0, 2.0)}
    assert values.changes(Everything(n=9)) == {"ridges": (1.0, 2.0)}
    assert Everything().changes() == {}


def test_canonical_text_is_one_for_one_value():
    assert Everything(sigma=-0.0).canonical() == Everything(sigma=0).canonical()
    assert Everything(sigma=1).canonical() == Everything(sigma="1.0").canonical()
    assert Everything(n=1, sigma=0).canonical() == Everything(n=True, sigma="-0").canonical()
    assert Everything(n=1).canonical() != Everything(n=2).canonical()
    assert Everything(ridges=(1, 2)).canonical() != Everything(ridges=(2, 1)).canonical()
    plain = json.loads(Everything().canonical())
    assert list(plain) == sorted(plain)
    assert plain["ridges"] == [0.1, 1.0]


def test_pickled_values_are_the_same():
    values = Everything(n=9, ridges="1,2", kernel="two layers")
    copy = pickle.loads(pickle.dumps(values))
    assert copy == values
    assert copy.canonical() == values.canonical()


NUMBERS = st.floats(1e-300, 1e6, exclude_min=True)
LEGAL = st.fixed_dictionaries(
    {
        "n": st.integers(10, 1000),
        "sigma": st.floats(0, 10),
        "rate": st.floats(0, 1, exclude_min=True, exclude_max=True),
        "free": st.floats(allow_nan=False, allow_infinity=False),
        "positive": st.integers(1, 10**30),
        "ridges": st.lists(NUMBERS, min_size=1, max_size=5).map(tuple),
        "kernel": st.sampled_from(["NNGP", "two layers"]),
        "centred": st.booleans(),
    }
)


@given(LEGAL)
def test_text_is_read_back_as_the_same_value(values):
    params = Everything(**values)
    texts = {name: as_text(value) for name, value in params.model_dump().items()}
    back = Everything(**texts)
    assert back == params
    assert back.canonical() == params.canonical()


@given(LEGAL)
def test_canonical_text_holds_all_digits(values):
    params = Everything(**values)
    assert Everything(**json.loads(params.canonical())) == params


@given(
    st.sampled_from(["n", "sigma", "rate", "free", "positive"]),
    st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.none(), st.just(10**400)),
)
def test_the_nearest_value_is_legal(name, value):
    """Through the address bar anything may come; what is shown instead must be allowed."""
    info = next(info for info in Everything.describe() if info.name == name)
    nearest = info.nearest(value)
    assert getattr(Everything(**{"n": 1000, name: nearest}), name) == nearest


def test_as_text_never_fails():
    shown = [as_text(value) for value in (math.inf, -math.inf, math.nan, -0.0, 1e22, True, "a b")]
    assert shown == ["inf", "-inf", "nan", "0", "1e+22", "true", "a b"]
