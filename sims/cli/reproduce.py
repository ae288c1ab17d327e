"""The command that regenerates and judges every figure."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
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
    kept,
    seconds_of,
)

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from sims.campaign import Campaign, Entry
    from sims.reproduction import Reproduction

_SHOWN = 12  # studies in work that the live table shows at once


def reproduce(
    family: Annotated[str, typer.Option(help="Only this family's studies.")] = "",
    study: Annotated[str, typer.Option(help="Only this study.")] = "",
    preset: Annotated[str, typer.Option(help="quick (laptop scale) or paper.")] = "quick",
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; one a processor by default.")
    ] = None,
    scheduler: Scheduler = "",
    budget: Budget = "",
    seed: Seed = 0,
    store: StorePath = None,
    no_store: NoStore = False,
    out: Annotated[Path, typer.Option(help="Write figures, tables and index.html here.")] = Path(
        "out"
    ),
    as_json: AsJson = False,
) -> None:
    """Run every study, judge every statement, and write a gallery that needs no network.

    Interrupted, the same command goes on where it stopped. Exit status 0: every check held;
    1: one failed or a study broke; 2: bad input; 3: the evidence does not suffice yet;
    130: interrupted.
    """
    import os

    from sims.executors import executor
    from sims.reproduction import reproduce as run_all
    from sims.store import default_path

    count = (os.cpu_count() or 1) if workers is None else workers
    out.mkdir(parents=True, exist_ok=True)  # before the work, so that no result is lost
    with (
        executor(count, scheduler or None) as where,
        kept(None if no_store else store or default_path()) as held,
    ):
        show, end = _display(as_json)
        try:
            found = run_all(
                family=family,
                study=study,
                preset=preset,
                seed=seed,
                executor=where,
                store=held,
                seconds=seconds_of(budget),
                out=out,
                progress=show,
            )
        except KeyboardInterrupt:
            end()
            typer.echo(
                f"sims: interrupted; what is there is in {out / 'index.html'}, and the same "
                "command goes on from there",
                err=True,
            )
            raise typer.Exit(INTERRUPTED) from None
        end()
    if as_json:
        typer.echo(json.dumps(found.verdict(), indent=2))
    else:
        _report(found, out)
    raise typer.Exit(STATUS[found.holds])


def _display(as_json: bool) -> tuple[Callable[[Campaign], None], Callable[[], None]]:
    """Return what shows progress and what ends it: a live table, or a line a finished study."""
    if sys.stderr.isatty():
        return _live()
    told: set[str] = set()

    def tell(campaign: Campaign) -> None:
        for entry in campaign.entries:
            name = entry.item.study.name
            if entry.finished and name not in told and not as_json:
                told.add(name)
                line = f"{MARKS.get(entry.verdict, entry.verdict):<9}  {name}"
                typer.echo(f"{line}  {entry.trials} trials  {entry.error}".rstrip(), err=True)

    return tell, lambda: None


def _live() -> tuple[Callable[[Campaign], None], Callable[[], None]]:
    from rich.console import Console
    from rich.live import Live

    live: Live = Live(console=Console(stderr=True), transient=True, auto_refresh=False)
    live.start()
    return lambda campaign: live.update(_table(campaign), refresh=True), live.stop


def _table(campaign: Campaign) -> Table:
    from rich.table import Table

    done = sum(entry.finished for entry in campaign.entries)
    title = (
        f"{done} of {len(campaign.entries)} studies, {campaign.seconds:.0f} s, about "
        f"{campaign.remaining_seconds:.0f} processor seconds to go in what is open"
    )
    table = Table("study", "trials", "precision", "to go", title=title)
    running = [entry for entry in campaign.entries if entry.state == "running"]
    for entry in sorted(running, key=_closeness)[:_SHOWN]:
        table.add_row(
            entry.item.study.name,
            f"{entry.trials}/{entry.wanted}",
            _precision(entry),
            _time(entry.remaining_seconds),
        )
    return table


def _closeness(entry: Entry) -> float:
    return math.inf if math.isnan(entry.remaining_seconds) else entry.remaining_seconds


def _precision(entry: Entry) -> str:
    precision = entry.experiment.precision if entry.experiment else math.inf
    return f"{precision:.2g}" if math.isfinite(precision) else "-"


def _time(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds:.0f} s"


def _report(found: Reproduction, out: Path) -> None:
    for entry in found.entries:
        typer.echo(f"{entry.item.study.name}  {entry.trials} trials  {entry.state}")
        if entry.error:
            typer.echo(f"  BROKEN     {entry.error}")
        for check in entry.result.checks if entry.result else ():
            more = f" (about {check.needs} more trials would decide)" if check.needs else ""
            typer.echo(f"  {MARKS[check.status]}  {check.sentence}: {check.detail}{more}")
    words = {True: "every check holds", False: "not every check holds", None: "undecided yet"}
    typer.echo(
        f"{words[found.holds]}; chance refuses a true statement with probability "
        f"{found.false_alarm:.3g} at most; {found.seconds:.0f} s; see {out / 'index.html'}"
    )
