"""Every figure again, judged: a campaign over the catalogue, its verdicts and its gallery."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import sims
from sims import catalogue
from sims.campaign import FALSE_ALARM, Campaign, Entry, Item
from sims.gallery import Gallery
from sims.store import Store

if TYPE_CHECKING:
    import os
    from concurrent.futures import Executor

    import pandas

    from sims.study import Preset, Study

Progress = Callable[[Campaign], None]


@dataclass(frozen=True)
class Reproduction:
    """What a campaign found.

    Attributes
    ----------
    entries : tuple of Entry
        One a study, in catalogue order, with its result so far.
    seed : int
    preset : str
    seconds : float
        Wall-clock seconds.
    false_alarm : float
        The probability, at most, that any true statement is refused by chance.
    """

    entries: tuple[Entry, ...]
    seed: int
    preset: str
    seconds: float
    false_alarm: float

    @property
    def complete(self) -> bool:
        """Whether every study has run to its end."""
        return all(entry.state == "complete" for entry in self.entries)

    @property
    def holds(self) -> bool | None:
        """Whether every check of every study holds; None while some are undecided."""
        verdicts = [entry.verdict for entry in self.entries]
        if "fails" in verdicts or "broken" in verdicts:
            return False
        return True if all(verdict == "holds" for verdict in verdicts) else None

    def verdict(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON."""
        from sims.report import finite

        plain: dict[str, Any] = finite(
            {
                "holds": self.holds,
                "complete": self.complete,
                "preset": self.preset,
                "seed": self.seed,
                "seconds": self.seconds,
                "false_alarm": self.false_alarm,
                "version": sims.__version__,
                "python": platform.python_version(),
                "studies": [_plain(entry) for entry in self.entries],
            }
        )
        return plain

    def to_frame(self) -> pandas.DataFrame:
        """Return one row a check: study, statement, verdict, figure, trials."""
        import pandas as pd

        rows = [
            {
                "study": entry.item.study.name,
                "statement": check.sentence,
                "verdict": check.status,
                "figure": check.figure,
                "threshold": check.threshold,
                "detail": check.detail,
                "needs": check.needs,
                "trials": entry.trials,
            }
            for entry in self.entries
            if entry.result is not None
            for check in entry.result.checks
        ]
        return pd.DataFrame(rows)

    def junit(self) -> str:
        """Return the verdicts as JUnit XML: a test case a check."""
        suites = ElementTree.Element("testsuites", name="sims reproduce")
        for entry in self.entries:
            suites.append(_suite(entry))
        ElementTree.indent(suites)
        return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)

    def _repr_html_(self) -> str:
        frame = self.to_frame()[["study", "statement", "verdict", "detail"]]
        return str(frame.to_html(index=False))


def plan(family: str = "", study: str = "", preset: str = "quick") -> list[Item]:
    """Return the studies that are meant, each at the preset of that name.

    A study without it (closed forms alone have no larger scale) is run at its first preset.

    Raises
    ------
    ValueError
        When no study is meant, or none has such a preset.
    """
    if study:
        chosen = [catalogue.find(study)]
    else:
        chosen = [s for s in catalogue.studies().values() if family in ("", s.family)]
    if not chosen:
        families = " or ".join(f.slug for f in catalogue.FAMILIES)
        raise ValueError(f"family = {family!r} is not allowed: it must be {families}")
    if not any(known.name == preset for found in chosen for known in found.presets):
        names = " or ".join(dict.fromkeys(p.name for found in chosen for p in found.presets))
        raise ValueError(f"preset = {preset!r} is not allowed: it must be {names}")
    return [Item(found, _preset(found, preset)) for found in chosen]


def reproduce(
    *,
    family: str = "",
    study: str = "",
    preset: str = "quick",
    seed: int = 0,
    executor: Executor | None = None,
    store: Store | str | os.PathLike[str] | None = None,
    seconds: float | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    false_alarm: float = FALSE_ALARM,
) -> Reproduction:
    """Run every study (or one family's, or one) and judge every statement.

    Parameters
    ----------
    family, study : str, optional
        Restrict to a family's slug or to one study's name.
    preset : str
        Which of each study's presets: "quick" (laptop scale) or "paper".
    seed : int
    executor : concurrent.futures.Executor, optional
        Where trials run; in this process by default. Results do not depend on it.
    store : Store or path, optional
        Where trials are kept and looked up; with one, an interrupted run resumes.
    seconds : float, optional
        A time budget; the cheapest undecided studies are served first.
    out : path-like, optional
        Write figures, tables and a self-contained ``index.html`` here.
    progress : callable, optional
        Called with the running `Campaign` about five times a second; its ``stop()`` ends it.
    false_alarm : float
        The probability, at most, that any true statement at all is refused by chance.

    Returns
    -------
    Reproduction

    Raises
    ------
    ValueError
        When a name is unknown or a value is not allowed.

    Examples
    --------
    >>> found = reproduce(study="random-features/symmetry", seconds=30)
    >>> found.entries[0].verdict
    'holds'
    """
    from sims.numerics.validate import number

    number("false_alarm", false_alarm, 0, 1, open_low=True)
    items = plan(family, study, preset)
    owned = None if store is None or isinstance(store, Store) else Store(store)
    campaign = Campaign(
        items,
        seed=seed,
        executor=executor,
        store=store if isinstance(store, Store) else owned,
        seconds=seconds,
        false_alarm=false_alarm,
    )

    def found() -> Reproduction:
        entries = tuple(campaign.entries)
        return Reproduction(entries, seed, preset, campaign.seconds, false_alarm)

    gallery = None if out is None else Gallery(out)
    try:
        going = True
        while going:
            going = campaign.step()
            if gallery:
                gallery.update(found(), final=False)
            if progress:
                progress(campaign)
    finally:
        campaign.stop()
        if gallery:
            gallery.update(found(), final=True)
        if owned:
            owned.close()
    return found()


def _preset(study: Study[Any], name: str) -> Preset:
    return next((known for known in study.presets if known.name == name), study.presets[0])


def _plain(entry: Entry) -> dict[str, Any]:
    known: dict[str, Any] = {
        "study": entry.item.study.name,
        "state": entry.state,
        "verdict": entry.verdict,
        "error": entry.error,
    }
    return known | (entry.result.verdict() if entry.result else {})


def _suite(entry: Entry) -> ElementTree.Element:
    name = entry.item.study.name
    suite = ElementTree.Element("testsuite", name=name)
    checks = entry.result.checks if entry.result else ()
    seconds = entry.result.provenance.seconds if entry.result else 0.0
    if entry.error or not checks:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name="runs")
        if entry.error:
            ElementTree.SubElement(case, "error", message=entry.error)
    for check in checks:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=check.sentence)
        case.set("time", f"{seconds / len(checks):.3f}")
        if check.status == "fails":
            ElementTree.SubElement(case, "failure", message=check.detail)
        elif check.status == "undecided":
            ElementTree.SubElement(case, "skipped", message=f"undecided: {check.detail}")
    cases = list(suite)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("errors", str(sum(case.find("error") is not None for case in cases)))
    suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    suite.set("timestamp", time.strftime("%Y-%m-%dT%H:%M:%S"))
    return suite
