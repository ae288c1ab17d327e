"""What the terminal's commands share: exit statuses, options and where trials are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sims.store import Store

HELD, FAILED, MISUSED, UNDECIDED, BROKEN, INTERRUPTED = 0, 1, 2, 3, 4, 130
STATUS = {True: HELD, False: FAILED, None: UNDECIDED}
MARKS = {"holds": "holds    ", "fails": "FAILS    ", "undecided": "undecided"}

Seed = Annotated[int, typer.Option(help="Same seed, same trials, bit for bit.")]
Workers = Annotated[int, typer.Option(help="Worker processes; 1 runs in this one.")]
Scheduler = Annotated[
    str, typer.Option(help="Run on the Dask cluster at this address, such as tcp://host:8786.")
]
Budget = Annotated[str, typer.Option(help="Stop after this time, such as 90s or 10m.")]
StorePath = Annotated[Path | None, typer.Option(help="Trial store; the shared one by default.")]
NoStore = Annotated[bool, typer.Option(help="Keep no trials.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")]


def seconds_of(text: str) -> float | None:
    """Read a time such as ``90s`` or ``10m``; None when there is none."""
    if not text:
        return None
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
def kept(path: Path | None) -> Iterator[Store | None]:
    """Open a trial store for the length of a command, or none."""
    if path is None:
        yield None
        return
    from sims.store import Store

    with Store(path) as store:
        yield store
