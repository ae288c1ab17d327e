"""The vocabulary: what a study declares, and what an outcome holds. Imports nothing above it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import numpy as np

from sims.params import Params, Scale

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

P = TypeVar("P", bound=Params)
P_co = TypeVar("P_co", bound=Params, covariant=True)
Arrays = Mapping[str, "NDArray[Any]"]

Standing = Literal["exact", "asymptotic", "bound"]
Summary = Literal["mean", "median", "log-mean"]
Status = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True)
class Axis:
    """A coordinate at which a study is evaluated.

    Attributes
    ----------
    name, title, symbol, unit : str
        Key in the results, words, symbol (plain Unicode: charts know no LaTeX) and unit.
    scale : {"linear", "log"}
    refine : int
        How many points a line along this axis has between two neighbours of the grid; 0 for an
        axis whose values mean nothing in between (kernels, seeds).
    """

    name: str
    title: str
    symbol: str = ""
    unit: str = ""
    scale: Scale = "linear"
    refine: int = 0

    @property
    def label(self) -> str:
        """The one label that charts, tables and files use."""
        return label(self.title, self.symbol, self.unit)


@dataclass(frozen=True)
class Measure:
    """A quantity a study speaks of.

    Attributes
    ----------
    name, title, symbol, unit : str
        As for `Axis`.
    axes : tuple of str
        The axes that shape its arrays, in order.
    summary : {"mean", "median", "log-mean"}
        How trials are summarised; the last two for heavy-tailed laws.
    """

    name: str
    title: str
    axes: tuple[str, ...]
    symbol: str = ""
    unit: str = ""
    summary: Summary = "mean"

    @property
    def label(self) -> str:
        """The one label that charts, tables and files use."""
        return label(self.title, self.symbol, self.unit)


def label(title: str, symbol: str = "", unit: str = "") -> str:
    """Join words, symbol and unit.

    Examples
    --------
    >>> label("bag size", "k"), label("information", "I", "nats")
    ('bag size k', 'information I (nats)')
    """
    words = f"{title} {symbol}".strip()
    return f"{words} ({unit})" if unit else words


@dataclass(frozen=True)
class Source:
    """Where a statement comes from.

    Attributes
    ----------
    text : str
        Authors, title, identifier, year; or "derived, see docs/theory/<family>.md".
    bibtex : str
        The entry to cite; empty where there is nothing to cite but our own notes.
    """

    text: str
    bibtex: str = ""


@dataclass(frozen=True)
class Equation:
    """One displayed equation, in LaTeX, with what its symbols mean and where it comes from."""

    latex: str
    where: str
    source: str


@dataclass(frozen=True)
class Preset:
    """Named parameters: a figure at laptop scale ("quick"), at the paper's ("paper"), or a case.

    Attributes
    ----------
    name, title : str
        The name used in links and in the terminal, and the words on the button.
    params : Params
    trials : int
        How many trials the figure is meant to have.
    """

    name: str
    title: str
    params: Params
    trials: int = 20


@dataclass(frozen=True)
class Step:
    """One step of a lesson: set parameters, ask for a prediction, then reveal and explain."""

    text: str
    values: Mapping[str, Any]
    question: str
    choices: tuple[str, ...]
    answer: int
    reveal: str


@dataclass(frozen=True)
class Lesson:
    """A short sequence of steps on one study."""

    name: str
    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Guide:
    """A thin reference line in a chart: `value` of the outcome on the horizontal or vertical.

    Attributes
    ----------
    name : str
        Key of the outcome's ``guides``.
    direction : {"x", "y"}
        Which scale the value belongs to.
    title : str
        The words written beside the line.
    """

    name: str
    direction: Literal["x", "y"]
    title: str


@dataclass(frozen=True)
class Curves:
    """Theory as lines, evidence as points with intervals.

    Attributes
    ----------
    name, title : str
    x : str
        The axis, or (for a parametric curve) the measure, along the horizontal.
    measures : tuple of str
        Drawn on the vertical; told apart by dash and shape where there are several.
    colour, panel, scrub : str or None
        The axes that become colours, panels, and a slider inside the chart: the one parameter
        worth scrubbing, over curves computed beforehand.
    x_scale, y_scale : {"linear", "log"}
    y_title : str
        Needed where several measures share the vertical.
    points : pair of str or None
        The measures that give the evidence's horizontal and vertical, where they are not the
        theory's own (a parametric experiment against a closed form).
    dashed : tuple of str
        Measures that are references (an optimum, a bound): dashed, in grey.
    guides : tuple of Guide
    bars : bool
        Bars from zero, side by side, in place of lines: for an axis of things, not of sizes. The
        horizontal then has no scale, and the vertical should be linear.
    """

    name: str
    title: str
    x: str
    measures: tuple[str, ...]
    colour: str | None = None
    panel: str | None = None
    scrub: str | None = None
    points: tuple[str, str] | None = None
    x_scale: Scale = "log"
    y_scale: Scale = "log"
    y_title: str = ""
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    dashed: tuple[str, ...] = ()
    guides: tuple[Guide, ...] = ()
    bars: bool = False


@dataclass(frozen=True)
class HeatMap:
    """A measure over two axes in colour: theory beside evidence.

    Attributes
    ----------
    border : str or None
        A measure on the horizontal axis, drawn as a line across the map.
    """

    name: str
    title: str
    x: str
    y: str
    measure: str
    panel: str | None = None
    x_scale: Scale = "log"
    y_scale: Scale = "log"
    colour_scale: Scale = "log"
    colour_range: tuple[float, float] | None = None
    border: str | None = None


@dataclass(frozen=True)
class Stack:
    """Theory's parts piled on one another, with the simulated total as points."""

    name: str
    title: str
    x: str
    measures: tuple[str, ...]
    total: str | None = None
    panel: str | None = None
    x_scale: Scale = "log"
    y_title: str = ""
    y_range: tuple[float, float] | None = None
    guides: tuple[Guide, ...] = ()


