"""``python -m sims.dashboard APP …``: Streamlit's server, ready before its first visitor is."""

from __future__ import annotations

import sys
import threading
from importlib import import_module

from streamlit.web.cli import main


def preload() -> None:
    """Import what every page needs, so that the first visitor does not wait for it."""
    from sims.catalogue import studies
    from sims.datasets import digits

    import_module("sims.dashboard.home")
    import_module("sims.dashboard.story")
    studies()
    digits()  # kept by its module; the library that holds the images is slow to import


if __name__ == "__main__":
    threading.Thread(target=preload, daemon=True).start()
    sys.argv[:1] = ["streamlit", "run"]
    main()
