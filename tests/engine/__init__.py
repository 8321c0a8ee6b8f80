"""Tiles, registers and stream rules, without a network."""
