"""Calibration, choice of formats, and the network on codes."""
