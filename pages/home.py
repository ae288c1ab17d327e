"""Home: what this is, and the way in."""

from sims.dashboard.home import home_page
from sims.dashboard.router import ensure_frame

ensure_frame()

home_page()
