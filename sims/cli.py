"""The terminal: list, show, run, serve."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sims import __version__
from sims.params import ParameterError, as_text

if TYPE_CHECKING:
    from sims.result import Result
    from sims.runner import Experiment
    from sims.store import Key, Store
    from sims.study import Check

HELD, FAILED, MISUSED, UNDECIDED, BROKEN, INTERRUPTED = 0, 1, 2, 3, 4, 130
MARKS = {"holds": "holds    ", "fails": "FAILS    ", "undecided": "undecided"}

app = typer.Typer(
    help="A laboratory for machine-learning theory: theorems against experiments.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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


@app.command("list")
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


@app.command()
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


@app.command()
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
    budget: Annotated[
        str | None, typer.Option(help="Stop after this time, such as 90s or 10m.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same trials, bit for bit.")] = 0,
    workers: Annotated[int, typer.Option(help="Worker processes; 1 runs in this one.")] = 1,
    store: Annotated[
        Path | None, typer.Option(help="Trial store; the shared one by default.")
    ] = None,
    no_store: Annotated[bool, typer.Option(help="Keep no trials.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write figures and tables here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Run a study and write its figures.

    Exit status 0: every check held; 1: one failed; 2: bad input; 3: the evidence does not
    suffice yet; 4: a trial raised; 130: interrupted, and the next run goes on from there.
    """
    from sims.catalogue import find
    from sims.report import finite, write
    from sims.runner import run as run_study
    from sims.store import default_path, key_of

    found = find(study)
    start = found.preset(preset) if preset else found.presets[0]
    params = start.params.replace(**_assignments(set_ or []))
    if trials is None and precision is None and budget is None:
        trials = start.trials
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # before the work, so that no result is lost
    with (
        _executor(workers) as executor,
        _kept(None if no_store else store or default_path()) as kept,
    ):
        try:
            result = run_study(
                found,
                params,
                trials=trials,
                seed=seed,
                executor=executor,
                store=kept,
                progress=_progress if sys.stderr.isatty() else None,
                precision=precision,
                seconds=None if budget is None else _seconds(budget),
            )
        except KeyboardInterrupt:
            key = key_of(found, params, seed) if kept else None
            typer.echo(f"sims: interrupted; {_remains(kept, key)}", err=True)
            raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(finite(result.verdict()), indent=2))
    else:
        _report(result)
    if out is not None:
        for path in write(result, out):
            typer.echo(f"wrote {path}", err=as_json)
    raise typer.Exit({True: HELD, False: FAILED, None: UNDECIDED}[result.holds])


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Where the dashboard listens.")] = 8501,
    address: Annotated[str, typer.Option(help="On which address.")] = "127.0.0.1",
) -> None:
    """Start the dashboard."""
    entry = _entry_point()
    command = [sys.executable, "-m", "streamlit", "run", str(entry)]
    command += ["--server.port", str(port), "--server.address", address]
    raise typer.Exit(subprocess.run(command, check=False, cwd=entry.parent).returncode)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _entry_point() -> Path:
    """Find `app.py`: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent
    for entry in (package.parent / "app.py", package / "_app" / "app.py"):
        if entry.exists():
            return entry
    raise ValueError("the dashboard's app.py is missing from this installation")


def _assignments(pairs: list[str]) -> dict[str, str]:
    values = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name or not value:
            raise ValueError(f"--set {pair} is not allowed: it must be NAME=VALUE, such as n=512")
        values[name.strip()] = value.strip()
    return values


def _seconds(text: str) -> float:
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"budget = {text} is not allowed: it must be a time such as 90s or 10m")
    return seconds


@contextmanager
def _executor(workers: int) -> Iterator[Executor | None]:
    if workers < 1:
        raise ValueError(
            f"workers = {workers} is not allowed: it must be a whole number in [1, inf)"
        )
    if workers == 1:
        yield None
        return
    from joblib.externals.loky import get_reusable_executor

    executor = get_reusable_executor(max_workers=workers, initializer=_ignore_interrupts)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, kill_workers=True)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C, which a terminal sends to workers too, to the process that started them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _kept(path: Path | None) -> Iterator[Store | None]:
    if path is None:
        yield None
        return
    from sims.store import Store

    with Store(path) as store:
        yield store


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
