"""Sums and products of FFP8 codes, and the one rounding of their results."""
