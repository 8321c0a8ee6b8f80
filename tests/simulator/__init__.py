"""Builds and runs of a simulator."""
