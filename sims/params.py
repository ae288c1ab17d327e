"""Parameters of a study: declared once, validated everywhere, explained in one kind of message."""

from __future__ import annotations

import difflib
import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sims.numerics.validate import interval

Scale = Literal["linear", "log"]
Kind = Literal["integer", "number", "numbers", "choice", "flag"]


@dataclass(frozen=True)
class Problem:
    """One value that is not allowed, what is wrong with it, and the legal value nearest to it."""

    name: str
    value: object
    message: str
    nearest: object


class ParameterError(ValueError):
    """Values that are not allowed; the message names each with its value and range.

    Attributes
    ----------
    problems : tuple of Problem
        One entry for every value at fault.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(problem.message for problem in problems))

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


@dataclass(frozen=True)
class ParameterInfo:
    """What sliders, options, links and messages need to know about one parameter.

    Attributes
    ----------
    name, title, symbol, unit, help : str
        The name in code and links, the words and the LaTeX symbol shown, the unit ("" if none)
        and one line of explanation.
    kind : {"integer", "number", "numbers", "choice", "flag"}
        "numbers" is a tuple of numbers.
    default : object
    low, high : float
        The ends of the allowed interval, each excluded when ``open_low`` or ``open_high``.
    scale : {"linear", "log"}
        How a slider should be spaced.
    step : float or None
        A sensible step of a linear slider.
    choices : tuple of str
        The options of a choice.
    advanced : bool
        Shown under "More" instead of at once.
    """

    name: str
    title: str
    symbol: str
    unit: str
    help: str
    kind: Kind
    default: Any
    low: float
    high: float
    open_low: bool
    open_high: bool
    scale: Scale
    step: float | None
    choices: tuple[str, ...]
    advanced: bool

    @property
    def allowed(self) -> str:
        """The legal values in words, completing "it must be …"."""
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "flag":
            return "true or false"
        range_ = interval(self.low, self.high, self.open_low, self.open_high)
        if self.kind == "integer":
            return f"a whole number {range_}"
        if self.kind == "numbers":
            return f"numbers {range_}, separated by commas"
        return f"a number {range_}"

    def nearest(self, value: object) -> object:
        """Return the legal value nearest to `value`; the default where nearness has no meaning."""
        if self.kind not in ("integer", "number"):
            return self.default
        try:
            number = float(value)  # type: ignore[arg-type]  # anything at all may stand in a link
        except (TypeError, ValueError, OverflowError):
            return self.default
        clipped = min(max(number, self.low), self.high)
        if not math.isfinite(clipped):
            return self.default
        found = round(clipped) if self.kind == "integer" else clipped
        return found if _inside(found, self) else self.default  # an open end has no nearest


def parameter(
    default: object,
    *,
    title: str,
    symbol: str,
    help: str,
    unit: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    scale: Scale = "linear",
    step: float | None = None,
    advanced: bool = False,
) -> Any:
    """Declare one parameter of a study: default, range, words, symbol and help.

    Parameters
    ----------
    default : object
        The value of a fresh page.
    title, symbol, help, unit : str
        Words, LaTeX symbol, one line of explanation, unit.
    ge, gt, le, lt : float, optional
        The allowed interval (for a tuple of numbers: of each of them).
    scale : {"linear", "log"}
        Spacing of the slider.
    step : float, optional
        Step of a linear slider.
    advanced : bool
        Show under "More".

    Examples
    --------
    >>> class Coin(Params):
    ...     p: float = parameter(0.5, title="bias", symbol="p", help="Heads.", ge=0, le=1)
    >>> Coin(p=2)
    Traceback (most recent call last):
    ...
    sims.params.ParameterError: p = 2 is not allowed: it must be a number in [0, 1] (bias)
    """
    extra: dict[str, Any] = {
        "symbol": symbol,
        "unit": unit,
        "scale": scale,
        "step": step,
        "advanced": advanced,
        "bounds": [ge, gt, le, lt],
    }
    bounds: dict[str, Any] = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    if isinstance(default, tuple | str | bool):
        bounds = {}  # a tuple's bounds are those of its entries, checked by `Params` itself
    return Field(
        default,
        title=title,
        description=help,
        json_schema_extra=extra,
        **bounds,
    )


class Params(BaseModel):
    """Base of every study's parameters: frozen, validated, with one kind of error message.

    Text is accepted wherever a number is, so that the terminal, a link and Python go through
    the same door: ``Params(n="512", ridges="0.1, 1")``.

    Raises
    ------
    ParameterError
        A ``ValueError`` that names every argument at fault, its value and the allowed range.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ParameterError(_explain(type(self), error, values)) from None

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        kinds = {info.name: info.kind for info in cls.describe()}
        return {name: _from_text(value, kinds.get(name)) for name, value in values.items()}

    @model_validator(mode="after")
    def _check_entries(self) -> Self:
        for info in self.describe():
            if info.kind != "numbers":
                continue
            entries = getattr(self, info.name)
            if not entries or not all(_inside(entry, info) for entry in entries):
                raise ValueError(_refusal(info, entries))
        return self

    @classmethod
    def describe(cls) -> tuple[ParameterInfo, ...]:
        """Describe every parameter, in the order of declaration."""
        return _describe_all(cls)

    def replace(self, **changes: Any) -> Self:
        """Return a validated copy with some values changed."""
        return type(self)(**{**self.model_dump(), **changes})

    def changes(self, base: Params | None = None) -> dict[str, Any]:
        """Return the values that differ from `base` (from the defaults when it is None)."""
        reference = base if base is not None else type(self)()
        mine = self.model_dump()
        return {name: mine[name] for name in mine if mine[name] != getattr(reference, name)}

    def canonical(self) -> str:
        """Return the one text that stands for these values, used as a key of stored trials."""
        plain = {name: _plain(value) for name, value in self.model_dump().items()}
        return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def as_text(value: object) -> str:
    """Write a value the way a link and the terminal take it back.

    Examples
    --------
    >>> as_text((0.1, 2.0)), as_text(256), as_text(0.001)
    ('0.1,2', '256', '0.001')
    """
    if isinstance(value, tuple | list):
        return ",".join(as_text(entry) for entry in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    return value + 0.0 if isinstance(value, float) else value  # -0.0 and 0.0 are one value


def _from_text(value: object, kind: Kind | None) -> object:
    """Turn text into what pydantic takes for the kind; leave what is no such text alone."""
    if kind == "numbers" and isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if kind == "numbers" and isinstance(value, Real) and not isinstance(value, bool):
        return (value,)
    if kind == "integer" and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return _whole(value)
    return value


def _whole(text: str) -> object:
    """Read a whole number written as a decimal ("1e3"); leave other text alone."""
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else text


def _inside(value: float, info: ParameterInfo) -> bool:
    above = value > info.low if info.open_low else value >= info.low
    below = value < info.high if info.open_high else value <= info.high
    return above and below


def _refusal(info: ParameterInfo, value: object) -> str:
    shown = as_text(value) if isinstance(value, tuple | list) else repr(value).strip("'\"")
    shown = shown or "''"
    return f"{info.name} = {shown} is not allowed: it must be {info.allowed} ({info.title})"


@functools.cache
def _describe_all(model: type[Params]) -> tuple[ParameterInfo, ...]:
    return tuple(_describe(name, field) for name, field in model.model_fields.items())


def _describe(name: str, field: Any) -> ParameterInfo:
    extra = dict(field.json_schema_extra or {})
    ge, gt, le, lt = extra.get("bounds") or (None, None, None, None)
    kind, choices = _kind(field.annotation)
    return ParameterInfo(
        name=name,
        title=field.title or name,
        symbol=extra.get("symbol", name),
        unit=extra.get("unit", ""),
        help=field.description or "",
        kind=kind,
        default=field.default,
        low=next((float(b) for b in (ge, gt) if b is not None), -math.inf),
        high=next((float(b) for b in (le, lt) if b is not None), math.inf),
        open_low=gt is not None,
        open_high=lt is not None,
        scale=extra.get("scale", "linear"),
        step=extra.get("step"),
        choices=choices,
        advanced=bool(extra.get("advanced", False)),
    )


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        options = get_args(annotation)
        if not all(isinstance(option, str) for option in options):
            raise TypeError(f"the options of a choice are text, but they are {options!r}")
        return "choice", options
    if get_origin(annotation) is tuple:
        return "numbers", ()
    kinds: dict[Any, Kind] = {bool: "flag", int: "integer", float: "number"}
    if annotation not in kinds:
        raise TypeError(f"a parameter of type {annotation!r} has no control yet")
    return kinds[annotation], ()


def _explain(
    model: type[Params], error: ValidationError, given: Mapping[str, Any]
) -> tuple[Problem, ...]:
    infos = {info.name: info for info in model.describe()}
    problems: dict[str, Problem] = {}
    for entry in error.errors():
        name = str(entry["loc"][0]) if entry["loc"] else ""
        whole = len(entry["loc"]) == 1
        value = given.get(name, entry["input"]) if whole else entry["input"]  # as it was written
        if entry["type"] == "extra_forbidden":
            problem = Problem(name, value, _unknown(name, infos), None)
        elif name in infos:
            info = infos[name]
            problem = Problem(name, value, _refusal(info, value), info.nearest(value))
        else:
            message = str(entry["msg"]).removeprefix("Value error, ")
            culprit = message.split(" = ")[0]
            at_fault = value.get(culprit) if isinstance(value, Mapping) else value
            default = infos[culprit].default if culprit in infos else None
            problem = Problem(culprit if culprit in infos else "", at_fault, message, default)
        problems.setdefault(name or problem.name, problem)
    return tuple(problems.values())


def _unknown(name: str, infos: Mapping[str, ParameterInfo]) -> str:
    close = difflib.get_close_matches(name, infos, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{name} is not a parameter of this study: {hint}it has {', '.join(infos)}"
