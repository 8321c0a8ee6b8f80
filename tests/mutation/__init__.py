"""Mutants, how they are judged, and the campaign."""
