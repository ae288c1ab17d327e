"""The commands on studies: list, show, run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sims.cli.common import (
    INTERRUPTED,
    MARKS,
    STATUS,
    AsJson,
    Budget,
    NoStore,
    Scheduler,
    Seed,
    StorePath,
    Workers,
    kept,
    seconds_of,
)
from sims.params import as_text

if TYPE_CHECKING:
    from sims.result import Result
    from sims.runner import Experiment
    from sims.store import Key, Store
    from sims.study import Check


def list_studies(
    family: Annotated[str, typer.Option(help="Only this family's studies.")] = "",
) -> None:
    """List the studies."""
    from sims.catalogue import studies

    shown = [study for study in studies().values() if family in ("", study.family)]
    if not shown:
        families = sorted({study.family for study in studies().values()})
        raise ValueError(f"family = {family!r} is not allowed: it must be {' or '.join(families)}")
    width = max(len(study.name) for study in shown)
    for study in shown:
        typer.echo(f"{study.name:<{width}}  {study.title}")


def show(study: Annotated[str, typer.Argument(help="A name from `sims list`.")]) -> None:
    """Show a study: statement, parameters with their ranges, presets, sources."""
    from sims.catalogue import find

    found = find(study)
    typer.echo(f"{found.name}: {found.title} ({found.standing})\n\n{found.statement}\n")
    for equation in found.equations:
        typer.echo(f"  {equation.latex}\n    {equation.where}  [{equation.source}]\n")
    typer.echo("Parameters (--set name=value)")
    defaults = found.presets[0].params
    for info in found.Params.describe():
        value = as_text(getattr(defaults, info.name))
        typer.echo(f"  {info.name:<20} {value:<12} {info.title}; {info.allowed}. {info.help}")
    typer.echo("\nPresets (--preset name)")
    for preset in found.presets:
        typer.echo(f"  {preset.name:<20} {preset.trials:>4} trials   {preset.title}")
    if found.assumptions:
        typer.echo("\nAssumptions")
    for line in found.assumptions:
        typer.echo(f"  - {line}")
    typer.echo("\nSources")
    for source in found.sources:
        typer.echo(f"  - {source.text}")


def run(
    study: Annotated[str, typer.Argument(help="A name from `sims list`.")],
    preset: Annotated[
        str, typer.Option(help="Start from this preset; the study's first by default.")
    ] = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a parameter.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Stop after this many trials.")] = None,
    precision: Annotated[
        float | None, typer.Option(help="Stop at this relative standard error of every point.")
    ] = None,
    budget: Budget = "",
    seed: Seed = 0,
    workers: Workers = 1,
    scheduler: Scheduler = "",
    store: StorePath = None,
    no_store: NoStore = False,
    out: Annotated[Path | None, typer.Option(help="Write figures and tables here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a study and write its figures.

    Exit status 0: every check held; 1: one failed; 2: bad input; 3: the evidence does not
    suffice yet; 4: a trial raised; 130: interrupted, and the next run goes on from there.
    """
    from sims.catalogue import find
    from sims.executors import executor
    from sims.report import finite, write
    from sims.runner import run as run_study
    from sims.store import default_path, key_of

    found = find(study)
    start = found.preset(preset) if preset else found.presets[0]
    params = start.params.replace(**_assignments(set_ or []))
    if trials is None and precision is None and not budget:
        trials = start.trials
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # before the work, so that no result is lost
    with (
        executor(workers, scheduler or None) as where,
        kept(None if no_store else store or default_path()) as held,
    ):
        try:
            result = run_study(
                found,
                params,
                trials=trials,
                seed=seed,
                executor=where,
                store=held,
                progress=_progress if sys.stderr.isatty() else None,
                precision=precision,
                seconds=seconds_of(budget),
            )
        except KeyboardInterrupt:
            key = key_of(found, params, seed) if held else None
            typer.echo(f"sims: interrupted; {_remains(held, key)}", err=True)
            raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(finite(result.verdict()), indent=2))
    else:
        _report(result)
    if out is not None:
        for path in write(result, out):
            typer.echo(f"wrote {path}", err=as_json)
    raise typer.Exit(STATUS[result.holds])


def _assignments(pairs: list[str]) -> dict[str, str]:
    values = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name or not value:
            raise ValueError(f"--set {pair} is not allowed: it must be NAME=VALUE, such as n=512")
        values[name.strip()] = value.strip()
    return values


def _remains(store: Store | None, key: Key | None) -> str:
    if store is None or key is None:
        return "nothing is kept (--no-store)"
    trials = store.count(key)
    words = "1 trial is" if trials == 1 else f"{trials} trials are"
    return f"{words} kept in {store.path}, and the same command goes on from there"


def _progress(experiment: Experiment) -> None:
    whole = experiment.stop.trials
    count = f"{experiment.trials}/{whole}" if whole else str(experiment.trials)
    text = f"{count} trials, {experiment.seconds:.1f} s, precision {experiment.precision:.2g}"
    typer.echo(f"\r{text:<70}", nl=experiment.done, err=True)


def _report(result: Result) -> None:
    how = result.provenance
    typer.echo(f"{result.study.name}: {result.study.title}")
    typer.echo(
        f"{result.trials} trials ({how.computed} computed now), stopped by {how.stopped}, "
        f"{how.seconds:.1f} s"
    )
    for check in result.checks:
        typer.echo(_check_line(check))


def _check_line(check: Check) -> str:
    return f"  {MARKS[check.status]}  {check.sentence}: {check.detail}"
