"""The catalogue: every family's studies, in the order of the story."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sims.study import Study


@dataclass(frozen=True)
class Family:
    """A simulation module: its slug (also its page's address), its package, title and question."""

    slug: str
    package: str
    title: str
    question: str


FAMILIES = (
    Family(
        "random-features",
        "sims.random_features",
        "Random features",
        "How wide should a model be, and should it fit its noise?",
    ),
    Family(
        "aggregate-responses",
        "sims.aggregate_responses",
        "Aggregate responses",
        "What can be learned when responses are only seen as averages over bags?",
    ),
    Family(
        "active-multitask-lasso",
        "sims.active_multitask_lasso",
        "Active multi-task lasso",
        "Which source tasks should be sampled, and how much?",
    ),
    Family(
        "inductive-bias",
        "sims.inductive_bias",
        "Inductive bias",
        "How much must a learner know beyond its data?",
    ),
    Family(
        "information-bottleneck",
        "sims.information_bottleneck",
        "Information bottleneck",
        "How much of its input must a representation keep, and who can measure it?",
    ),
)


@cache
def studies() -> Mapping[str, Study[Any]]:
    """Return all studies by name, in catalogue order.

    Examples
    --------
    >>> "random-features/double-descent" in studies()
    True
    """
    found: dict[str, Study[Any]] = {}
    for family in FAMILIES:
        for study in import_module(f"{family.package}.studies").STUDIES:
            if study.name in found:
                raise ValueError(f"two studies are called {study.name}")
            found[study.name] = study
    return MappingProxyType(found)


def of_family(slug: str) -> list[Study[Any]]:
    """Return one family's studies, in the order of its story."""
    return [study for study in studies().values() if study.family == slug]


def find(name: str) -> Study[Any]:
    """Return the study of that name.

    Raises
    ------
    ValueError
        When there is none; the message names the closest.
    """
    known = studies()
    if name in known:
        return known[name]
    short = [full for full in known if full.partition("/")[2] == name]
    if len(short) == 1:
        return known[short[0]]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f": did you mean {close[0]}?" if close else "; `sims list` shows them all"
    raise ValueError(f"study = {name!r} is not in the catalogue{hint}")
