"""The commands on trial stores: list, size, verify, prune, export, merge."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Annotated

import typer

from sims.cli.common import FAILED, AsJson, StorePath

app = typer.Typer(help="Look after the trial store.", no_args_is_help=True)


@app.command("list")
def list_holdings(store: StorePath = None, as_json: AsJson = False) -> None:
    """List the experiments that the store holds."""
    from sims.housekeeping import is_current, summary
    from sims.store import Store

    with Store(_existing(store)) as held:
        holdings = held.holdings()
    if as_json:
        typer.echo(json.dumps([summary(holding) for holding in holdings], indent=2))
        return
    for holding in holdings:
        stamp = time.strftime("%Y-%m-%d %H:%M", time.localtime(holding.created))
        state = "" if is_current(holding) else "  (of an earlier version)"
        typer.echo(
            f"{stamp}  {holding.trials:>7} trials  {holding.seconds:>8.1f} s  "
            f"{_bytes(holding.size):>9}  {holding.key.study}  seed {holding.key.seed}{state}"
        )
    typer.echo(f"{len(holdings)} experiments")


@app.command()
def size(store: StorePath = None) -> None:
    """Print how much the store holds and how large its file is."""
    from sims.store import Store

    path = _existing(store)
    with Store(path) as held:
        holdings = held.holdings()
    trials = sum(holding.trials for holding in holdings)
    seconds = sum(holding.seconds for holding in holdings)
    typer.echo(f"{path}: {_bytes(path.stat().st_size)}")
    typer.echo(f"{len(holdings)} experiments, {trials} trials, {seconds:.0f} s of computing")


@app.command()
def verify(store: StorePath = None) -> None:
    """Read every trial and hold it against its checksum; exit status 1 when something is wrong."""
    from sims.store import Store

    with Store(_existing(store)) as held:
        problems = held.verify()
    for problem in problems:
        typer.echo(problem)
    typer.echo("the store is sound" if not problems else f"{len(problems)} problems")
    if problems:
        raise typer.Exit(FAILED)


@app.command()
def prune(
    store: StorePath = None,
    study: Annotated[str, typer.Option(help="Only this study's trials.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Also what today's program would use.")
    ] = False,
) -> None:
    """Delete the trials of earlier versions of the code, which nobody will read again."""
    from sims.housekeeping import prune as delete
    from sims.store import Store

    with Store(_existing(store)) as held:
        gone = delete(held, study=study, everything=everything)
    typer.echo(
        f"deleted {sum(holding.trials for holding in gone)} trials of {len(gone)} experiments"
    )


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="The Parquet file to write.")],
    store: StorePath = None,
) -> None:
    """Write every trial to a Parquet file, a row a measure of a trial."""
    from sims.housekeeping import export as write
    from sims.store import Store

    with Store(_existing(store)) as held:
        rows = write(held, target)
    typer.echo(f"wrote {rows} rows to {target}")


@app.command()
def merge(
    other: Annotated[Path, typer.Argument(help="The store whose trials are added.")],
    store: StorePath = None,
) -> None:
    """Add another store's trials to this one, such as a cluster's to a laptop's."""
    from sims.housekeeping import merge as add
    from sims.store import Store, default_path

    with Store(store or default_path()) as held:
        new = add(held, other)
    typer.echo(f"added {new} trials")


def _existing(store: Path | None) -> Path:
    """Return the store's path; looking at one must not create it."""
    from sims.store import default_path

    path = store or default_path()
    if not path.is_file():
        raise ValueError(f"store = {path} is not allowed: there is no such file")
    return path


def _bytes(count: int) -> str:
    power = min(int(math.log10(max(count, 1))) // 3, 4)
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"
