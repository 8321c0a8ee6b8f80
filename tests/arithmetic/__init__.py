"""Sums, products and their rounding, before exact rationals."""
