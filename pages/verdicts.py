"""Verdicts: every figure with what has been found so far."""

from sims.dashboard.router import ensure_frame
from sims.dashboard.verdicts import verdicts_page

ensure_frame()

verdicts_page()