View = Curves | HeatMap | Stack


@dataclass(frozen=True)
class Check:
    """A statement that an outcome satisfies or not, with the figure that decides.

    Attributes
    ----------
    name, sentence : str
        A key and what is claimed, in plain words.
    status : {"holds", "fails", "undecided"}
        "undecided" when the evidence does not suffice yet.
    figure, threshold : float
        What was measured and what it is held against.
    detail : str
        The figure in words.
    alarm : float
        The probability, at most, that a true claim fails by chance; 0 where chance has no part.
    needs : int
        About how many further trials would decide; 0 when decided, or when nobody can tell.
    """

    name: str
    sentence: str
    status: Status
    figure: float
    threshold: float
    detail: str
    alarm: float = 0.0
    needs: int = 0


@dataclass(frozen=True)
class Outcome(Generic[P_co]):
    """Theory and the summary of the trials so far, as arrays shaped by the measures' axes.

    Attributes
    ----------
    params : Params
    grid : mapping of axis name to coordinates
    theory, mean, stderr, low, high : mapping of measure name to array
        `mean` is the centre the measure's summary asks for; `low` and `high` its 95 % interval
        (NaN where one trial is all there is). Empty mappings when no trial has run.
    guides : mapping of name to number
    trials : int
    alarm : float
        The probability with which each check may refuse a true claim.
    """

    params: P_co
    grid: Arrays
    theory: Arrays
    mean: Arrays
    stderr: Arrays
    low: Arrays
    high: Arrays
    guides: Mapping[str, float] = field(default_factory=dict)
    trials: int = 0
    alarm: float = 1e-3


