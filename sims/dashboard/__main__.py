"""``python -m sims.dashboard APP …``: Streamlit's server, ready before its first visitor is."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module

from streamlit.web.cli import main

from sims.dashboard.evidence import tidy


def preload() -> None:
    """Import what every page needs and build the charts of the first one.

    The first visitor should not wait for either.
    """
    from sims.catalogue import FAMILIES, of_family
    from sims.chart import spec
    from sims.dashboard.home import HEIGHT
    from sims.runner import run

    import_module("sims.dashboard.story")
    for family in FAMILIES:
        study = of_family(family.slug)[0]
        spec(run(study, trials=0), study.views[0], height=HEIGHT)
    gc.collect()
    gc.freeze()  # what is loaded by now stays: no collection need look at it again


def serve() -> int:
    """Run the server until it is stopped, and return its exit status."""
    preload()  # before it listens: beside a visitor it would only be in the way
    sys.argv[:1] = ["streamlit", "run"]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    status = serve()
    tidy()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not by way of the interpreter's end: that waits for workers that are still starting, which
    # takes half a minute on a busy machine. They follow their parent by themselves.
    os._exit(status)
