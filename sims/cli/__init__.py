"""The terminal: list, show, run, reproduce, store, serve."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Annotated

import typer

from sims import __version__
from sims.cli import reproduce, store, studies
from sims.cli.common import BROKEN, MISUSED
from sims.params import ParameterError

app = typer.Typer(
    help="A laboratory for machine-learning theory: theorems against experiments.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


app.command("list")(studies.list_studies)
app.command()(studies.show)
app.command()(studies.run)
app.command()(reproduce.reproduce)
app.add_typer(store.app, name="store")


def main() -> None:
    """Run the terminal program; what the command `sims` calls."""
    # Before NumPy is loaded: a trial's bits must not depend on how many cores a machine has.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except ParameterError as error:
        for problem in error.problems:
            typer.echo(f"sims: {problem.message}", err=True)
        sys.exit(MISUSED)
    except (ValueError, OSError, sqlite3.Error) as error:
        typer.echo(f"sims: {error}", err=True)
        sys.exit(MISUSED)
    except RuntimeError as error:
        from sims.runner import TrialError

        if not isinstance(error, TrialError | BrokenExecutor):
            raise
        typer.echo(f"sims: {error}", err=True)
        sys.exit(BROKEN)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Where the dashboard listens.")] = 8501,
    address: Annotated[str, typer.Option(help="On which address.")] = "127.0.0.1",
) -> None:
    """Start the dashboard."""
    entry = _entry_point()
    command = [sys.executable, "-m", "sims.dashboard", str(entry)]
    command += ["--server.port", str(port), "--server.address", address]
    raise typer.Exit(subprocess.run(command, check=False, cwd=entry.parent).returncode)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _entry_point() -> Path:
    """Find `app.py`: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parents[1]
    for entry in (package.parent / "app.py", package / "_app" / "app.py"):
        if entry.exists():
            return entry
    raise ValueError("the dashboard's app.py is missing from this installation")
