"""A laboratory for machine-learning theory: curves from theorems, points from experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sims.catalogue import studies
    from sims.reproduction import reproduce
    from sims.runner import run

__version__ = "0.1.0"
__all__ = ["reproduce", "run", "studies"]

_HOMES = {
    "reproduce": "sims.reproduction",
    "run": "sims.runner",
    "studies": "sims.catalogue",
}


def __getattr__(name: str) -> Any:
    # Loaded when first used, so that `import sims` costs next to nothing.
    if name not in _HOMES:
        raise AttributeError(f"module 'sims' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
