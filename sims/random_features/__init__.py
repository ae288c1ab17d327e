"""Random features."""
