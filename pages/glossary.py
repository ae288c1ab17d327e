"""Glossary: every symbol, where it is used and what it means."""

from sims.dashboard.glossary import glossary_page
from sims.dashboard.router import ensure_frame

ensure_frame()

glossary_page()
