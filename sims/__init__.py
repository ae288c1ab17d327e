"""A laboratory for machine-learning theory: curves from theorems, points from experiments."""

__version__ = "0.1.0"
