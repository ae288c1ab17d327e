"""The dashboard's entry point: the common frame round every page."""

from sims.dashboard.evidence import warm_up
from sims.dashboard.router import frame

if __name__ == "__main__":
    frame().run()
    warm_up()