class Study(ABC, Generic[P]):
    """One published statement with the random experiment it talks about.

    A subclass declares everything that pages, terminal, gallery and tests need; adding one to
    its family's list is all it takes to be in all of them. Theory-only studies leave `trial` as
    it is and compare closed forms with exact computation in `theory` itself.

    Attributes
    ----------
    name : str
        "family/slug", as in links and in the terminal.
    title, statement, takeaway : str
        Heading; what is claimed, in Markdown; one sentence with the chart's message.
    standing : {"exact", "asymptotic", "bound"}
        What kind of statement the theory is.
    chapter : str
        The part of the family's story it belongs to.
    Params : type
    axes, measures, views, presets, equations, sources, assumptions : tuple
        The first preset is what a fresh page shows.
    lesson : Lesson or None
    """

    name: ClassVar[str]
    title: ClassVar[str]
    chapter: ClassVar[str]
    statement: ClassVar[str]
    takeaway: ClassVar[str]
    standing: ClassVar[Standing]
    Params: ClassVar[type[Params]]
    axes: ClassVar[tuple[Axis, ...]]
    measures: ClassVar[tuple[Measure, ...]]
    views: ClassVar[tuple[View, ...]]
    presets: ClassVar[tuple[Preset, ...]]
    equations: ClassVar[tuple[Equation, ...]] = ()
    sources: ClassVar[tuple[Source, ...]] = ()
    assumptions: ClassVar[tuple[str, ...]] = ()
    lesson: ClassVar[Lesson | None] = None

    @abstractmethod
    def grid(self, params: P) -> Arrays:
        """Return the coordinates of every axis."""

    @abstractmethod
    def theory(self, params: P, grid: Arrays) -> Arrays:
        """Return the theory's arrays: deterministic, meant to take milliseconds."""

    def trial(self, params: P, grid: Arrays, rng: Generator) -> Arrays:
        """Run ONE independent repetition of the experiment over all axes at once."""
        raise NotImplementedError(f"{self.name} has no experiment")

    def checks(self, outcome: Outcome[P]) -> Sequence[Check]:
        """Judge an outcome."""
        return ()

    def guides(self, params: P) -> Mapping[str, float]:
        """Return the values of the charts' reference lines."""
        return {}

    def validity(self, params: P) -> Sequence[str]:
        """Say in one line each where these parameters leave the region the statement covers."""
        return ()

    @property
    def has_trials(self) -> bool:
        """Whether there is an experiment beside the theory."""
        return type(self).trial is not Study.trial

    @property
    def family(self) -> str:
        """The family's slug."""
        return self.name.partition("/")[0]

    def preset(self, name: str) -> Preset:
        """Return a preset by name.

        Raises
        ------
        ValueError
            When there is none of that name.
        """
        for preset in self.presets:
            if preset.name == name:
                return preset
        known = ", ".join(preset.name for preset in self.presets)
        raise ValueError(f"preset = {name!r} is not allowed: {self.name} has {known}")

    def axis(self, name: str) -> Axis:
        """Return the declared axis of that name."""
        return next(axis for axis in self.axes if axis.name == name)

    def measure(self, name: str) -> Measure:
        """Return the declared measure of that name."""
        return next(measure for measure in self.measures if measure.name == name)


def refined(axis: Axis, values: NDArray[Any]) -> NDArray[Any]:
    """Insert ``axis.refine`` points between neighbours, keeping the given ones exactly.

    Examples
    --------
    >>> refined(Axis("k", "features", scale="log", refine=1), np.array([1.0, 4.0])).tolist()
    [1.0, 2.0, 4.0]
    """
    if axis.refine == 0 or values.size < 2:
        return values
    coarse = np.arange(values.size)
    position = np.linspace(0, values.size - 1, (values.size - 1) * (axis.refine + 1) + 1)
    fine: NDArray[Any]
    if axis.scale == "log":
        fine = np.exp(np.interp(position, coarse, np.log(values)))
    else:
        fine = np.interp(position, coarse, values)
    fine[:: axis.refine + 1] = values
    return fine


def format_value(value: object, digits: int = 3) -> str:
    """Write a number with a few significant digits, other things as they are.

    Examples
    --------
    >>> format_value(0.0046416), format_value(1000.0), format_value("NTK")
    ('0.00464', '1000', 'NTK')
    """
    if not isinstance(value, float):
        return str(value)
    if value.is_integer() and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.{digits}g}"
