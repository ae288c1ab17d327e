"""What can be done with whole stores: merge, export, prune."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sims.catalogue import studies
from sims.store import Holding, Store, source_digest

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

_AT_ONCE = 500


def is_current(holding: Holding) -> bool:
    """Tell whether today's program would still use what is held.

    It would not when the study is gone, or when its code or libraries have changed since.
    """
    study = studies().get(holding.key.study)
    return study is not None and holding.key.digest == source_digest(type(study).__module__)


def prune(store: Store, *, study: str = "", everything: bool = False) -> list[Holding]:
    """Delete what nobody will read again, and return what that was.

    Parameters
    ----------
    store : Store
    study : str, optional
        Only this study's trials.
    everything : bool
        Also those that today's program would use.
    """
    gone = [
        holding
        for holding in store.holdings()
        if study in ("", holding.key.study) and (everything or not is_current(holding))
    ]
    for holding in gone:
        store.delete(holding.key)
    if gone:
        store.compact()
    return gone


def merge(store: Store, other: str | os.PathLike[str]) -> int:
    """Add another store's trials to a store, and return how many were new.

    Trials that both hold are left as they are: they are the same numbers.

    Raises
    ------
    ValueError
        When there is no such file.
    """
    path = Path(other)
    if not path.is_file():
        raise ValueError(f"other = {path} is not allowed: it must be a trial store's file")
    new = 0
    with Store(path) as source:
        for holding in source.holdings():
            before = store.count(holding.key)
            start = 0
            while trials := source.read(holding.key, start, _AT_ONCE):
                store.write(holding.key, trials)
                start = trials[-1].index + 1
            new += store.count(holding.key) - before
    return new


def export(store: Store, path: str | os.PathLike[str]) -> int:
    """Write every trial to a Parquet file, a row a measure of a trial; return how many rows.

    The columns are study, params (JSON), seed, digest, trial, seconds, measure, shape and values
    (flattened in C order).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("study", pa.string()),
            ("params", pa.string()),
            ("seed", pa.int64()),
            ("digest", pa.string()),
            ("trial", pa.int64()),
            ("seconds", pa.float64()),
            ("measure", pa.string()),
            ("shape", pa.list_(pa.int64())),
            ("values", pa.list_(pa.float64())),
        ]
    )
    count = 0
    with pq.ParquetWriter(str(path), schema) as writer:
        for rows in _chunks(store):
            writer.write_table(pa.Table.from_pylist(rows, schema))
            count += len(rows)
    return count


def summary(holding: Holding) -> dict[str, Any]:
    """Return a holding as plain data, ready for JSON."""
    return {
        "study": holding.key.study,
        "params": json.loads(holding.key.params),
        "seed": holding.key.seed,
        "trials": holding.trials,
        "seconds": holding.seconds,
        "bytes": holding.size,
        "created": holding.created,
        "current": is_current(holding),
    }


def _chunks(store: Store) -> Iterator[list[dict[str, Any]]]:
    """Yield rows by some hundred trials, so that memory stays flat."""
    for holding in store.holdings():
        key, start = holding.key, 0
        while trials := store.read(key, start, _AT_ONCE):
            yield [
                {
                    "study": key.study,
                    "params": key.params,
                    "seed": key.seed,
                    "digest": key.digest,
                    "trial": trial.index,
                    "seconds": trial.seconds,
                    "measure": measure,
                    "shape": list(np.shape(values)),
                    "values": np.asarray(values, dtype=float).ravel(),
                }
                for trial in trials
                for measure, values in trial.arrays.items()
            ]
            start = trials[-1].index + 1
