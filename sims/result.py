"""A result: theory and evidence at one point of the parameters, with where it came from."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from sims.study import Check, Outcome, Study, refined

if TYPE_CHECKING:
    import altair
    import pandas
    import xarray

    from sims.study import Arrays

Stopped = Literal["trials", "precision", "seconds", "cancelled", "failed", "theory", "running"]


@dataclass(frozen=True)
class Provenance:
    """What made a result.

    Attributes
    ----------
    seed : int
    stopped : str
        Which stopping rule was met: "trials", "precision", "seconds"; or "cancelled", "failed"
        (a trial raised), "theory" (there is no experiment), "running".
    seconds : float
        Wall-clock seconds of this run.
    computed : int
        Trials that this run computed; the others came from the store.
    version, numpy, scipy, python : str
    """

    seed: int
    stopped: Stopped
    seconds: float
    computed: int
    version: str
    numpy: str
    scipy: str
    python: str

    @classmethod
    def now(
        cls, study: Study[Any], seed: int, stopped: Stopped, seconds: float, computed: int
    ) -> Self:
        """Collect the versions in use."""
        import scipy

        import sims

        return cls(
            seed,
            stopped,
            seconds,
            computed,
            sims.__version__,
            np.__version__,
            scipy.__version__,
            platform.python_version(),
        )


@dataclass(frozen=True, kw_only=True)
class Result(Outcome[Any]):
    """An `Outcome` that knows its study and its provenance, and can present itself."""

    study: Study[Any]
    provenance: Provenance
    lines: dict[str, tuple[Arrays, Arrays]] = field(default_factory=dict, repr=False)

    def along(self, axis: str) -> tuple[Arrays, Arrays]:
        """Return grid and theory with one axis refined, for lines along it; computed once."""
        if axis not in self.lines:
            fine = refined(self.study.axis(axis), np.asarray(self.grid[axis]))
            grid = {**self.grid, axis: fine}
            same = fine.size == np.size(self.grid[axis])
            self.lines[axis] = (grid, self.theory if same else self.study.theory(self.params, grid))
        return self.lines[axis]

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """The study's checks, judged on this result."""
        return tuple(self.study.checks(self))

    @property
    def holds(self) -> bool | None:
        """Whether every check holds; None while some are undecided and none fails."""
        statuses = {check.status for check in self.checks}
        if "fails" in statuses:
            return False
        return None if "undecided" in statuses else True

    def to_frame(self) -> pandas.DataFrame:
        """Return one row for every measure and point: theory, evidence, interval, trials."""
        import pandas as pd

        frames = []
        for measure in self.study.measures:
            if measure.name not in self.theory and measure.name not in self.mean:
                continue
            axes = [np.asarray(self.grid[axis]) for axis in measure.axes]
            mesh = np.meshgrid(*axes, indexing="ij") if axes else []
            shape = tuple(len(axis) for axis in axes)
            columns: dict[str, Any] = {"measure": np.full(int(np.prod(shape)), measure.name)}
            columns |= {name: mesh[i].ravel() for i, name in enumerate(measure.axes)}
            for column, arrays in self._columns():
                values = np.asarray(arrays.get(measure.name, np.nan), dtype=float)
                columns[column] = np.broadcast_to(values, shape).ravel()
            has_evidence = measure.name in self.mean
            columns["trials"] = self.trials if has_evidence else 0
            frames.append(pd.DataFrame(columns))
        return pd.concat(frames, ignore_index=True)

    def to_dataset(self) -> xarray.Dataset:
        """Return one labelled dataset: ``theory_<measure>``, ``mean_<measure>`` and so on."""
        import xarray as xr

        variables = {}
        for column, arrays in self._columns():
            for name, values in arrays.items():
                measure = self.study.measure(name)
                attributes = {"long_name": measure.label, "units": measure.unit}
                variables[f"{column}_{name}"] = (measure.axes, np.asarray(values), attributes)
        coordinates = {
            axis.name: (axis.name, np.asarray(self.grid[axis.name]), {"long_name": axis.label})
            for axis in self.study.axes
        }
        provenance: dict[str, Any] = {
            "study": self.study.name,
            "params": self.params.canonical(),
            "trials": self.trials,
            **asdict(self.provenance),
        }
        return xr.Dataset(variables, coordinates, provenance)

    def chart(self, view: str | None = None, *, dark: bool = False) -> altair.TopLevelMixin:
        """Return one of the study's views (the first by default) as an Altair chart."""
        from sims.chart import chart

        return chart(self, view, dark=dark)

    def verdict(self) -> dict[str, Any]:
        """Return the checks, figures and provenance as plain data, ready for JSON."""
        return {
            "study": self.study.name,
            "params": self.params.model_dump(mode="json"),
            "trials": self.trials,
            "holds": self.holds,
            "checks": [asdict(check) for check in self.checks],
            "provenance": asdict(self.provenance),
        }

    def _columns(self) -> list[tuple[str, Any]]:
        return [
            ("theory", self.theory),
            ("mean", self.mean),
            ("stderr", self.stderr),
            ("low", self.low),
            ("high", self.high),
        ]
